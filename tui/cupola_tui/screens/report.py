"""The report of a dataset's version on a whole screen: its warnings one by one, their rows, and what mends them."""

import asyncio
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from cupola.errors import CupolaError
from cupola_tui import keymap
from cupola_tui.actions import Actions
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens import doing, flowlist, reports
from cupola_tui.screens.choice import Choice, Menu
from cupola_tui.screens.dialog import Dialog
from cupola_tui.screens.doing import Chosen
from cupola_tui.screens.panel import Panel
from cupola_tui.screens.result import Result
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.sheet import Sheet

SHOWN = 200  # rows of a warning


class Pages(Sheet, inherit_bindings=False):
    """A sheet whose keys are those of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = []


class ReportView(Dialog[None]):
    """A report; it is made by a job where there is none yet. chosen: the version, in its pane."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("report")
    AUTO_FOCUS = "Pages"
    app: Any

    def __init__(self, chosen: Chosen, actions: Actions) -> None:
        super().__init__(classes="-whole")
        self.chosen, self.actions = chosen, actions
        self.record = chosen.records[0]
        self.report: Record | None = None
        self.cursor = 0
        self.waiting = "asking for the report ..."
        self.flow = ""
        self.sheet = Pages()
        self._places: list[int] = []

    @property
    def ref(self) -> str:
        return self.chosen.pane.ident(self.record)

    def inside(self) -> ComposeResult:
        yield self.sheet

    def on_mount(self) -> None:
        super().on_mount()
        self.sheet.fill(self._lines, from_top=True)
        self._retitle()
        self.read()

    def _retitle(self, doing: str = "") -> None:
        box = self.query_one("#box")
        box.border_title = Content(f"Report of {clean(self.chosen.pane.label(self.record))}  {doing}".rstrip())
        keys = [key for key in keymap.TABLE if key.scope == "report" and key.footer]
        box.border_subtitle = Content(keymap.line(sorted(keys, key=lambda key: key.footer), self.size.width - 12))

    def on_resize(self) -> None:
        self._retitle()

    @work(exclusive=True, group="report", exit_on_error=False)
    async def read(self) -> None:
        """The report that is there, or that is made now."""
        try:
            asked = {"name": "dataset report", "arguments": {"dataset": self.ref}, "progress": self._progress}
            self.report = await self.app.ask("action", **asked)
        except CupolaError as error:
            self.dismiss(None)
            self.app.push_screen(Panel.of(error))
            return
        self.sheet.fill(self._lines, from_top=True)

    def _progress(self, job: Record) -> None:
        """Called in the bridge's thread."""
        share, words = job.get("progress"), clean(job.get("message") or job.get("status") or "")
        bar = f"{'█' * round(share * 20):░<20} {share:.0%} " if isinstance(share, int | float) else ""
        self.waiting = bar + words
        self.app.call_later(self.sheet.renew)

    def _lines(self, width: int, height: int) -> list[Line]:
        if self.report is None:
            return [[(f" {self.waiting}", "dim")]]
        lines, places = reports.whole(self.report, self.cursor, width)
        self._places = [place + 2 for place in places]
        return [reports.facts(self.report), [], *lines]

    @property
    def warnings(self) -> list[Record]:
        return self.report["warnings"] if self.report else []

    def action_help(self) -> None:
        from cupola_tui.screens.help import Help

        self.app.push_screen(Help(keymap.DATASETS, dict(self.app._keymap), ("Report",), "the report"))

    def text(self) -> str:
        return self.sheet.plain

    # Keys.

    def action_move(self, by: int) -> None:
        """Another warning; past the last one, what stands below them."""
        last = len(self.warnings) - 1
        if (by > 0 and self.cursor >= last) or (by < 0 and self.sheet.scroll_y > self._top(last)):
            self.sheet.action_line(by)
        else:
            self._go(self.cursor + by)

    def action_end(self, last: bool) -> None:
        self._go(len(self.warnings) - 1 if last else 0)
        if last:
            self.sheet.action_bottom()
        else:
            self.sheet.action_top()

    def action_page(self, pages: int) -> None:
        self.sheet.action_page(pages)

    def _top(self, place: int) -> int:
        return self._places[place] if 0 <= place < len(self._places) else 0

    def _go(self, place: int) -> None:
        """Puts the cursor on a warning, in sight with what is shown of it."""
        self.cursor = max(0, min(place, len(self.warnings) - 1))
        self.sheet.renew()
        top, height = self._top(self.cursor), self.sheet.size.height
        if self.cursor == 0:
            top = 0
        if not self.sheet.scroll_y <= top <= self.sheet.scroll_y + height - 6:
            self.sheet.scroll_to(y=max(0, top - height // 3) if top else 0, animate=False)

    def on_sheet_turned(self, message: Sheet.Turned) -> None:
        """A click on a warning."""
        message.stop()
        line = int(message.thing.rpartition(" ")[2]) if message.thing.startswith("line ") else -1
        below = [place for place, top in enumerate(self._places) if top <= line]
        if below and line >= 0:
            self._go(below[-1])

    def _warning(self, verb: str) -> Record | None:
        if not self.warnings:
            self.app.say(f"{verb}: there is no warning", "warning")
            return None
        return self.warnings[self.cursor]

    @work(group="verb", exclusive=True, exit_on_error=False)
    async def action_rows(self) -> None:
        """The rows that a warning is about."""
        warning = self._warning("rows")
        if warning is None:
            return
        if not warning.get("filter"):
            self.app.say("rows: it is about no rows in particular", "warning")
            return
        arguments = {"dataset": self.ref, "filter": warning["filter"], "limit": SHOWN}
        self._retitle("reading the rows ...")
        try:
            found = await self.app.ask("action", name="dataset preview", arguments=arguments)
        except CupolaError as error:
            self.app.push_screen(Panel.of(error))
            return
        finally:
            self._retitle()
        rows = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
        first = [name for name in warning["columns"] if name in found["columns"]]
        ordered = [{name: row[name] for name in [*first, *(one for one in row if one not in first)]} for row in rows]
        self.app.push_screen(Result(f"{len(rows):,} of {warning.get('rows') or len(rows):,} rows", ordered))

    @work(group="verb", exclusive=True, exit_on_error=False)
    async def action_fix(self) -> None:
        """Adds what mends the warning to a flow of this dataset: its only one, a new one, or that which is chosen."""
        warning = self._warning("fix")
        if warning is None:
            return
        if reason := await self.actions.why_not("dataset fix", [self.record], self.chosen.readonly):
            self.app.say(f"fix: {reason}", "warning")
            return
        if not warning.get("fix"):
            self.app.say(f"fix: no transform mends {clean(warning['kind'])}", "warning")
            return
        try:
            flow = await self._flow()
            if flow is None:
                return
            arguments = {"dataset": self.ref, "warnings": [self.cursor + 1]} | ({"flow": flow} if flow else {})
            done = await asyncio.wrap_future(self.app.bridge.act("dataset fix", arguments))
        except CupolaError as error:
            self.app.push_screen(Panel.of(error, "the fix did not work"))
            return
        self.flow, name = str(done["flow"]), clean(done["flow"])
        new = f"the new flow {name}" if done.get("made") else f"flow {name}"
        words = "; ".join(map(clean, done["words"])) or "nothing: it does that already"
        self.app.say(f"{new}: {words}  (F opens it)")

    async def _flow(self) -> str | None:
        """The flow to add to: "" where there is none or one, None where one was to be chosen and was not."""
        dataset = str(self.record.get("dataset") or self.record.get("name"))
        found = flowlist.of_dataset(await self.app.ask("records", kind="flows"), dataset)
        if len(found) < 2:
            return ""
        if self.flow:
            return self.flow
        rows = [Choice(str(one["name"]), clean(one["name"])) for one in found]
        picked: str | None = await self.app.push_screen_wait(Menu("Which flow is it added to?", rows))
        return picked

    def action_flow(self) -> None:
        """The flow that fixes were added to, in its editor."""
        if not self.flow:
            self.app.say("flow: no fix was added yet; f adds one", "warning")
            return
        doing.edit_flow(self.app, self.flow)

    @work(group="verb", exclusive=True, exit_on_error=False)
    async def action_write(self) -> None:
        """The form that writes the report to a file."""
        result = await doing.fill_in(self.app, self.actions, "dataset report", self.chosen)
        if result is not None:
            self.app.say("dataset report: written")
