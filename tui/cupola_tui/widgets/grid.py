"""A grid of cells: draws only those in sight, so that a million rows scroll without delay; columns scroll too."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from rich.cells import cell_len
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from cupola_tui import keymap
from cupola_tui.paint import Line, Painter, Span, fit, width_of
from cupola_tui.plain import clean

HEAD = 2  # lines above the rows
LEAST, MOST = 5, 60  # cells of a column
DRAWN = 9  # cells that a column has at first, so that there is room for its type and its shape
DIGITS = 10  # characters of a number that is shown as it is


@dataclass
class GridColumn:
    """A column: `width` in cells, `chosen` where a person has said so."""

    name: str
    right: bool = False
    width: int = 8
    chosen: bool = False
    hidden: bool = False


class Source(Protocol):
    """What a grid shows: how many rows, the label of a row with its cells in these columns (None while they are on
    their way), how many cells labels take, and what stands below the name of a column."""

    @property
    def gutter(self) -> int: ...
    def __len__(self) -> int: ...
    def cells(self, place: int, columns: list[str]) -> tuple[str, list[Span]] | None: ...
    def below(self, column: str, width: int) -> Line: ...


@dataclass
class Place:
    """Where one is in a grid."""

    row: int = 0
    column: int = 0
    top: int = 0
    left: int = 0
    columns: list[GridColumn] = field(default_factory=list)


class CellGrid(Painter, can_focus=True, inherit_bindings=False):
    """Shows a source; the cursor is on a cell. Which columns it has, and how wide, `place.columns` says."""

    BINDINGS = keymap.bindings("cells")
    COMPONENT_CLASSES: ClassVar[set[str]] = Painter.COMPONENT_CLASSES
    DEFAULT_CSS = "CellGrid { height: 1fr; }"

    class Moved(Message):
        """The cursor is on another cell, or other columns are in sight."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, CellGrid.Moved)

    class Opened(Message):
        """Enter, or a second click."""

    def __init__(self, source: Source, empty: Callable[[], list[str]], id: str | None = None) -> None:
        super().__init__(id=id)
        self.source, self.empty = source, empty
        self.place = Place()
        self.sort: tuple[str, bool] = ("", False)
        self._shown: dict[int, Line] = {}

    # What the screen tells it.

    def fit_columns(self, rows: int = 100) -> None:
        """Makes each column as wide as what is seen of it, where nobody has said how wide."""
        names = [one.name for one in self.place.columns]
        found = (self.source.cells(place, names) for place in range(min(rows, len(self.source))))
        seen = [one[1] for one in found if one]
        for at, column in enumerate(self.place.columns):
            if not column.chosen:
                widest = max((cell_len(row[at][0]) for row in seen), default=0)
                column.width = max(DRAWN, min(24, max(widest, cell_len(clean(column.name)) + 2)))

    def renew(self) -> None:
        """Draws anew what is not what was drawn: a slow link has to carry each line."""
        self._hold()
        for y in range(self.size.height):
            if self._shown.get(y) != self._line(y):
                self.refresh(Region(0, y, self.size.width, 1))

    @property
    def columns(self) -> list[GridColumn]:
        """Those that are not hidden."""
        return [one for one in self.place.columns if not one.hidden]

    @property
    def column(self) -> GridColumn | None:
        """The one under the cursor."""
        shown = self.columns
        return shown[min(self.place.column, len(shown) - 1)] if shown else None

    def in_sight(self) -> list[str]:
        """The names of the columns that are on the screen."""
        return [column.name for column, _ in self._laid_out()]

    @property
    def plain(self) -> str:
        """What is on the screen, as text."""
        lines = [self._line(y) for y in range(self.size.height)]
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)

    # Drawing.

    def render_line(self, y: int) -> Strip:
        line = self._shown[y] = self._line(y)
        return self.strip(line, self.size.width)

    def _gutter(self) -> int:
        return self.source.gutter + 1

    def _laid_out(self) -> list[tuple[GridColumn, int]]:
        """The columns in sight with the cells they have; the last may be cut."""
        room = self.size.width - self._gutter() - 1
        found = []
        for column in self.columns[self.place.left :]:
            if room < min(column.width, LEAST):
                break
            found.append((column, min(column.width, room)))
            room -= column.width + 1
        return found

    def _line(self, y: int) -> Line:
        if y < HEAD:
            return self._names() if y == 0 else self._below()
        if not len(self.source):
            said = self.empty()
            return [("  " + said[y - HEAD - 1], "dim")] if 0 < y - HEAD <= len(said) else []
        place = self.place.top + y - HEAD
        return self._row(place) if place < len(self.source) else []

    def _names(self) -> Line:
        under, (sort, backwards) = self.column, self.sort
        line: Line = [(" " * (self._gutter() + 1), "")]
        for column, width in self._laid_out():
            arrow = f" {'↓' if backwards else '↑'}" if column.name == sort else ""
            name = fit(clean(column.name), max(1, width - len(arrow))) if arrow else clean(column.name)
            line += [
                (fit(name.rstrip() + arrow, width, column.right), "bold column" if column is under else "bold"),
                (" ", ""),
            ]
        return line

    def _below(self) -> Line:
        line: Line = [(" " * (self._gutter() + 1), "")]
        for column, width in self._laid_out():
            below = self.source.below(column.name, width)
            line += [*below, (" " * (width + 1 - width_of(below)), "")]
        return line

    def _row(self, place: int) -> Line:
        laid_out, here = self._laid_out(), place == self.place.row
        found = self.source.cells(place, [column.name for column, _ in laid_out])
        label, cells = found or ("", [("…", "dim")] * len(laid_out))
        line: Line = [(fit(label, self._gutter(), True) + " ", "dim cursor" if here else "dim")]
        for (column, width), (text, style) in zip(laid_out, cells, strict=True):
            if here:
                style = "reverse" if column is self.column else f"{style} cursor"
            line += [(fit(text, width, column.right), style), (" ", "cursor" if here else "")]
        return line

    # Moving.

    @property
    def page(self) -> int:
        """How many rows are in sight."""
        return max(1, self.size.height - HEAD)

    def go(self, row: int | None = None, column: int | None = None) -> None:
        """Puts the cursor there, or as near as there is anything."""
        place = self.place
        place.row = place.row if row is None else row
        place.column = place.column if column is None else column
        self.renew()
        self.post_message(self.Moved())

    def _hold(self) -> None:
        """Keeps the cursor within what there is, and in sight."""
        place, columns = self.place, self.columns
        place.row = max(0, min(place.row, len(self.source) - 1))
        place.top = max(0, min(max(place.top, place.row - self.page + 1), place.row, max(0, len(self.source) - 1)))
        place.column = max(0, min(place.column, len(columns) - 1))
        place.left = min(place.left, place.column)
        room = self.size.width - self._gutter() - 1
        while place.left < place.column and sum(one.width + 1 for one in columns[place.left : place.column + 1]) > room:
            place.left += 1

    def action_move(self, rows: int, columns: int) -> None:
        self.go(self.place.row + rows, self.place.column + columns)

    def action_page(self, pages: int) -> None:
        self.go(self.place.row + pages * max(1, self.page // 2))

    def action_top(self) -> None:
        self.go(0)

    def action_bottom(self) -> None:
        self.go(len(self.source) - 1)

    def action_first(self) -> None:
        self.go(column=0)

    def action_last(self) -> None:
        self.go(column=len(self.columns) - 1)

    def action_open(self) -> None:
        self.post_message(self.Opened())

    # The columns.

    def action_widen(self, by: int) -> None:
        """Makes the column under the cursor wider, or narrower."""
        if column := self.column:
            column.width, column.chosen = max(LEAST, min(MOST, column.width + by)), True
            self.go()

    def action_shift(self, by: int) -> None:
        """Moves the column under the cursor to the right, or to the left."""
        shown, column = self.columns, self.column
        to = self.place.column + by
        if column and 0 <= to < len(shown):
            every, other = self.place.columns, shown[to]
            here, there = every.index(column), every.index(other)
            every[here], every[there] = other, column
            self.go(column=to)

    def action_hide(self) -> None:
        """Hides the column under the cursor; the last one stays."""
        column = self.column
        if column and len(self.columns) > 1:
            column.hidden = True
            self.go()

    # The mouse and the size.

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        edge, columns = self._gutter() + 1, self.columns
        place = next((one for one, _ in self._laid_out() if at.x < (edge := edge + one.width + 1)), None)
        column = columns.index(place) if place else self.place.column
        row = self.place.row if at.y < HEAD else self.place.top + at.y - HEAD
        same = at.y >= HEAD and (row, column) == (self.place.row, self.place.column)
        self.go(row, column)
        if same and event.chain > 1:
            self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.action_move(3, 0)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.action_move(-3, 0)

    def on_resize(self, event: events.Resize) -> None:
        self._shown.clear()
        self.renew()
        self.post_message(self.Moved())


def cell_of(value: object) -> Span:
    """A value of the data as its cell shows it: as it is, not rounded to what a figure would be; absent is no text."""
    match value:
        case None:
            return "—", "dim"
        case "":
            return '""', "dim"
        case bool():
            return ("true" if value else "false"), ""
        case float():
            said = repr(value)
            return (said if len(said) <= DIGITS else f"{value:.{DIGITS - 4}g}"), ""
    return clean(value), ""
