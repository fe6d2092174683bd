"""Lines of styled text, drawn cell by cell: no markup is ever parsed, so that text from files stays text."""

import re
from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

Span = tuple[str, str]
"""A text and the name of its style ("" is plain, "good bold" combines)."""
Line = list[Span]

STYLES = (
    *("bold", "good", "bad", "warn", "accent", "title", "mark", "cursor", "column", "key", "found", "reverse"),
    "field",
)


def width_of(line: Line) -> int:
    """How many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def joined(cells: Line) -> Line:
    """Neighbours of one style together."""
    line: Line = []
    for text, style in cells:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line


def fit(text: str, width: int, right: bool = False) -> str:
    """`text` in exactly `width` cells; what is cut off shows as an ellipsis."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else "…"[:width]
    return " " * (width - length) + text if right else text + " " * (width - length)


def fold(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken at spaces where that can be."""
    width, line = max(8, width), ""
    lines: list[str] = []
    for part in re.findall(r"\s+|\S+", text):
        if cell_len(line + part) <= width:
            line += part
        elif part.isspace():
            lines.append(line)
            line = ""
        elif cell_len(part) > width:  # no line can hold it: it is broken where it happens to be
            *full, line = chop_cells(line + part, width)
            lines += full
        else:
            lines.append(line.rstrip())
            line = part
    return [*lines, line.rstrip()]


class Painter(Widget):
    """A widget that draws spans by the names of their styles; how they look is in paint.tcss."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"paint--{name}" for name in STYLES}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._inks: dict[str, Style] = {}

    def ink(self, names: str) -> Style:
        """The style of that name (or of several, later ones on top) upon the widget's own."""
        if names not in self._inks:
            style = self.rich_style
            for name in names.split():
                style += self._dim() if name == "dim" else self.get_component_rich_style(f"paint--{name}", partial=True)
            self._inks[names] = style
        return self._inks[names]

    def _dim(self) -> Style:
        """Three fifths of the way from the background to the text; terminals of 16 colours have a dim of their own."""
        if self.app.native_ansi_color:
            return Style(dim=True)
        _, _, background, colour = self.colors
        return Style(color=background.blend(colour, 0.6, 1).rich_color)

    def strip(self, line: Iterable[Span], width: int, under: str = "") -> Strip:
        """The line as Textual draws it, cut or filled up to `width`; `under` is a style that wins over every span's."""
        segments: list[Segment] = []
        for text, names in line:
            style = self.ink(f"{names} {under}" if under else names)
            if segments and segments[-1].style is style:
                segments[-1] = Segment(segments[-1].text + text, style)
            else:
                segments.append(Segment(text, style))
        return Strip(segments).adjust_cell_length(width, self.ink(under))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._inks.clear()


def entitle(widget: Widget, title: str, below: str | None = None) -> None:
    """Sets the words in a widget's border where they are others than before: Textual draws it all anew each time."""
    if getattr(widget, "_words", None) != (title, below):
        widget._words = (title, below)  # type: ignore[attr-defined]
        widget.border_title = Content(title or " ")
        widget.border_subtitle = Content(below) if below else None


class PaintedScroll(Painter, ScrollView):
    """A Painter that scrolls."""

    # Textual's rules for a ScrollView go by its name, which a class that has another base first does not inherit.
    DEFAULT_CSS = "PaintedScroll { overflow-x: hidden; overflow-y: auto; scrollbar-size: 0 0; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = Painter.COMPONENT_CLASSES
