"""What a run leaves for people to look at: small JSON files, and the predictions of the rows held out."""

import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.training.fitting import Fitted
from cupola.training.metrics import Ranking
from cupola.training.records import SMALLER_IS_BETTER, Training

POINTS = 200  # of a curve
PAIRS = 500  # of (true, predicted)
BINS = 30
IMPORTANCE_ROWS = 1000
IMPORTANCE_SECONDS = 5.0
LARGEST_MATRIX = 100  # classes


def of_run(fitted: Fitted, training: Training, curve: dict[str, list[tuple[int, float]]]) -> dict[str, Any]:
    """The run's artifacts by file name: confusion.json and roc.json, or residuals.json; curve.json; importance.json.

    All are about the rows held out (`split`: "validation"), --cv's out of their folds. curve: metrics by step.
    """
    found: dict[str, Any] = {}
    if training.task == "classification":
        if len(fitted.target.classes or []) <= LARGEST_MATRIX:
            found["confusion.json"] = confusion(fitted)
        if fitted.predictions.scores is not None:
            found["roc.json"] = roc(fitted)
    else:
        found["residuals.json"] = residuals(fitted)
    if curve:
        found["curve.json"] = {"metrics": curve}
    if training.split.folds == 0 and (importance := importances(fitted, training)):
        found["importance.json"] = importance
    return found


def predictions(fitted: Fitted) -> pd.DataFrame:
    """A row per row held out: `row` (its place in the dataset), truth, prediction, and a column per class's score."""
    kept, classes = fitted.predictions, fitted.target.classes
    truth, predicted = kept.truth, kept.predicted
    if classes is not None:
        named = np.array(classes)
        truth, predicted = named[truth], named[predicted]
    columns = {"row": fitted.table.index[fitted.held], "truth": truth, "prediction": predicted}
    if classes is not None and kept.scores is not None:
        kind = "probability" if kept.probabilities else "score"
        columns |= {f"{kind}_{one}": kept.scores[:, place] for place, one in enumerate(classes)}
    return pd.DataFrame(columns)


def confusion(fitted: Fitted) -> dict[str, Any]:
    """How often each true class (a row) was predicted as each class (a column)."""
    kept, classes = fitted.predictions, fitted.target.classes or []
    cells = np.bincount(kept.truth * len(classes) + kept.predicted, minlength=len(classes) ** 2)
    return {"split": "validation", "classes": classes, "matrix": cells.reshape(len(classes), -1).tolist()}


def roc(fitted: Fitted) -> dict[str, Any]:
    """False and true positive rates of each class against the others (of the positive one where there are two)."""
    kept, classes = fitted.predictions, fitted.target.classes or []
    assert kept.scores is not None
    curves = []
    for place in [1] if len(classes) == 2 else range(min(len(classes), 20)):
        positive = kept.truth == place
        if 0 < positive.sum() < len(positive):
            true, false = Ranking(kept.scores[:, place], positive).curve(np.ones(len(positive)))
            picked = _spread(len(true))
            rates = {"fpr": false[picked] / false[-1], "tpr": true[picked] / true[-1]}
            curves.append({"class": classes[place]} | {name: [0.0, *each.tolist()] for name, each in rates.items()})
    return {"split": "validation", "curves": curves}


def residuals(fitted: Fitted) -> dict[str, Any]:
    """Predicted less true: a histogram, quantiles, and some pairs to draw."""
    truth, predicted = fitted.predictions.truth, fitted.predictions.predicted
    errors = predicted - truth
    counts, edges = np.histogram(errors, bins=BINS)
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
    prepare, estimator = fitted.pipeline.named_steps["prepare"], fitted.pipeline.named_steps["estimator"]
    columns = list(prepare.encoders_)
    begun = time.perf_counter()
    plain = _score(estimator, prepare.transform(sample), fitted, rows, training)
    if (time.perf_counter() - begun) * len(columns) > IMPORTANCE_SECONDS or plain is None:
        return None
    random = np.random.default_rng(training.seed)
    found = []
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


def _spread(number: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, number - 1, min(POINTS, number)).astype(np.intp))
