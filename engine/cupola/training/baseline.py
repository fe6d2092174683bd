"""What the rows of a training look like, and what is predicted of those held out: the baseline to see drift by."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.datasets.records import Bar, ColumnProfile, ColumnType, Histogram
from cupola.registry.baselines import PREDICTION, Baseline
from cupola.training import artifacts
from cupola.training.fitting import Fitted
from cupola.training.records import Training

ROWS = 100_000  # of more, so many drawn by chance are looked at
TENTHS = np.linspace(0, 1, 11)
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TOP = 20


def of(fitted: Fitted, training: Training) -> Baseline:
    """The baseline of a training: its columns as they came, and the predictions of the rows held out."""
    rows = _some(fitted.table)
    held = _some(artifacts.predictions(fitted))
    kind: ColumnType = "number" if training.task == "regression" else "category"
    said = [one for one in held if str(one).startswith((PREDICTION, "probability_", "score"))]
    return Baseline(
        rows=len(rows),
        columns=[column(name, type, rows[name]) for name, type in fitted.takes],
        held=len(held),
        predictions=[column(str(one), kind if one == PREDICTION else "number", held[one]) for one in said],
    )


def column(name: str, type: Any, values: "pd.Series[Any]") -> ColumnProfile:
    """The profile of one column; the intervals of its histogram hold a tenth of the values each, as far as they can."""
    there = values.dropna()
    one = ColumnProfile(name=name, type=type, missing=len(values) - len(there), distinct=int(there.nunique()))
    if type in ("integer", "number", "date", "datetime"):
        numbers, back = _numbers(type, there)
        if len(numbers):
            _measure(one, numbers, back)
    else:
        counts = there.value_counts().head(TOP)
        one.top = [Bar(value=_plain(value), count=int(count)) for value, count in counts.items()]
    return one


def _numbers(type: str, there: "pd.Series[Any]") -> tuple[NDArray[Any], Any]:
    """The finite values as numbers, and what makes a value of the column of one again."""
    if type in ("date", "datetime"):
        moments = pd.to_datetime(there, utc=True).dt.as_unit("us").astype("int64").to_numpy()

        def back(number: float) -> str:
            moment = pd.Timestamp(int(number), unit="us")
            return moment.date().isoformat() if type == "date" else moment.isoformat()

        return moments, back
    found = there.to_numpy(dtype=np.float64)
    return found[np.isfinite(found)], int if type == "integer" and (found == np.floor(found)).all() else float


def _measure(one: ColumnProfile, numbers: NDArray[Any], back: Any) -> None:
    ordered = np.sort(numbers)
    edges = np.unique(np.quantile(ordered, TENTHS, method="lower"))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    places = np.clip(np.searchsorted(edges, ordered, side="right"), 1, len(edges) - 1) - 1
    counts = np.bincount(places, minlength=len(edges) - 1)
    one.histogram = Histogram(edges=[back(edge) for edge in edges], counts=counts.tolist())
    one.quantiles = {str(q): back(np.quantile(ordered, q, method="lower")) for q in QUANTILES}
    one.min, one.max = back(ordered[0]), back(ordered[-1])
    if one.type in ("integer", "number"):
        one.mean, one.std = float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0


def _some(table: pd.DataFrame) -> pd.DataFrame:
    return table if len(table) <= ROWS else table.sample(ROWS, random_state=0)


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, bool | int | float | str) else str(value)
