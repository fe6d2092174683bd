"""A form made from an action's signature: completed from what exists, checked as one types, `!` shows the command."""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input

from cupola.errors import CupolaError
from cupola_tui import files, keymap
from cupola_tui.live import SILENT, Bridge
from cupola_tui.paint import Line, fit, fold, width_of
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Dialog, Lines
from cupola_tui.screens.panel import Panel
from cupola_tui.screens.plainview import PlainView
from cupola_tui.widgets.bars import Bar
from cupola_tui.widgets.field import FormField
from cupola_tui.widgets.rows import Record

PAUSE = 0.12
SHARE = 0.92  # of the screen's height that a form may have
AGEING = 10.0  # seconds after which "3 s ago" is said anew
ANEW = "ctrl+r shows how it is now and keeps what you have typed; as the form stands, it is refused"


class Go(Bar, can_focus=True):
    """The last line: enter on it runs the action."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("go")

    def __init__(self, action: str, summary: str) -> None:
        super().__init__()
        self.action, self.summary = action, summary

    def renew(self) -> None:
        head = f"  ▶ {self.action}   "
        self.line = [(head, "key"), (fit(self.summary, self.size.width - len(head)), "dim")]

    def on_click(self) -> None:
        self.screen.run_action("submit") and None

    async def action_submit(self) -> None:
        await self.screen.run_action("submit")


class Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls to the field that is typed in; its keys are the form's."""


@dataclass(frozen=True)
class Again:
    """The result of a form that is to be opened anew, upon what the record is by now, with what was typed."""

    typed: dict[str, str]


class Form(Dialog[Any]):
    """Fills in and runs one action; its result is what the action returned.

    others: more records that it is done with. states: how they all were when it was opened, where it changes them.
    """

    app: Any
    waits = True

    CSS_PATH: ClassVar[Any] = ["dialog.tcss", "form.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("form")
    AUTO_FOCUS = ""
    below_fields = 9  # lines for what is said below them, and for the border

    def __init__(
        self,
        bridge: Bridge,
        form: Record,
        values: dict[str, str],
        others: list[str] | None = None,
        states: list[Record] | None = None,
    ) -> None:
        super().__init__()
        self.bridge, self.form, self.states = bridge, form, states or []
        fields = sorted(form.get("fields") or [], key=lambda one: not one.get("required"))
        self.fields = [
            FormField(field, values.get(field["name"], "")) for field in fields if field["name"] != "dry_run"
        ]
        self.others = others or []
        self.heading = clean(form["name"]) + (f" ({len(self.others) + 1} marked)" if self.others else "")
        self.hint = "ctrl+s runs it   ! or f2 the command   ctrl+n completes   esc leaves"
        self.go = Go(clean(form["name"]), clean(form.get("summary") or ""))
        self.below = Lines(id="below")
        self.below.can_focus = False
        self.completions: list[str] = []
        self.chosen = -1
        self._completed = 0  # the turn whose text they complete
        self._filled = ""  # what the chosen one made of the field
        self._is_awaited = False  # whether the first is to be put in as soon as it is known
        self.command, self.said, self.news = "", "", ""
        self.touched: set[str] = set()
        self.left: dict[str, str] | None = None  # what was typed, where it was left without being run
        self.running = False
        self._turn = 0

    def inside(self) -> ComposeResult:
        with Fields(id="fields"):
            yield from self.fields
        with Vertical(id="below-all"):
            yield self.go
            yield self.below

    def on_mount(self) -> None:
        self.query_one("#below-all").styles.height = "auto"
        if first := self.first():
            first.enter()
        else:
            self._stand_below()
        self._look()

    def on_resize(self, event: events.Resize) -> None:
        """Where there is not room for all fields, they scroll above what is said of them."""
        self.set_class(len(self.fields) + self.below_fields > event.size.height * SHARE, "-tall")

    def first(self) -> FormField | None:
        """What is needed and not there; else what may be said, so that a letter typed at once is not lost."""
        needed = [one for one in self.fields if one.field.get("required") and not one.value]
        return next(iter([*needed, *(one for one in self.fields if not one.value)]), None)

    def values(self) -> dict[str, str]:
        """What is typed in, empty fields left out; paths as seen from where the app was started."""
        typed = {one.field["name"]: (one.value.strip(), one.field) for one in self.fields}
        return {
            name: files.absolute(value) if _is_path(field) else value for name, (value, field) in typed.items() if value
        }

    # As one types.

    def on_input_changed(self, event: Input.Changed) -> None:
        field = self._field_of(event.input)
        if field is not None and event.input.has_focus:
            self.touched.add(field.field["name"])
            if field.value != self._filled:
                self.chosen = -1
            self._look()

    def on_descendant_focus(self) -> None:
        self.chosen, self.completions, self._is_awaited = -1, [], False
        self._look()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        field = self._field_of(event.widget)
        if field is not None and field.value:
            self.touched.add(field.field["name"])

    def _look(self) -> None:
        self._turn += 1
        self.look(self._turn)

    @work(exclusive=True, group="look", exit_on_error=False)
    async def look(self, turn: int) -> None:
        """Checks what is typed, completes the field in hand, and works the command out; the newest turn counts."""
        await asyncio.sleep(PAUSE)
        name, values = self.form["name"], self.values()
        try:
            wrong, command = await asyncio.gather(
                asyncio.wrap_future(self.bridge.ask("check", name=name, arguments=values)),
                asyncio.wrap_future(self.bridge.ask("command", name=name, arguments=values)),
            )
            found = await self._completions(values)
        except CupolaError as error:
            wrong, command, found = {}, "", []
            self.said = clean(error)
        if turn != self._turn or not self.is_attached:
            return
        for one in self.fields:
            key = one.field["name"]
            unfinished = bool(found and one.value) and self.focused is not None and self.focused is one.input
            one.wrong = (wrong or {}).get(key, "") if key in self.touched and not unfinished else ""
        self.command = command or ""
        self.offer(found, turn)

    def offer(self, found: list[str], turn: int) -> None:
        """Shows the completions of what was typed as of that turn."""
        if self.chosen < 0:
            self.completions, self._completed = found, turn
        if self._is_awaited:
            self._is_awaited = False
            self.action_complete()
        self._tell()

    async def _completions(self, values: dict[str, str]) -> list[str]:
        field = self._field_of(self.focused)
        if field is None:
            return []
        typed = self._word(field)
        if field.field.get("kind") == "boolean":
            return [one for one in ("yes", "no") if one.startswith(typed)]
        if field.field.get("choices"):
            return [one for one in field.field["choices"] if str(one).casefold().startswith(typed.casefold())]
        if _is_path(field.field):
            found = await asyncio.wrap_future(self.bridge.ask("paths", typed=typed))
            return [str(one) for one in found or []]
        if not field.field.get("completes"):
            return []
        asked = self.bridge.ask("complete", kind=field.field["completes"], prefix=typed, arguments=values)
        return [str(one) for one in await asyncio.wrap_future(asked) or []]

    def _tell(self) -> None:
        field = self._field_of(self.focused)

        def draw(width: int, height: int) -> list[Any]:
            path = field is not None and _is_path(field.field)
            shown = _offered(
                [clean(_end_of(one) if path else one) for one in self.completions[:20]], self.chosen, width
            )
            about = field.wrong or field.field.get("help") or "" if field else ""
            told = [
                [(" " + part, "bad" if field and field.wrong else "")] for part in fold(clean(about), width - 2)[:2]
            ]
            command = [
                [("$ " if place == 0 else "  ", "dim"), (part, "dim")]
                for place, part in enumerate(fold(clean(self.command), width - 3)[:3] if self.command else [])
            ]
            said = [[(part, "warn")] for part in fold(self.said, width - 1)[:2]] if self.said else []
            news: list[Any] = []
            if self.news:
                news = [[(part, "warn")] for part in fold(f"⚠ {self.news}", width - 1)[:3]]
                news += [[(part, "dim")] for part in fold(ANEW, width - 1)]
            return [*news, *said, *told, shown, *command]

        self.below.fill(draw, from_top=True)
        self.below.refresh(layout=True)

    def _field_of(self, widget: Any) -> FormField | None:
        return next((one for one in self.fields if widget and widget in (one, one.input)), None)

    def _word(self, field: FormField) -> str:
        """What is being completed: the whole value, or the last word where there may be several."""
        return field.value.rpartition(" ")[2] if field.field.get("repeated") else field.value

    # As others change what it is about.

    def heard(self, changes: list[Record]) -> None:
        if self.states and not self.running:
            about = {self.states[0]["kind"], "note", "file"}
            if any(one.get("kind") in about for one in changes):
                self.look_again()

    @work(exclusive=True, group="again", exit_on_error=False)
    async def look_again(self) -> None:
        """Says who has changed since what the form shows, and how long ago that is by now."""
        try:
            news = await asyncio.wrap_future(self.bridge.ask("changed", **self.states[0]))
        except CupolaError as error:
            news = str(error)
        if not self.is_attached or self.running:
            return
        self.news = clean(news or "")
        self._tell()
        if self.news:
            await asyncio.sleep(AGEING)
            self.look_again()

    def action_again(self) -> None:
        """Opens the form anew, upon what the record is by now."""
        self.dismiss(Again(self._typed()))

    def _typed(self) -> dict[str, str]:
        return {one.field["name"]: one.value for one in self.fields if one.value != one.first}

    def action_close(self) -> None:
        self.left = None if self.running else self._typed()
        super().action_close()

    # Keys.

    def action_next(self, by: int) -> None:
        here = self._field_of(self.focused)
        place = (self.fields.index(here) if here else len(self.fields)) + by
        place %= len(self.fields) + 1
        self.app.keys.hold()
        if place < len(self.fields):
            self.fields[place].enter()
        else:
            self._stand_below()

    def _stand_below(self) -> None:
        self.go.focus()
        self.app.call_later(self.app.keys.release)

    def on_form_field_entered(self) -> None:
        """Keys that were typed since the change of field come now."""
        self.app.keys.release()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_next(1)

    def action_complete(self) -> None:
        """Puts in the next completion; while those of what is typed are on their way, the first as it comes."""
        field = self._field_of(self.focused)
        self._is_awaited = self.chosen < 0 and self._completed != self._turn
        if field is None or self._is_awaited or not self.completions:
            return
        self.chosen = (self.chosen + 1) % len(self.completions[:20])
        before = field.value.rpartition(" ")[0] + " " if field.field.get("repeated") and " " in field.value else ""
        self._filled = before + self.completions[self.chosen]
        field.put(self._filled)
        self._tell()

    def action_command_line(self) -> None:
        self.app.push_screen(PlainView(self.command, "y copies it, esc comes back"))

    def action_jump(self) -> None:
        self.app.main.action_jump()

    def text(self) -> str:
        return self.command

    def action_submit(self) -> None:
        if not self.running:
            self.running = True
            self.submit()

    @work(exclusive=True, group="submit", exit_on_error=False)
    async def submit(self) -> None:
        """Runs the action; an error leaves the form as it is."""
        name, values = self.form["name"], self.values()
        try:
            wrong = await asyncio.wrap_future(self.bridge.ask("check", name=name, arguments=values))
            if wrong:
                self._refuse(wrong)
                return
            self.said = "working ..."
            self._tell()
            states = [{"opened": one} for one in self.states] or [{} for _ in range(1 + len(self.others))]
            result = await self._act(values, progress=self._progress, **states[0])
            first = next((one["name"] for one in self.form.get("fields") or []), "")
            for other, state in zip(self.others, states[1:], strict=True):
                await self._act(values | {first: other}, **state)
        except CupolaError as error:
            self.app.push_screen(Panel.of(error, f"{name} did not work"))
            if self.states:
                self.call_later(self.look_again)
        else:
            self.dismiss(result)
        finally:
            self.running, self.said = False, ""
            if self.is_attached:
                self._tell()

    async def _act(self, values: dict[str, str], **more: Any) -> Any:
        """Does it, and says so while there is no answer; who leaves meanwhile is told later what came of it."""
        answer = self.bridge.act(self.form["name"], values, **more)
        waiting = self.set_interval(1.0, self._wait)
        try:
            return await asyncio.shield(asyncio.wrap_future(answer))
        except asyncio.CancelledError:
            self.app.hear_of(self.form["name"], answer)
            raise
        finally:
            waiting.stop()

    def _wait(self) -> None:
        silent = self.bridge.silence()
        if silent > SILENT:
            self.said = f"no answer for {silent:.0f} s; it is not done twice, and its outcome will be said"
            self._tell()

    def _refuse(self, wrong: dict[str, str]) -> None:
        self.touched |= set(wrong)
        for one in self.fields:
            one.wrong = wrong.get(one.field["name"], "")
        first = next((one for one in self.fields if one.wrong), None)
        if first:
            first.enter()

    def _progress(self, job: Record) -> None:
        """Called in the bridge's thread."""
        share, words = job.get("progress"), clean(job.get("message") or job.get("status") or "")
        bar = f"{'█' * round(share * 20):░<20} {share:.0%} " if isinstance(share, int | float) else ""
        self.said = fit(bar + words, 90).rstrip()
        self.app.call_later(self._tell)


def _end_of(path: str) -> str:
    """The last part of a path, which is what is being chosen."""
    head, slash, _ = path.rstrip("/").rpartition("/")
    return path[len(head) + len(slash) :]


def _offered(words: list[str], chosen: int, width: int) -> Line:
    """As many completions as there is room for, the chosen one among them."""
    line: Line = []
    for place, one in enumerate(words):
        if width_of(line) + len(one) + 3 > width:
            if place > chosen:
                return [*line, (" …", "dim")]
            line = []
        line.append((f" {one} ", "reverse" if place == chosen else "accent"))
    return line


def _is_path(field: Record) -> bool:
    return field.get("kind") == "path" or field.get("completes") in ("file", "directory")
