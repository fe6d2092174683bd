"""Fits that can be watched on their way, and end as one plain fit with the same seed would (tests hold them to it).

Forests, bagging and gradient boosting are grown a piece at a time. HistGradientBoosting is not: each piece would bin
the table anew (17 times slower with weights, seen), and stop early elsewhere. It says after each tree where it is; it
is looked at then, in the middle of its one fit.
"""

import contextlib
import copy
import inspect
import io
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.environments.catalogue import Estimator

POINTS = 20
ALLOWED = 1.0  # seconds that looking at what was fitted so far may take in all
WATCHING = 0.25  # of the time of fitting, where that is more
SPOKEN = "HistGradientBoosting"
EARLY = ("early_stopping_rounds", "early_stopping_round")  # of XGBoost and of LightGBM

# Of a library of boosted trees: how many rounds a fitted estimator has, and how it is asked to predict by fewer.
ROUNDS: dict[str, tuple[Callable[[Any], int], Callable[[int], dict[str, Any]]]] = {
    "lightgbm": (lambda made: int(made.n_estimators_), lambda step: {"num_iteration": step}),
    "xgboost": (lambda made: int(made.get_booster().num_boosted_rounds()), lambda step: {"iteration_range": (0, step)}),
}

Watch = Callable[[Any, int, int], None]


def fit(estimator: Any, known: Estimator, X: Any, y: Any, weights: NDArray[Any] | None, watch: Watch) -> None:
    """Fits; calls `watch(estimator, step, steps)` on the way where the estimator can be looked at."""
    given = {} if weights is None else {"sample_weight": weights}
    if known.name.startswith(SPOKEN):
        _listen(estimator, X, y, given, watch)
    elif _continues(estimator, known):
        _grow(estimator, known.step, X, y, given, watch)
    else:
        plain(estimator, X, y, weights)


def plain(estimator: Any, X: Any, y: Any, weights: NDArray[Any] | None) -> None:
    """One fit. An estimator that is told to stop early, and holds no rows out by itself, gets a tenth of them."""
    given: dict[str, Any] = {} if weights is None else {"sample_weight": weights}
    if any(name.endswith(EARLY) and value for name, value in estimator.get_params().items()):
        held = _tenth(y)
        takes = inspect.signature(getattr(estimator, "estimator", estimator).fit).parameters
        given = {name: value[~held] for name, value in given.items()}
        given |= {"eval_X": X[held], "eval_y": y[held]} if "eval_X" in takes else {"eval_set": [(X[held], y[held])]}
        given |= {"verbose": False} if "verbose" in takes else {}
        X, y = X[~held], y[~held]
    estimator.fit(X, y, **given)


def _tenth(y: NDArray[Any]) -> NDArray[np.bool_]:
    """A tenth of the rows; of classes, of each that has ten."""
    drawn = np.random.default_rng(0).permutation(len(y))
    groups = np.zeros(len(y), dtype=np.intp) if y.dtype.kind == "f" else np.unique(y, return_inverse=True)[1]
    held = np.zeros(len(y), dtype=bool)
    for group in np.unique(groups):
        rows = drawn[groups[drawn] == group]
        held[rows[: len(rows) // 10]] = True
    return held


def points(steps: int) -> list[int]:
    """Up to `POINTS` steps out of so many, evenly, the last included."""
    return [int(one) for one in np.unique(np.linspace(0, steps, min(POINTS, steps) + 1).astype(int))[1:]]


def stages(estimator: Any, known: Estimator, X: Any) -> Iterator[tuple[int, Any]]:
    """(step, what it would have predicted by then) for a fitted estimator that can only say so afterwards.

    The prediction is the probabilities or, for a regressor, the values.
    """
    name = "staged_predict_proba" if hasattr(estimator, "staged_predict_proba") else "staged_predict"
    if known.staged and hasattr(estimator, name):
        wanted = set(points(len(estimator.estimators_)))
        yield from ((step, found) for step, found in enumerate(getattr(estimator, name)(X), 1) if step in wanted)
    elif known.module.partition(".")[0] in ROUNDS:
        made = getattr(estimator, "estimator", estimator)
        predict = made.predict_proba if hasattr(made, "predict_proba") else made.predict
        count, until = ROUNDS[known.module.partition(".")[0]]
        for step in points(count(made)):
            yield step, predict(X, **until(step))


class Clock:
    """Says whether it is time to look again: at the points, as long as looking does not take too much of the time.

    What counts is the time that this thread had a CPU for: a run's curve is not another one on a busy host.
    """

    def __init__(self, steps: int) -> None:
        self.points = set(points(steps))
        self.begun = time.thread_time()
        self.looking = 0.0

    def due(self, step: int) -> bool:
        spent = time.thread_time() - self.begun - self.looking
        return step in self.points and self.looking <= max(ALLOWED, WATCHING * spent)

    @contextlib.contextmanager
    def look(self) -> Any:
        begun = time.thread_time()
        yield
        self.looking += time.thread_time() - begun


def _continues(estimator: Any, known: Estimator) -> bool:
    """Whether going on from where it stopped gives what one fit gives, and is worth it.

    Gradient boosting forgets why it was about to stop; forests warn of balanced weights and count out-of-bag rows anew.
    """
    if not known.step or getattr(estimator, known.step, 0) < 2:
        return False
    if known.name.startswith("GradientBoosting"):
        return estimator.n_iter_no_change is None
    return not getattr(estimator, "oob_score", False) and not isinstance(getattr(estimator, "class_weight", None), str)


def _grow(estimator: Any, step: str, X: Any, y: Any, given: dict[str, Any], watch: Watch) -> None:
    total, warm = getattr(estimator, step), estimator.warm_start
    clock = Clock(total)
    estimator.set_params(warm_start=True)
    try:
        for point in points(total):
            estimator.set_params(**{step: point}).fit(X, y, **given)
            if point == total or clock.due(point):
                with clock.look():
                    watch(estimator, point, total)
    finally:
        estimator.set_params(**{step: total, "warm_start": warm})


def _listen(estimator: Any, X: Any, y: Any, given: dict[str, Any], watch: Watch) -> None:
    verbose = estimator.verbose
    estimator.set_params(verbose=2)
    try:
        with contextlib.redirect_stdout(_Listener(estimator, watch, sys.stdout if verbose else None)):
            estimator.fit(X, y, **given)
    finally:
        estimator.set_params(verbose=verbose)
    watch(estimator, int(estimator.n_iter_), int(estimator.n_iter_))


class _Listener(io.TextIOBase):
    """Where a fit writes "[12/100] " before its 12th step: there it can be looked at, with 11 steps done."""

    def __init__(self, estimator: Any, watch: Watch, through: Any) -> None:
        self.estimator, self.watch, self.through = estimator, watch, through
        self.clock = Clock(estimator.max_iter)
        self.blind = False

    def write(self, text: str) -> int:
        if self.through is not None:
            self.through.write(text)
        if text.startswith("["):
            step = int(text[1 : text.index("/")]) - 1
            if step and not self.blind and self.clock.due(step):
                with self.clock.look():
                    self._look(step)
        return len(text)

    def _look(self, step: int) -> None:
        seen = copy.copy(self.estimator)  # shares the trees; the mark of a fit under way is taken off the copy
        seen.__dict__.pop("_in_fit", None)
        try:
            self.watch(seen, step, self.estimator.max_iter)
        except (AttributeError, ValueError):  # another scikit-learn that cannot be looked at half-way
            self.blind = True
