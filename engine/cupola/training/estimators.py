"""Estimators made from their names and parameters, and what each needs the columns to be."""

import importlib
import math
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, ClusterMixin, clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from cupola.environments import catalogue
from cupola.environments import own as own_names
from cupola.training.preparation import Preparation


def make(name: str, params: dict[str, Any], *, seed: int, threads: int = 1, classes: list[Any] | None = None) -> Any:
    """A new estimator with checked parameters (`cupola.environments.values.check`).

    It gets the seed where it takes one and none was given, and the threads likewise. Keys of class_weight, which are
    texts in JSON, become the classes that they name.
    """
    known = catalogue.find(name)
    if own_names.is_own(name):
        return _of_own(name, params, seed)
    own = {key: _value(value) for key, value in params.items() if "__" not in key}
    for key, value in own.items():
        parameter = known.parameters[key]
        if isinstance(value, str) and _names_estimator(parameter, value):
            own[key] = make(value, _inside(params, key), seed=seed, classes=classes)
        elif any(one.kind == "estimators" for one in parameter.constraints):
            own[key] = [(one, make(one, _inside(params, one), seed=seed, classes=classes)) for one in value]
        elif key == "class_weight" and isinstance(value, dict) and classes:
            by_text = {str(one): one for one in classes}
            own[key] = {by_text.get(one, one): weight for one, weight in value.items()}
    if "random_state" in known.parameters:
        own.setdefault("random_state", seed)
    foreign = not known.module.startswith("sklearn.")
    if "n_jobs" in known.parameters and (threads > 1 or foreign):  # others than scikit-learn's take all that there are
        own.setdefault("n_jobs", threads)
    if known.module.startswith("lightgbm."):
        own.setdefault("verbose", -1)
    made: BaseEstimator = getattr(importlib.import_module(known.module), name)(**own)
    if known.kind == "detector" and hasattr(made, "novelty"):
        made.novelty = True
    if known.kind == "clusterer" and not hasattr(made, "predict"):
        return Nearest(made)
    return Coded(made) if foreign and known.kind == "classifier" else made


def _of_own(name: str, params: dict[str, Any], seed: int) -> Any:
    """An estimator of the workspace's own; whatever in it takes a seed and has none gets this one."""
    found = own_names.loaded(name)
    made = found(**params) if callable(found) else clone(found).set_params(**params)
    every = made.get_params() if hasattr(made, "get_params") else {}
    unset = [one for one, value in every.items() if one.endswith("random_state") and value is None]
    return made.set_params(**dict.fromkeys(unset, seed)) if unset else made


def unthread(estimator: Any) -> None:
    """Takes the number of threads back: who predicts may have others."""
    made = estimator.estimator if isinstance(estimator, Coded) else estimator
    if "n_jobs" in made.get_params(deep=False):
        made.set_params(n_jobs=None if type(made).__module__.startswith("sklearn.") else 1)


class Nearest(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """A clusterer that judges only the rows that it was given: a new row gets the cluster of the nearest of them."""

    def __init__(self, clusterer: Any) -> None:
        self.clusterer = clusterer

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.labels_ = clone(self.clusterer).fit(X, **given).labels_
        self.neighbours_ = KNeighborsClassifier(1).fit(X, self.labels_)
        return self

    def predict(self, X: Any) -> Any:
        return self.neighbours_.predict(X)


class Coded(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of a library that wants classes as codes from 0."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def __sklearn_tags__(self) -> Any:
        return self.estimator.__sklearn_tags__()

    def fit(self, X: Any, y: Any, **given: Any) -> Self:
        self.classes_, codes = np.unique(y, return_inverse=True)
        if "eval_set" in given:
            given["eval_set"] = [(rows, np.searchsorted(self.classes_, truth)) for rows, truth in given["eval_set"]]
        if "eval_y" in given:
            given["eval_y"] = np.searchsorted(self.classes_, given["eval_y"])
        self.estimator.fit(X, codes, **given)
        return self

    def predict(self, X: Any) -> Any:
        return self.classes_[self.estimator.predict(X).astype(int)]

    def predict_proba(self, X: Any) -> Any:
        return self.estimator.predict_proba(X)


def prepare(estimator: Any, features: list[tuple[str, str]]) -> Preparation:
    """The preparation that suits the estimator; a pipeline, or what takes texts, has its own and gets the rows."""
    tags = estimator.__sklearn_tags__().input_tags
    if isinstance(estimator, Pipeline) or tags.string:
        return Preparation(features, "raw")
    if tags.categorical and tags.positive_only:
        return Preparation(features, "binned")
    if tags.positive_only:
        return Preparation(features, "positive")
    return Preparation(features, "trees" if tags.allow_nan else "scaled")


def settle(estimator: Any, preparation: Preparation) -> None:
    """Tells an estimator of codes how many values each column may take, as the fitted preparation found out."""
    if preparation.style == "binned" and "min_categories" in estimator.get_params(deep=False):
        estimator.set_params(min_categories=preparation.sizes_)


def _inside(params: dict[str, Any], name: str) -> dict[str, Any]:
    prefix = f"{name}__"
    return {one.removeprefix(prefix): each for one, each in params.items() if one.startswith(prefix)}


def _value(value: Any) -> Any:
    return math.inf if value == "inf" else value


def _names_estimator(parameter: catalogue.Parameter, value: str) -> bool:
    kinds = {one.kind: one for one in parameter.constraints}
    return "estimator" in kinds and value not in (kinds["option"].options if "option" in kinds else ())
