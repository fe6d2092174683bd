"""What is learned, and what a fitted estimator says of it: as the metrics take it, whatever the kind of estimator."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from cupola.errors import BadInput
from cupola.training.clusters import Clusters, Flags
from cupola.training.metrics import Predictions
from cupola.training.preparation import numbers
from cupola.training.records import Task, Training

Found = Predictions | Clusters | Flags


@dataclass
class Target:
    """The target of the rows that have one. values: as the estimator gets them; codes: of the classes, from 0.

    Nothing is learned from that of clusters and anomalies (`is_learnt`), but what is found is compared with it where
    there is one (`is_known`). Of anomalies, the class of fewer rows is theirs.
    """

    task: Task
    values: NDArray[Any]
    codes: NDArray[Any]
    classes: list[Any] | None = None
    name: str | None = None

    @property
    def is_known(self) -> bool:
        return self.name is not None

    @property
    def is_learnt(self) -> bool:
        return self.task in ("classification", "regression")

    def of(self, table: pd.DataFrame, training: Training) -> tuple[NDArray[Any], NDArray[Any]]:
        """The values and codes of other rows that have the same classes."""
        if self.classes is None:
            other = target_of(table, training)
            return other.values, other.codes
        values = _class_values(table[training.target], training.target_type)
        return values, pd.Index(self.classes).get_indexer(values)


def predicted(target: Target, estimator: Any, X: Any, truth: NDArray[Any]) -> Found:
    """What a fitted estimator says of prepared rows, beside the truth (codes of classes, or numbers)."""
    if target.task == "clustering":
        labels = np.asarray(estimator.predict(X), dtype=np.intp)
        rows = estimator[:-1].transform(X) if isinstance(estimator, Pipeline) else X
        return Clusters(
            np.asarray(rows, dtype=np.float64), labels, truth if target.is_known else None, _squares(estimator, X)
        )
    if target.task == "anomaly":
        flagged = (estimator.predict(X) < 0).astype(np.intp)
        scores = -np.ravel(estimator.decision_function(X))
        if not target.is_known:
            return Flags(flagged, scores)
        return Predictions(truth, flagged, 2, np.column_stack([-scores, scores]), False)
    values = np.ravel(estimator.predict(X))
    if target.classes is None:
        return Predictions(truth, values.astype(np.float64))
    codes = np.searchsorted(np.array(target.classes), values)
    scores, probable = _scores(target.classes, estimator, X)
    return Predictions(truth, codes, len(target.classes), scores, probable)


def of_output(target: Target, estimator: Any, output: NDArray[Any], truth: NDArray[Any]) -> Predictions:
    """Predictions from the probabilities, or the values, of a step."""
    if target.classes is None:
        return Predictions(truth, np.ravel(output).astype(np.float64))
    scores = _of_all(target.classes, estimator, output)
    return Predictions(truth, scores.argmax(axis=1), len(target.classes), scores, True)


def _squares(estimator: Any, X: Any) -> NDArray[np.float64] | None:
    """The square of how far each row is from its centre, of estimators whose inertia is the sum of that."""
    if not hasattr(estimator, "inertia_"):
        return None
    return np.asarray(estimator.transform(X).min(axis=1) ** 2, dtype=np.float64)


def _scores(classes: list[Any], estimator: Any, X: Any) -> tuple[Any, bool]:
    """A score per class and row, and whether it is a probability; None where there is nothing of the kind."""
    if hasattr(estimator, "predict_proba"):
        found, probable = estimator.predict_proba(X), True
    elif hasattr(estimator, "decision_function"):
        found, probable = estimator.decision_function(X), False
        found = np.column_stack([-found, found]) if found.ndim == 1 else found
    else:
        return None, False
    if found.shape[1] != len(estimator.classes_) or not np.isfinite(found).all():
        return None, False
    return _of_all(classes, estimator, found, 0.0 if probable else float(found.min()) - 1), probable


def _of_all(classes: list[Any], estimator: Any, found: NDArray[Any], absent: float = 0.0) -> NDArray[Any]:
    """Scores for all classes, those that training had no row of included."""
    scores = np.full((len(found), len(classes)), absent)
    scores[:, np.searchsorted(np.array(classes), estimator.classes_)] = found
    return scores


def target_of(table: pd.DataFrame, training: Training) -> Target:
    """The target as the estimator gets it: classes keep the values that they have in the source.

    Raises BadInput where there is nothing to learn: no rows, or one value only.
    """
    name, task = training.target, training.task
    if not len(table):
        raise BadInput("there are no rows" if name is None else f"no row has a target ({name})")
    if name is None:
        nothing = np.zeros(len(table), dtype=np.intp)
        return Target(task, nothing, nothing)
    if task == "regression":
        values = numbers(name, table[name])
        if (values == values[0]).all():
            raise BadInput(f"the target {name} is always {values[0]:g}: there is nothing to learn")
        return Target(task, values, values, name=name)
    if task == "clustering":
        codes = pd.factorize(table[name])[0]
        return Target(task, codes, codes, name=name)
    values = _class_values(table[name], training.target_type)
    classes, codes = np.unique(values, return_inverse=True)
    if len(classes) == 1:
        raise BadInput(f"the target {name} is always {classes[0]}: there is nothing to learn")
    if task == "anomaly":
        if len(classes) > 2:
            raise BadInput(f"the target {name} has {len(classes)} values: a row is an anomaly or not")
        if 2 * codes.sum() > len(codes):
            classes, codes = classes[::-1], 1 - codes
    return Target(task, values, codes, classes.tolist(), name)


def _class_values(column: "pd.Series[Any]", kind: str) -> NDArray[Any]:
    if kind == "boolean":
        return column.to_numpy().astype(bool)
    if kind in ("integer", "number"):
        values = numbers(str(column.name), column)
        if not np.isfinite(values).all() or (values != np.floor(values)).any():
            raise BadInput(f"the target {column.name} has fractions: a classifier tells classes apart")
        return values.astype(np.int64)
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy(np.int64)
    return np.array([str(one) for one in column])
