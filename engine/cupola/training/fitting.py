"""From a table to a fitted, measured pipeline: the work of a training, with no word of where the table came from."""

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from cupola.environments import catalogue
from cupola.errors import BadInput
from cupola.training import estimators, metrics, splitting, stepping
from cupola.training.metrics import Predictions
from cupola.training.preparation import Preparation, moments, numbers
from cupola.training.records import Training
from cupola.training.splitting import Parts, Rows

WATCHED = 5000  # training rows that a step is measured on
LIGHTENED = 1000  # rows that must be predicted as before
NOTES = 20
WANT_OBJECTS = ("SelfTrainingClassifier",)  # refuses texts as numpy holds them
LOSS = {"classification": "log_loss", "regression": "rmse"}

Progress = Callable[[float, str], None]
Metric = Callable[[str, float, int | None], None]


@dataclass
class Log:
    """Where a training says how far it is, and what it measures on the way."""

    progress: Progress = lambda fraction, message: None
    metric: Metric = lambda name, value, step: None


@dataclass
class Target:
    """The target of the rows that have one. values: as the estimator gets them; codes: of the classes, from 0."""

    values: NDArray[Any]
    codes: NDArray[Any]
    classes: list[Any] | None = None


@dataclass
class Fitted:
    """What came out. held: the rows of `table` that stand for new ones (validation or, with --cv, out of fold), and
    `predictions` of them. rows: how many trained, validated, tested."""

    pipeline: Pipeline
    table: pd.DataFrame
    target: Target
    metrics: dict[str, float]
    errors: dict[str, float]
    rows: dict[str, int]
    held: Rows
    predictions: Predictions
    notes: list[str] = field(default_factory=list)

    def predict(self, estimator: Any, X: Any, truth: NDArray[Any]) -> Predictions:
        return predicted(self.target, estimator, X, truth)


def fit(table: pd.DataFrame, training: Training, log: Log | None = None, threads: int = 1) -> Fitted:
    """Trains on a table with the columns of the training; the index of `table` stays with its rows.

    Holdout: the pipeline is fitted on the training rows. --cv: each fold is fitted and measured, then all rows but the
    test's. Raises BadInput, in one sentence, for data that cannot be learnt from or that the estimator refuses.
    """
    return _Fitting(table, training, log or Log(), threads).run()


class _Fitting:
    def __init__(self, table: pd.DataFrame, training: Training, log: Log, threads: int) -> None:
        self.training = training
        self.log = log
        self.threads = threads
        self.known = catalogue.find(training.estimator)
        self.notes: list[str] = list(training.notes)
        self.table = self._usable(table)
        self.target = target_of(self.table[training.target], training)
        self.weights = self._weights()
        self.groups = self._groups()

    def run(self) -> Fitted:
        training = self.training
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            times = moments(training.time, self.table[training.time]) if training.time else None
            parts = splitting.split(self.target.codes, training.split, training.seed, times=times, groups=self.groups)
            self.notes += parts.notes + self._never_held(parts)
            fitted = self._cross_validated(parts) if parts.folds else self._held_out(parts)
        said = [f"{one.category.__name__}: {_first(str(one.message))}" for one in caught]
        fitted.notes += list(dict.fromkeys(said))[:NOTES]
        return fitted

    def _held_out(self, parts: Parts) -> Fitted:
        pipeline = self._pipeline(parts.train, parts.validation)
        self.log.progress(0.8, "measuring")
        found: dict[str, float] = {}
        errors: dict[str, float] = {}
        kept = None
        for name, rows in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)):
            predictions = self._predict(pipeline, rows)
            self._measure(name, rows, predictions, found, errors)
            kept = predictions if name == "validation" else kept
        assert kept is not None
        return self._fitted(pipeline, parts, found, errors, parts.validation, kept)

    def _cross_validated(self, parts: Parts) -> Fitted:
        measured: dict[str, list[dict[str, float]]] = {"train": [], "validation": []}
        held = []
        for number, (train, validation) in enumerate(parts.folds, 1):
            self.log.progress(0.7 * (number - 1) / len(parts.folds), f"fold {number} of {len(parts.folds)}")
            pipeline = self._pipeline(train, None)
            for name, rows in (("train", train), ("validation", validation)):
                predictions = self._predict(pipeline, rows)
                measured[name].append(predictions.figures())
                self._log_step(name, measured[name][-1], number)
            held.append((validation, predictions))
        found: dict[str, float] = {}
        errors: dict[str, float] = {}
        for name, folds in measured.items():
            means, deviations = metrics.over_folds(folds)
            found |= {f"{name}_{one}": value for one, value in means.items()}
            errors |= {f"{name}_{one}": value for one, value in deviations.items()}
        self.log.progress(0.7, "fitting on all rows but the test")
        pipeline = self._pipeline(parts.train, None)
        self._measure("test", parts.test, self._predict(pipeline, parts.test), found, errors)
        rows = np.concatenate([one for one, _ in held])
        return self._fitted(pipeline, parts, found, errors, rows, _joined([each for _, each in held]))

    def _fitted(
        self, pipeline: Pipeline, parts: Parts, found: Any, errors: Any, held: Rows, kept: Predictions
    ) -> Fitted:
        for name, value in found.items():
            self.log.metric(name, value, None)
        if (chosen := f"validation_{self.training.metric}") not in found:
            self.notes.append(f"{chosen} cannot be told from these rows")
        preparation: Preparation = pipeline.named_steps["prepare"]
        self.notes += preparation.notes_
        self.notes += [f"{name} is left out: it {why}" for name, why in preparation.left_out_.items()]
        if self.threads > 1 and "n_jobs" not in self.training.params and "n_jobs" in self.known.parameters:
            pipeline.named_steps["estimator"].set_params(n_jobs=None)
        counts = {"train": len(parts.train), "validation": len(held), "test": len(parts.test)}
        notes = list(dict.fromkeys(self.notes))
        return Fitted(pipeline, self.table, self.target, found, errors, counts, held, kept, notes)

    def _pipeline(self, train: Rows, watched: Rows | None) -> Pipeline:
        """A pipeline fitted on some rows; its steps are measured on the way where there are rows to watch."""
        training = self.training
        classes = self.target.classes
        estimator = estimators.make(
            training.estimator, training.params, seed=training.seed, threads=self.threads, classes=classes
        )
        preparation = estimators.prepare(estimator, training.features)
        if watched is not None:
            self.log.progress(0.05, "preparing the columns")
        with _in_a_sentence(training.estimator):
            X = preparation.fit_transform(self.table.iloc[train])
            estimators.settle(estimator, preparation)
            y, weights = self.target.values[train], None if self.weights is None else self.weights[train]
            if y.dtype.kind == "U" and training.estimator in WANT_OBJECTS:
                y = y.astype(object)
            if watched is None:
                estimator.fit(X, y, **({} if weights is None else {"sample_weight": weights}))
            else:
                self._watch(estimator, preparation, X, y, weights, train, watched)
            estimators.lighten(estimator, X[:LIGHTENED])
        return Pipeline([("prepare", preparation), ("estimator", estimator)])

    def _watch(
        self, estimator: Any, preparation: Any, X: Any, y: Any, weights: Any, train: Rows, watched: Rows
    ) -> None:
        self.log.progress(0.1, "fitting")
        few = np.sort(np.random.default_rng(self.training.seed).permutation(len(train))[:WATCHED])
        seen = {
            "train": (X[few], self.target.codes[train][few]),
            "validation": (preparation.transform(self.table.iloc[watched]), self.target.codes[watched]),
        }
        logged = []

        def watch(fitted: Any, step: int, steps: int) -> None:
            logged.append(step)
            self.log.progress(0.1 + 0.7 * step / steps, f"fitting, step {step} of {steps}")
            for name, (rows, codes) in seen.items():
                self._log_step(name, predicted(self.target, fitted, rows, codes).figures(), step)

        stepping.fit(estimator, self.known, X, y, weights, watch)
        if not logged:
            for name, (rows, codes) in seen.items():
                for step, output in stepping.stages(estimator, self.known, rows):
                    self._log_step(name, of_output(self.target, estimator, output, codes).figures(), step)
        losses = getattr(estimator, "loss_curve_", [])
        for step in stepping.points(len(losses)):
            self.log.metric("train_loss", float(losses[step - 1]), step)

    def _log_step(self, split: str, figures: dict[str, float], step: int) -> None:
        for name in dict.fromkeys((LOSS[self.training.task], self.training.metric)):
            if name in figures:
                self.log.metric(f"{split}_{name}", figures[name], step)

    def _predict(self, pipeline: Pipeline, rows: Rows) -> Predictions:
        with _in_a_sentence(self.training.estimator):
            X = pipeline.named_steps["prepare"].transform(self.table.iloc[rows])
            predictions = predicted(self.target, pipeline.named_steps["estimator"], X, self.target.codes[rows])
        lost = int((~np.isfinite(predictions.predicted)).sum())
        if lost:
            raise BadInput(f"{self.training.estimator} predicts no finite value for {lost} of {len(rows)} rows")
        return predictions

    def _measure(self, split: str, rows: Rows, predictions: Predictions, found: Any, errors: Any) -> None:
        figures = predictions.figures()
        groups = None if self.groups is None else np.unique(self.groups[rows], return_inverse=True)[1]
        deviations = metrics.errors(predictions, self.training.seed, groups)
        found |= {f"{split}_{name}": value for name, value in figures.items()}
        errors |= {f"{split}_{name}": deviations[name] for name in figures if name in deviations}

    def _usable(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows that have a target and, where one is needed, a time."""
        needed = {"target": self.training.target} | ({"time": self.training.time} if self.training.time else {})
        for what, name in needed.items():
            kept = table[name].notna().to_numpy()
            if what == "target" and self.training.task == "regression":
                kept = kept & np.isfinite(numbers(name, table[name]))
            if not kept.all():
                self.notes.append(f"{int((~kept).sum())} of {len(kept)} rows have no {what} ({name}) and were left out")
                table = table[kept]
        return table

    def _weights(self) -> NDArray[Any] | None:
        name = self.training.weights
        if name is None:
            return None
        values = numbers(name, self.table[name])
        bad = int((~(np.isfinite(values) & (values >= 0))).sum())
        if bad or not values.any():
            raise BadInput(f"{name} is no weight for {bad} rows: a weight is a number from 0 up, and some are above 0")
        return values

    def _never_held(self, parts: Parts) -> list[str]:
        """A note on classes so small that nothing is measured on them."""
        classes = self.target.classes
        if classes is None:
            return []
        measured = np.concatenate([parts.validation, parts.test, *(validation for _, validation in parts.folds)])
        never = np.setdiff1d(np.arange(len(classes)), self.target.codes[measured])
        shown = ", ".join(str(classes[one]) for one in never[:5]) + (", ..." if len(never) > 5 else "")
        return [f"too few rows to measure anything on: {self.training.target} = {shown}"] if len(never) else []

    def _groups(self) -> NDArray[np.intp] | None:
        """A code per row; a row without a group is a group of its own."""
        name = self.training.group
        if name is None:
            return None
        codes, _ = pd.factorize(self.table[name])
        alone = codes < 0
        codes[alone] = codes.max() + 1 + np.arange(alone.sum())
        return codes


def predicted(target: Target, estimator: Any, X: Any, truth: NDArray[Any]) -> Predictions:
    """What a fitted estimator says of prepared rows, beside the truth (codes of classes, or numbers)."""
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


def target_of(column: "pd.Series[Any]", training: Training) -> Target:
    """The target as the estimator gets it: classes keep the values that they have in the source.

    Raises BadInput where there is nothing to learn: no rows, or one value only.
    """
    if not len(column):
        raise BadInput(f"no row has a target ({training.target})")
    if training.task == "regression":
        values = numbers(training.target, column)
        if (values == values[0]).all():
            raise BadInput(f"the target {training.target} is always {values[0]:g}: there is nothing to learn")
        return Target(values, values)
    values = _class_values(column, training.target_type)
    classes, codes = np.unique(values, return_inverse=True)
    if len(classes) == 1:
        raise BadInput(f"the target {training.target} is always {classes[0]}: there is nothing to learn")
    return Target(values, codes, classes.tolist())


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


def _joined(several: list[Predictions]) -> Predictions:
    """The predictions of all folds as one."""
    first = several[0]
    scores = None if any(one.scores is None for one in several) else np.concatenate([one.scores for one in several])
    truth, predicted = (np.concatenate([getattr(one, name) for one in several]) for name in ("truth", "predicted"))
    return Predictions(truth, predicted, first.classes, scores, all(one.probabilities for one in several))


@contextlib.contextmanager
def _in_a_sentence(estimator: str) -> Iterator[None]:
    """What scikit-learn refuses is a fact for the user; where in its code is for the log."""
    try:
        yield
    except BadInput:
        raise
    except (ValueError, TypeError, ArithmeticError, AttributeError, IndexError, NotImplementedError) as error:
        raise BadInput(f"{estimator} cannot learn from this: {_first(str(error))}") from error
    except MemoryError as error:
        raise BadInput(f"{estimator} needs more memory than there is: {_first(str(error))}") from error


def _first(text: str) -> str:
    """The first sentence or two of a message, on one line."""
    line = " ".join(re.sub(r"array\(\[.*?\]\)", "[...]", text, flags=re.S).split()) or "no reason was given"
    return line if len(line) <= 300 else re.sub(r"\s+\S*$", "", line[:297]) + "..."
