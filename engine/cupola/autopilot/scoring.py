"""How good predictions are by one metric: higher is better, whatever the metric. Fast, for being asked many times."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.training.metrics import SMALLEST, Predictions
from cupola.training.records import SMALLER_IS_BETTER

Floats = NDArray[np.float64]


def score(metric: str, truth: NDArray[Any], said: Floats, classes: int) -> float:
    """The metric of what is said of rows (probabilities, a column a class; or numbers); -inf where it cannot be told.

    The smaller the better is turned around. As `cupola.training.metrics` has it, which measures what is not here.
    """
    found = _of_classes(metric, truth, said) if classes else _of_numbers(metric, truth, said)
    if found is None:
        figure = predictions(truth, said, classes).figures().get(metric)
        found = -np.inf if figure is None else -figure if metric in SMALLER_IS_BETTER else figure
    return float(found)


def predictions(truth: NDArray[Any], said: Floats, classes: int, threshold: float | None = None) -> Predictions:
    """What is said of rows as the metrics take it; of two classes the second is predicted from the threshold on."""
    if not classes:
        return Predictions(truth, said)
    chosen = said.argmax(axis=1) if threshold is None else (said[:, 1] >= threshold).astype(np.intp)
    return Predictions(truth, chosen, classes, said, True)


def losses(truth: NDArray[Any], said: Floats, classes: int) -> Floats:
    """The loss of each row: of its probability, or the square of its error."""
    if not classes:
        return np.asarray((truth - said) ** 2)
    return np.asarray(-np.log(np.clip(said[np.arange(len(truth)), truth], SMALLEST, 1)))


def _of_classes(metric: str, truth: NDArray[Any], said: Floats) -> float | None:
    if metric == "log_loss":
        sure = said[np.arange(len(truth)), truth] / said.sum(axis=1)
        return float(np.log(np.clip(sure, SMALLEST, 1 - SMALLEST)).mean())
    if metric == "accuracy":
        return float((said.argmax(axis=1) == truth).mean())
    if metric == "roc_auc":
        chosen = [1] if said.shape[1] == 2 else [int(one) for one in np.unique(truth)]
        return float(np.mean([_area(said[:, one], truth == one) for one in chosen]))
    return None


def _of_numbers(metric: str, truth: Floats, said: Floats) -> float | None:
    if metric in ("rmse", "r2"):
        squares = float(((truth - said) ** 2).mean())
        return -float(np.sqrt(squares)) if metric == "rmse" else 1 - squares / float(truth.var() or np.nan)
    if metric == "mae":
        return -float(np.abs(truth - said).mean())
    return None


def _area(score: Floats, positive: NDArray[np.bool_]) -> float:
    """The area under the ROC curve by the sum of ranks; ties count half."""
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return 0.5
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    new = np.append(True, ordered[1:] != ordered[:-1])
    place = np.cumsum(new) - 1
    starts = np.append(np.flatnonzero(new), len(score))
    middle = (starts[:-1] + starts[1:] + 1) / 2
    ranks = middle[place][positive[order]]
    return float((ranks.sum() - many * (many + 1) / 2) / (many * few))
