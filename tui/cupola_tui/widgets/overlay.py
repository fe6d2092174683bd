"""Curves of many runs over one another: smoothed, by logarithm, one of them brought to the front."""

from string import ascii_letters

from cupola_tui.paint import Line
from cupola_tui.widgets.plot import Canvas, Points
from cupola_tui.widgets.scales import Axis, Scale
from cupola_tui.widgets.scatter import LEFT, framed

COLOURS = ("accent", "good", "warn", "bad", "title", "")
FRONT = "mark"
LETTERS = ascii_letters + "0123456789"
SCALE = 1000  # a curve is as long as so many steps of the smoothing


def overlay(
    curves: list[Points], name: str, width: int, height: int, *, log: bool = False, front: int | None = None
) -> list[Line]:
    """Draws the curves in one frame, each with its letter at its end, the one at `front` above the others.

    Up to six have colours of their own; of more the one in front alone. By logarithm, values that have none are left
    out. [] where there is nothing to draw.
    """
    shown = [[point for point in curve if point[1] > 0 or not log] for curve in curves]
    steps = [step for curve in shown for step, _ in curve]
    values = [value for curve in shown for _, value in curve]
    if not steps:
        return []
    across = Scale(Axis("step", [min(steps), max(steps)]))
    up = Scale(Axis(name, [min(values), max(values)], log))
    canvas = Canvas(max(8, width - LEFT - 2), max(3, height - 3))
    ends: dict[int, tuple[str, str]] = {}
    wanted: dict[int, int] = {}
    order = sorted(range(len(shown)), key=lambda place: place == front)
    for place in order:
        style = FRONT if place == front else COLOURS[place % len(COLOURS)] if len(curves) <= len(COLOURS) else "dim"
        dots = [_dot(point, across, up, canvas) for point in shown[place]]
        for start, end in zip(dots, dots[1:] or dots, strict=False):
            canvas.line(start, end, style)
        if dots:
            ends[place] = (LETTERS[place % len(LETTERS)], style)
            wanted[place] = dots[-1][1] // 4
    letters = _letters({place: wanted[place] for place in reversed(order) if place in wanted}, canvas.rows)
    rows = [[*canvas.row(row), (" ", ""), ends.get(letters.get(row, -1), (" ", ""))] for row in range(canvas.rows)]
    return framed(rows, canvas.columns, across, up, width)


def smoothed(points: Points, weight: float) -> Points:
    """The points as a mean that forgets: each counts `weight` to the power of how far it lies behind.

    How far is told in thousandths of the curve's length, so that curves of few and of many steps are smoothed alike, as
    in W&B's time-weighted exponential moving average.
    """
    if not weight or len(points) < 2:
        return points
    length = points[-1][0] - points[0][0] or 1.0
    found, total, counted, before = [], 0.0, 0.0, points[0][0]
    for step, value in points:
        kept = weight ** ((step - before) / length * SCALE)
        total, counted, before = total * kept + value, counted * kept + 1.0, step
        found.append((step, total / counted))
    return found


def _dot(point: tuple[float, float], across: Scale, up: Scale, canvas: Canvas) -> tuple[int, int]:
    x, y = across.at(point[0]) or 0.0, up.at(point[1]) or 0.0
    return round(x * (canvas.columns * 2 - 1)), round((1 - y) * (canvas.rows * 4 - 1))


def _letters(wanted: dict[int, int], rows: int) -> dict[int, int]:
    """Which curve's letter stands at which row: at its end, or at the nearest row that is free."""
    found: dict[int, int] = {}
    for place, row in wanted.items():
        free = [each for each in range(rows) if each not in found]
        if free:
            found[min(free, key=lambda each: abs(each - row))] = place
    return found
