"""A scrolling sheet of painted lines, drawn anew for each width."""

from collections.abc import Callable

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from cupola_tui import keymap
from cupola_tui.paint import Line, PaintedScroll, width_of


class Sheet(PaintedScroll, can_focus=True, inherit_bindings=False):
    """Shows what `draw(width, height)` gives; scrolls both ways."""

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
            self.scroll_to(0, 0, animate=False)

    def renew(self) -> None:
        """Draws the same anew; nothing is written when nothing is different."""
        width, height = self.scrollable_content_region.size  # beside the bar, which lies upon the last column of `size`
        lines = self._draw(width, height) if width else []
        before, self.lines = self.lines, lines
        if lines == before:
            return
        self.virtual_size = Size(max((width_of(line) for line in lines), default=0), len(lines))
        top, height = round(self.scroll_y), self.size.height
        for row in range(top, top + height):
            if before[row : row + 1] != lines[row : row + 1]:
                self.refresh(Region(0, row - top, self.size.width, 1))

    @property
    def plain(self) -> str:
        """The whole sheet as text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines)

    def render_line(self, y: int) -> Strip:
        left, top, width = round(self.scroll_x), round(self.scroll_y), self.size.width
        row = y + top
        line = self.lines[row] if row < len(self.lines) else []
        if not left:
            return self.strip(line, width)
        return self.strip(line, max(width_of(line), left + width)).crop(left, left + width)

    def on_resize(self, event: events.Resize) -> None:
        self.renew()

    def watch_show_vertical_scrollbar(self) -> None:
        """The bar takes a column from the lines."""
        self.renew()

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Turned(f"line {event.y + round(self.scroll_y)}", event.x + round(self.scroll_x)))

    def action_turn(self, thing: str, by: int) -> None:
        self.post_message(self.Turned(thing, by))

    def action_line(self, by: int) -> None:
        self.scroll_to(y=self.scroll_y + by, animate=False)

    def action_page(self, pages: int) -> None:
        self.scroll_to(y=self.scroll_y + pages * max(1, self.size.height // 2), animate=False)

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_bottom(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False)
