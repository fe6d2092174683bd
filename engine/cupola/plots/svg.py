"""A plot as SVG: one text that needs nothing from elsewhere."""

import html
import re

from cupola.plots.layout import Area, Dot, Label, Page, Shape, Stroke, of
from cupola.plots.records import Plot, Point

FONT = "system-ui, 'DejaVu Sans', 'Helvetica Neue', Arial, sans-serif"
# What XML cannot hold even when it is escaped, and what turns the reading direction round.
_NO_XML = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffe\uffff]"
)


def svg(plot: Plot) -> str:
    """The plot, with its title as the name that is read aloud."""
    page = of(plot)
    size = f'width="{page.width:g}" height="{page.height:g}" viewBox="0 0 {page.width:g} {page.height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">'
    background = f'<rect width="{page.width:g}" height="{page.height:g}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{words(plot.title)}</title>", background, *_drawn(page), "</svg>"]) + "\n"


def words(text: str) -> str:
    """A text from anywhere as XML and HTML can hold it."""
    return html.escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def _drawn(page: Page) -> list[str]:
    return [_shape(one) for one in page.shapes]


def _shape(shape: Shape) -> str:
    match shape:
        case Stroke(points, colour, width, dashed):
            dashes = ' stroke-dasharray="5 4"' if dashed else ""
            style = f'fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"{dashes}'
            return f'<polyline points="{_points(points)}" {style}/>'
        case Area(points, colour, opacity):
            return f'<polygon points="{_points(points)}" fill="{colour}" fill-opacity="{opacity:.3g}"/>'
        case Dot((x, y), colour, radius):
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}" fill-opacity="0.6"/>'
        case Label((x, y), text, anchor, colour, size, bold):
            weight = ' font-weight="600"' if bold else ""
            style = f'text-anchor="{anchor}" font-size="{size:g}" fill="{colour}"{weight}'
            return f'<text x="{x:.1f}" y="{y + size * 0.35:.1f}" {style}>{words(text)}</text>'


def _points(points: list[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
