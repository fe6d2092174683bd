"""What models that a step learns come to, as plain numbers: directions of the most variance, and linear imputation."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cupola.errors import BadInput


def directions(covariance: Sequence[Sequence[float]]) -> tuple[list[list[float]], list[float]]:
    """The directions in which rows differ most, that of the most first, and the share of the variance of each.

    The largest weight of a direction is positive, so that they are the same wherever they are found.
    """
    variances, vectors = np.linalg.eigh(np.array(covariance, dtype=float))
    order = np.argsort(-variances, kind="stable")
    found = vectors[:, order].T
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1)
    found = found * np.where(largest < 0, -1.0, 1.0)
    variances = np.maximum(variances[order], 0.0)
    return found.tolist(), (variances / (variances.sum() or 1.0)).tolist()


def chained(rows: Sequence[Sequence[Any]], rounds: int, seed: int) -> tuple[list[float], list[list[Any]]]:
    """What fills gaps at first, and the models that fill them then, one after the other: (place of the column, start,
    weights of the other columns in their order).

    Raises BadInput where the numbers are too large to be learned from.
    """
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    table = np.array(rows, dtype=float)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it could go on for more rounds
            fitted = IterativeImputer(max_iter=rounds, random_state=seed).fit(table)
    except ValueError as error:
        raise BadInput(f"the numbers cannot be learned from: {str(error)[:200]}") from None
    steps = []
    for place, others, model in fitted.imputation_sequence_:
        weights = dict(zip(map(int, others), map(float, model.coef_), strict=True))
        steps.append([int(place), float(model.intercept_), [weights.get(at, 0.0) for at in range(table.shape[1])]])
    return [float(one) for one in fitted.initial_imputer_.statistics_], steps
