"""What classes weigh, probabilities that are calibrated, and from which one on a classifier says yes.

All that is found is found on the training rows, by folds in which no row is judged by an estimator that has seen it.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.utils import _safe_indexing

from cupola.errors import BadInput
from cupola.training import stepping
from cupola.training.metrics import Predictions
from cupola.training.wrapping import Wrapped

Floats = NDArray[np.float64]
Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]
FOLDS = 5
JUDGED_BY = ("accuracy", "balanced_accuracy", "f1", "f1_macro", "mcc")  # that have a best threshold inside


class Decided(Wrapped):
    """A fitted classifier of two classes that says the second where its probability is at least `threshold`."""

    def __init__(self, estimator: Any, threshold: float) -> None:
        self.estimator = estimator
        self.threshold = threshold

    def predict_proba(self, X: Any) -> Floats:
        found: Floats = self.estimator.predict_proba(X)
        return found

    def predict(self, X: Any) -> NDArray[Any]:
        found: NDArray[Any] = self.classes_[(self.predict_proba(X)[:, 1] >= self.threshold).astype(np.intp)]
        return found


def class_weights(asked: str | dict[str, float], classes: list[Any], codes: NDArray[np.intp]) -> Floats:
    """The weight of each row by its class; "balanced": each class weighs as much as any other in all.

    A class that is not named weighs 1. Raises BadInput for a name that is no class.
    """
    if isinstance(asked, str):
        counts = np.bincount(codes, minlength=len(classes))
        each = np.divide(len(codes), counts * (counts > 0).sum(), out=np.ones(len(classes)), where=counts > 0)
    else:
        names = [str(one) for one in classes]
        strangers = [one for one in asked if one not in names]
        if strangers:
            raise BadInput(f"there is no class {strangers[0]!r} to weigh; there are {', '.join(names[:10])}")
        each = np.array([asked.get(one, 1.0) for one in names], dtype=np.float64)
    found: Floats = each[codes]
    return found


def folds(codes: NDArray[np.intp], groups: NDArray[np.intp] | None, seed: int) -> Folds:
    """Folds of rows, alike in their classes or whole in their groups. Raises BadInput where there are too few."""
    if groups is not None:
        number = min(FOLDS, len(np.unique(groups)))
        chosen: Any = GroupKFold(number) if number > 1 else None
    else:
        counts = np.bincount(codes)
        number = min(FOLDS, int(counts[counts > 0].min()))
        chosen = StratifiedKFold(number, shuffle=True, random_state=seed) if number > 1 else None
    if chosen is None:
        raise BadInput("there are too few rows of a class, or groups, to judge rows by folds of the training rows")
    return list(chosen.split(codes, codes, groups))


def calibrated(estimator: Any, X: Any, y: Any, weights: Floats | None, method: str, inner: Folds) -> Any:
    """The estimator fitted to all rows, its answers mapped to probabilities that hold out of the folds."""
    found = CalibratedClassifierCV(clone(estimator), method=method, cv=inner, ensemble=False)
    found.fit(X, y, **({} if weights is None else {"sample_weight": weights}))
    found.cv = None  # its rows are of no use to anybody who has the model
    return found


def threshold(
    estimator: Any, X: Any, y: Any, codes: NDArray[np.intp], weights: Floats | None, metric: str, inner: Folds
) -> float:
    """Where the metric is best, half-way between the two probabilities beside it."""
    said = np.zeros(len(codes))
    for train, rest in inner:
        fitted = clone(estimator)
        stepping.plain(fitted, _safe_indexing(X, train), y[train], None if weights is None else weights[train])
        if len(fitted.classes_) == 2:
            said[rest] = fitted.predict_proba(_safe_indexing(X, rest))[:, 1]
    edges = np.unique(np.quantile(said, np.linspace(0, 1, 200)))
    tried: Iterable[float] = (edges[1:] + edges[:-1]) / 2 if len(edges) > 1 else [0.5]
    return max(map(float, tried), key=lambda one: _judged(codes, said >= one, metric))


def _judged(codes: NDArray[np.intp], yes: NDArray[np.bool_], metric: str) -> float:
    return Predictions(codes, yes.astype(np.intp), 2).figures().get(metric, 0.0)
