"""A model in passing: how well the target can be told, by class, and how sure that is; and which rows it meets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.errors import BadInput
from cupola.insights.leakage import Hits
from cupola.insights.learning import FOLDS, Aim
from cupola.insights.records import ClassMetrics, Power, QuickModel
from cupola.insights.sampling import Feature, Floats, Sample

ROWS = 16_000  # that it is trained and measured on
HELD_OUT = 0.3
COLUMNS = 100  # those that tell most by themselves
FEW = 2_000  # rows: bagged trees are better on so few, and with many classes faster
CLASSES = 3
RESAMPLES = 200


def model(sample: Sample, features: list[Feature], found: list[Power], aimed: Aim) -> QuickModel | None:
    """Fits on some rows, measures on others; None where they are too few, or no column is left to learn from."""
    from cupola.training import metrics

    places = np.random.default_rng(1).permutation(len(aimed))[:ROWS]
    held = round(len(places) * HELD_OUT)
    test, train = np.sort(places[:held]), np.sort(places[held:])
    if len(test) < 5 or len(train) < 10:
        return None
    names = columns(features, found)
    try:
        fitted = Fitted(sample, names, aimed, train)
    except BadInput:
        return None
    predicted, scores = fitted.predict(test)
    classes = len(aimed.classes) if aimed.task == "classification" else 0
    truth: NDArray[Any] = aimed.codes[test] if classes else aimed.values[test]
    measured = metrics.Predictions(truth, predicted, classes, scores, probabilities=scores is not None)
    figures, errors = measured.figures(), metrics.errors(measured, metrics.resample(measured, 0))
    notes = []
    if len(names) < len(features):
        notes.append(f"of the {len(names)} of {len(features):,} columns that tell most by themselves")
    if aimed.folded:
        notes.append(f"the {aimed.folded:,} rarest classes count as one")
    return QuickModel(
        estimator=fitted.name,
        trained=len(train),
        held_out=len(test),
        metrics={name: round(value, 6) for name, value in figures.items()},
        errors={name: round(value, 6) for name, value in errors.items() if value is not None},
        classes=_by_class(truth, predicted, aimed.classes) if classes else [],
        note="; ".join(notes),
    )


def columns(features: list[Feature], found: list[Power]) -> list[str]:
    """The columns that a model is made of: all, or those that tell most where there are very many."""
    names = {one.name for one in features}
    return [one.column for one in found if one.column in names][:COLUMNS]


def hits(sample: Sample, names: list[str], aimed: Aim) -> Hits:
    """Which rows a model of these columns meets, each learned from others: by folds, or halves where rows are many."""
    met = np.zeros(len(aimed), dtype=bool)
    parts = FOLDS if len(aimed) <= FEW else 2
    part = aimed.fold if parts == FOLDS else (aimed.fold >= FOLDS // 2).astype(np.intp)
    for number in range(parts):
        test, train = np.flatnonzero(part == number), np.flatnonzero(part != number)
        try:
            predicted = Fitted(sample, names, aimed, train).predict(test)[0]
        except BadInput:  # nothing to learn from
            return aimed.base
        met[test] = aimed.met(predicted, test)
    return met if met.sum() > aimed.base.sum() else aimed.base


def score(sample: Sample, names: list[str], aimed: Aim) -> float:
    """How much these columns tell together, as `learning.powers` says it of one: fitted on two thirds of the rows."""
    test, train = np.flatnonzero(aimed.fold < 2), np.flatnonzero(aimed.fold >= 2)
    try:
        predicted, scores = Fitted(sample, names, aimed, train).predict(test)
    except BadInput:
        return 0.0
    truth = aimed.indicators[test]
    guess = scores if scores is not None else predicted[:, None]
    return 1 - float(((truth - guess) ** 2).sum() / ((truth - aimed.indicators[train].mean(axis=0)) ** 2).sum())


class Fitted:
    """A model of some columns, fitted on some rows of what is aimed at."""

    def __init__(self, sample: Sample, names: list[str], aimed: Aim, train: NDArray[np.intp]) -> None:
        from sklearn.ensemble import (
            ExtraTreesClassifier,
            ExtraTreesRegressor,
            HistGradientBoostingClassifier,
            HistGradientBoostingRegressor,
        )

        from cupola.training.preparation import Preparation

        self.classes = aimed.task == "classification"
        self._frame, self._rows, self._aimed = sample.frame, aimed.rows, aimed
        types = {one.name: one.type for one in sample.features}
        self._preparation = Preparation([(name, types[name]) for name in names], "trees")
        truth: NDArray[Any] = aimed.codes if self.classes else aimed.values
        effects = np.eye(len(aimed.classes))[truth[train]] if self.classes else truth[train][:, None]
        table = self._preparation.fit_transform(self._part(train, names), effects)
        self._names = names
        boosted: Any = HistGradientBoostingClassifier if self.classes else HistGradientBoostingRegressor
        bagged: Any = ExtraTreesClassifier if self.classes else ExtraTreesRegressor
        if len(train) > FEW and len(aimed.classes) <= CLASSES:
            self._model = boosted(max_iter=60, learning_rate=0.15, early_stopping=False, random_state=0)
        else:
            leaf = 1 if len(train) <= FEW else 3
            self._model = bagged(n_estimators=100, min_samples_leaf=leaf, max_depth=24, random_state=0)
        self.name = type(self._model).__name__
        self._model.fit(table, truth[train])

    def predict(self, rows: NDArray[np.intp]) -> tuple[NDArray[Any], Floats | None]:
        """Classes (their codes) with the probability of each, or numbers."""
        table = self._preparation.transform(self._part(rows, self._names))
        if not self.classes:
            return self._model.predict(table), None
        scores = np.zeros((len(rows), len(self._aimed.classes)))
        scores[:, self._model.classes_] = self._model.predict_proba(table)
        return scores.argmax(axis=1), scores

    def _part(self, rows: NDArray[np.intp], names: list[str]) -> Any:
        return self._frame[names].iloc[self._rows[rows]]


def _by_class(truth: NDArray[np.intp], predicted: NDArray[np.intp], names: list[str]) -> list[ClassMetrics]:
    """Precision, recall and F1 of each class, with their standard deviation over resamples of the rows."""
    found, generator = [], np.random.default_rng(0)
    for place, name in enumerate(names):
        mine, said = truth == place, predicted == place
        counts = np.array([(mine & said).sum(), (~mine & said).sum(), (mine & ~said).sum()], dtype=float)
        rest = len(truth) - counts.sum()
        drawn = generator.multinomial(len(truth), np.append(counts, rest) / len(truth), RESAMPLES)
        values, spread = _rates(counts[None])[0], _rates(drawn[:, :3].astype(float)).std(axis=0)
        figures = zip(("precision", "recall", "f1"), values, spread, strict=True)
        given = {
            key: round(float(one), 4)
            for name, value, error in figures
            for key, one in ((name, value), (f"{name}_error", error))
        }
        if mine.any() or said.any():
            found.append(ClassMetrics(name=name, rows=int(mine.sum()), **given))
    return found


def _rates(counts: Floats) -> Floats:
    """Precision, recall and F1 of right, wrongly said and missed rows; 0 where there is none."""
    right, wrong, missed = counts.T
    return np.column_stack(
        [
            right / np.maximum(right + wrong, 1),
            right / np.maximum(right + missed, 1),
            2 * right / np.maximum(2 * right + wrong + missed, 1),
        ]
    )
