"""LightGBM and XGBoost: every evaluation of a training, through their callbacks."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from cupola.tracking.active import ActiveRun
from cupola.tracking.libraries import scikit_learn
from cupola.tracking.libraries.logging import open_run, quietly


def touch(module: ModuleType) -> None:
    """`module` is lightgbm or xgboost; their estimators call the same `train`, by a name of their own."""
    library: Any = module
    callback = _lightgbm if module.__name__ == "lightgbm" else functools.partial(_xgboost, library)
    own: Callable[..., Any] = library.train
    places: list[Any] = [library, sys.modules[own.__module__], library.sklearn]
    for place in places:
        if getattr(place, "train", None) is own:
            place.train = _train(own, callback)


def _train(method: Callable[..., Any], callback: Callable[[ActiveRun], Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def train(*given: Any, **named: Any) -> Any:
        outer = scikit_learn.fitting()
        if outer is not None and type(outer).__module__.partition(".")[0] not in ("lightgbm", "xgboost"):
            return method(*given, **named)  # one of the many fits of a search
        with open_run() as run:
            if run is not None:
                if outer is None:
                    quietly(lambda: _before(run, method, given, named))
                named["callbacks"] = [*(named.get("callbacks") or ()), callback(run)]
            return method(*given, **named)

    return train


def _before(run: ActiveRun, method: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> None:
    params = given[0] if given else named.get("params")
    if isinstance(params, dict):
        run.log_params(params)
    rounds = named.get("num_boost_round", given[2] if len(given) > 2 else None)
    if rounds is not None:
        run.log_param("num_boost_round", rounds)
    run.estimator = run.estimator or method.__module__.partition(".")[0]


def _lightgbm(run: ActiveRun) -> Callable[[Any], None]:
    def log(environment: Any) -> None:
        quietly(lambda: _log_lightgbm(run, environment))

    return log


def _log_lightgbm(run: ActiveRun, environment: Any) -> None:
    for data, metric, value, *_ in environment.evaluation_result_list or ():
        run.log_metric(f"{'train' if data == 'training' else data}_{metric}", value, step=environment.iteration)


def _xgboost(library: Any, run: ActiveRun) -> Any:
    class Log(library.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
            quietly(lambda: _log_xgboost(run, epoch, evals_log))
            return False

    return Log()


def _log_xgboost(run: ActiveRun, epoch: int, evaluated: dict[str, dict[str, list[Any]]]) -> None:
    for data, metrics in evaluated.items():
        for metric, values in metrics.items():
            value = values[-1]
            run.log_metric(f"{data}_{metric}", value[0] if isinstance(value, tuple) else value, step=epoch)
