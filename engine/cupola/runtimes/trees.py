"""Ensembles of trees by treelite: in float64 and, for one row, in a few microseconds."""

import copy
import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray
from treelite.core import _LIB as LIBRARY
from treelite.core import TreeliteError
from treelite.gtil.gtil import GTILConfig

from cupola.errors import BadInput
from cupola.runtimes.program import Trees

Floats = NDArray[np.float64]
LARGE = (  # as scikit-learn refuses it, and `native` says so
    "the model cannot use these values: Input X contains infinity or a value too large for dtype('float32')."
)
TREE = (
    "node_count", "children_left", "children_right", "threshold", "missing_go_to_left", "n_node_samples",
    "weighted_n_node_samples", "impurity",
)  # fmt: skip


def scoring(how: Trees) -> Callable[[Floats], Floats]:
    """The scores of a matrix of numbers. Raises BadInput for those that are too large for trees that round them.

    This calls treelite's C function (TreeliteGTILPredict) as its own `gtil.predict` does: that makes a configuration
    and asks for shapes at each call, which takes twice as long as the trees.
    """
    model = treelite.Model.deserialize_bytes(how.model)
    config = GTILConfig(predict_type="default" if how.transformed else "raw", nthread=1)
    kind, dtype, taken = model.input_type.encode(), np.dtype(how.precision), np.dtype(model.input_type)
    width, predict = model.num_feature, LIBRARY["TreeliteGTILPredict"]
    pointer = ctypes.c_void_p
    predict.argtypes = [pointer, pointer, ctypes.c_char_p, ctypes.c_uint64, pointer, pointer]

    def score(numbers: Floats) -> Floats:
        if how.rounded:
            with np.errstate(over="ignore"):
                numbers = numbers.astype(np.float32)
            if np.isinf(numbers).any():
                raise BadInput(LARGE)
        given = np.ascontiguousarray(numbers, dtype=taken)
        if given.shape[1] != width:
            raise ValueError(f"the trees take {width} numbers, not {given.shape[1]}")
        found = np.zeros((len(given), how.outputs), dtype=dtype)
        if len(given) and predict(model.handle, _at(given), kind, len(given), _at(found), config.handle):
            raise TreeliteError(LIBRARY.TreeliteGetLastError().decode())
        return found.astype(np.float64, copy=False)

    return score


def _at(numbers: NDArray[Any]) -> Any:
    """Where the numbers lie: half the time of `__array_interface__`."""
    return ctypes.byref(ctypes.c_char.from_buffer(numbers))  # type: ignore[arg-type]


def of_scikit_learn(estimator: Any, *, rounded: bool) -> Trees:
    """The trees of an ensemble, or of one tree. Raises what treelite raises for what it does not read."""
    import treelite.sklearn

    if hasattr(estimator, "tree_"):
        estimator = _forest_of(estimator)
    elif hasattr(estimator, "n_estimators") and len(estimator.estimators_) != estimator.n_estimators:
        estimator = copy.copy(estimator)  # it has stopped early; treelite reads as many trees as n_estimators says
        estimator.n_estimators = len(estimator.estimators_)
    return _packed(treelite.sklearn.import_model(estimator), rounded=rounded)


def of_isolation(forest: Any) -> Trees:
    """The mean depth of a row in an isolation forest, as a forest of regression trees whose leaves hold depths.

    treelite's own reading of such a forest takes other constants than scikit-learn, and differs by 1e-8.
    """
    from sklearn.ensemble import RandomForestRegressor

    depths = zip(forest._decision_path_lengths, forest._average_path_length_per_tree, strict=True)
    trees = zip(forest.estimators_, forest.estimators_features_, depths, strict=True)
    made = RandomForestRegressor(len(forest.estimators_))
    made.estimators_ = [
        _with_depths(one.tree_, np.asarray(features), path + below - 1.0) for one, features, (path, below) in trees
    ]
    made.n_features_in_, made.n_outputs_ = forest.n_features_in_, 1
    return of_scikit_learn(made, rounded=True)


def _with_depths(tree: Any, features: Any, depths: Any) -> Any:
    found = {name: getattr(tree, name) for name in TREE}
    split = np.asarray(tree.feature)
    found["feature"] = np.where(split >= 0, features[np.maximum(split, 0)], split).astype(np.int64)
    found["value"] = np.asarray(depths, dtype=np.float64).reshape(-1, 1, 1)
    return SimpleNamespace(tree_=SimpleNamespace(**found))


def of_booster(booster: Any, *, transformed: bool) -> Trees:
    """The trees of LightGBM's or XGBoost's model. transformed: with the last step, which depends on its objective."""
    reads = (
        treelite.frontend.from_lightgbm
        if type(booster).__module__.startswith("lightgbm")
        else treelite.frontend.from_xgboost
    )
    return _packed(reads(booster), transformed=transformed)


def thresholds(how: Trees, most: int) -> dict[int, list[float]]:
    """Some of the thresholds of each number, for trying rows that stand on them."""
    model = treelite.Model.deserialize_bytes(how.model)
    found: dict[int, set[float]] = {}
    for place in range(min(model.num_tree, 20)):
        tree = model.get_tree_accessor(place)
        for number, threshold in zip(tree.get_field("split_index"), tree.get_field("threshold"), strict=False):
            if number >= 0 and len(found.setdefault(int(number), set())) < most:
                found[int(number)].add(float(threshold))
    return {number: sorted(several) for number, several in found.items()}


def _packed(model: Any, *, rounded: bool = False, transformed: bool = False) -> Trees:
    outputs = treelite.gtil.predict(
        model, np.zeros((1, model.num_feature)), nthread=1, pred_margin=not transformed
    ).size
    return Trees(bytes(model.serialize_bytes()), outputs, rounded, transformed, precision=model.output_type)


def _forest_of(tree: Any) -> Any:
    """A forest of one tree: treelite reads no tree that stands alone."""
    from sklearn.base import is_classifier
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = RandomForestClassifier(1) if is_classifier(tree) else RandomForestRegressor(1)
    forest.estimators_ = [tree]
    forest.n_features_in_, forest.n_outputs_ = tree.n_features_in_, tree.n_outputs_
    if is_classifier(tree):
        forest.n_classes_ = tree.n_classes_
    return forest
