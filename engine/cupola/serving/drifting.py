"""Whether the predictions of a variant are still distributed as those of another, or as in training.

Each server process counts predictions into cells; the keeper adds the cells up and compares them.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from cupola.registry import baselines
from cupola.registry.baselines import Baseline, Cells

STEP = math.log(1.02)  # a cell of numbers is 2 % wide
ENOUGH = 50  # predictions on both sides, before a comparison is worth anything
PARTS = 10  # cells of numbers that are compared: tenths of the reference
MOST_CELLS = 2000  # what has more values than that is one more
MOST_ROWS = 1000  # of one request that are counted


def count(values: Any, probabilities: Any | None, into: dict[str, int]) -> None:
    """Counts the predictions of a request: the probability of the last class of two, else the class or the number."""
    if probabilities is not None and probabilities.shape[1] == 2:
        cells = [f"p{int(100 * one)}" if one == one else "p" for one in probabilities[:MOST_ROWS, 1].tolist()]
    else:
        cells = [_cell(one) for one in values[:MOST_ROWS].tolist()]
    for cell in cells:
        if cell not in into and len(into) >= MOST_CELLS:
            cell = "c"
        into[cell] = into.get(cell, 0) + 1


def between(before: Mapping[str, int], after: Mapping[str, int]) -> float | None:
    """How far `after` has moved from `before` (population stability index, less chance); None of too few."""
    if min(sum(before.values()), sum(after.values())) < ENOUGH:
        return None
    edges = _tenths(before)
    counts: dict[Any, list[float]] = {}
    for side, cells in enumerate((before, after)):
        for cell, number in cells.items():
            value = _value(cell)
            part = bisect_left(edges, value) if isinstance(value, float) else cell
            counts.setdefault(part, [0.0, 0.0])[side] += number
    return baselines.shift(Cells(counts=[one for one, _ in counts.values()]), [one for _, one in counts.values()])


def from_training(baseline: Baseline, last_class: str | None, after: Mapping[str, int]) -> float | None:
    """How far `after` has moved from what the version predicted in training; None where that cannot be said."""
    if sum(after.values()) < ENOUGH:
        return None
    column = f"probability_{last_class}" if any(cell[:1] == "p" for cell in after) else baselines.PREDICTION
    profile = next((one for one in baseline.predictions if one.name == column), None)
    if profile is None:
        return None
    cells = baselines.cells(profile, baseline.held)
    named = None if cells.values is None else [str(value) for value in cells.values]
    cells = Cells(counts=cells.counts, edges=cells.edges, values=named)
    counts = [0.0] * len(cells.counts)
    for cell, number in after.items():
        for place, one in enumerate(cells.count([_value(cell)])):
            counts[place] += one * number
    return baselines.shift(cells, counts)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"c{value}"[:100]
    if value == 0 or value != value:
        return "n0" if value == 0 else "n"
    if math.isinf(value):
        return "n+inf" if value > 0 else "n-inf"
    return f"n{'+' if value > 0 else '-'}{math.floor(math.log(abs(value)) / STEP)}"


def _value(cell: str) -> Any:
    """What a cell stands for: the middle of its numbers, or the class."""
    kind, rest = cell[:1], cell[1:]
    if kind == "c":
        return rest
    if not rest:
        return None
    if kind == "p":
        return min(1.0, (int(rest) + 0.5) / 100)
    if rest in ("0", "+inf", "-inf"):
        return float(rest)
    try:
        return math.copysign(math.exp((int(rest[1:]) + 0.5) * STEP), -1.0 if rest[0] == "-" else 1.0)
    except OverflowError:
        return math.copysign(math.inf, -1.0 if rest[0] == "-" else 1.0)


def _tenths(reference: Mapping[str, int]) -> list[float]:
    """Where the numbers are cut: below all of the reference, into parts of about as many each, above all of it."""
    numbers = sorted((value, number) for cell, number in reference.items() if isinstance(value := _value(cell), float))
    if not numbers:
        return []
    total, seen = sum(number for _, number in numbers), 0
    edges = [math.nextafter(numbers[0][0], -math.inf)]
    for value, number in numbers:
        seen += number
        if seen >= len(edges) * total / PARTS:
            edges.append(value)
    return edges if edges[-1] == numbers[-1][0] else [*edges, numbers[-1][0]]
