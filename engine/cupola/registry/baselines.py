"""What a version's data and predictions looked like in training (baseline.json), and how far others have moved from it.

A profile is cut into cells: the intervals of its histogram or its commonest values, and what is missing, below, above
or else. Whoever looks for drift counts values into the cells, adds up counts as they like, and asks for the shift.
"""

import hashlib
import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from cupola.datasets.records import ColumnProfile
from cupola.errors import Corrupt
from cupola.registry.contents import BASELINE
from cupola.registry.records import ModelVersion
from cupola.store import Store, files

PREDICTION = "prediction"  # the profile of what is predicted; beside it probability_CLASS of each class, or score
SHIFTED = 0.2  # from here on values are customarily said to have moved
ALIKE = 0.1  # and up to here not to have
COMMON = 0.01  # the share from which a value has a cell of its own


class Baseline(msgspec.Struct, kw_only=True):
    """baseline.json: `columns` of the model over `rows` of its dataset, and what it predicts for `held` of them.

    The predictions are of rows that it was not fitted on. A profile's histogram has about as many values in each
    interval; its `quantiles` are there for numbers and times.
    """

    rows: int
    columns: list[ColumnProfile]
    held: int
    predictions: list[ColumnProfile]


class Expected(msgspec.Struct, kw_only=True):
    """A line of a baseline as people read it. missing: the share of it; usual: the range, or the commonest values."""

    column: str
    type: str
    missing: float
    usual: str


class Cells(msgspec.Struct, frozen=True, kw_only=True):
    """Where values fall, and how many fell there in training (`counts`).

    The first cell is for what is missing. With `edges` follow what is below, each interval, what is above; with
    `values` each of them and any other; with neither, whatever is not missing.
    """

    counts: list[float]
    edges: list[Any] | None = None
    values: list[Any] | None = None

    def count(self, values: Iterable[Any]) -> list[int]:
        """How many of the values fall into each cell; counts of the same cells may be added."""
        found = [0] * len(self.counts)
        for value in values:
            found[self._place(value)] += 1
        return found

    def _place(self, value: Any) -> int:
        if value is None or value != value:
            return 0
        if self.values is not None:
            return self.values.index(value) + 1 if value in self.values else len(self.values) + 1
        if self.edges is None:
            return 1
        try:
            if value < self.edges[0]:
                return 1
            if value > self.edges[-1]:
                return len(self.counts) - 1
            return 1 + min(bisect_right(self.edges, value), len(self.edges) - 1)
        except TypeError:  # a text where numbers were
            return 0


def of(store: Store, version: ModelVersion) -> Baseline | None:
    """The baseline of a version; None where it was made without one. Raises Corrupt."""
    if BASELINE not in version.files:
        return None
    data = files.read_bytes(store, f"{version.directory}/{BASELINE}")
    if hashlib.sha256(data).hexdigest() != version.files[BASELINE]:
        raise Corrupt(f"{BASELINE} is not what was registered", where=version.directory)
    try:
        return msgspec.json.decode(data, type=Baseline)
    except msgspec.DecodeError as error:
        raise Corrupt(f"{BASELINE} cannot be read: {error}", where=version.directory) from None


def cells(one: ColumnProfile, rows: int) -> Cells:
    """The cells of a profile over so many rows."""
    missing, there = float(one.missing), float(rows - one.missing)
    if one.histogram is not None:
        inside = [float(count) for count in one.histogram.counts]
        outside = max(0.0, there - sum(inside))  # infinite ones
        return Cells(counts=[missing, outside / 2, *inside, outside / 2], edges=one.histogram.edges)
    common = [bar for bar in one.top if bar.count >= COMMON * rows] if one.type != "text" else []
    if not common:
        return Cells(counts=[missing, there])
    named = [float(bar.count) for bar in common]
    return Cells(counts=[missing, *named, there - sum(named)], values=[bar.value for bar in common])


def shift(expected: Cells, counts: Sequence[float]) -> float:
    """How far counts have moved from those of training: the population stability index, less what chance adds to it.

    0 where both have the same shares; from SHIFTED on they are taken to differ. Of n and N rows in k cells the index is
    (k - 1) (1/n + 1/N) on average where nothing has moved, so that few rows alone raise no alarm. No rows: 0.

    N. Siddiqi: Credit Risk Scorecards (2006), p. 136; B. Yurdakul: Statistical Properties of Population Stability
    Index (2018), section 3.
    """
    size, then, now = len(expected.counts), sum(expected.counts), sum(counts)
    if not now or not then:
        return 0.0
    index = 0.0
    for before, after in zip(expected.counts, counts, strict=True):
        if not before and not after:
            continue
        share = (before + 0.5) / (then + 0.5 * size)
        seen = (after + 0.5 * size * share) / (now + 0.5 * size)
        index += (seen - share) * math.log(seen / share)
    return max(0.0, index - (size - 1) * (1 / now + 1 / then))


def between(first: ColumnProfile, rows: int, second: ColumnProfile, others: int) -> float | None:
    """How far the second profile has moved from the first; None where they cannot be compared (types, times)."""
    into = cells(first, rows)
    if into.edges is None and into.values is None:
        return shift(into, [second.missing, others - second.missing])
    if into.values is not None:
        if second.type not in ("category", "boolean", "text") and second.histogram is not None:
            return None
        found = [0.0] * len(into.counts)
        for bar in second.top:
            found[into._place(bar.value)] += bar.count
        found[0], found[-1] = second.missing, found[-1] + others - second.missing - sum(bar.count for bar in second.top)
        return shift(into, found)
    edges = into.edges or []
    if second.histogram is None or not all(isinstance(edge, int | float) for edge in edges):
        return None
    total = float(sum(second.histogram.counts))
    if second.histogram.edges == edges:
        return shift(into, [second.missing, 0, *second.histogram.counts, 0])
    below = [_below(second, edge) for edge in edges]
    if edges[-1] >= second.histogram.edges[-1]:
        below[-1] = total
    inside = [after - before for before, after in itertools.pairwise(below)]
    return shift(into, [second.missing, below[0], *inside, total - below[-1]])


def expected(baseline: Baseline) -> list[Expected]:
    """The baseline as people read it: the columns, then the predictions."""
    both = ((baseline.columns, baseline.rows), (baseline.predictions, baseline.held))
    return [
        Expected(column=one.name, type=one.type, missing=round(one.missing / rows, 4), usual=usual(one, rows))
        for found, rows in both
        for one in found
    ]


def usual(one: ColumnProfile, rows: int) -> str:
    """In a few words what its values are: from where to where nine of ten lie, or the three commonest."""
    if one.quantiles:
        low, middle, high = (_short(one.quantiles[key]) for key in ("0.05", "0.5", "0.95"))
        return f"{low} to {high}, median {middle}"
    there = rows - one.missing
    if one.type == "text" or not there:
        return f"{one.distinct:,} different"
    named = [f"{_short(bar.value)} {bar.count / there:.0%}" for bar in one.top[:3]]
    return ", ".join(named) + (f", {one.distinct - 3:,} more" if one.distinct > 3 else "")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _below(one: ColumnProfile, edge: float) -> float:
    """How many of its values are below, as if they lay evenly in each interval."""
    assert one.histogram is not None
    edges, counts = one.histogram.edges, one.histogram.counts
    return sum(
        count * (min(edge, high) - low) / (high - low) if high > low else count
        for (low, high), count in zip(itertools.pairwise(edges), counts, strict=True)
        if edge > low
    )
