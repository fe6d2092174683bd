"""Lines of styled text, drawn cell by cell: no markup is ever parsed, so that text from files stays text."""

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

Span = tuple[str, str]
"""A text and the name of its style ("" is plain, "good bold" combines)."""
Line = list[Span]

STYLES = ("dim", "bold", "good", "bad", "warn", "accent", "title", "mark", "cursor", "column", "key", "found", "reverse")


def width_of(line: Line) -> int:
    """How many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit(text: str, width: int, right: bool = False) -> str:
    """`text` in exactly `width` cells; what is cut off shows as an ellipsis."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else "…"[:width]
    return " " * (width - length) + text if right else text + " " * (width - length)


def fold(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken at spaces where that can be."""
    import textwrap

    return textwrap.wrap(text, max(8, width), break_long_words=True, break_on_hyphens=False) or [""]


class Painter(Widget):
    """A widget that draws spans by the names of their styles; how they look is in paint.tcss."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"paint--{name}" for name in STYLES}

    def ink(self, names: str) -> Style:
        """The style of that name (or of several, later ones on top) upon the widget's own."""
        style = self.rich_style
        for name in names.split():
            style += self.get_component_rich_style(f"paint--{name}", partial=True)
        return style

    def strip(self, line: Iterable[Span], width: int, under: str = "") -> Strip:
        """The line as Textual draws it, cut or filled up to `width`; `under` is the style beneath every span."""
        base = self.ink(under)
        segments = [Segment(text, self.ink(f"{under} {style}") if style else base) for text, style in line]
        return Strip(segments).adjust_cell_length(width, base)


class PaintedScroll(Painter, ScrollView):
    """A Painter that scrolls."""

    COMPONENT_CLASSES: ClassVar[set[str]] = Painter.COMPONENT_CLASSES
