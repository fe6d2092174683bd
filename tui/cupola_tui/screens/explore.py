"""A whole experiment in one plot: parallel coordinates or a scatter of any of its parameters and metrics."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from cupola.experiments.directions import smaller_is_better
from cupola_tui import figures, keymap
from cupola_tui.lists import Lists
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens import fields
from cupola_tui.screens.dialog import Dialog
from cupola_tui.screens.pane import said
from cupola_tui.widgets.parallel import parallel, room
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.scales import Scale
from cupola_tui.widgets.scatter import scatter
from cupola_tui.widgets.sheet import Sheet

TABS = ("Parallel", "Scatter")
FOOT = 4  # lines below the plot
NO_FIGURES = "no figures yet: parameters and metrics of the experiment's runs will be here"
LOOK = 2.0  # seconds after which new runs are looked for


class Explore(Dialog[str]):
    """The runs of one experiment, or all that the table shows; gives the run that is to be gone to.

    wanted: the table's filter. experiment: the one that is begun with. All that goes through every run is done in a
    thread: there may be 10,000 of them.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("explore")
    AUTO_FOCUS = "Sheet"
    app: Any

    def __init__(self, lists: Lists, wanted: Callable[[Record], bool] | None, experiment: str) -> None:
        super().__init__(classes="-whole")
        self.lists, self.wanted, self.experiment = lists, wanted, experiment
        self.sheet = Sheet()
        self.tab = 0
        self.one_experiment = True
        self.logarithms = True
        self.records: list[Record] = []
        self.ranked: list[str] = []  # the ids of those that have a value on the last axis, the best first
        self.kept: list[str] | None = None  # the ids of the better half, after it was asked for
        self.fields: dict[str, int] = {}
        self.axes: list[str] = []
        self.x = self.colour = ""
        self.chosen: str | None = None
        self._seen: list[Record] = []
        self._drawn: list[Line] = [[(" drawing ...", "dim")]]
        self._room = (0, 0)
        self._asked = 0
        self._drawing = False

    def inside(self) -> ComposeResult:
        yield self.sheet

    def on_mount(self) -> None:
        self.sheet.fill(self._lines, from_top=True)
        self._entitle()
        self.set_interval(LOOK, self._look)

    def _look(self) -> None:
        """Draws anew when runs have come or changed."""
        if self.is_active and self.lists.get("runs") is not self._seen:
            self.draw()

    @property
    def last(self) -> str:
        """The field that runs are judged by."""
        return self.axes[-1] if self.axes else ""

    def _smaller(self) -> bool:
        return smaller_is_better(fields.title(self.last))

    # What is drawn.

    def _lines(self, width: int, height: int) -> list[Line]:
        if (width, height) != self._room:
            self._room = (width, height)
            self.draw()
        return self._drawn

    def draw(self) -> None:
        """Draws anew as soon as what is being drawn is done."""
        self._asked += 1
        if not self._drawing:
            self._drawing = True
            self.draw_all()

    @work(group="draw", exit_on_error=False)
    async def draw_all(self) -> None:
        try:
            while self._asked and self.is_attached:
                self._asked = 0
                await self._draw()
        finally:
            self._drawing = False
        self._entitle()

    async def _draw(self) -> None:
        self._seen, (width, height) = self.lists.get("runs"), self._room
        taken, self.fields, axes = await asyncio.to_thread(self._taken, self._seen, room(width))
        self.axes = self.axes if len(self.axes) > 1 else axes
        self.x = self.x or next(iter(axes), "")
        kept = None if self.kept is None else set(self.kept)
        self.records = [one for one in taken if kept is None or one.get("id") in kept]
        self.ranked = await asyncio.to_thread(self._rank)
        self._drawn = await asyncio.to_thread(self._paint, len(taken), width, height)
        self.sheet.renew()

    def _taken(self, runs: list[Record], most: int) -> tuple[list[Record], dict[str, int], list[str]]:
        """Which runs are to be drawn, what can be an axis of them, and which are to begin with."""
        taken = [one for one in runs if self._is_taken(one)]
        known = fields.known(taken)
        return taken, known, fields.begin(taken, known, most)

    def _paint(self, taken: int, width: int, height: int) -> list[Line]:
        """The plot and its foot."""
        if len(self.axes) < 2 or not self.records:
            words = "there is nothing to plot yet: runs with a parameter that differs and a metric are drawn here"
            return said(words, width, "dim")
        place = next((at for at, one in enumerate(self.records) if one.get("id") == self.chosen), None)
        draw = self._parallel if TABS[self.tab] == "Parallel" else self._scatter
        return [*draw(width, height - FOOT, place), [], *self._foot(taken, place, width)]

    def _rank(self) -> list[str]:
        scale = Scale(fields.axis(self.records, self.last, False))
        placed = [(scale.at(fields.value(one, self.last)), str(one["id"])) for one in self.records]
        there = [(place, ident) for place, ident in placed if place is not None]
        return [ident for _, ident in sorted(there, reverse=not self._smaller())]

    def _is_taken(self, run: Record) -> bool:
        if self.one_experiment and run.get("experiment") != self.experiment:
            return False
        return self.wanted is None or self.wanted(run)

    def _parallel(self, width: int, height: int, place: int | None) -> list[Line]:
        most = room(width)
        named = [*self.axes[: most - 1], self.last] if len(self.axes) > most else self.axes
        axes = [fields.axis(self.records, field, self.logarithms) for field in named]
        return parallel(axes, width, height, smaller_is_better=self._smaller(), chosen=place)

    def _scatter(self, width: int, height: int, place: int | None) -> list[Line]:
        x, y = (fields.axis(self.records, field, self.logarithms) for field in (self.x, self.last))
        colour = fields.axis(self.records, self.colour, self.logarithms) if self.colour else None
        smaller = smaller_is_better(fields.title(self.colour))
        return scatter(x, y, width, height, colour=colour, smaller_is_better=smaller, chosen=place)

    def _foot(self, taken: int, place: int | None, width: int) -> list[Line]:
        """How many runs these are, and what the chosen one is."""
        there = sum(fields.value(one, self.last) is not None for one in self.records)
        part = f"{len(self.records):,} of {taken:,} runs" if self.kept is not None else f"{taken:,} runs"
        lacking = f", {len(self.records) - there:,} of them without {clean(fields.title(self.last))}"
        lines = said(f"{part}{lacking if there < len(self.records) else ''}", width, "dim")[:1]
        if place is None:
            return [*lines, *said("n goes through them from the best on", width, "dim")]
        one = self.records[place]
        told = [self.last, *self.axes[:-1]]
        values = [f"{fields.title(each)} {figures.short(fields.value(one, each))}" for each in told]
        name = clean(one.get("name") or one.get("id"))
        return [*lines, [(f" {name}  ", "mark"), ("   ".join(map(clean, values)), "")]]

    # Keys.

    def action_tab(self, by: int) -> None:
        """The other plot."""
        self.tab = (self.tab + by) % len(TABS)
        self.draw()

    def action_logarithms(self) -> None:
        """By logarithm where that shows more, or nothing by logarithm."""
        self.logarithms = not self.logarithms
        self.draw()

    def action_wider(self) -> None:
        """All runs that the table shows, or the experiment alone."""
        self.one_experiment = not self.one_experiment
        self.kept = None
        self.draw()

    def action_narrow(self) -> None:
        """Leaves the better half, by the metric."""
        if len(self.ranked) > 1:
            self.kept = self.ranked[: (len(self.ranked) + 1) // 2]
            self.draw()

    def action_all(self) -> None:
        """All of them again."""
        self.kept = None
        self.draw()

    def action_front(self, by: int) -> None:
        """The next run, from the best on."""
        if self.ranked:
            at = self.ranked.index(self.chosen) + by if self.chosen in self.ranked else 0
            self.chosen = self.ranked[at % len(self.ranked)]
            self.draw()

    def action_open(self) -> None:
        """Goes to the chosen run."""
        if self.chosen:
            self.dismiss(self.chosen)

    def action_choose(self, what: str) -> None:
        """Chooses a metric, an axis, a colour from a list; what is typed meanwhile is for that."""
        self.app.keys.hold()
        self.choose(what)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def choose(self, what: str) -> None:
        await {"metric": self._choose_metric, "axis": self._choose_axis, "colour": self._choose_colour}[what]()
        self.draw()

    async def _choose_metric(self) -> None:
        """What runs are judged by: the last axis, the upright one of the scatter."""
        picked = await self._pick("Judged by", [field for field in self.fields if field != self.last])
        if picked:
            self.axes = [*(field for field in self.axes[:-1] if field != picked), picked]
            self.kept = None

    async def _choose_axis(self) -> None:
        """An axis that is taken in or out; of the scatter the level one."""
        if TABS[self.tab] == "Scatter":
            self.x = await self._pick("Across", list(self.fields)) or self.x
            return
        picked = await self._pick("Take in or out", [field for field in self.fields if field != self.last])
        if picked:
            shown = self.axes[:-1]
            now = [one for one in shown if one != picked] if picked in shown else [*shown, picked]
            self.axes = [*(now or shown), self.last]

    async def _choose_colour(self) -> None:
        """What the dots of the scatter are coloured by."""
        picked = await self._pick("Coloured by", ["", *self.fields])
        self.colour = self.colour if picked is None else picked

    async def _pick(self, heading: str, names: list[str]) -> str | None:
        from cupola_tui.screens.choice import Choice, Palette

        rows = [Choice(name, self._said(name), kind=self._of(name)) for name in names]
        picked: str | None = await self.app.push_screen_wait(
            Palette(rows, heading, "a few letters of a figure", NO_FIGURES)
        )
        return picked

    def _said(self, field: str) -> str:
        return ("✓ " if field in self.axes else "  ") + (fields.title(field) or "nothing")

    def _of(self, field: str) -> str:
        """How many runs have it."""
        return f"{self.fields[field]:,}" if field in self.fields else ""

    def action_help(self) -> None:
        from cupola_tui.screens.help import Help

        self.app.push_screen(Help(keymap.EXPERIMENTS, dict(self.app._keymap), ("Plots",), "the plots"))

    def text(self) -> str:
        return self.sheet.plain

    def _entitle(self) -> None:
        box = self.query_one("#box")
        tabs = [(f" {name} ", "bold reverse" if place == self.tab else "") for place, name in enumerate(TABS)]
        of = self.experiment if self.one_experiment else "all runs that are shown"
        box.border_title = Content.assemble(f"{clean(of)}  ", *tabs)
        hidden = "explore_colour" if TABS[self.tab] == "Parallel" else ""
        keys = [key for key in keymap.TABLE if key.scope == "explore" and key.footer and key.id != hidden]
        box.border_subtitle = Content(keymap.line(keys, self.app.size.width - 8))
