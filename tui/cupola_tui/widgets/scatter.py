"""A scatter of records over two figures, coloured by a third."""

from rich.cells import cell_len

from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.widgets.plot import Canvas
from cupola_tui.widgets.scales import SHADES, Axis, Scale, shades

LEFT = 10  # cells for what stands at the upright axis


def scatter(
    x: Axis,
    y: Axis,
    width: int,
    height: int,
    *,
    colour: Axis | None = None,
    smaller_is_better: bool = False,
    chosen: int | None = None,
) -> list[Line]:
    """Draws a dot for each record that has both values; the one at `chosen` as a cross.

    colour: the axis whose values colour the dots, the better ones above the others; without it all are alike.
    """
    across, up = Scale(x), Scale(y)
    places = [(across.at(one), up.at(other)) for one, other in zip(x.values, y.values, strict=True)]
    styles = shades(colour, smaller_is_better=smaller_is_better) if colour else ["accent"] * len(places)
    rank = {"dim": 0} | {style: place for place, style in enumerate(SHADES, 1)}
    canvas = Canvas(max(8, width - LEFT), max(3, height - 3))
    for number in sorted(range(len(places)), key=lambda one: rank[styles[one]]):
        if (dot := _dot(places[number], canvas)) is not None:
            canvas.dot(*dot, styles[number])
    rows = [canvas.row(row) for row in range(canvas.rows)]
    if chosen is not None and (dot := _dot(places[chosen], canvas)) is not None:
        rows[dot[1] // 4] = _with_cross(rows[dot[1] // 4], dot[0] // 2)
    return framed(rows, canvas.columns, across, up, width)


def framed(rows: list[Line], columns: int, across: Scale, up: Scale, width: int) -> list[Line]:
    """Rows of a drawing between their axes: the upright one's name above, the level one's below."""
    labels = _labels(up, len(rows))
    lines: list[Line] = [[(fit(up.title(width), width), "title")]]
    for row, cells in enumerate(rows):
        label = fit(clean(labels.get(row, "")), LEFT - 2, True)
        lines.append([(f"{label} ", "dim"), ("┤" if row in labels else "│", "dim"), *cells])
    lines.append([(" " * (LEFT - 1) + "└" + "─" * columns, "dim")])
    lines.append(_foot(across, columns))
    return lines


def _dot(place: tuple[float | None, float | None], canvas: Canvas) -> tuple[int, int] | None:
    across, up = place
    if across is None or up is None:
        return None
    return round(across * (canvas.columns * 2 - 1)), round((1 - up) * (canvas.rows * 4 - 1))


def _with_cross(line: Line, column: int) -> Line:
    cells = [(character, style) for text, style in line for character in text]
    cells[column] = ("╳", "mark")
    return [*cells]


def _labels(scale: Scale, rows: int) -> dict[int, str]:
    """What stands at which row: of numbers the ends and the middle, of categories as many as find a row."""
    if not scale.categories:
        return {round((1 - part) * (rows - 1)): scale.label(part) for part in (0.5, 0, 1)}
    found: dict[int, str] = {}
    for name in scale.categories:
        found.setdefault(round((1 - (scale.at(name) or 0.0)) * (rows * 4 - 1)) // 4, name)
    return found


def _foot(scale: Scale, columns: int) -> Line:
    """The ends of the level axis, its name between them."""
    start, end = (clean(scale.label(part)) for part in (0, 1))
    start, end = (fit(one, min(columns // 4, cell_len(one))) for one in (start, end))
    room = columns - cell_len(start) - cell_len(end)
    name = scale.title(max(1, room - 2))
    spare = max(0, room - cell_len(name))
    return [
        (" " * LEFT + start, "dim"),
        (" " * (spare // 2) + name + " " * (spare - spare // 2), "title"),
        (end, "dim"),
    ]
