"""Several fitted estimators that answer as one: the weighted mean of what each says.

A blend takes rows as they stand in the table. Its members share preparations: rows are prepared once for all members
that take them in the same style. Members of a classifier learn codes of classes, from 0, and one whose rows had none of
a class gives it the probability 0.

Saved, the trees of scikit-learn's boosting lie in one array for each member: a file has a cost for every array, and of
thousands of small ones that is seconds.
"""

import copy
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from cupola.training.preparation import Preparation

Floats = NDArray[np.float64]


TREES = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")  # what a tree of scikit-learn's boosting has


class _Saved:
    """How a blend is saved: by skops, and by pickle."""

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return state | {"members": [_packed(one) for one in state["members"]]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state | {"members": [_unpacked(one) for one in state["members"]]})  # type: ignore[misc]


class BlendedNumbers(_Saved, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Members that predict numbers. members: fitted estimators; places: which of the `preparations` each takes."""

    def __init__(
        self, preparations: list[Preparation], members: list[Any], places: list[int], weights: list[float]
    ) -> None:
        self.preparations = preparations
        self.members = members
        self.places = places
        self.weights = weights

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> Self:
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        found = np.zeros(len(X))
        for member, weight, rows in _prepared(self, X):
            found += weight * np.ravel(member.predict(rows))
        return found


class BlendedClasses(_Saved, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Members that tell classes apart. classes: what the codes mean; temperature: as `tempered` takes it."""

    def __init__(
        self,
        preparations: list[Preparation],
        members: list[Any],
        places: list[int],
        weights: list[float],
        classes: NDArray[Any],
        temperature: float = 1.0,
    ) -> None:
        self.preparations = preparations
        self.members = members
        self.places = places
        self.weights = weights
        self.classes = classes
        self.temperature = temperature

    @property
    def classes_(self) -> NDArray[Any]:
        return self.classes

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> Self:
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        found = np.zeros((len(X), len(self.classes)))
        for member, weight, rows in _prepared(self, X):
            found[:, member.classes_] += weight * member.predict_proba(rows)
        return tempered(found, self.temperature)

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        found: NDArray[Any] = self.classes[self.predict_proba(X).argmax(axis=1)]
        return found


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities to the power of 1/temperature, made to add up to 1: above 1 less sure, below it surer.

    C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On Calibration of Modern Neural Networks (2017), section 4.2.
    """
    if temperature == 1:
        return probabilities
    powers = np.maximum(probabilities, 1e-15) ** (1 / temperature)
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found


def _prepared(blend: Any, X: pd.DataFrame) -> Any:
    """Each member with its weight and the rows as it takes them; every preparation is done once."""
    for place, preparation in enumerate(blend.preparations):
        rows = preparation.transform(X)
        for member, taken, weight in zip(blend.members, blend.places, blend.weights, strict=True):
            if taken == place:
                yield member, weight, rows


def _packed(member: Any) -> Any:
    """A copy that has its trees in one array each; what is no boosting of scikit-learn's, as it is."""
    rounds = getattr(member, "_predictors", None)
    if not isinstance(rounds, list):
        return member
    trees = [tree for one in rounds for tree in one]
    found = copy.copy(member)
    found._predictors = {
        name: (np.concatenate(parts), np.array([len(part) for part in parts]))
        for name, parts in ((name, [getattr(tree, name) for tree in trees]) for name in TREES)
    } | {"rounds": len(rounds)}
    return found


def _unpacked(member: Any) -> Any:
    """Such a copy as it was; anything else, also a member that was saved with its trees one by one, as it is."""
    packed = getattr(member, "_predictors", None)
    if not isinstance(packed, dict):
        return member
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    parts = [np.split(packed[name][0], np.cumsum(packed[name][1])[:-1]) for name in TREES]
    trees = [TreePredictor(*each) for each in zip(*parts, strict=True)]
    each = len(trees) // packed["rounds"]
    found = copy.copy(member)
    found._predictors = [trees[place : place + each] for place in range(0, len(trees), each)]
    return found
