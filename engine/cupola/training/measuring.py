"""What a training measures of the rows that it predicts: metrics with their errors, and what these were told from."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.experiments.repeats import Repeats
from cupola.training import metrics
from cupola.training.clusters import Flags
from cupola.training.metrics import Predictions
from cupola.training.predicting import Found
from cupola.training.records import Training
from cupola.training.splitting import Parts, Rows

LOSS = {"classification": "log_loss", "regression": "rmse", "clustering": "silhouette", "anomaly": "anomalies"}

Metric = Callable[[str, float, int | None, float | None], None]


class Measures:
    """The metrics of one training and their standard errors, by name (`validation_f1`). repeats: of the validation and
    of the test. log: where it is said what a step has reached."""

    def __init__(self, training: Training, table: pd.DataFrame, groups: NDArray[np.intp] | None, log: Metric) -> None:
        self.training, self.table, self.groups, self.log = training, table, groups, log
        self.values: dict[str, float] = {}
        self.errors: dict[str, float] = {}
        self.repeats: dict[str, Repeats] = {}

    def add(self, split: str, rows: Rows, predictions: Found) -> None:
        """Measures what is said of the rows of a part; all but the training's get repeats."""
        figures = predictions.figures()
        groups = self._groups_of(rows)
        drawn = metrics.resample(predictions, self.training.seed, groups)
        deviations = metrics.errors(predictions, drawn)
        if split != "train":
            self.repeats[split] = Repeats(
                kind="resamples",
                rows=named(self.training, self.table, rows, groups=groups),
                metrics={name: _rounded(values) for name, values in drawn.metrics.items() if name in figures},
                scale=drawn.scale,
            )
        self.values |= {f"{split}_{name}": value for name, value in figures.items()}
        self.errors |= {f"{split}_{name}": deviations[name] for name in figures if name in deviations}

    def add_folds(self, parts: Parts, measured: dict[str, list[dict[str, float]]]) -> None:
        """Takes what was measured in each fold, by split."""
        for split, folds in measured.items():
            means, deviations = metrics.over_folds(folds)
            self.values |= {f"{split}_{name}": value for name, value in means.items()}
            self.errors |= {f"{split}_{name}": value for name, value in deviations.items()}
        held = measured["validation"]
        trained, validated = (sum(len(fold[place]) for fold in parts.folds) for place in (0, 1))
        self.repeats["validation"] = Repeats(
            kind="folds",
            rows=named(self.training, self.table, *(validation for _, validation in parts.folds)),
            metrics={name: _rounded([one.get(name, np.nan) for one in held]) for name in held[0]},
            share=validated / trained,
        )

    def look(self, split: str, rows: Rows, predictions: Found, step: int) -> None:
        """Logs what a step has reached, with errors told from few resamples."""
        drawn = metrics.resample(predictions, self.training.seed, self._groups_of(rows), metrics.OF_A_STEP)
        self.log_step(split, predictions.figures(), metrics.errors(predictions, drawn), step)

    def log_step(self, split: str, figures: dict[str, float], errors: dict[str, float], step: int) -> None:
        """Logs the loss and the metric that models are compared by."""
        for name in dict.fromkeys((LOSS[self.training.task], self.training.metric)):
            if name in figures:
                self.log(f"{split}_{name}", figures[name], step, errors.get(name))

    def _groups_of(self, rows: Rows) -> NDArray[np.intp] | None:
        return None if self.groups is None else np.unique(self.groups[rows], return_inverse=True)[1]


def named(training: Training, table: pd.DataFrame, *parts: Rows, groups: NDArray[np.intp] | None = None) -> str:
    """A hash that two trainings share where the same rows of the same data are measured in the same order."""
    index = table.index.to_numpy()
    said = hashlib.sha256(f"{training.dataset}\0{training.target}\0{training.seed}".encode())
    for each in (*(index[rows] for rows in parts), *([] if groups is None else [groups])):
        said.update(b"|" + each.astype(np.int64).tobytes())
    return said.hexdigest()[:32]


def joined(several: list[Any]) -> Found:
    """What is said of the rows of all folds as one."""
    first = several[0]
    if isinstance(first, Flags):
        flagged, strange = (
            np.concatenate([getattr(one, name) for one in several]) for name in ("predicted", "strange")
        )
        return Flags(flagged, strange)
    scores = None if any(one.scores is None for one in several) else np.concatenate([one.scores for one in several])
    truth, predicted = (np.concatenate([getattr(one, name) for one in several]) for name in ("truth", "predicted"))
    return Predictions(truth, predicted, first.classes, scores, all(one.probabilities for one in several))


def _rounded(values: Iterable[float]) -> list[float | None]:
    """To seven figures; None for what is no finite number."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]
