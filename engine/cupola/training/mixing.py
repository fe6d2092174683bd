"""Probabilities that are kept from being worse than the shares of the classes.

An estimator that has seen four rows of a class, few rows for its columns or mere noise is easily all too sure, and its
log loss ends above that of a constant. What it says is then mixed with the shares of the classes. How far it is
believed is found on rows that it has not seen (folds of the training rows): as little as is not worse than the best by
more than one standard error. No row changes its place in the order by a class, so roc_auc stays what it was; and the
class that is predicted stays the estimator's own word: the largest of a mixture that believes it but a little is the
most frequent class in every row.

Weights, also those of classes, count in all of it as in the fit: in the shares, and in what is held against them.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.utils import _safe_indexing

from cupola.training import stepping
from cupola.training.metrics import SMALLEST
from cupola.training.wrapping import Wrapped

Floats = NDArray[np.float64]
Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]
RARE = 50  # rows of training; where a class has fewer one fold alone says too little
NARROW = 20  # rows for each column; where there are fewer, likewise
LARGEST = 20_000  # rows; among more a few rows of a class weigh nothing
FOLDS = 3
CLEARLY = 2.0  # standard errors by which an estimator must be better than the shares to be left alone
NOT_LOOKED_AT = (
    "whether its probabilities are all too sure is not looked at, since class_weight asks for others than there are; "
    "--class-weights weighs likewise, and has it looked at"
)
TRUSTS = np.concatenate([[0.001, 0.003], np.linspace(0.01, 1, 100)])


class Mixed(Wrapped):
    """A fitted classifier whose probabilities are believed to `trust`, and the shares of the classes for the rest."""

    def __init__(self, estimator: Any, shares: Floats, trust: float) -> None:
        self.estimator = estimator
        self.shares = shares
        self.trust = trust

    def predict_proba(self, X: Any) -> Floats:
        found: Floats = self.trust * self.estimator.predict_proba(X) + (1 - self.trust) * self.shares
        return found

    def predict(self, X: Any) -> NDArray[Any]:
        found: NDArray[Any] = self.estimator.predict(X)
        return found


def is_possible(estimator: Any, codes: NDArray[np.intp]) -> bool:
    """Whether it can be found how far it is to be believed; its own weights of classes are not known here."""
    plain = getattr(estimator, "class_weight", None) is None and hasattr(estimator, "predict_proba")
    return plain and np.bincount(codes).max() >= FOLDS and 2 * FOLDS <= len(codes) <= LARGEST


def mixed(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    codes: NDArray[np.intp],
    weights: Floats | None,
    groups: NDArray[np.intp] | None,
    seed: int,
) -> tuple[Any, str]:
    """A fitted classifier as it is to be used, and a note where it is not believed in all.

    codes: `y`, from 0; groups: of rows that no fold is to divide. One that cannot be fitted to fewer rows than all is
    left alone, and so is one that is clearly better than the shares: with many rows the first fold says that already.
    """
    weighed = np.ones(len(codes)) if weights is None else weights
    shares = np.bincount(codes, weighed) / weighed.sum()
    counts = np.bincount(codes)
    little = counts[counts > 0].min() < RARE or len(codes) < NARROW * X.shape[1]
    said, known = np.zeros(len(codes)), shares[codes]
    try:
        for number, (train, rest) in enumerate(_folds(codes, groups, seed)):
            said[rest] = _unseen(estimator, X, y, codes, weights, train, rest)
            if number == 0 and not little and _is_better(said[rest], known[rest], weighed[rest]):
                return estimator, ""
    except ValueError:
        return estimator, ""
    if _is_better(said, known, weighed) or (trust := _trust(said, known, weighed)) == 1:
        return estimator, ""
    plain, constant = (np.average(_loss(one), weights=weighed) for one in (said, known))
    note = (
        f"by folds of the training rows the probabilities are not clearly better than the shares of the classes "
        f"(log_loss {plain:.3g}, {constant:.3g}): they are mixed with them, {trust:.3g} to {1 - trust:.3g}"
    )
    return Mixed(estimator, shares[np.unique(codes)], trust), note


def _is_better(said: Floats, known: Floats, weights: Floats) -> bool:
    """Whether the probabilities said of what is true are clearly better than its shares."""
    if not weights.any():
        return False
    better = _loss(known) - _loss(said)
    return bool(np.average(better, weights=weights) > CLEARLY * _error(better, weights))


def _trust(said: Floats, known: Floats, weights: Floats) -> float:
    losses = [_loss(one * said + (1 - one) * known) for one in TRUSTS]
    best = losses[int(np.argmin([np.average(one, weights=weights) for one in losses]))]
    for trust, one in zip(TRUSTS, losses, strict=True):
        worse = one - best
        if np.average(worse, weights=weights) <= _error(worse, weights):
            return float(trust)
    return 1.0


def _error(values: Floats, weights: Floats) -> float:
    """The standard error of their weighted mean."""
    off = values - np.average(values, weights=weights)
    return float(np.sqrt((weights**2 * off**2).sum()) / weights.sum())


def _folds(codes: NDArray[np.intp], groups: NDArray[np.intp] | None, seed: int) -> Folds:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class has fewer rows than there are folds
        if groups is not None and len(np.unique(groups)) >= FOLDS:
            return list(GroupKFold(FOLDS).split(codes, codes, groups))
        return list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(codes, codes))


def _unseen(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    codes: NDArray[np.intp],
    weights: Floats | None,
    train: NDArray[np.intp],
    rest: NDArray[np.intp],
) -> Floats:
    """The probability of what is true of the rest of the rows, by an estimator that has seen the others only."""
    if len(here := np.unique(codes[train])) == 1:
        return np.asarray(codes[rest] == here[0], dtype=np.float64)
    places = dict(zip(y.tolist(), codes.tolist(), strict=True))
    found = np.zeros((len(rest), int(codes.max()) + 1))
    fitted = clone(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stepping.plain(fitted, _safe_indexing(X, train), y[train], None if weights is None else weights[train])
        found[:, [places[one] for one in fitted.classes_.tolist()]] = fitted.predict_proba(_safe_indexing(X, rest))
    true: Floats = found[np.arange(len(rest)), codes[rest]]
    return true


def _loss(probability: Floats) -> Floats:
    return -np.log(np.clip(np.nan_to_num(probability), SMALLEST, 1))
