"""A fitted classifier within another one, which changes what is made of its answers and leaves the rest to it."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin


class Wrapped(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What a classifier around the fitted `estimator` has of it: its classes, its fit, and that it is fitted."""

    estimator: Any

    @property
    def classes_(self) -> NDArray[Any]:
        return np.asarray(self.estimator.classes_)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any, **given: Any) -> Self:
        self.estimator.fit(X, y, **given)
        return self
