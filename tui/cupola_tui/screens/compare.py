"""Marked runs side by side: what differs, the order of a metric, curves over one another, code and packages."""

import asyncio
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from cupola.errors import CupolaError, NotFound
from cupola_tui import figures, keymap
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens import comparison
from cupola_tui.screens.dialog import Dialog
from cupola_tui.screens.pane import said
from cupola_tui.widgets.overlay import COLOURS, LETTERS, overlay, smoothed
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.sheet import Sheet

TABS = ("Overview", "Ranking", "Curves", "Code")
LOOK = 2.0  # seconds after which the curves of runs under way are read on
SMOOTH = (0.0, 0.9, 0.98, 0.995)  # weights of a step that lies a thousandth of the curve behind


class Compare(Dialog[None]):
    """The chosen runs; each has a letter, by which it is known in every tab."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("compare")
    AUTO_FOCUS = "Sheet"
    app: Any

    def __init__(self, runs: list[Record], tab: str = TABS[0]) -> None:
        super().__init__(classes="-whole")
        self.runs = runs
        self.sheet = Sheet()
        self.gone = 0  # runs that somebody has removed meanwhile
        self.found: Record | None = None
        self.trouble = ""
        self.tab = TABS.index(tab)
        self.first = self.smoothing = self.front = 0
        self.equal = self.logarithm = False
        self.metric = ""
        self.curves: dict[tuple[str, str], Record] = {}
        self.stale: set[str] = set()  # runs whose curves have grown since they were read
        self.drawable: dict[str, None] = {}
        self.diffs: dict[str, Record] = {}
        self._wanted: tuple[Any, ...] = ()
        self._painted: tuple[Any, ...] = ()
        self._drawing = False
        self._drawn: list[Line] = []

    def inside(self) -> ComposeResult:
        yield self.sheet

    def on_mount(self) -> None:
        self.sheet.fill(self._lines, from_top=True)
        self._entitle()
        self.compare()
        self.set_interval(LOOK, self._look)

    def _look(self) -> None:
        """What is under way grows."""
        under_way = {one["id"] for one in (self.found or {}).get("runs", ()) if one["status"] == "InProgress"}
        if under_way and self.is_active and TABS[self.tab] == "Curves":
            self.stale |= under_way
            self.read_curves()

    def heard(self, changes: list[Record]) -> None:
        """One of the runs has come further."""
        mine = {str(one["id"]) for one in self.runs}
        if changed := mine & {str(one.get("ref")) for one in changes if one.get("kind") == "run"}:
            self.stale |= changed
            self.compare()

    @work(exclusive=True, group="compare", exit_on_error=False)
    async def compare(self) -> None:
        """Asks what there is to say of the runs."""
        await self._ask_all()

    async def _ask_all(self) -> None:
        asked = {"runs": [one["id"] for one in self.runs]}
        try:
            self.found = await self.app.ask("action", name="run compare", arguments=asked)
        except CupolaError as error:
            self.trouble = error.message
            if isinstance(error, NotFound) and await self._went_on_without():
                await self._ask_all()
                return
        else:
            self.trouble = ""
            named = [one["name"] for one in sorted(self.found["metrics"], key=comparison.order)] if self.found else []
            self.metric = self.metric or next(iter(named), "")
        self._show()

    async def _went_on_without(self) -> bool:
        """Leaves out the runs that somebody has removed; whether it is to be asked anew, for at least two."""
        left = [one for one in self.runs if await self._is_there(one)]
        gone = [self._called(place) for place, one in enumerate(self.runs) if one not in left]
        if not gone:
            return False
        if len(left) < 2:
            self.trouble = f"removed meanwhile: {', '.join(gone)}; a comparison takes two runs"
            return False
        self.app.say(f"removed meanwhile: {', '.join(gone)}; the comparison goes on without", "warning")
        if self.runs[0] not in left:  # what the others' code was held against
            self.diffs.clear()
        front = self.runs[self.front]
        self.front = left.index(front) if front in left else 0
        self.gone += len(gone)
        self.runs = left
        return True

    async def _is_there(self, run: Record) -> bool:
        try:
            await self.app.ask("record", kind="runs", ref=run["id"])
        except CupolaError as error:
            return not isinstance(error, NotFound)
        return True

    # What is drawn.

    def _lines(self, width: int, height: int) -> list[Line]:
        if self.trouble:
            return said(self.trouble, width, "bad")
        if self.found is None:
            return [[(" comparing ...", "dim")]]
        match TABS[self.tab]:
            case "Overview":
                return comparison.overview(self.found, self.first, self.equal, width)
            case "Ranking":
                return comparison.ranking(self.found, self.metric, self.front, width)
            case "Curves":
                return self._overlaid(width, height)
        lines = comparison.code(self.found, self.first, width)
        one, other = self._pair()
        names = (self._called(one), self._called(other))
        return [*lines, *comparison.changes(self.diffs.get(self.runs[other]["id"]), names, width)]

    def _overlaid(self, width: int, height: int) -> list[Line]:
        """The curves as they were drawn last, and below them what each letter means."""
        if not self.drawable:
            return [[(" no metric was logged step by step", "dim") if self._all_read() else (" reading ...", "dim")]]
        curves = [self.curves.get((str(one["id"]), self.metric)) for one in self.runs]
        below = self._letters(curves, width)
        high = max(8, height * 3 // 5, height - len(below) - 2)
        self._wanted = (width, high, self.metric, self.smoothing, self.logarithm, self.front, *map(id, curves))
        if self._wanted != self._painted and not self._drawing:
            self._drawing = True
            self.draw()
        return [*self._drawn, [], *below]

    @work(group="draw", exit_on_error=False)
    async def draw(self) -> None:
        """Draws in a thread, since 50 curves take longer than a frame, until what is drawn is what is wanted."""
        try:
            while self._painted != self._wanted and self.is_attached:
                wanted = self._wanted
                self._drawn = await asyncio.to_thread(self._paint, *wanted[:2])
                self._painted = wanted
                self.sheet.renew()
        finally:
            self._drawing = False

    def _paint(self, width: int, height: int) -> list[Line]:
        curves = [self.curves.get((str(one["id"]), self.metric)) or {} for one in self.runs]
        weight = SMOOTH[self.smoothing]
        points = [curve.get("means" if weight else "points") or [] for curve in curves]
        ready = [smoothed([(float(x), float(y)) for x, y in one], weight) for one in points]
        title = f"{self.metric} smoothed {weight:g}" if weight else self.metric
        drawn = overlay(ready, title, width, height, log=self.logarithm, front=self.front)
        if drawn or not any(points):
            return drawn
        return [[(" no value is above 0, as a logarithm needs: o shows them as they are", "dim")]]

    def _letters(self, curves: list[Record | None], width: int) -> list[Line]:
        """Which letter is which run, with its last value."""
        beside = max(1, width // 42)
        cell = width // beside
        lines: list[Line] = [[] for _ in range(-(-len(curves) // beside))]
        for place, curve in enumerate(curves):
            style = "mark" if place == self.front else COLOURS[place] if len(curves) <= len(COLOURS) else "dim"
            points = (curve or {}).get("points") or []
            last = figures.number(points[-1][1]) if points else "reading ..." if curve is None else "not logged"
            words = fit(self._called(place), cell - 16) + f" {last}"
            lines[place // beside] += [(f" {LETTERS[place]} ", style), (fit(words, cell - 3), "")]
        return lines

    def _called(self, place: int) -> str:
        return clean(self.runs[place].get("name") or self.runs[place]["id"])

    def _pair(self) -> tuple[int, int]:
        """Whose code is held against whose: the first's, against the one in front."""
        return 0, self.front or min(1, len(self.runs) - 1)

    # What is asked for as it is needed.

    def _show(self) -> None:
        self._entitle()
        self.sheet.renew()
        if self.found is None:
            return
        if TABS[self.tab] == "Curves":
            self.read_curves()
        elif TABS[self.tab] == "Code":
            self.read_code()

    @work(exclusive=True, group="curves", exit_on_error=False)
    async def read_curves(self) -> None:
        """The curves of the chosen metric, run by run; each is drawn as it comes."""
        for one in self.runs:
            await self._curve(one, self.metric)
            if self.drawable and self.metric not in self.drawable:  # it has but one value; there are curves of others
                self.metric = next(iter(self.drawable))
        for one in self.runs:
            await self._curve(one, self.metric)
        self.sheet.renew()

    async def _curve(self, run: Record, name: str) -> None:
        key = (str(run["id"]), name)
        if key in self.curves and key[0] not in self.stale:
            return
        try:
            found = await self.app.ask("curve", run=run["id"], name=name)
        except CupolaError:
            found = {}
        self.stale.discard(key[0])
        if found == self.curves.get(key):
            return
        self.curves[key] = found
        self.drawable |= dict.fromkeys(self.curves[key].get("names") or [])
        self.sheet.renew()

    def _all_read(self) -> bool:
        return all((str(one["id"]), self.metric) in self.curves for one in self.runs)

    @work(exclusive=True, group="code", exit_on_error=False)
    async def read_code(self) -> None:
        one, other = (self.runs[place]["id"] for place in self._pair())
        if other not in self.diffs:
            asked = {"run": one, "other": other}
            try:
                self.diffs[other] = await self.app.ask("action", name="run diff", arguments=asked)
            except CupolaError as error:
                self.diffs[other] = {"trouble": error.message}
        self.sheet.renew()

    # Keys.

    def action_tab(self, by: int) -> None:
        """Another tab, from its top."""
        self.tab = (self.tab + by) % len(TABS)
        self.sheet.fill(self._lines, from_top=True)
        self._show()

    def action_side(self, by: int) -> None:
        """Other runs side by side, where there is no room for all."""
        shown = comparison.sides(len(self.runs), self.first + by, self.sheet.size.width)
        self.first = shown.first
        self.sheet.renew()

    def on_sheet_turned(self, message: "Sheet.Turned") -> None:
        """The sheet has the keys to the left and right as its own."""
        self.action_side(message.by)

    def action_equal(self) -> None:
        """Shows what is equal too, or not."""
        self.equal = not self.equal
        self.sheet.renew()

    def action_front(self, by: int) -> None:
        """Brings another run to the front: its curve, its code."""
        self.front = (self.front + by) % len(self.runs)
        self._show()

    def action_smooth(self) -> None:
        """Smoother, and from the smoothest back to what was logged."""
        self.smoothing = (self.smoothing + 1) % len(SMOOTH)
        self.sheet.renew()

    def action_logarithm(self) -> None:
        """By logarithm, or not."""
        self.logarithm = not self.logarithm
        self.sheet.renew()

    def action_metric(self) -> None:
        """Chooses the metric of the ranking and of the curves; what is typed meanwhile is for the list of them."""
        if self.found is not None:
            self.app.keys.hold()
            self.choose_metric(self.found)

    @work(exclusive=True, group="metric", exit_on_error=False, description="chooses a metric")
    async def choose_metric(self, found: Record) -> None:
        from cupola_tui.screens.choice import Choice, Palette

        names = [one["name"] for one in sorted(found["metrics"], key=comparison.order)]
        if TABS[self.tab] == "Curves":
            names = list(self.drawable)
        rows = [Choice(name, name) for name in names]
        empty = "no metrics yet: training measures them, and log_metric() in a script"
        if TABS[self.tab] == "Curves":
            empty = "no curves: a run has one of each metric that it logs at several steps"
        picked = await self.app.push_screen_wait(Palette(rows, "Which metric", "a few letters of a metric", empty))
        if picked:
            self.metric = picked
            self._show()

    def action_help(self) -> None:
        from cupola_tui.screens.help import Help

        self.app.push_screen(Help(keymap.EXPERIMENTS, dict(self.app._keymap), ("Compare",), "the comparison"))

    def text(self) -> str:
        return self.sheet.plain

    def _entitle(self) -> None:
        box = self.query_one("#box")
        tabs = [(f" {name} ", "bold reverse" if place == self.tab else "") for place, name in enumerate(TABS)]
        gone = f", {self.gone} removed" if self.gone else ""
        box.border_title = Content.assemble(f"{len(self.runs)} runs{gone}  ", *tabs)
        box.border_subtitle = Content(keymap.line(self._offered(), self.app.size.width - 8))

    def _offered(self) -> list[keymap.Key]:
        """The keys that do something in this tab."""
        used = {"Overview": "tab side equal", "Ranking": "tab front metric", "Code": "tab side front"}
        names = [*used.get(TABS[self.tab], "tab front metric smooth logarithm").split(), "help"]
        if comparison.sides(len(self.runs), 0, self.app.size.width - 4).count == len(self.runs):
            names = [name for name in names if name != "side"]
        return [
            key for key in keymap.TABLE if key.scope == "compare" and key.footer and key.action.split("(")[0] in names
        ]
