"""The numbers of a plot, as CSV."""

import csv
import io
from typing import Any

from cupola.plots import times
from cupola.plots.records import Bars, Curves, Matrix, Plot


def csv_of(plot: Plot) -> str:
    """Every number of the plot, a line each; the first line says what they are."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows(plot))
    return buffer.getvalue()


def rows(plot: Plot) -> list[list[Any]]:
    """A heading and a row for each point, bar or cell."""
    match plot:
        case Curves():
            found: list[list[Any]] = [["series", plot.x, plot.y, "low", "high"]]
            for one in plot.series:
                for place, (x, y) in enumerate(one.points):
                    ends = [one.low[place], one.high[place]] if place < min(len(one.low), len(one.high)) else ["", ""]
                    found.append([one.name, times.iso(x) if plot.times else x, y, *ends])
            return found
        case Bars():
            return [["name", plot.of], *(list(pair) for pair in zip(plot.names, plot.values, strict=False))]
        case Matrix():
            cells = [
                [true, predicted, count]
                for true, counts in zip(plot.classes, plot.counts, strict=False)
                for predicted, count in zip(plot.classes, counts, strict=False)
            ]
            return [["true", "predicted", "rows"], *cells]
