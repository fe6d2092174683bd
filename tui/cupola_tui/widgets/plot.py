"""Plots drawn with cells: curves and scatters in braille (2 x 4 dots a cell), areas and bars in blocks.

Neither Textual nor what it brings is loaded: the command line draws with it too.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from cupola.plots import times
from cupola.plots.records import Bars, Curves, Frame, Matrix, Plot, Series, frame, placeable
from cupola_tui import figures
from cupola_tui.plain import clean

if TYPE_CHECKING:
    from cupola_tui.paint import Line

Points = list[tuple[float, float]]
COLOURS = ("accent", "good", "warn", "bad")
MOST_NAMES = 24  # cells of a name
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
AXIS = 9
ORDER = ("band", "guide", "line", "points")  # what lies below comes first


class Canvas:
    """A grid of braille cells."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.bits = [[0] * columns for _ in range(rows)]
        self.styles = [[""] * columns for _ in range(rows)]

    def dot(self, x: int, y: int, style: str) -> None:
        """Sets a dot; x to the right, y downwards, in dots."""
        if 0 <= x < self.columns * 2 and 0 <= y < self.rows * 4:
            self.bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
            self.styles[y // 4][x // 2] = style

    def line(self, start: tuple[int, int], end: tuple[int, int], style: str, every: int = 1) -> None:
        """A line of dots; `every` larger than 1 leaves gaps between them, by how far to the right they are."""
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            if every > 1 and (start[0] + round((end[0] - start[0]) * step / steps)) % every:
                continue
            self.dot(
                start[0] + round((end[0] - start[0]) * step / steps),
                start[1] + round((end[1] - start[1]) * step / steps),
                style,
            )

    def row(self, row: int) -> "Line":
        """One row as spans, neighbours of one style together."""
        line: Line = []
        for bits, style in zip(self.bits[row], self.styles[row], strict=True):
            text = chr(0x2800 + bits) if bits else " "
            if line and line[-1][1] == style:
                line[-1] = (line[-1][0] + text, style)
            else:
                line.append((text, style))
        return line


def drawn(plot: Plot, width: int, height: int) -> list["Line"]:
    """Any plot with its title; `height` is for what has a scale upwards, and may be more by a few lines."""
    lines: list[Line] = [[(f" {_cut(plot.title, width - 2)}", "title")]]
    match plot:
        case Curves():
            lines += _curves(plot, width, height)
        case Bars():
            lines += [[(f" {_cut(plot.of, width - 2)}", "dim")], *_bars(plot, width)]
        case Matrix():
            lines += _matrix(plot)
    return [*lines, [(f" {_cut(plot.note, width - 2)}", "dim")]] if plot.note else lines


def _curves(plot: Curves, width: int, height: int) -> list["Line"]:
    shown = frame(plot)
    if shown is None:
        return [[(" nothing to draw", "dim")]]
    canvas = Canvas(max(8, width - AXIS), max(2, height))
    legend: Line = [(f" {clean(plot.y)}  ", "")]
    inks = _inks(plot)
    for one, style in inks:
        if one.kind == "band" or any(one.name == other.name for other, _ in inks[: inks.index((one, style))]):
            continue
        legend += [("┅ " if one.kind == "guide" else "• " if one.kind == "points" else "━ ", style)]
        newest = one.kind == "line" and not plot.limits and bool(one.points)  # else where it ends is known beforehand
        legend += [
            (f"{clean(one.name)} {figures.number(one.points[-1][1])}  " if newest else f"{clean(one.name)}  ", "")
        ]
    for one, style in sorted(inks, key=lambda ink: ORDER.index(ink[0].kind)):
        if one.kind == "band":
            _shade(canvas, shown, one, style)
            continue
        ends = list(zip(one.points, one.low, one.high, strict=False))
        for band in ([(x, low) for (x, _), low, _ in ends], [(x, high) for (x, _), _, high in ends]):
            _stroke(canvas, shown, band, style, every=3)
        if one.kind == "points":
            for point in filter(placeable, one.points):
                canvas.dot(*_place(point, shown, canvas), style)
        else:
            _stroke(canvas, shown, one.points, style, every=4 if one.kind == "guide" else 1)
    below = f"{clean(plot.x):^{max(0, canvas.columns)}}".rstrip()
    label = times.label if plot.times else _tick
    return [_fitted(legend, width), *_axes(canvas, shown, width, label), [(" " * AXIS + below, "dim")]]


def _inks(plot: Curves) -> list[tuple[Series, str]]:
    """Each series with its style; a band has that of the series after it."""
    styles = iter(COLOURS * (len(plot.series) // len(COLOURS) + 1))
    found: list[tuple[Series, str]] = []
    bands: list[Series] = []
    for one in plot.series:
        if one.kind == "band":
            bands.append(one)
            continue
        style = "dim" if one.kind == "guide" else next(styles)
        found += [(each, style) for each in [*bands, one]]
        bands = []
    return found


def _shade(canvas: "Canvas", shown: Frame, band: Series, style: str) -> None:
    """The space between low and high in dots with gaps between them, so that lines over it are still seen."""
    ends = [
        (_place((x, high), shown, canvas), _place((x, low), shown, canvas)[1])
        for (x, _), low, high in zip(band.points, band.low, band.high, strict=False)
        if placeable((x, low)) and placeable((x, high))
    ]
    for ((left, top), bottom), ((right, next_top), next_bottom) in zip(ends, ends[1:] or ends, strict=False):
        for x in range(left, right + 1):
            part = (x - left) / max(1, right - left)
            for y in range(round(top + (next_top - top) * part), round(bottom + (next_bottom - bottom) * part) + 1):
                if (x + 3 * y) % 5 == 0:
                    canvas.dot(x, y, style)


def _stroke(canvas: "Canvas", shown: Frame, points: Points, style: str, every: int) -> None:
    """A line through points, of which each `every`th dot is set."""
    placed = [_place(point, shown, canvas) for point in points if placeable(point)]
    for start, end in zip(placed, placed[1:] or placed, strict=False):
        canvas.line(start, end, style, every)


def _bars(plot: Bars, width: int) -> list["Line"]:
    """A line for each value; what is below zero is drawn as long, and says so by its sign and its colour."""
    values = [
        (name, value if placeable((0, value)) else 0.0) for name, value in zip(plot.names, plot.values, strict=False)
    ]
    if not values:
        return [[(" nothing to draw", "dim")]]
    most = max(abs(value) for _, value in values) or 1.0
    names = min(MOST_NAMES, max(cell_len(clean(name)) for name, _ in values))
    whole = all(value == int(value) for _, value in values)
    numbers = [f"{value:,.0f}" if whole else figures.number(value) for _, value in values]
    room = max(4, width - names - max(map(len, numbers)) - 4)
    return [
        [
            (f" {_fit(clean(name), names)} ", ""),
            ("█" * round(abs(value) / most * room) or "▏", "good" if value >= 0 else "bad"),
            (f" {number}", "dim"),
        ]
        for (name, value), number in zip(values, numbers, strict=True)
    ]


def _matrix(plot: Matrix) -> list["Line"]:
    """The counts, what is right in another colour; of each class how much is right."""
    classes = [clean(one) for one in plot.classes]
    if not classes:
        return [[(" nothing to draw", "dim")]]
    widest = max(len(f"{count:,}") for row in plot.counts for count in row) if plot.counts else 1
    cell = max(7, widest + 1, min(12, max(map(cell_len, classes)) + 1))
    lines: list[Line] = [[(" " * (cell + 3) + "predicted", "dim")]]
    lines.append([(f" {'true':<{cell}} ", "dim"), *[(_fit(name, cell, right=True), "dim") for name in classes]])
    for place, (name, row) in enumerate(zip(classes, plot.counts, strict=False)):
        total = sum(row) or 1
        line: Line = [(f" {_fit(name, cell)} ", "")]
        for column, count in enumerate(row):
            many = count / total > 0.2
            style = ("good bold" if many else "good") if column == place else "bad" if many else "dim"
            line.append((f"{count:,}".rjust(cell), style))
        lines.append([*line, (f"   {row[place] / total:6.1%} right", "dim")])
    return lines


def _cut(text: str, width: int) -> str:
    text = clean(text)
    return text if cell_len(text) <= width else _fit(text, width)


def _fit(text: str, width: int, right: bool = False) -> str:
    """The text in exactly so many cells."""
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + "…"
    return (" " * (width - cell_len(text)) + text) if right else set_cell_size(text, width)


def _fitted(line: "Line", width: int) -> "Line":
    """As many spans, from the left, as there is room for."""
    kept: Line = []
    for span in line:
        room = width - sum(cell_len(text) for text, _ in kept)
        if cell_len(span[0].rstrip()) > room:
            return [*kept, (_cut(span[0], room), span[1])] if room > 4 else kept
        kept.append(span if cell_len(span[0]) <= room else (span[0].rstrip(), span[1]))
    return kept


def curve(series: dict[str, Points], width: int, height: int) -> list["Line"]:
    """Several curves over one x, with a legend above and the scales beside."""
    series = {name: [point for point in points if _finite(point)] for name, points in series.items()}
    every = [point for points in series.values() for point in points]
    if not every:
        return []
    legend = _legend(series, list(series), "")
    if sum(cell_len(text) for text, _ in legend) > width and len(series) > 1:
        # "validation_log_loss" and "train_log_loss": what they share is said once.
        shared = min((name.partition("_")[2] for name in series), key=len)
        if shared and all(name.endswith(f"_{shared}") for name in series):
            legend = _legend(series, [name.removesuffix(f"_{shared}") for name in series], f"{shared}  ")
    canvas, frame = _frame(every, width, height)
    for points, style in zip(series.values(), COLOURS, strict=False):
        placed = [_place(point, frame, canvas) for point in points]
        for start, end in zip(placed, placed[1:] or placed, strict=False):
            canvas.line(start, end, style)
    return [_fitted(legend, width), *_axes(canvas, frame, width)]


def _legend(series: dict[str, Points], names: list[str], title: str) -> "Line":
    """What each curve is called, with its newest value."""
    legend: Line = [(f" {title}", "")]
    for points, name, style in zip(series.values(), names, COLOURS, strict=False):
        last = points[-1][1] if points else math.nan
        legend += [("━ ", style), (f"{name} {figures.number(last)}  ", "")]
    return legend


def scatter(points: Points, width: int, height: int) -> list["Line"]:
    """Points, and a line at zero where that is in sight."""
    points = [point for point in points if _finite(point)]
    if not points:
        return []
    canvas, frame = _frame(points, width, height)
    left, _, low, high = frame
    if low < 0 < high:
        y = _place((left, 0.0), frame, canvas)[1]
        for x in range(0, canvas.columns * 2, 4):
            canvas.dot(x, y, "dim")
    for point in points:
        canvas.dot(*_place(point, frame, canvas), "accent")
    return _axes(canvas, frame, width)


def area(values: list[float], width: int, height: int, style: str) -> list["Line"]:
    """The newest values at the right, filled from below in eighths of a cell."""
    room = max(4, width - AXIS)
    shown = values[-room:]
    each = max(1, room // max(1, len(shown)))
    top = max(shown, default=0.0) or 1.0
    lines: list[Line] = []
    for row in range(height):
        cells = "".join(_filled(value / top * height - (height - 1 - row)) * each for value in shown)
        label = figures.number(top, 1) if row == 0 else "0" if row == height - 1 else ""
        lines.append([(f"{label:>{AXIS - 2}} ", "dim"), ("│", "dim"), (cells, style)])
    return lines


def _filled(part: float) -> str:
    return " " if part <= 0.06 else figures.BLOCKS[max(0, min(7, math.ceil(part * 8) - 1))]


def _finite(point: tuple[float, float]) -> bool:
    """Whether it can be placed; the largest numbers there are cannot even be subtracted."""
    return all(math.isfinite(one) and abs(one) < 1e300 for one in point)


def _frame(points: Points, width: int, height: int) -> tuple[Canvas, tuple[float, float, float, float]]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)
    spare = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    low, high = max(low - spare, 0.0) if low >= 0 else low - spare, high + spare
    return Canvas(max(8, width - AXIS), max(2, height)), (left, right if right > left else left + 1, low, high)


def _place(point: tuple[float, float], frame: tuple[float, float, float, float], canvas: Canvas) -> tuple[int, int]:
    """Where a point is, in dots; one far outside of what is shown is put near it, since lines are drawn dot by dot."""
    left, right, low, high = frame
    across, up = canvas.columns * 2 - 1, canvas.rows * 4 - 1
    x, y = (point[0] - left) / ((right - left) or 1), (high - point[1]) / ((high - low) or 1)
    return round(min(2.0, max(-1.0, x)) * across), round(min(2.0, max(-1.0, y)) * up)


def _tick(value: float, reach: float) -> str:
    """A number at an axis, in at most seven cells."""
    value = 0.0 if abs(value) < reach * 0.01 else value  # a dot has no such height, and none is "-0"
    whole = f"{value:,.0f}"
    if len(whole) > AXIS - 2:
        return f"{value:.0e}"
    if value == int(value) and reach >= 4:
        return whole
    places = max(0, min(6, 2 - math.floor(math.log10(reach)))) if reach > 0 else 3
    return f"{value:.{places}f}"[: AXIS - 2]


def _axes(
    canvas: Canvas, frame: tuple[float, float, float, float], width: int, named: Callable[[float, float], str] = _tick
) -> list["Line"]:
    left, right, low, high = frame
    lines: list[Line] = []
    for row in range(canvas.rows):
        value = high - (high - low) * row / max(1, canvas.rows - 1)
        label = _tick(value, high - low) if row in (0, canvas.rows // 2, canvas.rows - 1) else ""
        lines.append([(f"{label:>{AXIS - 2}} ", "dim"), ("┤" if label else "│", "dim"), *canvas.row(row)])
    start, end = named(left, right - left), named(right, right - left)
    room = max(0, canvas.columns - len(start) - len(end))
    lines.append([(" " * (AXIS - 1) + "└" + "─" * canvas.columns, "dim")])
    lines.append([(" " * AXIS + start + " " * room + end, "dim")])
    return lines
