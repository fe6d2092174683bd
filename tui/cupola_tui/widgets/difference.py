"""What a step did to some rows, as the cells of a grid: after it, with what is changed marked, or before it."""

from typing import Any

from cupola_tui import figures
from cupola_tui.drafts import Draft
from cupola_tui.paint import Line, Span
from cupola_tui.widgets.grid import cell_of
from cupola_tui.widgets.rows import Record

CHANGED, NEW, GONE = "•", "+", "−"
SHOWN = 6  # names of columns


class Difference:
    """A preview of the draft as a grid shows it (`widgets.grid.Source`)."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.side = "After"

    def turn(self) -> None:
        """Shows the other side."""
        self.side = "Before" if self.side == "After" and "before" in self._preview else "After"

    @property
    def _preview(self) -> Record:
        return self.draft.preview or {}

    @property
    def _is_before(self) -> bool:
        return self.side == "Before" and "before" in self._preview

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are shown, with their types."""
        names, types = ("columns_before", "types_before") if self._is_before else ("columns", "types")
        return dict(zip(self._preview.get(names, []), self._preview.get(types, []), strict=False))

    def taken(self, *, by_new: bool) -> list[str]:
        """The columns that the step takes. by_new: it is one that is being added after what is shown."""
        before = [] if by_new and not self.draft.is_tried else self._preview.get("columns_before")
        return list(before or self._preview.get("columns") or [])

    @property
    def _rows(self) -> list[list[Any]]:
        found: list[list[Any]] = self._preview.get("before" if self._is_before else "after", [])
        return found

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def gutter(self) -> int:
        return 4

    def cells(self, place: int, columns: list[str]) -> tuple[str, list[Span]] | None:
        rows = self._rows
        if place >= len(rows):
            return None
        at = {name: place for place, name in enumerate(self.columns)}
        label = f"{self._sign(place)}{place + 1}"
        return label, [self._cell(place, at[one]) if one in at else ("", "") for one in columns]

    def _sign(self, place: int) -> str:
        if self._is_before:
            return GONE if self._preview["removed"][place] else ""
        came_from = self._preview.get("came_from")
        return NEW if came_from and came_from[place] is None else ""

    def _cell(self, place: int, at: int) -> Span:
        text, style = cell_of(self._rows[place][at])
        if self._is_before:
            return text, "bad" if self._preview["removed"][place] else style
        preview = self._preview
        if "changed" not in preview or not preview["changed"][place][at]:
            return text, style
        if preview["columns"][at] in preview["added"]:
            return text, "good"
        return (text, style) if self._sign(place) else (f"{CHANGED}{text}", "warn")  # of a new row, its label says so

    def below(self, column: str, width: int) -> Line:
        """The type of a column, and what became of it."""
        preview, type = self._preview, self.columns.get(column, "")
        count = preview.get("cells", {}).get(column)
        said, style = "", ""
        if self._is_before:
            said, style = ("dropped", "bad") if column in preview.get("dropped", []) else ("", "")
        elif column in preview.get("added", []):
            said, style = "new", "good"
        elif count:
            said, style = f"{CHANGED}{count:,}", "warn"
        short = figures.TYPES.get(type, type)[:width]
        return [(short, "accent"), (f" {said}"[: max(0, width - len(short))], style)]

    def first_changed(self) -> tuple[int, str]:
        """The first row and the first column in which anything is another than before."""
        preview = self._preview
        touched = [*preview.get("added", []), *preview.get("cells", {})]
        column = next((one for one in self.columns if one in touched), "")
        at = list(self.columns).index(column) if column else 0
        rows = preview.get("changed", []) if column and not self._is_before else []
        return next((place for place, row in enumerate(rows) if row[at]), 0), column

    def cell(self, place: int, column: str) -> str:
        """What a changed cell was before."""
        preview, columns = self._preview, list(self.columns)
        if self._is_before or "changed" not in preview or place >= len(self._rows) or column not in columns:
            return ""
        at, came_from = columns.index(column), preview["came_from"][place]
        if not preview["changed"][place][at] or came_from is None or column not in preview["columns_before"]:
            return ""
        before = preview["before"][came_from][preview["columns_before"].index(column)]
        return f" {column}: {cell_of(before)[0]} → {cell_of(self._rows[place][at])[0]}"

    def said(self) -> str:
        """What the step does to the sample, in a line that is cut at its end: how many rows are left stands first."""
        preview = self._preview
        if "changed" not in preview:
            return " the first rows, as they are" if preview else " looking at a sample ..."
        cells = sum(preview["cells"].values())
        same = preview["sample"] == preview["left"]
        parts = ["" if same else f"{preview['sample']:,} rows became {preview['left']:,}"]
        parts += [f"{cells:,} changed cell{'s' * (cells != 1)}" if cells else ""]
        parts += [_few("+", preview["added"]), _few(GONE, preview["dropped"])]
        parts += [f"{preview['left']:,} rows" if same else "", *preview["notes"]]
        return " " + " · ".join(filter(None, [*parts, f"{preview['milliseconds']:.0f} ms"]))


def _few(sign: str, names: list[str]) -> str:
    return f"{sign} {', '.join(names[:SHOWN])}{' ...' * (len(names) > SHOWN)}" if names else ""
