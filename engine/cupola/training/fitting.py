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
from sklearn.utils import _safe_indexing

from cupola.environments import catalogue
from cupola.errors import BadInput
from cupola.experiments.repeats import Repeats
from cupola.flows import records as flows
from cupola.training import deciding, effects, estimators, flowing, mixing, splitting, stepping
from cupola.training.measuring import Measures, Metric, joined
from cupola.training.metrics import Predictions
from cupola.training.predicting import Found, Target, of_output, predicted, target_of
from cupola.training.preparation import Preparation, moments, numbers
from cupola.training.records import Training
from cupola.training.splitting import Parts, Rows

WATCHED = 5000  # training rows that a step is measured on
NOTES = 20
WANT_OBJECTS = ("SelfTrainingClassifier",)  # refuses texts as numpy holds them

Progress = Callable[[float, str], None]


@dataclass
class Log:
    """Where a training says how far it is, and what it measures on the way."""

    progress: Progress = lambda fraction, message: None
    metric: Metric = lambda name, value, step, error: None


@dataclass
class Fitted:
    """What came out. held: the rows of `table` that stand for new ones (validation or, with --cv, out of fold), and
    `predictions` of them. rows: how many trained, validated, tested. repeats: of the validation and of the test."""

    pipeline: Pipeline
    table: pd.DataFrame
    target: Target
    metrics: dict[str, float]
    errors: dict[str, float]
    rows: dict[str, int]
    held: Rows
    predictions: Found
    notes: list[str] = field(default_factory=list)
    repeats: dict[str, Repeats] = field(default_factory=dict)

    @property
    def told(self) -> Predictions:
        """The predictions where the truth is known."""
        assert isinstance(self.predictions, Predictions)
        return self.predictions

    @property
    def takes(self) -> list[tuple[str, str]]:
        """(name, type) of each column of the data that the pipeline uses."""
        return flowing.takes(self.pipeline)

    def predict(self, estimator: Any, X: Any, truth: NDArray[Any]) -> Found:
        return predicted(self.target, estimator, X, truth)


@dataclass
class Learnt:
    """The rows that an estimator is fitted on, as its preparation takes them: their target, weights and groups."""

    table: pd.DataFrame
    values: NDArray[Any]
    codes: NDArray[Any]
    weights: NDArray[Any] | None
    groups: NDArray[np.intp] | None


def fit(table: pd.DataFrame, training: Training, log: Log | None = None, threads: int = 1) -> Fitted:
    """Trains on a table with the columns of the training; the index of `table` stays with its rows.

    Holdout: the pipeline is fitted on the training rows. --cv: each fold is fitted and measured, then all rows but the
    test's. Raises BadInput, in one sentence, for data that cannot be learnt from or that the estimator refuses.
    """
    return _Fitting(table, training, log or Log(), threads).run()


@dataclass
class Usable:
    """The rows of a table that can be learnt from, and which of them train, validate and test.

    weights, groups: of each row, where there are some. notes: on what was left out.
    """

    table: pd.DataFrame
    target: Target
    weights: NDArray[Any] | None
    groups: NDArray[np.intp] | None
    parts: Parts
    notes: list[str]


def usable(table: pd.DataFrame, training: Training) -> Usable:
    """What a training would be fitted on and measured on. Raises BadInput as `fit` does, before anything is fitted."""
    one = _Fitting(table, training, Log(), 1)
    parts = one.parts()
    return Usable(one.table, one.target, one.weights, one.groups, parts, [*one.notes, *parts.notes])


@dataclass
class Through:
    """What a flow has learned from rows that train, the features that it leaves, and these rows as it makes them."""

    flow: flows.Fitted
    features: list[tuple[str, str]]
    learnt: Learnt
    notes: list[str]


def through(usable: Usable, training: Training, train: Rows) -> Through:
    """Fits the flow of a training on some of its usable rows. Raises BadInput, BadOption as `fit` does."""
    one = _Fitting(usable.table, training, Log(), 1)
    one.notes = []
    flow, features, learnt = one._learnt(train)
    assert flow is not None
    return Through(flow, features, learnt, one.notes)


def on_a_part(
    table: pd.DataFrame, training: Training, share: float, threads: int = 1
) -> tuple[int, list[tuple[Found, Found]]]:
    """Fits on a share of the training rows: on how many (of a fold), and what is said of them and of the rows held out.

    A larger share has the same rows and more: split by time the newest, else by chance. Raises BadInput as `fit` does.
    """
    fitting = _Fitting(table, training, Log(), threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = fitting.parts()
        folds = parts.folds or [(parts.train, parts.validation)]
        rows, found = 0, []
        for train, validation in folds:
            if training.split.kind == "time" and training.time:
                order = train[np.argsort(moments(training.time, fitting.table[training.time])[train], kind="stable")]
            else:
                order = np.random.default_rng(training.seed).permutation(train)
            rows = max(1, round(share * len(train)))
            found.append(fitting.on(np.sort(order[-rows:]), validation))
    return rows, found


class _Fitting:
    def __init__(self, table: pd.DataFrame, training: Training, log: Log, threads: int) -> None:
        self.training = training
        self.log = log
        self.threads = threads
        self.known = catalogue.find(training.estimator)
        self.notes: list[str] = list(training.notes)
        self.decisions: list[str] = []  # notes on the pipeline that was fitted last, as are those of its preparation
        self.table = self._usable(table)
        self.target = target_of(self.table, training)
        self.weights = self._weights()
        self.groups = self._groups(self.table)
        self.measures = Measures(training, self.table, self.groups, log.metric)

    def run(self) -> Fitted:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            parts = self.parts()
            self.notes += parts.notes + self._never_held(parts)
            fitted = self._cross_validated(parts) if parts.folds else self._held_out(parts)
        said = [f"{one.category.__name__}: {_first(str(one.message))}" for one in caught]
        fitted.notes += list(dict.fromkeys(said))[:NOTES]
        return fitted

    def parts(self) -> Parts:
        """Which rows train, validate and test."""
        training = self.training
        times = moments(training.time, self.table[training.time]) if training.time else None
        return splitting.split(self.target.codes, training.split, training.seed, times=times, groups=self.groups)

    def on(self, train: Rows, validation: Rows) -> tuple[Found, Found]:
        """What is said of the rows that it is fitted on, and of others."""
        pipeline = self._pipeline(train, None)
        return self._predict(pipeline, train), self._predict(pipeline, validation)

    def _held_out(self, parts: Parts) -> Fitted:
        pipeline = self._pipeline(parts.train, parts.validation)
        self.log.progress(0.8, "measuring")
        kept = None
        for name, rows in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)):
            predictions = self._predict(pipeline, rows)
            self.measures.add(name, rows, predictions)
            kept = predictions if name == "validation" else kept
        assert kept is not None
        return self._fitted(pipeline, parts, parts.validation, kept)

    def _cross_validated(self, parts: Parts) -> Fitted:
        measured: dict[str, list[dict[str, float]]] = {"train": [], "validation": []}
        held = []
        for number, (train, validation) in enumerate(parts.folds, 1):
            self.log.progress(0.7 * (number - 1) / len(parts.folds), f"fold {number} of {len(parts.folds)}")
            pipeline = self._pipeline(train, None)
            for name, rows in (("train", train), ("validation", validation)):
                predictions = self._predict(pipeline, rows)
                measured[name].append(predictions.figures())
                self.measures.log_step(name, measured[name][-1], {}, number)
            held.append((validation, predictions))
        self.measures.add_folds(parts, measured)
        self.log.progress(0.7, "fitting on all rows but the test")
        pipeline = self._pipeline(parts.train, None)
        self.measures.add("test", parts.test, self._predict(pipeline, parts.test))
        rows = np.concatenate([one for one, _ in held])
        return self._fitted(pipeline, parts, rows, joined([each for _, each in held]))

    def _fitted(self, pipeline: Pipeline, parts: Parts, held: Rows, kept: Found) -> Fitted:
        found = self.measures
        for name, value in found.values.items():
            self.log.metric(name, value, None, None)
        if (chosen := f"validation_{self.training.metric}") not in found.values:
            self.notes.append(f"warning: {chosen} cannot be told from these rows")
        preparation: Preparation = pipeline.named_steps["prepare"]
        self.notes += self.decisions + preparation.notes_
        self.notes += [f"{name} is left out: it {why}" for name, why in preparation.left_out_.items()]
        counts = {"train": len(parts.train), "validation": len(held), "test": len(parts.test)}
        notes = list(dict.fromkeys(self.notes))
        return Fitted(
            pipeline, self.table, self.target, found.values, found.errors, counts, held, kept, notes, found.repeats
        )

    def _pipeline(self, train: Rows, watched: Rows | None) -> Pipeline:
        """A pipeline fitted on some rows; its steps are measured on the way where there are rows to watch."""
        training = self.training
        classes = self.target.classes
        with _in_a_sentence(training.estimator):
            estimator = estimators.make(
                training.estimator, training.params, seed=training.seed, threads=self.threads, classes=classes
            )
            if watched is not None:
                self.log.progress(0.05, "preparing the columns")
            flow, features, rows = self._learnt(train)
            preparation = estimators.prepare(estimator, features)
            learnt = effects.columns(rows.codes, len(classes or [])) if self.target.is_learnt else None
            X = preparation.fit_transform(rows.table, learnt)
            estimators.settle(estimator, preparation)
            before = self._applied(flow, preparation) if flow else None
            y = rows.values if self.target.is_learnt else None
            weights = self._weights_of(rows)
            if y is not None and y.dtype.kind == "U" and training.estimator in WANT_OBJECTS:
                y = y.astype(object)
            if watched is None:
                stepping.plain(estimator, X, y, weights)
            else:
                self._watch(estimator, before, preparation, X, y, weights, train, watched)
            if "n_jobs" not in training.params and "n_jobs" in self.known.parameters:
                estimators.unthread(estimator)
            if y is not None and classes:
                estimator = self._decided(estimator, X, y, rows, weights)
        steps = [("prepare", preparation), ("estimator", estimator)]
        return Pipeline([(flowing.STEP, before), *steps] if before else steps)

    def _learnt(self, train: Rows) -> tuple[flows.Fitted | None, list[tuple[str, str]], Learnt]:
        """What a flow has learned from the rows that train, if there is one; the features, and the rows after it."""
        rows, training = self.table.iloc[train], self.training
        weights, groups = (None if one is None else one[train] for one in (self.weights, self.groups))
        learnt = Learnt(rows, self.target.values[train], self.target.codes[train], weights, groups)
        if training.flow is None:
            return None, training.features, learnt
        flow, learnt.table = flowing.fit(rows, training.flow, training.target)
        features, notes = flowing.features(flow, training)
        self.notes += [*flow.notes, *notes]
        if not flowing.keeps_rows(flow):
            self._told_anew(learnt)
            self.notes.append(f"of {len(rows)} rows that train the flow {flow.flow} makes {len(learnt.table)}")
        return flow, features, learnt

    def _told_anew(self, learnt: Learnt) -> None:
        """Takes target, weights and groups from rows that a flow has dropped or repeated. Raises BadInput."""
        training, table = self.training, learnt.table
        needed = {"target": training.target, "weights": training.weights, "group": training.group}
        for what, name in needed.items():
            if name and name not in table:
                raise BadInput(f"the flow drops the {what} {name}, which the training needs")
            if name and not table[name].isin(pd.Index(self.table[name]).drop_duplicates()).all():
                raise BadInput(f"the flow changes the {what} {name}: leave it out of what its steps take")
        if training.target:
            learnt.values, learnt.codes = self.target.of(table, training)
        if training.weights:
            learnt.weights = numbers(training.weights, table[training.weights])
        if training.group:
            learnt.groups = self._groups(table)

    def _applied(self, flow: flows.Fitted, preparation: Preparation) -> flowing.Flowing:
        assert self.training.flow is not None
        found = flowing.Flowing(flow, list(preparation.encoders_), dict(self.training.flow.columns))
        flowing.check_alone(found, self.table)
        return found

    def _weights_of(self, rows: Learnt) -> NDArray[Any] | None:
        weights = rows.weights
        asked, classes = self.training.class_weights, self.target.classes
        if asked is None or classes is None:
            return weights
        each = deciding.class_weights(asked, classes, rows.codes)
        return each if weights is None else each * weights

    def _decided(self, estimator: Any, X: Any, y: Any, rows: Learnt, weights: NDArray[Any] | None) -> Any:
        """The classifier with probabilities that hold, and with its threshold, where these are asked for."""
        self.decisions = []
        training, codes, groups = self.training, rows.codes, rows.groups
        if training.calibrate:
            inner = deciding.folds(codes, groups, training.seed)
            estimator = deciding.calibrated(estimator, X, y, weights, training.calibrate, inner)
        elif mixing.is_possible(estimator, codes):
            estimator, note = mixing.mixed(estimator, X, y, codes, weights, groups, training.seed)
            self.decisions += [note] if note else []
        elif "class_weight" in training.params:
            self.decisions.append(mixing.NOT_LOOKED_AT)
        if training.threshold is None:
            return estimator
        if not hasattr(estimator, "predict_proba"):
            raise BadInput("it gives no probabilities, and so has no threshold; --calibrate sigmoid makes some")
        found = training.threshold
        if isinstance(training.threshold, str):
            metric = training.metric if training.metric in deciding.JUDGED_BY else "balanced_accuracy"
            inner = deciding.folds(codes, groups, training.seed)
            found = deciding.threshold(estimator, X, y, codes, weights, metric, inner)
            self.decisions.append(f"by folds of the training rows {metric} is best from {found:.3g} on")
        return deciding.Decided(estimator, float(found))

    def _watch(
        self, estimator: Any, flow: flowing.Flowing | None, preparation: Preparation, X: Any, y: Any, weights: Any,
        train: Rows, watched: Rows,
    ) -> None:  # fmt: skip
        self.log.progress(0.1, "fitting")
        few = np.sort(np.random.default_rng(self.training.seed).permutation(len(train))[:WATCHED])
        seen = {
            "train": (self._prepared(flow, preparation, train[few]) if flow else _safe_indexing(X, few), train[few]),
            "validation": (self._prepared(flow, preparation, watched), watched),
        }
        logged = []

        def watch(fitted: Any, step: int, steps: int) -> None:
            logged.append(step)
            self.log.progress(0.1 + 0.7 * step / steps, f"fitting, step {step} of {steps}")
            for name, (table, rows) in seen.items():
                self.measures.look(name, rows, predicted(self.target, fitted, table, self.target.codes[rows]), step)

        stepping.fit(estimator, self.known, X, y, weights, watch)
        if not logged:
            for name, (table, rows) in seen.items():
                for step, output in stepping.stages(estimator, self.known, table):
                    self.measures.look(
                        name, rows, of_output(self.target, estimator, output, self.target.codes[rows]), step
                    )
        losses = getattr(estimator, "loss_curve_", [])
        for step in stepping.points(len(losses)):
            self.log.metric("train_loss", float(losses[step - 1]), step, None)

    def _prepared(self, flow: flowing.Flowing | None, preparation: Preparation, rows: Rows) -> Any:
        table = self.table.iloc[rows]
        return preparation.transform(flow.transform(table) if flow else table)

    def _predict(self, pipeline: Pipeline, rows: Rows) -> Found:
        with _in_a_sentence(self.training.estimator):
            X = pipeline[:-1].transform(self.table.iloc[rows])
            predictions = predicted(self.target, pipeline.named_steps["estimator"], X, self.target.codes[rows])
        lost = int((~np.isfinite(predictions.predicted)).sum())
        if lost:
            raise BadInput(f"{self.training.estimator} predicts no finite value for {lost} of {len(rows)} rows")
        return predictions

    def _usable(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows that have a target and, where one is needed, a time."""
        for what, name in (("target", self.training.target), ("time", self.training.time)):
            if name is None:
                continue
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
        if bad:
            raise BadInput(f"{name} is no weight for {bad} rows: a weight is a number from 0 up, and some are above 0")
        if not values.any():
            raise BadInput(f"{name} is 0 in every row: as weights some have to be above 0")
        return values

    def _never_held(self, parts: Parts) -> list[str]:
        """A note on classes so small that nothing is measured on them."""
        classes = self.target.classes
        if classes is None:
            return []
        measured = np.concatenate([parts.validation, parts.test, *(validation for _, validation in parts.folds)])
        never = np.setdiff1d(np.arange(len(classes)), self.target.codes[measured])
        shown = ", ".join(str(classes[one]) for one in never[:5]) + (", ..." if len(never) > 5 else "")
        return [f"warning: too few rows to measure anything on: {self.training.target} = {shown}"] if len(never) else []

    def _groups(self, table: pd.DataFrame) -> NDArray[np.intp] | None:
        """A code per row; a row without a group is a group of its own."""
        name = self.training.group
        if name is None:
            return None
        codes, _ = pd.factorize(table[name])
        alone = codes < 0
        codes[alone] = codes.max() + 1 + np.arange(alone.sum())
        return codes


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
