"""What a run leaves for people to look at: small JSON files, and the predictions of the rows held out."""

import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.experiments import repeats
from cupola.training.clusters import Clusters, Flags
from cupola.training.deciding import Decided
from cupola.training.fitting import Fitted
from cupola.training.metrics import Predictions, Ranking
from cupola.training.records import SMALLER_IS_BETTER, Training

POINTS = 200  # of a curve
PAIRS = 500  # of (true, predicted)
BINS = 30
STEPS = 100  # of a threshold
FEWEST = 20  # rows in a bin of a calibration curve
NORMAL_95 = 1.96
IMPORTANCE_ROWS = 1000
IMPORTANCE_SECONDS = 5.0
LARGEST_MATRIX = 100  # classes
MOST_CURVES = 20  # of several classes, each against the others


def of_run(
    fitted: Fitted, training: Training, curve: dict[str, list[tuple[int, float]]], *, importance: bool = True
) -> dict[str, Any]:
    """The run's artifacts by file name: confusion.json, roc.json, pr.json, calibration.json (of probabilities) and
    thresholds.json (of two classes), or residuals.json, clusters.json, anomalies.json; curve.json; importance.json;
    repeats.json.

    All are about the rows held out (`split`: "validation"), --cv's out of their folds. curve: metrics by step.
    importance takes seconds, which many trainings in a row leave out.
    """
    found: dict[str, Any] = {repeats.NAME: msgspec.to_builtins(repeats.kept(fitted.repeats))}
    if training.task == "clustering":
        found["clusters.json"] = clusters(fitted)
    elif isinstance(fitted.predictions, Flags):
        found["anomalies.json"] = anomalies(fitted)
    elif fitted.target.classes is not None:
        if len(fitted.target.classes or []) <= LARGEST_MATRIX:
            found["confusion.json"] = confusion(fitted)
        if fitted.told.scores is not None:
            found |= {"roc.json": roc(fitted), "pr.json": pr(fitted)}
            if fitted.told.probabilities:
                found["calibration.json"] = calibration(fitted)
            if fitted.told.classes == 2:
                found["thresholds.json"] = thresholds(fitted)
    else:
        found["residuals.json"] = residuals(fitted)
    if curve:
        found["curve.json"] = {"metrics": curve}
    told = training.task != "clustering" and fitted.target.is_known
    if importance and told and training.split.folds == 0 and (columns := importances(fitted, training)):
        found["importance.json"] = columns
    return found


def predictions(fitted: Fitted) -> pd.DataFrame:
    """A row per row held out: `row` (its place in the dataset), truth, prediction, and a column per class's score.

    The prediction is a class, a number, or a cluster; of an anomaly it is -1, and `score` is the higher, the stranger.
    """
    if not fitted.target.is_learnt:
        return _unlearnt(fitted)
    kept, classes = fitted.told, fitted.target.classes
    truth, predicted = kept.truth, kept.predicted
    if classes is not None:
        named = np.array(classes)
        truth, predicted = named[truth], named[predicted]
    columns = {"row": fitted.table.index[fitted.held], "truth": truth, "prediction": predicted}
    if classes is not None and kept.scores is not None:
        kind = "probability" if kept.probabilities else "score"
        columns |= {f"{kind}_{one}": kept.scores[:, place] for place, one in enumerate(classes)}
    return pd.DataFrame(columns)


def _unlearnt(fitted: Fitted) -> pd.DataFrame:
    kept = fitted.predictions
    columns: dict[str, Any] = {"row": fitted.table.index[fitted.held]}
    if fitted.target.is_known:
        columns["truth"] = fitted.table[fitted.target.name].iloc[fitted.held].to_numpy()
    if isinstance(kept, Clusters):
        columns["prediction"] = kept.predicted
    else:
        columns["prediction"] = np.where(kept.predicted == 1, -1, 1)
        columns["score"] = kept.strange if isinstance(kept, Flags) else _of_second(fitted.told)
    return pd.DataFrame(columns)


def _of_second(kept: Predictions) -> Any:
    assert kept.scores is not None
    return kept.scores[:, 1]


def clusters(fitted: Fitted) -> dict[str, Any]:
    """How many rows each cluster has, and what is typical of them: the mean of a number, the commonest category."""
    labels, rows = fitted.predictions.predicted, fitted.table.iloc[fitted.held]
    found = []
    for label in np.unique(labels):
        inside = rows[labels == label]
        typical = {name: _typical(inside[name], kind) for name, kind in fitted.takes}
        found.append({"cluster": int(label), "rows": len(inside), "share": len(inside) / len(rows), "typical": typical})
    return {"split": "validation", "clusters": found}


def _typical(column: "pd.Series[Any]", kind: str) -> Any:
    known = column.dropna()
    if not len(known):
        return None
    if kind in ("integer", "number"):
        mean = float(known.astype(float).mean())
        return mean if np.isfinite(mean) else None
    return str(known.mode().iloc[0])


def anomalies(fitted: Fitted) -> dict[str, Any]:
    """How many rows are flagged, and how strange all are: a histogram of the score; above 0 they are anomalies."""
    kept = fitted.predictions
    assert isinstance(kept, Flags)
    counts, edges = _histogram(kept.strange)
    return {
        "split": "validation",
        "rows": len(kept),
        "flagged": int(kept.predicted.sum()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def confusion(fitted: Fitted) -> dict[str, Any]:
    """How often each true class (a row) was predicted as each class (a column)."""
    kept, classes = fitted.told, fitted.target.classes or []
    cells = np.bincount(kept.truth * len(classes) + kept.predicted, minlength=len(classes) ** 2)
    return {"split": "validation", "classes": classes, "matrix": cells.reshape(len(classes), -1).tolist()}


def roc(fitted: Fitted) -> dict[str, Any]:
    """False and true positive rates of each class against the others (of the positive one where there are two)."""
    curves = []
    for one, score, positive in _against_others(fitted):
        true, false = Ranking(score, positive).curve(np.ones(len(positive)))
        picked = _spread(len(true))
        rates = {"fpr": false[picked] / false[-1], "tpr": true[picked] / true[-1]}
        curves.append({"class": one} | {name: [0.0, *each.tolist()] for name, each in rates.items()})
    return {"split": "validation", "curves": curves}


def pr(fitted: Fitted) -> dict[str, Any]:
    """Precision over recall of each class against the others; share: of its rows, which is a guess's precision."""
    curves = []
    for one, score, positive in _against_others(fitted):
        true, false = Ranking(score, positive).curve(np.ones(len(positive)))
        picked = _spread(len(true))
        precision = (true / (true + false))[picked].tolist()
        recall = (true / true[-1])[picked].tolist()
        curve = {"recall": [0.0, *recall], "precision": [precision[0], *precision], "share": float(positive.mean())}
        curves.append({"class": one} | curve)
    return {"split": "validation", "curves": curves}


def calibration(fitted: Fitted) -> dict[str, Any]:
    """Of rows with about the same probability of a class, how many are of it; with a 95 % interval (Wilson's)."""
    curves = []
    for one, probability, positive in _against_others(fitted):
        bins = np.array_split(np.argsort(probability, kind="stable"), max(1, min(10, len(positive) // FEWEST)))
        rows = np.array([len(each) for each in bins])
        observed = np.array([positive[each].mean() for each in bins])
        wide = NORMAL_95**2 / rows
        middle = (observed + wide / 2) / (1 + wide)
        reach = NORMAL_95 * np.sqrt(observed * (1 - observed) / rows + wide / (4 * rows)) / (1 + wide)
        found = {"predicted": np.array([probability[each].mean() for each in bins]), "observed": observed}
        found |= {"low": np.maximum(middle - reach, 0), "high": np.minimum(middle + reach, 1), "rows": rows}
        curves.append({"class": one} | {name: each.tolist() for name, each in found.items()})
    return {"split": "validation", "curves": curves}


def thresholds(fitted: Fitted) -> dict[str, Any]:
    """Of two classes: how many rows of each would be called positive by a threshold on the score, for many of them.

    own: the model's own. One that was chosen is called positive at, without one a score of just the half is not.
    """
    kept, classes = fitted.told, fitted.target.classes or []
    assert kept.scores is not None
    score, positive = kept.scores[:, 1], kept.truth == 1
    at = np.quantile(score, np.linspace(0, 1, STEPS + 1))
    even = np.linspace(0, 1, STEPS + 1) if kept.probabilities else [0.0]
    decided = fitted.pipeline.named_steps["estimator"]
    chosen = decided.threshold if isinstance(decided, Decided) else None
    own = chosen if chosen is not None else 0.5 if kept.probabilities else 0.0
    at = np.unique(np.append(np.round(np.concatenate([at, even]), 4), own))
    side: Literal["left", "right"] = "right" if chosen is None else "left"
    above = {
        name: (len(some) - np.searchsorted(some, at, side=side)).tolist()
        for name, some in (("true", np.sort(score[positive])), ("false", np.sort(score[~positive])))
    }
    counts = {"positives": int(positive.sum()), "negatives": int((~positive).sum()), "own": own}
    return {"split": "validation", "classes": classes, "thresholds": at.tolist(), **above, **counts}


def _against_others(fitted: Fitted) -> Iterator[tuple[Any, NDArray[Any], NDArray[np.bool_]]]:
    """Each class that some rows are of and some are not, the rows' scores for it, and which of them it is."""
    kept, classes = fitted.told, fitted.target.classes or []
    assert kept.scores is not None
    for place in [1] if len(classes) == 2 else range(min(len(classes), MOST_CURVES)):
        positive = kept.truth == place
        if 0 < positive.sum() < len(positive):
            yield classes[place], kept.scores[:, place], positive


def residuals(fitted: Fitted) -> dict[str, Any]:
    """Predicted less true: a histogram, quantiles, and some pairs to draw."""
    truth, predicted = fitted.told.truth, fitted.told.predicted
    errors = predicted - truth
    counts, edges = _histogram(errors)
    picked = np.sort(np.random.default_rng(0).permutation(len(truth))[:PAIRS])
    shares = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    return {
        "split": "validation",
        "mean": float(errors.mean()),
        "quantiles": {str(share): float(np.quantile(errors, share)) for share in shares},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        "pairs": np.column_stack([truth[picked], predicted[picked]]).tolist(),
    }


def importances(fitted: Fitted, training: Training) -> dict[str, Any] | None:
    """How much worse the metric gets when a column is shuffled among the rows; None where that would take long."""
    rows = fitted.held[:IMPORTANCE_ROWS]
    sample = fitted.table.iloc[rows]
    prepare, estimator = fitted.pipeline[:-1], fitted.pipeline.named_steps["estimator"]
    columns = [name for name, _ in fitted.takes]
    begun = time.perf_counter()
    plain = _score(estimator, prepare.transform(sample), fitted, rows, training)
    if (time.perf_counter() - begun) * len(columns) > IMPORTANCE_SECONDS or plain is None:
        return None
    random = np.random.default_rng(training.seed)
    found: list[dict[str, Any]] = []
    for name in columns:
        order = random.permutation(len(sample))
        shuffled = sample.assign(**{name: sample[name].iloc[order].set_axis(sample.index)})
        score = _score(estimator, prepare.transform(shuffled), fitted, rows, training)
        if score is not None:
            found.append({"feature": name, "importance": plain - score})
    found.sort(key=lambda one: -float(one["importance"]))
    return {"split": "validation", "metric": training.metric, "features": found}


def _score(estimator: Any, X: Any, fitted: Fitted, rows: NDArray[Any], training: Training) -> float | None:
    """The training's metric on some rows, higher for better."""
    truth = fitted.target.codes[rows]
    value = fitted.predict(estimator, X, truth).figures().get(training.metric)
    return None if value is None else -value if training.metric in SMALLER_IS_BETTER else value


def _histogram(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Counts and edges of the bins; values that are all but the same lie in the middle of some."""
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high), 1e-300)
    near = high - low < size * 1e-9
    return np.histogram(values, bins=BINS, range=(low - size / 100, high + size / 100) if near else (low, high))


def _spread(number: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, number - 1, min(POINTS, number)).astype(np.intp))
