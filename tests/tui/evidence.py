"""What the runs of the tests have left: plots, thresholds, predictions and files."""

import math
from typing import Any

import msgspec

from cupola.experiments import evidence
from cupola.experiments.evidence import Confusion, Curve, Importance, Learning, Learnt, Residuals, Several

POSITIVES, NEGATIVES = 996, 3100


def cuts() -> dict[str, Any]:
    """The counts at every hundredth; at 0.5 they are those of the confusion matrix."""
    at = [place / 100 for place in range(101)]

    def above(rows: int, half: int) -> list[int]:
        steep = math.log(half / rows) / math.log(0.5)
        return [round(rows * (1 - one) ** steep) for one in at]

    return {
        "split": "validation", "classes": [False, True], "thresholds": at, "true": above(POSITIVES, 384),
        "false": above(NEGATIVES, 210), "positives": POSITIVES, "negatives": NEGATIVES,
    }  # fmt: skip


def plots(task: str = "classification") -> list[Any]:
    """As the bridge gives them."""
    if task == "regression":
        pairs = [(x / 7, x / 7 + 3 * math.sin(x * 1.7)) for x in range(120)]
        histogram = evidence.Histogram(edges=[-3.0, -1.5, 0.0, 1.5, 3.0], counts=[22, 41, 39, 18])
        found = evidence.residuals(Residuals(pairs=pairs, histogram=histogram, split="validation"))
        errors = {"train_error": 0.04, "validation_error": 0.2}
        points = [
            Learnt(rows=100 * one, train=0.5 + one / 20, validation=1 + 3 / one, **errors)
            for one in (1, 2, 4, 6, 8, 10)
        ]
        found += evidence.learning(Learning(metric="rmse", points=points))
    else:
        steps = [one / 40 for one in range(41)]
        curve = Curve(
            one=True, fpr=steps, tpr=[one**0.3 for one in steps], share=0.24,
            recall=steps, precision=[1 - 0.7 * one**2 for one in steps],
            predicted=[0.1, 0.4, 0.8], observed=[0.12, 0.35, 0.7], low=[0.1, 0.3, 0.62], high=[0.14, 0.4, 0.77],
        )  # fmt: skip
        several = Several(curves=[curve], split="validation")
        matrix = Confusion(classes=[False, True], matrix=[[2890, 210], [612, 384]], split="validation")
        found = [
            *evidence.confusion(matrix),
            *evidence.roc(several),
            *evidence.pr(several),
            *evidence.calibration(several),
        ]
    names = ("dest", "carrier", "hour", "[b]temp[/b]", "distance")
    features = [evidence.Feature(name, 0.09 / (place + 1) - 0.02) for place, name in enumerate(names)]
    found += evidence.importance(Importance(features=features, metric="roc_auc", split="validation"))
    plain: list[Any] = msgspec.to_builtins(found)
    return plain


def predictions() -> dict[str, Any]:
    """The rows with the largest errors."""
    names = [
        "row",
        "truth",
        "prediction",
        "error",
        "probability_False",
        "probability_True",
        "carrier",
        "hour",
        "distance",
    ]
    rows = [
        [
            17 * place,
            place % 3 == 0,
            place % 3 != 0,
            0.99 - place / 50,
            0.01 + place / 50,
            0.99 - place / 50,
            "UA",
            place,
            300,
        ]
        for place in range(30)
    ]
    rows[1][6] = "\x1b[31m[b]B6[/b]"
    types = ["integer", "boolean", "boolean", "number", "number", "number", "text", "integer", "integer"]
    return {"columns": names, "types": types, "rows": rows, "truncated": True}


FILES = [{"name": "confusion.json", "bytes": 93}, {"name": "predictions.parquet", "bytes": 48211}]
