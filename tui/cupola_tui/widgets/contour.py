"""A contour plot: the height of a third figure over two others, in bands of shades, from records scattered about."""

from cupola_tui.paint import Line, joined
from cupola_tui.widgets.scales import SHADES, Axis, Scale, brief
from cupola_tui.widgets.scatter import LEFT, framed

BANDS = "░▒▓█"
WIDE = 2  # cells of the screen that one cell of the grid takes
SWEEPS = 12


def contour(x: Axis, y: Axis, z: Axis, width: int, height: int, *, smaller_is_better: bool = False) -> list[Line]:
    """Draws the surface through the records that have all three values, the better the denser; the best is a cross.

    Between the records it is as a stretched skin would lie (Laplace's equation on a grid of cells).
    """
    across, up, over = Scale(x), Scale(y), Scale(z)
    columns, rows = max(4, (width - LEFT) // WIDE), max(3, height - 5)
    known: dict[tuple[int, int], list[float]] = {}
    for place in zip(map(across.at, x.values), map(up.at, y.values), map(over.at, z.values), strict=True):
        if None not in place:
            right, higher, value = (one or 0.0 for one in place)
            cell = round((1 - higher) * (rows - 1)), round(right * (columns - 1))
            known.setdefault(cell, []).append(1 - value if smaller_is_better else value)
    if not known:
        return []
    surface = _stretched({cell: sum(some) / len(some) for cell, some in known.items()}, rows, columns)
    best = max(known, key=lambda cell: max(known[cell]))
    drawn = [
        joined([_cell(value, (row, column) in known, (row, column) == best) for column, value in enumerate(values)])
        for row, values in enumerate(surface)
    ]
    return [_legend(over, smaller_is_better, width), *framed(drawn, columns * WIDE, across, up, width)]


def _stretched(known: dict[tuple[int, int], float], rows: int, columns: int) -> list[list[float]]:
    """A value for each cell of the grid: the known ones, and between them the mean of the cells about."""
    values = _nearest(known, rows, columns)
    free = [(row, column) for row in range(rows) for column in range(columns) if (row, column) not in known]
    for _ in range(SWEEPS):
        for row, column in free:
            above, below = values[max(0, row - 1)][column], values[min(rows - 1, row + 1)][column]
            line = values[row]
            line[column] = (above + below + line[max(0, column - 1)] + line[min(columns - 1, column + 1)]) / 4
    return values


def _nearest(known: dict[tuple[int, int], float], rows: int, columns: int) -> list[list[float]]:
    """The value of the nearest known cell, from which the skin is stretched."""
    found = dict(known)
    edge = list(known)
    while edge:
        after = []
        for row, column in edge:
            for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if 0 <= cell[0] < rows and 0 <= cell[1] < columns and cell not in found:
                    found[cell] = found[row, column]
                    after.append(cell)
        edge = after
    return [[found[row, column] for column in range(columns)] for row in range(rows)]


def _cell(value: float, here: bool, best: bool) -> tuple[str, str]:
    """A cell of the grid; a dot where there is a record."""
    band = min(len(BANDS) - 1, int(value * len(BANDS)))
    if best:
        return "╳" + " " * (WIDE - 1), "mark"
    return ("·" if here else BANDS[band]) + BANDS[band] * (WIDE - 1), SHADES[band]


def _legend(over: Scale, smaller_is_better: bool, width: int) -> Line:
    """Which band stands for which values: from the worst to the best."""
    line: Line = [(f" {over.title(max(8, width // 3))}  ", "title")]
    for band, (shade, style) in enumerate(zip(BANDS, SHADES, strict=True)):
        part = 1 - band / len(BANDS) if smaller_is_better else band / len(BANDS)
        value = over.low + (over.high - over.low) * part
        line += [(shade, style), (f" {'≤' if smaller_is_better else '≥'}{brief(value)} ", "dim")]
    return [*line, ("╳", "mark"), (" best", "dim")]
