"""Plots drawn with cells: curves and scatters in braille (2 x 4 dots a cell), areas in blocks."""

import math

from cupola_tui import figures
from cupola_tui.paint import Line, width_of

Points = list[tuple[float, float]]
COLOURS = ("accent", "good", "warn", "bad")
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
AXIS = 9


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

    def line(self, start: tuple[int, int], end: tuple[int, int], style: str) -> None:
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            self.dot(
                start[0] + round((end[0] - start[0]) * step / steps),
                start[1] + round((end[1] - start[1]) * step / steps),
                style,
            )

    def row(self, row: int) -> Line:
        """One row as spans, neighbours of one style together."""
        line: Line = []
        for bits, style in zip(self.bits[row], self.styles[row], strict=True):
            text = chr(0x2800 + bits) if bits else " "
            if line and line[-1][1] == style:
                line[-1] = (line[-1][0] + text, style)
            else:
                line.append((text, style))
        return line


def curve(series: dict[str, Points], width: int, height: int) -> list[Line]:
    """Several curves over one x, with a legend above and the scales beside."""
    series = {name: [point for point in points if _finite(point)] for name, points in series.items()}
    every = [point for points in series.values() for point in points]
    if not every:
        return []
    legend = _legend(series, list(series), "")
    if width_of(legend) > width and len(series) > 1:
        # "validation_log_loss" and "train_log_loss": what they share is said once.
        shared = min((name.partition("_")[2] for name in series), key=len)
        if shared and all(name.endswith(f"_{shared}") for name in series):
            legend = _legend(series, [name.removesuffix(f"_{shared}") for name in series], f"{shared}  ")
    canvas, frame = _frame(every, width, height)
    for points, style in zip(series.values(), COLOURS, strict=False):
        placed = [_place(point, frame, canvas) for point in points]
        for start, end in zip(placed, placed[1:] or placed, strict=False):
            canvas.line(start, end, style)
    return [legend, *_axes(canvas, frame, width)]


def _legend(series: dict[str, Points], names: list[str], title: str) -> Line:
    """What each curve is called, with its newest value."""
    legend: Line = [(f" {title}", "")]
    for points, name, style in zip(series.values(), names, COLOURS, strict=False):
        last = points[-1][1] if points else math.nan
        legend += [("━ ", style), (f"{name} {figures.number(last)}  ", "")]
    return legend


def scatter(points: Points, width: int, height: int) -> list[Line]:
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


def area(values: list[float], width: int, height: int, style: str) -> list[Line]:
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
    left, right, low, high = frame
    across, up = canvas.columns * 2 - 1, canvas.rows * 4 - 1
    return round((point[0] - left) / (right - left) * across), round((high - point[1]) / (high - low) * up)


def _axes(canvas: Canvas, frame: tuple[float, float, float, float], width: int) -> list[Line]:
    left, right, low, high = frame
    lines: list[Line] = []
    for row in range(canvas.rows):
        value = high - (high - low) * row / max(1, canvas.rows - 1)
        label = _tick(value, high - low) if row in (0, canvas.rows // 2, canvas.rows - 1) else ""
        lines.append([(f"{label:>{AXIS - 2}} ", "dim"), ("┤" if label else "│", "dim"), *canvas.row(row)])
    start, end = _tick(left, right - left), _tick(right, right - left)
    room = max(0, canvas.columns - len(start) - len(end))
    lines.append([(" " * (AXIS - 1) + "└" + "─" * canvas.columns, "dim")])
    lines.append([(" " * AXIS + start + " " * room + end, "dim")])
    return lines


def _tick(value: float, reach: float) -> str:
    """A number at an axis, in at most seven cells."""
    if abs(value) >= 1e6:
        return f"{value:.0e}"
    if value == int(value) and reach >= 4:
        return f"{int(value):,}"
    places = max(0, min(6, 2 - math.floor(math.log10(reach)))) if reach > 0 else 3
    return f"{value:.{places}f}"[: AXIS - 2]
