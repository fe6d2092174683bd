"""Fits that can be watched on their way, and end as one plain fit with the same seed would (tests hold them to it).

Forests, bagging and gradient boosting are grown a piece at a time. HistGradientBoosting is not: each piece would bin
the table anew (17 times slower with weights, seen), and stop early elsewhere. It says after each tree where it is; it
is looked at then, in the middle of its one fit.
"""

import contextlib
import copy
import io
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.environments.catalogue import Estimator

POINTS = 20
ALLOWED = 1.0  # seconds that looking at what was fitted so far may take in all
WATCHING = 0.25  # of the time of fitting, where that is more
SPOKEN = "HistGradientBoosting"

Watch = Callable[[Any, int, int], None]


def fit(estimator: Any, known: Estimator, X: Any, y: Any, weights: NDArray[Any] | None, watch: Watch) -> None:
    """Fits; calls `watch(estimator, step, steps)` on the way where the estimator can be looked at."""
    given = {} if weights is None else {"sample_weight": weights}
    if known.name.startswith(SPOKEN):
        _listen(estimator, X, y, given, watch)
    elif _continues(estimator, known):
        _grow(estimator, known.step, X, y, given, watch)
    else:
        estimator.fit(X, y, **given)


def points(steps: int) -> list[int]:
    """Up to `POINTS` steps out of so many, evenly, the last included."""
    return [int(one) for one in np.unique(np.linspace(0, steps, min(POINTS, steps) + 1).astype(int))[1:]]


def stages(estimator: Any, known: Estimator, X: Any) -> list[tuple[int, Any]]:
    """(step, what it would have predicted by then) for a fitted estimator that can only say so afterwards.

    The prediction is the probabilities or, for a regressor, the values.
    """
    name = "staged_predict_proba" if hasattr(estimator, "staged_predict_proba") else "staged_predict"
    if not known.staged or not hasattr(estimator, name):
        return []
    wanted = set(points(len(estimator.estimators_)))
    return [(step, found) for step, found in enumerate(getattr(estimator, name)(X), 1) if step in wanted]


class Clock:
    """Says whether it is time to look again: at the points, as long as looking does not take too much of the time."""

    def __init__(self, steps: int) -> None:
        self.points = set(points(steps))
        self.begun = time.perf_counter()
        self.looking = 0.0

    def due(self, step: int) -> bool:
        spent = time.perf_counter() - self.begun - self.looking
        return step in self.points and self.looking <= max(ALLOWED, WATCHING * spent)

    @contextlib.contextmanager
    def look(self) -> Any:
        begun = time.perf_counter()
        yield
        self.looking += time.perf_counter() - begun


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
