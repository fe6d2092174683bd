"""Parallel coordinates: an axis for each figure, a line for each record, coloured by the last axis."""

from collections.abc import Sequence
from itertools import pairwise

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.paint import Line, fit, joined
from cupola_tui.plain import clean
from cupola_tui.widgets.plot import Canvas
from cupola_tui.widgets.scales import SHADES, Axis, Scale, shades

BETWEEN = 13  # cells from one axis to the next, at least
LABELS = 3  # rows: names, upper ends, lower ends
STRONG = "mark"


def room(width: int) -> int:
    """How many axes can stand side by side."""
    return max(2, (width - 1) // BETWEEN + 1)


def parallel(
    axes: Sequence[Axis], width: int, height: int, *, smaller_is_better: bool = False, chosen: int | None = None
) -> list[Line]:
    """Draws the records as lines across the axes; at most `room(width)` axes, two at least.

    A record that has no value on an axis passes below it, at "—". The better lines (by the last axis, as
    `smaller_is_better` says) lie above the others, and the one at `chosen` above all.
    """
    axes = axes[: room(width)]
    records = len(axes[0].values) if axes else 0
    if len(axes) < 2 or not records:
        return []
    scales = [Scale(axis) for axis in axes]
    canvas = Canvas(width, max(3, height - LABELS))
    columns = [round(place * (width - 1) / (len(axes) - 1)) for place in range(len(axes))]
    places = [[scale.at(value) for value in axis.values] for scale, axis in zip(scales, axes, strict=True)]
    missing = any(place is None for each in places for place in each)
    heights = [_heights(each, canvas.rows * 4, missing) for each in places]
    _draw(canvas, columns, heights, shades(axes[-1], smaller_is_better=smaller_is_better), chosen)
    spacing = (width - 1) // (len(axes) - 1)
    rows = [_cells(canvas, row) for row in range(canvas.rows)]
    for place, (scale, column) in enumerate(zip(scales, columns, strict=True)):
        for cells in rows:
            cells[column] = ("│", "dim")
        shared = place >= len(scales) - 2  # the last two axes have their names in the room between them
        if scale.categories:
            longest = spacing // 2 - 1 if shared else spacing - 3
            _name_categories(rows, scale, column, longest, _usable(canvas.rows * 4, missing))
        if missing:
            rows[-1][column] = (figures.ABSENT, "dim")
    upper = ["" if scale.categories else scale.label(1) for scale in scales]
    lower = ["" if scale.categories else scale.label(0) for scale in scales]
    return [
        _spread([scale.title(width // len(axes) - 1) for scale in scales], columns, width, "title"),
        _spread(upper, columns, width, "dim"),
        *map(joined, rows),
        _spread(lower, columns, width, "dim"),
    ]


def _usable(dots: int, missing: bool) -> int:
    """How many rows of dots the values have; what is missing has the last row of cells, a free one above it."""
    return dots - 8 if missing and dots > 12 else dots


def _heights(places: list[float | None], dots: int, missing: bool) -> list[int]:
    below = _usable(dots, missing) - 1
    return [dots - 2 if place is None else round((1 - place) * below) for place in places]


def _draw(canvas: Canvas, columns: list[int], heights: list[list[int]], styles: list[str], chosen: int | None) -> None:
    """Lines that fall together are drawn once, in the best of their colours."""
    rank = {"dim": 0} | {style: place for place, style in enumerate(SHADES, 1)}
    for place, (start, end) in enumerate(pairwise(columns)):
        best: dict[tuple[int, int], str] = {}
        for one, other, style in zip(heights[place], heights[place + 1], styles, strict=True):
            if rank[style] >= rank[best.get((one, other), "dim")]:
                best[one, other] = style
        for (one, other), style in sorted(best.items(), key=lambda each: rank[each[1]]):
            canvas.line((2 * start, one), (2 * end, other), style)
        if chosen is not None:
            canvas.line((2 * start, heights[place][chosen]), (2 * end, heights[place + 1][chosen]), STRONG)


def _cells(canvas: Canvas, row: int) -> Line:
    return [
        (chr(0x2800 + bits) if bits else " ", style if bits else "")
        for bits, style in zip(canvas.bits[row], canvas.styles[row], strict=True)
    ]


def _name_categories(rows: list[Line], scale: Scale, column: int, longest: int, usable: int) -> None:
    """The categories beside their axis, at its left where it is the last; those that find no row are left out."""
    taken: set[int] = set()
    for name in scale.categories:
        row = round((1 - (scale.at(name) or 0.0)) * (usable - 1)) // 4
        text = fit(clean(name), min(cell_len(clean(name)), longest))
        if row in taken or not text:
            continue
        taken.add(row)
        length = cell_len(text)
        begin = column + 1 if column + 1 + length <= len(rows[row]) else column - length
        rows[row][begin : begin + length] = [(text, "bold"), *[("", "bold")] * (length - 1)]


def _spread(texts: list[str], columns: list[int], width: int, style: str) -> Line:
    """A text near each column, within equal parts of the width, in which the columns are."""
    line = ""
    for place, (text, column) in enumerate(zip(texts, columns, strict=True)):
        begin, end = place * width // len(texts), (place + 1) * width // len(texts)
        length = min(cell_len(text), end - begin - 1)
        left = min(max(begin, column - length // 2), end - length - (place < len(texts) - 1))
        line += " " * (left - cell_len(line)) + fit(text, length)
    return [(line, style)]
