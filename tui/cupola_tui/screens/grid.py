"""The rows of a dataset's version in a grid: sorted, filtered and grouped as one types, whatever their number."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from cupola.errors import CupolaError
from cupola_tui import grids, keymap
from cupola_tui.grids import GridRows
from cupola_tui.live import Bridge
from cupola_tui.paint import entitle
from cupola_tui.plain import clean
from cupola_tui.screens import retyping
from cupola_tui.screens.datasets import ref
from cupola_tui.screens.dialog import Dialog
from cupola_tui.screens.rowview import ColumnView, RowView
from cupola_tui.widgets.filterline import FilterEntry, FilterHints
from cupola_tui.widgets.grid import CellGrid, GridColumn, Place
from cupola_tui.widgets.rowcells import RowCells
from cupola_tui.widgets.rows import Record

RIGHT = ("integer", "number")
SAMPLE = 200  # rows that show what a filter can say
SOON = 0.25  # seconds without an answer that are worth a word


@dataclass
class Level:
    """What is looked at: the rows, or the groups of some of them; typed: the filter, as it is typed."""

    view: Record = field(default_factory=dict)
    typed: str = ""
    place: Place = field(default_factory=Place)


class Grid(Dialog[Record]):
    """The rows of one version. Its result is the version that was made of it here, if one was."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("grid")
    AUTO_FOCUS = "CellGrid"
    app: Any

    def __init__(self, bridge: Bridge, record: Record) -> None:
        super().__init__(classes="-whole")
        self.record = record
        self.rows = GridRows(bridge, self.ref, int(record.get("rows") or 0), self._told)
        self.levels = [Level()]
        self.cells = CellGrid(RowCells(self.rows), self._empty)
        self.prompt, self.hints = FilterEntry(id="prompt"), FilterHints(id="hints")
        self.asking = ""
        self.fault: CupolaError | None = None
        self._renewed = 0

    @property
    def ref(self) -> str:
        return f"{ref(self.record)}-{self.record.get('id')}"

    @property
    def level(self) -> Level:
        return self.levels[-1]

    def inside(self) -> ComposeResult:
        yield self.cells
        yield self.hints
        yield self.prompt

    def on_mount(self) -> None:
        self._retitle()
        columns = self.record.get("columns")
        if isinstance(columns, list):
            self.rows.begin(columns)
            self._lay_out()
        self.set_timer(SOON, self._retitle)

    def on_unmount(self) -> None:
        self.rows.close()

    # What comes.

    def _told(self) -> None:
        """There is more to be shown, or something went wrong."""
        if not self.is_running:
            return
        if self._renewed != self.rows.renewed:
            self._renewed = self.rows.renewed
            self._lay_out()
        self.cells.renew()
        self._retitle()
        self._look_on()

    def _lay_out(self) -> None:
        """The columns of what is shown now, as they were left."""
        place = self.level.place
        known = {one.name: one for one in place.columns}
        if known.keys() != set(self.rows.columns):
            types = dict(zip(self.rows.columns, self.rows.types, strict=True))
            place.columns = [GridColumn(name, type in RIGHT) for name, type in types.items()]
        self.cells.place = place
        self.cells.fit_columns()

    def _look_on(self) -> None:
        if not self.rows.is_waiting:
            self.rows.see(self.cells.in_sight())

    def on_cell_grid_moved(self) -> None:
        self._look_on()
        self._retitle()

    def _empty(self) -> list[str]:
        if self.rows.error:
            return [f"✗ {clean(self.rows.error)}"]
        if self.level.typed:
            what = "value" if self.level.view.get("group") else "row"
            return [f"No {what} fits the filter. esc clears it."]
        if self.level.view.get("within"):
            return ["No row fits the filter, so there are no values to count. esc comes back."]
        return ["" if self.rows.is_waiting else "This version has no rows."]

    def _retitle(self) -> None:
        rows, level = self.rows, self.level
        name = clean(ref(self.record))
        if group := level.view.get("group"):
            name += f" by {clean(group)}"
        of = f"{rows.count:,} of {rows.total:,}" if rows.count != rows.total else f"{rows.total:,}"
        of += (" value" if group else " row") + "s" * (rows.total != 1)
        inner = group and level.view.get("within")
        parts = [f"/{clean(level.typed)}" if level.typed else "", of, f"where {clean(inner)}" if inner else ""]
        trouble = rows.error or (self.fault if not self.asking else None)
        parts += [f"✗ {clean(trouble.message)}" if trouble else "", "reading the rows ..." if rows.is_waiting else ""]
        keys = [key for key in keymap.TABLE if key.scope == "grid" and key.footer]
        below = keymap.line(keys, self.app.size.width - 8)
        entitle(self.query_one("#box"), "  ".join([name, *filter(None, parts)]), below)

    # Views.

    def _turn(self, view: Record, typed: str = "") -> None:
        """Looks at something else, one level deeper."""
        self.levels.append(Level(view, typed))
        self._view()

    def _view(self) -> None:
        """Asks for what the level says."""
        view = self.level.view
        self.cells.sort = view.get("sort") or "", bool(view.get("backwards"))
        self.rows.look(view)
        self.set_timer(SOON, self._retitle)
        self._retitle()

    def _change(self, **more: Any) -> None:
        self.level.view = self.level.view | more
        self.level.place.row = self.level.place.top = 0
        self._view()

    def action_sort(self) -> None:
        """By the column under the cursor; a second time gives the order of the file back."""
        if column := self.cells.column:
            self._change(sort="" if self.level.view.get("sort") == column.name else column.name)

    def action_reverse(self) -> None:
        if column := self.cells.column:
            sort = self.level.view.get("sort") or column.name
            self._change(sort=sort, backwards=not self.level.view.get("backwards"))

    def action_group(self) -> None:
        """The values of the column under the cursor, how often each is there, and the means of the others."""
        column = self.cells.column
        if column is None or self.level.view.get("group"):
            self.app.say("value counts: these are groups already; enter shows the rows of one", "warning")
            return
        if self.fault:
            self.app.say(f"value counts: mend the filter first: {clean(self.fault.message)}", "warning")
            return
        self._turn({"group": column.name, "within": self.level.view.get("filter") or ""})

    def on_cell_grid_opened(self) -> None:
        """The rows of the group under the cursor; of rows, the whole row."""
        found = self.rows.row(self.cells.place.row)
        if found is None:
            return
        view = self.level.view
        if group := view.get("group"):
            from cupola.search.query import quote, write_word

            value = found[1][0]
            said = "none" if value is None else quote(value) if isinstance(value, str) else str(value).lower()
            within = f"({view['within']}) and " if view.get("within") else ""
            wanted = f"{within}{write_word(group)} = {said}"
            self._turn({"filter": wanted}, wanted)
        else:
            self.open_row(found[0])

    @work(exclusive=True, group="row", exit_on_error=False)
    async def open_row(self, number: int) -> None:
        values = await self.rows.ask("row", number=number)
        if values is not None:
            self.app.push_screen(RowView(f"{ref(self.record)}, row {number:,}", self.rows.columns, values))

    @work(exclusive=True, group="row", exit_on_error=False)
    async def action_summary(self) -> None:
        """The column under the cursor in figures."""
        if column := self.cells.column:
            found = await self.rows.ask("summary", column=column.name)
            if found is not None:
                self.app.push_screen(ColumnView(found))

    # The filter, and the row that is gone to.

    def action_filter(self) -> None:
        like = "rows > 100 and share < 0.5" if self.level.view.get("group") else 'dep_delay > 60 and carrier = "UA"'
        self._ask("filter", self.level.typed, f"a word, or {like}")

    def action_find_row(self) -> None:
        self._ask("row", "", "the number of a row")

    def _ask(self, what: str, value: str, placeholder: str) -> None:
        self.app.keys.hold()
        self.asking = what
        self.prompt.placeholder = placeholder
        self.prompt.begin(value)
        self.prompt.add_class("-asking")
        self.hints.set_class(what == "filter", "-asking")
        self.hints.forget()
        self.prompt.focus()
        self._hint()
        self.app.call_later(self.app.keys.release)

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.asking == "filter":
            self._filter(event.value)
            self._hint()

    def _filter(self, typed: str) -> None:
        """Shows only what fits; what cannot be understood is said, and the filter before it stays."""
        self.level.typed = typed
        self.fault = None
        try:
            query = grids.query(typed)
            grids.check(query, self.rows)
        except CupolaError as error:
            self.fault = error
        else:
            if query != (self.level.view.get("filter") or ""):
                self._change(filter=query)
        self._retitle()

    def _hint(self) -> None:
        if self.asking != "filter":
            return
        found = grids.complete(self.prompt.value, self.prompt.cursor_position, self.rows)
        left = self.prompt.scroll_offset.x
        self.hints.offer(self.prompt.value, found.start, found.end, found.candidates, self.fault, left)

    def on_filter_entry_completing(self, message: FilterEntry.Completing) -> None:
        if self.asking == "filter" and (found := self.hints.next(message.by)):
            self.prompt.put(*found)
            self._filter(found[0])
            if len(self.hints.candidates) == 1:
                self._hint()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        asked, value = self.asking, event.value.replace(",", "").strip()
        self._leave_prompt()
        if asked == "row" and value:
            self.find_row(value)

    def _leave_prompt(self) -> None:
        self.asking = ""
        self.prompt.remove_class("-asking")
        self.hints.remove_class("-asking")
        self.cells.focus()
        self._retitle()

    @work(exclusive=True, group="row", exit_on_error=False)
    async def find_row(self, number: str) -> None:
        """Goes to the row of that number, where it is among those that are shown."""
        if not number.isdigit():
            self.app.say(f"go to row: {number} is no number of a row", "warning")
            return
        place = await self.rows.ask("find", row=int(number))
        if place is None:
            self.app.say(f"row {int(number):,} is not among the {self.rows.count:,} that are shown", "warning")
        else:
            self.cells.go(place)

    # The rest of the keys.

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def action_columns(self) -> None:
        """Goes to a column by a few of its letters; one that was hidden comes back."""
        from cupola_tui.screens.choice import Choice, Palette

        self.app.keys.hold()
        types = dict(zip(self.rows.columns, self.rows.types, strict=False))
        rows = [
            Choice(
                one.name,
                f"{'  ' if one.hidden else '✓ '}{clean(one.name)}",
                kind="hidden" if one.hidden else types.get(one.name, ""),
            )
            for one in self.cells.place.columns
        ]
        picked = await self.app.push_screen_wait(Palette(rows, "Columns", "a few letters of a column"))
        column = next((one for one in self.cells.place.columns if one.name == picked), None)
        if column:
            column.hidden = False
            self.cells.go(column=self.cells.columns.index(column))

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def action_retype(self) -> None:
        """Another type for the column under the cursor, by another version of the dataset."""
        column = self.cells.column
        if column is None or self.level.view.get("group"):
            self.app.say("type: groups have no types to change; esc shows the rows", "warning")
            return
        self.app.keys.hold()
        made = await retyping.retype(self.app, self.record, column.name)
        if made:
            self.dismiss(made)

    def action_copy(self) -> None:
        self.copy()

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def copy(self) -> None:
        """Offers the cell, the row, and what gives these rows again."""
        from cupola_tui.screens.choice import Choice, Menu

        found, column = self.rows.row(self.cells.place.row), self.cells.column
        if found is None or column is None:
            self.app.say("there is nothing to copy", "warning")
            return
        self.app.keys.hold()
        texts = grids.copies(self.rows.columns, found[1], column.name)
        texts += [("column", "n", column.name), ("command", "m", self.command)]
        rows = [Choice(str(place), words, key) for place, (words, key, _) in enumerate(texts)]
        picked = await self.app.push_screen_wait(Menu("Copy", rows))
        if picked is not None:
            words, _, text = texts[int(picked)]
            self.app.copy(text, words)

    @property
    def command(self) -> str:
        """The command line that prints what is shown."""
        return grids.command(ref(self.record), self.level.view, self.record.get("columns") or [])

    def action_command_line(self) -> None:
        from cupola_tui.screens.plainview import PlainView

        self.app.push_screen(PlainView(self.command, "y copies it, esc comes back"))

    def action_help(self) -> None:
        from cupola_tui.screens.help import Help

        self.app.push_screen(Help(keymap.DATASETS, dict(self.app._keymap), ("Grid", "Cells"), "the grid"))

    def text(self) -> str:
        return self.cells.plain

    def action_close(self) -> None:
        """Out of what was opened last: the prompt, the filter, the groups, the grid."""
        if self.asking:
            filtering = self.asking == "filter"
            self._leave_prompt()
            if filtering:
                self._filter("")
        elif len(self.levels) > 1:
            self.levels.pop()
            self.fault = None
            self._view()
        elif self.level.typed:
            self._filter("")
        else:
            self.dismiss(None)
