"""What is to be learned, as numbers, and how well each column tells it by itself.

The score of a column is the share of the target's variance that it explains on rows it was not learned from (R², and of
classes the same of their indicators, which is the Brier skill): the rows are cut into bins of the column, and a bin
predicts the mean of its rows in the other folds, drawn towards the mean of all. 0: no better than it; 1: all of it.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cupola.insights.records import Power
from cupola.insights.sampling import Codes, Feature, Floats, Sample

FOLDS = 5
BINS = 64  # of a number; fewer where rows are few
PER_BIN = 10  # rows
VALUES = 2_000  # of a category: rarer ones share a bin
PULL = 2.0  # rows that each bin is drawn towards the mean by
CLASSES = 20  # that are told apart: the rarest share one
OTHERS = "(all others)"
WHOLE = 10  # different whole numbers that are classes
SEED = 7


@dataclass
class Aim:
    """The target of some rows. codes: the classes from 0, values: the numbers; rows: which of the sample have one.

    tolerance: how near a number is said to be met. fold: to which fold each row belongs.
    """

    feature: Feature
    task: Literal["classification", "regression"]
    rows: NDArray[np.intp]
    codes: Codes
    classes: list[str]
    values: Floats
    tolerance: float
    fold: Codes
    folded: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def indicators(self) -> Floats:
        """A column for each class, or the numbers as the only one, without their farthest hundredths."""
        if self.task == "classification":
            return np.eye(len(self.classes))[self.codes]
        low, high = np.quantile(self.values, [0.01, 0.99])
        return np.clip(self.values, low, high)[:, None]

    @property
    def base(self) -> NDArray[np.bool_]:
        """Whether each row would be met by a constant: the commonest class, or the middle of the numbers."""
        if self.task == "classification":
            return np.asarray(self.codes == np.bincount(self.codes).argmax())
        return np.asarray(np.abs(self.values - np.median(self.values)) <= self.tolerance)

    def among(self, chosen: NDArray[Any]) -> "Aim":
        """The same aim for some of its rows, as a mask or by their places."""
        codes = self.codes[chosen] if len(self.codes) else self.codes
        rows, values, fold = self.rows[chosen], self.values[chosen], self.fold[chosen]
        return replace(self, rows=rows, codes=codes, values=values, fold=fold)

    def met(self, predicted: NDArray[Any], rows: Any = slice(None)) -> NDArray[np.bool_]:
        """Which rows a prediction meets: the class itself, or a number within the tolerance."""
        if self.task == "classification":
            return np.asarray(predicted == self.codes[rows])
        return np.asarray(np.abs(predicted - self.values[rows]) <= self.tolerance)


def aim(sample: Sample, target: str | None) -> Aim | None:
    """What there is to learn; None where no column is the target, or it cannot be learned from these rows."""
    if target is None:
        return None
    one = sample.named(target)
    rows = np.flatnonzero(~one.missing)
    if one.type in ("date", "datetime") or len(rows) < 2:
        return None
    fold = np.random.default_rng(SEED).permutation(len(rows)) % FOLDS
    whole = one.type == "integer" and len(np.unique(one.numbers[rows])) <= WHOLE if one.numbers is not None else False
    if one.texts is not None or one.type == "boolean" or whole:
        codes, names = one.coded
        if len(names) < 2:
            return None
        folded = max(0, len(names) - CLASSES + 1) if len(names) > CLASSES else 0
        classes = [*names[: CLASSES - 1], OTHERS] if folded else names
        chosen = np.minimum(codes[rows], len(classes) - 1)
        return Aim(one, "classification", rows, chosen, classes, chosen.astype(float), 0.0, fold, folded)
    assert one.numbers is not None
    values = one.numbers[rows]
    if values.min() == values.max():
        return None
    quarter, three = np.quantile(values, [0.25, 0.75])
    spread = (three - quarter) / 1.349 or float(values.std())
    return Aim(one, "regression", rows, np.zeros(0, dtype=np.intp), [], values, 0.1 * spread, fold)


def powers(features: list[Feature], aimed: Aim) -> list[Power]:
    """The score of each column, the highest first, with its standard error."""
    indicators = aimed.indicators
    base = _out_of_fold(np.zeros(len(aimed), dtype=np.intp), 1, indicators, aimed.fold)
    before = ((indicators - base) ** 2).sum(axis=1)
    found = []
    for one in features:
        bins, count = binned(one, aimed.rows)
        after = ((indicators - _out_of_fold(bins, count, indicators, aimed.fold)) ** 2).sum(axis=1)
        score = 1 - after.sum() / before.sum()
        spread = (before - after) - score * before
        error = float(spread.std() / (before.mean() * np.sqrt(len(aimed))))
        found.append(Power(column=one.name, score=round(max(0.0, float(score)), 4), error=round(error, 4)))
    return sorted(found, key=lambda one: -one.score)


def binned(one: Feature, rows: NDArray[np.intp], most: int = VALUES) -> tuple[Codes, int]:
    """In which bin each of these rows is, and how many there are; the last is that of the missing ones."""
    if one.numbers is None:
        codes, keys = one.coded
        count = min(len(keys), most)
        mine = codes[rows]
        return np.where(mine < 0, count, np.minimum(mine, count - 1 if count else 0)), count + 1
    values = one.numbers[rows]
    known = values[~np.isnan(values)]
    wanted = max(2, min(BINS, most, len(known) // PER_BIN))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, wanted + 1)[1:-1])) if len(known) else np.zeros(0)
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right")), len(edges) + 2


def _out_of_fold(bins: Codes, count: int, indicators: Floats, fold: Codes) -> Floats:
    """What each bin predicts for its rows from those of the other folds."""
    width = indicators.shape[1]
    place = fold * count + bins
    sizes = np.bincount(place, minlength=FOLDS * count).reshape(FOLDS, count).astype(float)
    sums = np.empty((FOLDS, count, width))
    for column in range(width):
        sums[:, :, column] = np.bincount(place, indicators[:, column], FOLDS * count).reshape(FOLDS, count)
    sizes, sums = sizes.sum(axis=0) - sizes, sums.sum(axis=0) - sums
    means = sums.sum(axis=1, keepdims=True) / np.maximum(sizes.sum(axis=1), 1)[:, None, None]
    predicted = (sums + PULL * means) / (sizes + PULL)[:, :, None]
    return np.asarray(predicted[fold, bins])
