"""A category of very many values as what its values go with in the target: one number each, or one per class.

A value's mean is drawn to the mean of all, the more the fewer rows it has: by the ratio of the variance within values
to that between them (the one-way random effects of the analysis of variance). What is noise is so drawn to nothing.
The rows of training get the means of the other folds (Micci-Barreca 2001; cross-fitted as scikit-learn's
TargetEncoder): a row's own target must not be seen in its features.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FOLDS = 5
MOST_CLASSES = 10


def columns(target: NDArray[Any], classes: int) -> Floats | None:
    """What is averaged: the number itself, whether it is the second of two classes, or each class; None for many."""
    if not classes:
        found = target.reshape(-1, 1)
    elif classes <= MOST_CLASSES:
        found = target[:, None] == np.arange(1 if classes == 2 else 0, classes)
    else:
        return None
    return np.asarray(found, dtype=np.float64)


class Effects:
    """The means of each value, less the mean of all; 0 for values never seen. A missing value is one like others.

    keys, codes: as `preparation.categories` gives them.
    """

    def __init__(self, keys: NDArray[Any], codes: NDArray[np.intp], target: Floats, style: str) -> None:
        self.kept = [str(one) for one in keys]
        found = _means(np.where(codes < 0, len(keys), codes), len(keys) + 1, target)
        self.spread = found.std(axis=0) if style == "scaled" else np.ones(target.shape[1])
        self.spread[self.spread == 0] = 1
        self.values = np.vstack([found, np.zeros(target.shape[1])])
        self.width = target.shape[1]
        self._places: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_places": {}}

    def transform(self, keys: NDArray[Any], codes: NDArray[np.intp], out: Floats) -> None:
        if not self._places:
            self._places = {key: place for place, key in enumerate(self.kept)}
        missing, unknown = len(self.kept), len(self.kept) + 1
        places = np.array([self._places.get(key, unknown) for key in keys] + [missing], dtype=np.intp)
        out[:] = self.values[places[codes]] / self.spread

    def crossed(self, codes: NDArray[np.intp], target: Floats, out: Floats) -> None:
        """The rows of training, each by the means of the folds that it is not in."""
        size = len(self.kept) + 1
        codes = np.where(codes < 0, size - 1, codes)
        folds = np.random.default_rng(0).permutation(len(codes)) % FOLDS
        found = np.zeros_like(target)
        for fold in range(FOLDS):
            inside = folds == fold
            if inside.any() and not inside.all():
                found[inside] = _means(codes[~inside], size, target[~inside])[codes[inside]]
        out[:] = found / self.spread

    def names(self, column: str) -> list[str]:
        return [f"{column}.effect"] if self.width == 1 else [f"{column}.effect{one}" for one in range(self.width)]


def _means(codes: NDArray[np.intp], size: int, target: Floats) -> Floats:
    """The mean of each value less that of all, drawn to 0."""
    rows = len(codes)
    centred = target - target.mean(axis=0)
    counts = np.bincount(codes, minlength=size).astype(np.float64)
    sums = np.column_stack([np.bincount(codes, one, size) for one in centred.T])
    means = sums / np.maximum(counts, 1)[:, None]
    seen = int((counts > 0).sum())
    between = (counts[:, None] * means**2).sum(axis=0)
    within = np.maximum((centred**2).sum(axis=0) - between, 0) / max(rows - seen, 1)
    typical = (rows - (counts**2).sum() / rows) / max(seen - 1, 1)
    variance = np.maximum((between / max(seen - 1, 1) - within) / max(typical, 1e-12), 0)
    drawn = counts[:, None] * variance
    found: Floats = means * np.divide(drawn, drawn + within, out=np.zeros_like(drawn), where=drawn + within > 0)
    return found
