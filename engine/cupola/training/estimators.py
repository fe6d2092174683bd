"""Estimators made from their names and parameters, and what each needs the columns to be."""

import importlib
import math
from typing import Any

from sklearn.base import BaseEstimator

from cupola.environments import catalogue
from cupola.training.preparation import CODES, Preparation


def make(name: str, params: dict[str, Any], *, seed: int, threads: int = 1, classes: list[Any] | None = None) -> Any:
    """A new estimator with checked parameters (`cupola.environments.values.check`).

    It gets the seed where it takes one and none was given, and the threads likewise. Keys of class_weight, which are
    texts in JSON, become the classes that they name.
    """
    known = catalogue.find(name)
    own = {key: _value(value) for key, value in params.items() if "__" not in key}
    for key, value in own.items():
        parameter = known.parameters[key]
        if isinstance(value, str) and _names_estimator(parameter, value):
            prefix = f"{key}__"
            inner = {one.removeprefix(prefix): each for one, each in params.items() if one.startswith(prefix)}
            own[key] = make(value, inner, seed=seed, classes=classes)
        elif key == "class_weight" and isinstance(value, dict) and classes:
            by_text = {str(one): one for one in classes}
            own[key] = {by_text.get(one, one): weight for one, weight in value.items()}
    if "random_state" in known.parameters:
        own.setdefault("random_state", seed)
    if "n_jobs" in known.parameters and threads > 1:
        own.setdefault("n_jobs", threads)
    made: BaseEstimator = getattr(importlib.import_module(known.module), name)(**own)
    return made


def prepare(estimator: Any, features: list[tuple[str, str]]) -> Preparation:
    """The preparation that suits the estimator."""
    if hasattr(estimator, "categorical_features"):
        return Preparation(features, "native", limit=min(CODES, int(estimator.max_bins) - 1))
    tags = estimator.__sklearn_tags__().input_tags
    if tags.categorical and tags.positive_only:
        return Preparation(features, "binned")
    if tags.positive_only:
        return Preparation(features, "positive")
    return Preparation(features, "trees" if tags.allow_nan else "scaled")


def settle(estimator: Any, preparation: Preparation) -> None:
    """Tells an estimator what the fitted preparation found out: which columns are codes, and how many there are."""
    if preparation.style == "native":
        estimator.set_params(categorical_features=preparation.categorical_ if any(preparation.categorical_) else None)
    elif preparation.style == "binned" and "min_categories" in estimator.get_params(deep=False):
        estimator.set_params(min_categories=preparation.sizes_)


def lighten(estimator: Any, X: Any) -> None:
    """Takes HistGradientBoosting's own encoding of categories away, where it does nothing any more.

    The preparation puts codes in front that count from 0, which is what that encoding makes of them. Without it a
    prediction is several times faster, and skops can save the estimator (its encoding holds a function).
    """
    encoding = getattr(estimator, "_preprocessor", None)
    if encoding is None:
        return
    before = estimator.predict(X)
    estimator._preprocessor = None
    if not (estimator.predict(X) == before).all():
        estimator._preprocessor = encoding


def _value(value: Any) -> Any:
    return math.inf if value == "inf" else value


def _names_estimator(parameter: catalogue.Parameter, value: str) -> bool:
    kinds = {one.kind: one for one in parameter.constraints}
    return "estimator" in kinds and value not in (kinds["option"].options if "option" in kinds else ())
