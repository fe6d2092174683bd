"""A scrolling sheet of painted lines, drawn anew for each width."""

from collections.abc import Callable

from rich.cells import cell_len
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from cupola_tui import keymap
from cupola_tui.paint import Line, PaintedScroll, width_of

SIDEWAYS = 4  # steps in which the width is scrolled


class Sheet(PaintedScroll, can_focus=True, inherit_bindings=False):
    """Shows what `draw(width, height)` gives; scrolls both ways. What is cut at a side has a mark there."""

    BINDINGS = keymap.bindings("detail")
    DEFAULT_CSS = "Sheet { scrollbar-size: 0 1; }"

    class Turned(Message):
        """Another one of some thing is wanted: so many steps on, or back; of a line, what stands in so many cells."""

        def __init__(self, thing: str, by: int) -> None:
            super().__init__()
            self.thing, self.by = thing, by

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw: Callable[[int, int], list[Line]] = lambda width, height: []
        self.lines: list[Line] = []

    def fill(self, draw: Callable[[int, int], list[Line]], *, from_top: bool) -> None:
        """Shows something else; from its top, or where it was scrolled to."""
        self._draw = draw
        self.renew()
        if from_top:
            self.scroll_to(0, 0, animate=False, force=True)  # it has no bar for its width

    def renew(self) -> None:
        """Draws the same anew; nothing is written when nothing is different."""
        width, height = self.scrollable_content_region.size  # beside the bar, which lies upon the last column of `size`
        lines = self._draw(width, height) if width else []
        before, self.lines = self.lines, lines
        if lines == before:
            return
        self.virtual_size = Size(max((width_of(line) for line in lines), default=0), len(lines))
        if self.scroll_x > self.max_scroll_x:
            self.scroll_to(x=self.max_scroll_x, animate=False, force=True)
        top, height = round(self.scroll_y), self.size.height
        for row in range(top, top + height):
            if before[row : row + 1] != lines[row : row + 1]:
                self.refresh(Region(0, row - top, self.size.width, 1))

    @property
    def plain(self) -> str:
        """The whole sheet as text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines)

    def render_line(self, y: int) -> Strip:
        left, width = round(self.scroll_x), self.size.width
        row = y + round(self.scroll_y)
        line = self.lines[row] if row < len(self.lines) else []
        room, whole = self.scrollable_content_region.width, width_of(line)
        if not left and whole <= room:
            return self.strip(line, width)
        if whole > left + room:
            whole = cell_len("".join(text for text, _ in line).rstrip())
        shown = self.strip(line, max(whole, left + width)).crop(left, left + width)
        mark = self.strip([("…", "dim")], 1)
        if left and whole:
            shown = Strip.join([mark, shown.crop(1, width)])
        if whole > left + room:
            shown = Strip.join([shown.crop(0, room - 1), mark, shown.crop(room, width)])
        return shown

    def on_resize(self, event: events.Resize) -> None:
        self.renew()

    def watch_show_vertical_scrollbar(self) -> None:
        """The bar takes a column from the lines."""
        self.renew()

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Turned(f"line {event.y + round(self.scroll_y)}", event.x + round(self.scroll_x)))

    def action_turn(self, thing: str, by: int) -> None:
        self.post_message(self.Turned(thing, by))

    def action_sideways(self, by: int) -> None:
        """Brings what is cut at a side into sight; where nothing is, turns to another plot."""
        if self.max_scroll_x:
            step = max(1, self.size.width // SIDEWAYS)
            self.scroll_to(x=round(self.scroll_x) + by * step, animate=False, force=True)
        else:
            self.action_turn("plot", by)

    def action_line(self, by: int) -> None:
        self.scroll_to(y=self.scroll_y + by, animate=False)

    def action_page(self, pages: int) -> None:
        self.scroll_to(y=self.scroll_y + pages * max(1, self.size.height // 2), animate=False)

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_bottom(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False)
