"""One row with all its columns, and one column in figures."""

from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.paint import Line, fit, fold
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Reading
from cupola_tui.screens.pane import facts, heading
from cupola_tui.widgets.grid import cell_of
from cupola_tui.widgets.rows import Record

NAMES = 26  # cells for the name of a column


class RowView(Reading):
    """A row: a line for each column, long texts whole."""

    def __init__(self, title: str, columns: list[str], values: list[Any]) -> None:
        super().__init__(clean(title), classes="-large")
        self.columns, self.values = columns, values

    def lines(self, width: int) -> list[Line]:
        room = min(NAMES, max((cell_len(clean(one)) for one in self.columns), default=0))
        lines: list[Line] = []
        for name, value in zip(self.columns, self.values, strict=False):
            text, style = cell_of(value)
            first, *rest = fold(text, width - room - 3)
            lines.append([(f" {fit(clean(name), room)}  ", "dim"), (first, style)])
            lines += [[(" " * (room + 3), ""), (part, style)] for part in rest]
        return lines


class ColumnView(Reading):
    """A column: its figures, how its values lie, the most frequent ones."""

    def __init__(self, found: Record) -> None:
        super().__init__(f"{clean(found['column'])}: {clean(found['type'])}", classes="-large")
        self.found = found

    def lines(self, width: int) -> list[Line]:
        found = self.found
        rows, missing = found["rows"], found["missing"]
        share = f"{missing:,} ({missing / rows:.1%})" if rows else "0"
        pairs: list[tuple[str, Any]] = [
            ("rows", figures.count(rows)), ("missing", share), ("distinct", figures.count(found["distinct"])),
            ("mean", found.get("mean")), ("std", found.get("std")),
        ]  # fmt: skip
        quantiles = found.get("quantiles") or [None] * 5
        names = ("5 %", "25 %", "median", "75 %", "95 %")
        spread = [("min", found.get("min")), *zip(names, quantiles, strict=False), ("max", found.get("max"))]
        pairs += [(name, cell_of(value)[0] if value is not None else None) for name, value in spread]
        lines = facts(pairs, width)
        if bars := self._bars():
            lines += [[], heading("how they lie"), *_drawn(bars, width)]
        top = [(cell_of(value)[0], count) for value, count in found["top"]]
        if found["distinct"] < rows and top and not found["shape"].get("values"):
            lines += [[], heading("the most frequent"), *_drawn(top, width)]
        return lines

    def _bars(self) -> list[tuple[str, int]]:
        shape = self.found["shape"]
        counts, low, high = shape["counts"], shape.get("low"), shape.get("high")
        if shape.get("values"):
            return list(zip(map(clean, shape["values"]), counts, strict=True))
        if isinstance(low, bool):
            return list(zip(("false", "true"), counts, strict=True))
        if not counts or not isinstance(low, int | float):
            return [("", count) for count in counts]
        last = len(counts) if self.found["type"] == "number" else len(counts) - 1
        step = (high - low) / max(1, last)
        return [(f"{low + step * place:,.6g}", count) for place, count in enumerate(counts)]


def _drawn(bars: list[tuple[str, int]], width: int) -> list[Line]:
    """A bar for each value, with its count."""
    names = min(NAMES, max(cell_len(name) for name, _ in bars))
    most, room = max(1, *(count for _, count in bars)), max(4, width - names - 14)
    return [
        [(f" {fit(name, names, True)} ", "dim"), ("█" * round(count / most * room) or "▏", "good"), (f" {count:,}", "")]
        for name, count in bars
    ]
