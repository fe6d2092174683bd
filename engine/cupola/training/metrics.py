"""How good predictions are, and how far each figure is to be trusted.

The standard error of a figure is its standard deviation over resamples of the rows (a bootstrap: as many rows as there
are, drawn with replacement; whole groups where rows come in groups). A resample is a count for each row, so every
metric here is a function of counts, and the figure itself is the one where each row counts once. Past `MOST` rows
(fewer with many classes) the resamples are of that many, and the error is scaled by the square root of the ratio.

mape leaves out rows whose true value is 0 (none has a relative error there); wape is the sum of all errors over the sum
of all true values, and needs no such thing. average_precision and roc_auc of several classes are the mean of each class
against the others; f1, precision and recall are those of the positive class, and are given for two classes only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Callable[[Floats], dict[str, float]]
RESAMPLES = 200
MOST = 20_000
OF_A_STEP = 25  # resamples: an error then is right to a seventh of itself, for an eighth of the time
RATES = {
    "accuracy", "balanced_accuracy", "f1", "f1_macro", "precision", "precision_macro", "recall", "recall_macro",
    "roc_auc", "average_precision", "anomalies",
}  # fmt: skip
SMALLEST = float(np.finfo(np.float64).eps)  # a probability of 0 would make log_loss endless; scikit-learn's bound


@dataclass
class Predictions:
    """True and predicted values of some rows.

    classes: how many classes there are (0: the values are numbers); truth and predicted are then codes from 0. scores:
    a column per class, probabilities or (then `probabilities` is False, and log_loss and brier are left out) anything
    that orders rows; None where there is nothing of the kind.
    """

    truth: NDArray[Any]
    predicted: NDArray[Any]
    classes: int = 0
    scores: Floats | None = None
    probabilities: bool = False

    def measure(self, rows: Any = slice(None)) -> Measure:
        """The metrics of these rows as a function of how often each counts."""
        truth, predicted = self.truth[rows], self.predicted[rows]
        if not self.classes:
            return regression(truth, predicted)
        scores = None if self.scores is None else self.scores[rows]
        return classification(truth, predicted, self.classes, scores, self.probabilities)

    def figures(self) -> dict[str, float]:
        """Each metric with every row counted once; those that cannot be told from these rows are left out."""
        return figures(self)

    def __len__(self) -> int:
        return len(self.truth)


class Measured(Protocol):
    """What can be measured by resamples of its rows: predictions beside the truth, or what has none (`clusters`)."""

    classes: int

    def __len__(self) -> int: ...

    def measure(self, rows: Any = slice(None)) -> Measure: ...


def figures(found: Measured) -> dict[str, float]:
    """Each metric with every row counted once; those that cannot be told from these rows are left out."""
    with np.errstate(all="ignore"):
        return _finite(found.measure()(np.ones(len(found))))


def classification(
    truth: NDArray[np.intp], predicted: NDArray[np.intp], classes: int, scores: Floats | None, probabilities: bool
) -> Measure:
    """The metrics of classes as a function of the rows' counts."""
    cells = truth * classes + predicted
    ranks = []
    if scores is not None:
        chosen = [1] if classes == 2 else [one for one in range(classes) if (truth == one).any()]
        ranks = [Ranking(scores[:, one], truth == one) for one in chosen]
    losses = _losses(truth, classes, scores) if scores is not None and probabilities else {}

    def measure(counts: Floats) -> dict[str, float]:
        confusion = np.bincount(cells, counts, classes * classes).astype(np.float64).reshape(classes, classes)
        found = _of_confusion(confusion)
        if ranks:
            areas = [rank.areas(counts) for rank in ranks]
            found["roc_auc"], found["average_precision"] = (float(np.mean(each)) for each in zip(*areas, strict=True))
        total = counts.sum()
        return found | {name: float(counts @ loss / total) for name, loss in losses.items()}

    return measure


def regression(truth: Floats, predicted: Floats) -> Measure:
    """The metrics of numbers as a function of the rows' counts."""
    errors = np.abs(truth - predicted)
    order = np.argsort(errors)
    ordered = errors[order]
    relative = np.divide(errors, np.abs(truth), out=np.zeros_like(errors), where=truth != 0)
    centred = truth - truth.mean()
    columns = np.column_stack([errors**2, errors, relative, truth != 0, np.abs(truth), centred, centred**2])

    def measure(counts: Floats) -> dict[str, float]:
        squares, absolute, relatives, nonzero, size, mean, spread = counts @ columns / counts.sum()
        return {
            "rmse": float(np.sqrt(squares)),
            "mae": float(absolute),
            "median_absolute_error": _median(ordered, counts[order]),
            "r2": 1 - _over(squares, spread - mean**2),
            "mape": _over(relatives, nonzero),
            "wape": _over(absolute, size),
        }

    return measure


@dataclass
class Resamples:
    """Each metric over resamples of the rows, nan where one cannot tell it; `scale` is what their spread is times."""

    metrics: dict[str, Floats]
    scale: float


def resample(
    predictions: Measured, seed: int, groups: NDArray[np.intp] | None = None, resamples: int = RESAMPLES
) -> Resamples:
    """Measures resamples of the rows (or of the groups of rows; `groups` has a code per row).

    For the same seed, as many rows and the same groups the same rows are drawn, whatever was predicted.
    """
    random = np.random.default_rng(seed)
    rows, units, scale = _sample(random, predictions, groups)
    number = int(units.max()) + 1
    drawn = []
    with np.errstate(all="ignore"):
        measure = predictions.measure(rows)
        for _ in range(resamples):
            counts = np.bincount(random.integers(0, number, number), minlength=number)
            drawn.append(measure(counts.astype(np.float64)[units]))
    return Resamples({name: np.array([one[name] for one in drawn]) for name in drawn[0]}, scale)


def errors(predictions: Measured, drawn: Resamples) -> dict[str, float]:
    """The standard error of each metric, by its resamples.

    Where no resample differs, as when all is right, the error of a rate is that of the same rows with two more right
    and two more wrong (Agresti and Coull): being right five times out of five is no certainty.
    """
    found = {}
    for name, every in drawn.metrics.items():
        values = every[np.isfinite(every)]
        with np.errstate(all="ignore"):
            error = float(values.std(ddof=1)) * drawn.scale if len(values) > len(every) / 2 else np.nan
        if np.isfinite(error):
            found[name] = error or (_of_certainty(len(predictions)) if name in RATES else 0.0)
    return found


def over_folds(folds: list[dict[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and standard error over folds: the standard deviation of the K folds (K - 1 below) over the root of K."""
    names = [name for name in folds[0] if all(name in one for one in folds)]
    values = {name: np.array([one[name] for one in folds]) for name in names}
    with np.errstate(all="ignore"):
        means = {name: float(each.mean()) for name, each in values.items()}
        errors = {name: float(each.std(ddof=1) / np.sqrt(len(folds))) for name, each in values.items()}
    return _finite(means), _finite(errors)


class Ranking:
    """Rows in the order of a score, for the areas under the curves of any counts of them."""

    def __init__(self, score: Floats, positive: NDArray[np.bool_]) -> None:
        self.order = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        self.ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(score) - 1)
        self.positive = positive[self.order]
        self.score = ordered[self.ends]

    def curve(self, counts: Floats) -> tuple[Floats, Floats]:
        """True and false positives, counted, at each different score from the highest down."""
        counts = counts[self.order]
        true = np.cumsum(np.where(self.positive, counts, 0.0))[self.ends]
        return true, np.cumsum(counts)[self.ends] - true

    def areas(self, counts: Floats) -> tuple[float, float]:
        """Area under the ROC curve, and average precision."""
        true, false = self.curve(counts)
        steps = np.diff(true, prepend=0.0)
        area = float(np.sum(np.diff(false, prepend=0.0) * (true - steps / 2)))
        precision = np.divide(true, true + false, out=np.zeros_like(true), where=true + false > 0)
        return _over(area, true[-1] * false[-1]), _over(float(np.sum(steps * precision)), true[-1])


def _of_confusion(confusion: Floats) -> dict[str, float]:
    """What a matrix of (true class, predicted class) says; a class that never occurs nor is predicted counts not."""
    right, true, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    total = confusion.sum()
    recall = np.divide(right, true, out=np.zeros_like(right), where=true > 0)
    precision = np.divide(right, said, out=np.zeros_like(right), where=said > 0)
    f1 = np.divide(2 * right, true + said, out=np.zeros_like(right), where=true + said > 0)
    seen = true + said > 0
    found = {
        "accuracy": float(right.sum() / total),
        "balanced_accuracy": float(recall[true > 0].mean()),
        "f1_macro": float(f1[seen].mean()),
        "precision_macro": float(precision[seen].mean()),
        "recall_macro": float(recall[seen].mean()),
        "mcc": _mcc(confusion, true, said, right.sum(), total),
    }
    if len(confusion) == 2:
        found |= {"f1": float(f1[1]), "precision": float(precision[1]), "recall": float(recall[1])}
    return found


def _mcc(confusion: Floats, true: Floats, said: Floats, right: float, total: float) -> float:
    spread = (total**2 - said @ said) * (total**2 - true @ true)
    return float((right * total - true @ said) / np.sqrt(spread)) if spread > 0 else 0.0


def _losses(truth: NDArray[np.intp], classes: int, probabilities: Floats) -> dict[str, Floats]:
    """log_loss and brier of each row; brier is halved for two classes, where it is then (p - y) squared."""
    rows = np.arange(len(truth))
    sure = np.clip(probabilities[rows, truth] / probabilities.sum(axis=1), SMALLEST, 1 - SMALLEST)
    hit = np.zeros_like(probabilities)
    hit[rows, truth] = 1
    squares = ((probabilities - hit) ** 2).sum(axis=1)
    return {"log_loss": -np.log(sure), "brier": squares / 2 if classes == 2 else squares}


def _sample(
    random: np.random.Generator, predictions: Measured, groups: NDArray[np.intp] | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], float]:
    """The rows to resample, the unit that each is drawn with, and what their errors are to be scaled by."""
    rows = len(predictions)
    most = max(1000, 2 * MOST // max(predictions.classes, 2))
    units = np.arange(rows) if groups is None else groups
    number = int(units.max()) + 1
    kept = min(number, max(2, number * most // rows))
    if kept == number:
        return np.arange(rows), units, 1.0
    chosen = np.full(number, -1)
    chosen[random.permutation(number)[:kept]] = np.arange(kept)
    taken = np.flatnonzero(chosen[units] >= 0)
    return taken, chosen[units[taken]], float(np.sqrt(kept / number))


def _median(ordered: Floats, counts: Floats) -> float:
    """The median of values in order, each as often as its count; the mean of the middle two where there are two."""
    below = np.cumsum(counts)
    half = below[-1] / 2
    low = int(np.searchsorted(below, half, side="left"))
    high = int(np.searchsorted(below, half, side="right"))
    return float((ordered[low] + ordered[min(high, len(ordered) - 1)]) / 2)


def _of_certainty(rows: int) -> float:
    right = (rows + 2) / (rows + 4)
    return float(np.sqrt(right * (1 - right) / (rows + 4)))


def _finite(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _over(above: Any, below: Any) -> float:
    return float(above / below) if below > 0 else float("nan")
