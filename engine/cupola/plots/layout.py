"""Where everything of a plot stands on a page: the shapes that SVG and PNG then draw, so that both are the same."""

from typing import Literal, NamedTuple

from cupola.plots import times
from cupola.plots.records import Bars, Curves, Frame, Matrix, Plot, Point, frame, label, placeable, ticks

WIDTH, HEIGHT = 720.0, 420.0
INK, FAINT, GRID = "#1c2733", "#66727f", "#e3e7eb"
COLOURS = ("#1f6fb4", "#d9661f", "#2a8c4a", "#b3367f", "#7a5bc0", "#8a6d1d", "#17849a", "#a33b2e")
SIZE = 13.0
WIDE = 0.58  # of a letter, in its size: enough for all but the widest
LEFT, RIGHT, TOP, BOTTOM = 70.0, 20.0, 62.0, 48.0
MOST_BARS, MOST_CLASSES = 30, 40
LONGEST = 24  # letters of a name


class Stroke(NamedTuple):
    """A line through some points."""

    points: list[Point]
    colour: str
    width: float = 2.0
    dashed: bool = False


class Area(NamedTuple):
    """A polygon; opacity: how much it covers."""

    points: list[Point]
    colour: str
    opacity: float = 1.0


class Dot(NamedTuple):
    at: Point
    colour: str
    radius: float = 2.5


class Label(NamedTuple):
    """A text whose middle line is at a height, beginning, in the middle of or ending at a place."""

    at: Point
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    colour: str = INK
    size: float = SIZE
    bold: bool = False


Shape = Stroke | Area | Dot | Label


class Page(NamedTuple):
    width: float
    height: float
    shapes: list[Shape]


def of(plot: Plot) -> Page:
    """The page of a plot."""
    match plot:
        case Curves():
            return _curves(plot)
        case Bars():
            return _bars(plot)
        case Matrix():
            return _matrix(plot)


def _head(plot: Plot, width: float, height: float) -> list[Shape]:
    found: list[Shape] = [Label((16, 20), short(plot.title, 80), size=16, bold=True)]
    if plot.note:
        found.append(Label((16, height - 10), short(plot.note, 110), colour=FAINT, size=11))
    return found


def _curves(plot: Curves) -> Page:
    shapes = _head(plot, WIDTH, HEIGHT)
    shown = frame(plot)
    if shown is None:
        return Page(WIDTH, HEIGHT, [*shapes, Label((WIDTH / 2, HEIGHT / 2), "nothing to draw", "middle", FAINT)])
    inner = (LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM - 12 * bool(plot.note))
    shapes += _axes(plot, shown, inner)
    legend: list[tuple[str, str, bool]] = []
    for one, colour in zip(plot.series, _colours(plot), strict=True):
        guide = one.kind == "guide"
        if one.kind != "band" and (one.name, colour, guide) not in legend:
            legend.append((one.name, colour, guide))
        ends = list(zip(one.points, one.low, one.high, strict=False))
        above = [_place((x, high), shown, inner) for (x, _), _, high in ends if placeable((x, high))]
        below = [_place((x, low), shown, inner) for (x, _), low, _ in ends if placeable((x, low))]
        if above and below:
            shapes.append(Area(above + below[::-1], colour, 0.18))
        placed = [_place(point, shown, inner) for point in one.points if placeable(point) and one.kind != "band"]
        if one.kind == "points":
            shapes += [Dot(point, colour) for point in placed]
        elif len(placed) == 1:
            shapes.append(Dot(placed[0], colour, 4))
        elif placed:
            shapes.append(Stroke(placed, colour, 1.3 if guide else 2.0, guide))
    return Page(WIDTH, HEIGHT, [*shapes, *_legend(legend, plot.y)])


def _colours(plot: Curves) -> list[str]:
    """The colour of each series; a band has that of the series after it."""
    colours = iter(COLOURS * (len(plot.series) // len(COLOURS) + 1))
    found: list[str] = []
    bands = 1
    for one in plot.series:
        if one.kind == "band":
            bands += 1
            continue
        found += [FAINT if one.kind == "guide" else next(colours)] * bands
        bands = 1
    return found + [FAINT] * (len(plot.series) - len(found))


def _axes(plot: Curves, shown: Frame, inner: Frame) -> list[Shape]:
    left, right, low, high = shown
    start, end, top, bottom = inner
    shapes: list[Shape] = []
    for value in ticks(low, high, 6):
        y = _place((left, value), shown, inner)[1]
        shapes += [
            Stroke([(start, y), (end, y)], GRID, 1.0),
            Label((start - 8, y), label(value, high - low), "end", FAINT, 11),
        ]
    for value in (times.ticks if plot.times else ticks)(left, right, 8):
        x = _place((value, low), shown, inner)[0]
        shapes += [
            Stroke([(x, bottom), (x, bottom + 4)], FAINT, 1.0),
            Label((x, bottom + 13), (times.label if plot.times else label)(value, right - left), "middle", FAINT, 11),
        ]
    shapes.append(Stroke([(start, top), (start, bottom), (end, bottom)], FAINT, 1.0))
    shapes.append(Label(((start + end) / 2, bottom + 30), short(plot.x, 60), "middle", INK, 12))
    return shapes


def _legend(series: list[tuple[str, str, bool]], y: str) -> list[Shape]:
    """What the axis upwards is, and what each line is called, as far as there is room."""
    shapes: list[Shape] = [Label((16, 44), short(y, 40), size=12)]
    x = 16 + width_of(short(y, 40), 12) + 20
    for place, (name, colour, dashed) in enumerate(series):
        text = short(name)
        wide = 26 + width_of(text, 12) + 14
        if x + wide > WIDTH - RIGHT:
            return [*shapes, Label((x, 44), f"and {len(series) - place} more", colour=FAINT, size=12)]
        shapes += [Stroke([(x, 44), (x + 20, 44)], colour, 2.0, dashed), Label((x + 26, 44), text, size=12)]
        x += wide
    return shapes


def _bars(plot: Bars) -> Page:
    shown = list(zip(plot.names, plot.values, strict=False))[:MOST_BARS]
    height = TOP + 22 * max(1, len(shown)) + 40
    shapes = _head(plot, WIDTH, height)
    shapes.append(Label((16, 44), short(plot.of, 80), size=12))
    names = max((width_of(short(name), 12) for name, _ in shown), default=0) + 30
    values = [value for _, value in shown if placeable((0, value))]
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    room = WIDTH - RIGHT - 70 - names
    for place, (name, value) in enumerate(shown):
        y = TOP + 22 * place + 11
        shapes.append(Label((names - 10, y), short(name), "end", size=12))
        if not placeable((0, value)):
            continue
        ends = [names + (one - low) / (high - low or 1) * room for one in (min(0.0, value), max(0.0, value))]
        shapes.append(_box(ends[0], y - 8, max(1.0, ends[1] - ends[0]), 16, COLOURS[0 if value >= 0 else 1]))
        shapes.append(Label((ends[1] + 6, y), figure(value), colour=FAINT, size=11))
    return Page(WIDTH, height, shapes)


def _matrix(plot: Matrix) -> Page:
    classes = plot.classes[:MOST_CLASSES]
    cell = 64.0 if len(classes) <= 6 else 40.0 if len(classes) <= 12 else 22.0
    names = max((width_of(short(one), 12) for one in classes), default=0) + 40
    width = max(WIDTH if len(classes) <= 6 else 0.0, names + cell * len(classes) + 120)
    height = TOP + 44 + cell * len(classes) + 34
    shapes = _head(plot, width, height)
    shapes.append(Label((names, TOP), "predicted", colour=FAINT, size=12))
    shapes.append(Label((names - 10, TOP + 24), "true", "end", FAINT, 12))
    for place, one in enumerate(classes):
        middle = cell * place + cell / 2
        letters = max(1, int(cell / (12 * WIDE)))
        shapes.append(Label((names + middle, TOP + 24), short(one, letters), "middle", size=12))
        shapes.append(Label((names - 10, TOP + 40 + middle), short(one), "end", size=12))
        shapes += _row(plot, place, len(classes), names, TOP + 40, cell)
    return Page(width, height, shapes)


def _row(plot: Matrix, place: int, classes: int, left: float, top: float, cell: float) -> list[Shape]:
    counts = plot.counts[place][:classes] if place < len(plot.counts) else []
    total = sum(counts) or 1
    shapes: list[Shape] = []
    for column, count in enumerate(counts):
        x, y, share = left + cell * column, top + cell * place, count / total
        colour = COLOURS[0] if column == place else COLOURS[1]
        shapes.append(_box(x + 1, y + 1, cell - 2, cell - 2, colour, 0.06 + 0.84 * share))
        if cell >= 40:
            at = (x + cell / 2, y + cell / 2)
            shapes.append(Label(at, f"{count:,}", "middle", "#ffffff" if share > 0.6 else INK, 13))
    if place < len(counts):
        right = (left + cell * classes + 10, top + cell * place + cell / 2)
        shapes.append(Label(right, f"{counts[place] / total:.1%} right", colour=FAINT, size=11))
    return shapes


def _box(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1.0) -> Area:
    return Area([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour, opacity)


def _place(point: Point, shown: Frame, inner: Frame) -> Point:
    """Where a point of the plot is on the page; what lies outside of it is put at its edge."""
    left, right, low, high = shown
    start, end, top, bottom = inner
    across = min(1.0, max(0.0, (point[0] - left) / (right - left or 1)))
    up = min(1.0, max(0.0, (point[1] - low) / (high - low or 1)))
    return start + across * (end - start), bottom - up * (bottom - top)


def short(text: str, most: int = LONGEST) -> str:
    """At most so many letters of a text."""
    return text if len(text) <= most else text[: most - 1] + "…"


def width_of(text: str, size: float) -> float:
    """About how wide a text is."""
    return len(text) * size * WIDE


def figure(value: float) -> str:
    """A value beside its bar."""
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.4g}"
