"""The rows of a dataset as the cells of a grid; below each column's name its type, and how its values lie."""

from cupola_tui import figures
from cupola_tui.grids import GridRows
from cupola_tui.paint import Line, Span
from cupola_tui.plain import clean
from cupola_tui.widgets.grid import cell_of


class RowCells:
    """The rows of a view (`widgets.grid.Source`)."""

    def __init__(self, rows: GridRows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows.count

    @property
    def gutter(self) -> int:
        return max(3, len(f"{self.rows.total:,}"))

    def cells(self, place: int, columns: list[str]) -> tuple[str, list[Span]] | None:
        found = self.rows.row(place)
        if found is None:
            return None
        at, values = self.rows.places, found[1]
        return f"{found[0]:,}", [cell_of(values[at[one]]) if one in at else ("", "") for one in columns]

    def below(self, column: str, width: int) -> Line:
        """The type, and how the values lie."""
        rows = self.rows
        type = rows.types[rows.columns.index(column)] if column in rows.columns else ""
        shape, said = rows.shapes.get(column, {}), figures.TYPES.get(type, clean(type))
        if shape.get("counts"):
            drawn = figures.sparkline(figures.gathered(shape["counts"], width - len(said) - 1))
        else:
            drawn = _kinds(shape["distinct"], width - len(said) - 1) if shape.get("distinct") else ""
        return [
            (said[:width], "accent"),
            (f" {drawn}"[: max(0, width - len(said))], "good" if shape.get("counts") else "dim"),
        ]


def _kinds(count: int, width: int) -> str:
    """How many different values there are, as exactly as there is room for."""
    rounded = f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1e6:.3g}M"
    said = [f"{count:,} kinds", f"{count:,}", *([rounded] if count >= 1000 else [])]
    return next((one for one in said if len(one) <= width), "")
