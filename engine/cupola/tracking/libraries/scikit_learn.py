"""scikit-learn: every outermost `fit` of what predicts, and every `score` that a script asks for."""

import functools
import inspect
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from cupola.tracking import run as tracking
from cupola.tracking.active import ActiveRun
from cupola.tracking.libraries.logging import open_run, quietly

MOST_ROWS = 10_000  # for a score on the training rows: it predicts them all
CURVES = {
    "loss_curve_": "train_loss",
    "validation_scores_": "validation_score",
    "train_score_": "train_score",
    "validation_score_": "validation_score",
}
MARK = "_cupola_logs"
_here = threading.local()


def touch(base: ModuleType) -> None:
    """`base` is sklearn.base. Estimators that are defined later, a script's own included, are touched as they are."""
    root = base.BaseEstimator
    own = root.__dict__.get("__init_subclass__")

    def __init_subclass__(cls: type, /, **given: Any) -> None:
        if own is None:
            super(root, cls).__init_subclass__(**given)
        else:
            own.__func__(cls, **given)
        _wrap(cls)

    root.__init_subclass__ = classmethod(__init_subclass__)
    for mixin in (base.ClassifierMixin, base.RegressorMixin):
        _wrap(mixin)
    for estimator in _subclasses(root):
        _wrap(estimator)


def fitting() -> Any:
    """The estimator whose outermost fit is under way in this thread, or None."""
    return getattr(_here, "estimator", None)


def _subclasses(root: type) -> list[type]:
    below: list[type] = list(type.__subclasses__(root))
    return below + [one for child in below for one in _subclasses(child)]


def _wrap(cls: type) -> None:
    for name, wrapped in (("fit", _fit), ("score", _score)):
        method = cls.__dict__.get(name)
        if inspect.isfunction(method) and not hasattr(method, MARK):
            logged = wrapped(method)
            setattr(logged, MARK, True)
            setattr(cls, name, logged)


def _fit(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def fit(self: Any, *given: Any, **named: Any) -> Any:
        if fitting() is not None or not hasattr(self, "predict") or _from_within(sys._getframe(1), self):
            return method(self, *given, **named)
        with open_run() as run:
            _here.estimator = self
            begun = time.perf_counter()
            try:
                if run is not None:
                    quietly(lambda: _before(run, self))
                fitted = method(self, *given, **named)
                if run is not None:
                    seconds = time.perf_counter() - begun
                    quietly(lambda: _after(run, self, seconds, given, named))
            finally:
                _here.estimator = None
        return fitted

    return fit


def _score(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def score(self: Any, *given: Any, **named: Any) -> Any:
        value = method(self, *given, **named)
        run = tracking.current()
        if run is not None and fitting() is None and not _from_within(sys._getframe(1), self):
            quietly(lambda: run.log_metric("score", value))
        return value

    return score


def _from_within(caller: FrameType, estimator: Any) -> bool:
    """Whether scikit-learn itself asks (a search, a fold), on behalf of another object than this one."""
    name = str(caller.f_globals.get("__name__", ""))
    return name.partition(".")[0] in ("sklearn", "joblib") and caller.f_locals.get("self") is not estimator


def _before(run: ActiveRun, estimator: Any) -> None:
    name = type(_last(estimator)).__name__
    every = estimator.get_params(deep=True)
    given = {key: value for key, value in every.items() if value is not None and not _holds_estimator(value)}
    if run.estimator and run.estimator != name:  # another one in the same run
        given = {f"{name}.{key}": value for key, value in given.items()}
    run.log_params(given)
    run.estimator = run.estimator or name


def _after(run: ActiveRun, estimator: Any, seconds: float, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    run.log_metric("fit_seconds", seconds)
    for attribute, name in CURVES.items():
        curve = getattr(_last(estimator), attribute, None)
        if curve is not None and not callable(curve):
            for step, value in enumerate(curve):
                run.log_metric(name, value, step=step)
    if hasattr(estimator, "best_params_"):
        run.log_params({f"best_{name}": value for name, value in estimator.best_params_.items()})
        run.log_metric("cv_best_score", estimator.best_score_)
    rows = [*given[:2], *(named[name] for name in ("X", "y")[len(given) :] if name in named)]
    if len(rows) == 2 and rows[1] is not None and len(rows[1]) <= MOST_ROWS:
        run.log_metric(f"train_{_score_name(estimator)}", estimator.score(*rows))


def _score_name(estimator: Any) -> str:
    base: Any = sys.modules["sklearn.base"]
    if hasattr(estimator, "best_params_") and estimator.scoring is not None:
        return "score"
    return "accuracy" if base.is_classifier(estimator) else "r2" if base.is_regressor(estimator) else "score"


def _last(estimator: Any) -> Any:
    """What predicts in a pipeline."""
    steps = getattr(estimator, "steps", None)
    return steps[-1][1] if isinstance(steps, list) and steps else estimator


def _holds_estimator(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_estimator(one) for one in value)
    return hasattr(value, "get_params")
