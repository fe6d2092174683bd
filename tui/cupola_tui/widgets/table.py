"""The record table: draws only what is visible, so that 100,000 rows scroll without delay."""

from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from cupola_tui import keymap
from cupola_tui.paint import Line, PaintedScroll, fit, fold
from cupola_tui.plain import clean
from cupola_tui.widgets.rows import Column, Record, Rows

MARGIN = 2  # the mark and a space before each row
SAMPLE = 200  # rows that are looked at to find a column's width


class View:
    """What a pane remembers of its table (rows, cursor, scroll) while the widget shows another pane."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.whole = False  # whether all the rows were there when they were last put in
        self.cursor: str | None = None
        self.awaited: str | None = None
        self.column = 0
        self.row = 0
        self.top = 0
        self.pin: str | None = None
        self.pin_row = 0
        self.anchor: str | None = None
        self.columns: list[Column] = []


class RecordTable(PaintedScroll, can_focus=True, inherit_bindings=False):
    """Shows one `View` at a time; the cursor, the marks and the scroll stay with their records."""

    BINDINGS = keymap.bindings("table")
    busy: reactive[str] = reactive("")

    class Moved(Message):
        """The cursor is on another record (None: on none)."""

        def __init__(self, record: Record | None) -> None:
            super().__init__()
            self.record = record

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RecordTable.Moved)

    class Opened(Message):
        """Enter, or a second click."""

    class Menu(Message):
        """The right mouse button."""

        def __init__(self, x: int, y: int) -> None:
            super().__init__()
            self.x, self.y = x, y

    class Marked(Message):
        """Marks, sorting or waiting rows are not what they were."""

    COMPONENT_CLASSES: ClassVar[set[str]] = PaintedScroll.COMPONENT_CLASSES

    def __init__(self, view: View, empty: list[str], id: str) -> None:
        super().__init__(id=id)
        self.view = view
        self.empty = empty
        self._layout: list[tuple[Column, int]] = []
        self._shown: dict[int, tuple[Line, str]] = {}

    # What the screen tells it.

    def show(self, view: View, empty: list[str]) -> None:
        """Shows another view, where it was left."""
        self.view, self.empty = view, empty
        self.renew()
        self.scroll_to(0, view.top, animate=False, force=True)
        self._told()

    def renew(self) -> None:
        """Draws anew after the rows of the view have changed; what the eye is on stays where it is on the screen."""
        view, order = self.view, self.view.rows.order
        if view.rows.loaded and view.rows.place(view.cursor) is None:
            view.cursor = order[max(0, min(view.row, len(order) - 1))] if order else None
        pinned = view.rows.place(view.pin)
        if view.top and pinned is not None:
            view.top += pinned - view.pin_row
        view.row = view.rows.place(view.cursor) or 0
        self.virtual_size = Size(self.size.width, len(order) + 1)
        if view.pin is None or view.pin == view.cursor:
            view.top = min(max(view.top, view.row - self._page + 1), view.row)
        view.top = max(0, min(view.top, len(order) - self._page))
        self.scroll_to(0, view.top, animate=False, force=True)
        self._pin()
        self._redraw()

    def _pin(self) -> None:
        """Remembers which record the eye is on: the one under the cursor, or the first when that is out of sight."""
        view, order = self.view, self.view.rows.order
        seen = view.top <= view.row < view.top + self._page
        view.pin_row = view.row if seen else max(0, min(view.top, len(order) - 1))
        view.pin = order[view.pin_row] if order else None

    def cursor_record(self) -> Record | None:
        """The record under the cursor."""
        return self.view.rows.records.get(self.view.cursor) if self.view.cursor else None

    def chosen(self) -> list[Record]:
        """What verbs act on: the marked records in their order, else the one under the cursor."""
        rows = self.view.rows
        if rows.marks:
            return [rows.records[one] for one in rows.records if one in rows.marks]
        record = self.cursor_record()
        return [record] if record else []

    @property
    def plain(self) -> str:
        """The whole table as text."""
        if not self._layout:
            self._lay_out(self.size.width)
        lines = [self._head(), *map(self._row_line, self.view.rows.order)]
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)

    # Drawing.

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        line, under = self._shown[y] = self._line(y, width)
        return self.strip(line, width, under)

    def _line(self, y: int, width: int) -> tuple[Line, str]:
        """What stands on a line of the widget, and the style beneath it."""
        if not self._layout:
            self._lay_out(width)
        if y == 0:
            return self._head(), ""
        order = self.view.rows.order
        if not order:
            return self._empty_line(y - 2, width), ""
        place = y - 1 + round(self.scroll_y)
        if place >= len(order):
            return [], ""
        ident = order[place]
        return self._row_line(ident), "cursor" if ident == self.view.cursor else ""

    def _row_line(self, ident: str) -> Line:
        record = self.view.rows.records[ident]
        line: Line = [("▌ " if ident in self.view.rows.marks else "  ", "mark")]
        for column, cells in self._layout:
            text, style = column.draw(record)
            line += [(fit(clean(text), cells, column.right), style), (" ", "")]
        return line

    def _head(self) -> Line:
        rows = self.view.rows
        line: Line = [("  ", "")]
        for place, (column, cells) in enumerate(self._layout):
            arrow = ("↓" if rows.backwards else "↑") if rows.sort == column.key else ""
            title = f"{column.title} {arrow}" if arrow else column.title
            line += [(fit(title, cells, column.right), "dim column" if place == self.view.column else "dim"), (" ", "")]
        return line

    def _empty_line(self, y: int, width: int) -> Line:
        if self.busy:
            said = fold(self.busy, width - 4)
        elif not self.view.rows.loaded:
            said = []
        elif self.view.rows.wanted and self.view.rows.records:
            said = ["Nothing here fits the filter. esc clears it."]
        else:
            said = [part for line in self.empty for part in fold(line, width - 4)]
        style = "bad" if self.busy.startswith("✗") else "dim"
        return [("  " + said[y], style)] if 0 <= y < len(said) else []

    def _redraw(self) -> None:
        """Draws the lines that are no longer what was drawn, and no others: a slow link has to carry each."""
        width = self.size.width
        self._layout = []
        for y in range(self.size.height):
            if y not in self._shown or self._line(y, width) != self._shown[y]:
                self.refresh(Region(0, y, width, 1))

    def _lay_out(self, width: int) -> None:
        """Which columns fit, and how wide: those of lowest priority fall away, the rest takes what its cells need."""
        rows = self.view.rows
        shown = list(enumerate(self.view.columns))
        while len(shown) > 1 and MARGIN + sum(column.width + 1 for _, column in shown) - 1 > width:
            shown.remove(min(reversed(shown), key=lambda pair: pair[1].priority))
        sample = [rows.records[one] for one in rows.order[:SAMPLE]]
        widths = [self._needs(column, sample) for _, column in shown]
        over = MARGIN + sum(widths) + len(widths) - 1 - width
        for place in sorted(range(len(widths)), key=lambda place: shown[place][1].priority):
            if over <= 0:
                break
            cut = min(over, widths[place] - shown[place][1].width)
            widths[place] -= cut
            over -= cut
        self._layout = [(column, cells) for (_, column), cells in zip(shown, widths, strict=True)]
        self.view.column = min(self.view.column, max(0, len(shown) - 1))

    def _needs(self, column: Column, sample: list[Record]) -> int:
        longest = max((cell_len(clean(column.draw(record)[0])) for record in sample), default=0)
        return max(column.width, min(column.grow, max(longest, len(column.title) + 2)))

    # Moving.

    @property
    def _page(self) -> int:
        return max(1, self.size.height - 1)

    def go(self, row: int) -> None:
        """Puts the cursor on that row, or the nearest there is."""
        order = self.view.rows.order
        if not order:
            return
        view, old, row = self.view, self.view.row, max(0, min(row, len(order) - 1))
        view.cursor, view.row = order[row], row
        top = min(max(view.top, row - self._page + 1), row)
        if view.top != top:
            view.top = top
            self.scroll_to(0, top, animate=False, force=True)
        else:
            self.refresh(*(Region(0, one + 1 - top, self.size.width, 1) for one in {old, row}))
        self._pin()
        self._told()

    def _told(self) -> None:
        self.post_message(self.Moved(self.cursor_record()))

    def action_down(self) -> None:
        self.go(self.view.row + 1)

    def action_up(self) -> None:
        self.go(self.view.row - 1)

    def action_top(self) -> None:
        if self.view.rows.waiting:
            self.view.rows.release(self.view.columns)
            self.renew()
            self.post_message(self.Marked())
        self.go(0)

    def action_bottom(self) -> None:
        self.go(len(self.view.rows.order) - 1)

    def action_page(self, pages: int) -> None:
        self.go(self.view.row + pages * max(1, self._page // 2))

    def action_column(self, by: int) -> None:
        if not self._layout:
            self._lay_out(self.size.width)
        self.view.column = max(0, min(len(self._layout) - 1, self.view.column + by))
        self.refresh(Region(0, 0, self.size.width, 1))

    def action_open(self) -> None:
        self.post_message(self.Opened())

    # Sorting and marking.

    def action_sort(self) -> None:
        """By the column under the cursor; a second time gives the order of before back."""
        if not self._layout:
            return
        rows, key = self.view.rows, self._layout[self.view.column][0].key
        rows.sort = "" if rows.sort == key else key
        self._resort()

    def action_reverse(self) -> None:
        rows = self.view.rows
        if not rows.sort and self._layout:
            rows.sort = self._layout[self.view.column][0].key
        rows.backwards = not rows.backwards
        self._resort()

    def _resort(self) -> None:
        rows = self.view.rows
        rows.waiting.clear()
        rows.arrange(self.view.columns)
        self.renew()
        self.go(self.view.row)
        self.post_message(self.Marked())

    def action_mark(self) -> None:
        ident = self.view.cursor
        if ident is None:
            return
        self.view.rows.marks ^= {ident}
        self.view.anchor = ident
        self.go(self.view.row + 1)
        self.refresh()
        self.post_message(self.Marked())

    def action_mark_range(self) -> None:
        """Marks everything between the record marked last and the cursor."""
        rows = self.view.rows
        start = rows.place(self.view.anchor)
        if start is None:
            self.action_mark()
            return
        low, high = sorted((start, self.view.row))
        rows.marks |= set(rows.order[low : high + 1])
        self.view.anchor = self.view.cursor
        self.refresh()
        self.post_message(self.Marked())

    # The mouse and the size.

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        if at.y == 0:
            self._click_head(at.x)
            return
        row = at.y - 1 + round(self.scroll_y)
        if row >= len(self.view.rows.order):
            return
        same = row == self.view.row
        self.go(row)
        if event.button == 3:
            self.post_message(self.Menu(event.screen_x, event.screen_y))
        elif same and event.chain > 1:
            self.post_message(self.Opened())

    def _click_head(self, x: int) -> None:
        edge = MARGIN
        for place, (_, cells) in enumerate(self._layout):
            edge += cells + 1
            if x < edge:
                self.view.column = place
                self.action_sort()
                return

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self.view.top != round(new_value):
            self.view.top = round(new_value)
            self._pin()

    def on_resize(self, event: events.Resize) -> None:
        self._shown.clear()
        self.renew()

    def watch_busy(self) -> None:
        self.refresh()
