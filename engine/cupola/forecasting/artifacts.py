"""What a forecast leaves to look at: tables of the steps ahead and of the back-test, and JSON of what is drawn."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.experiments import repeats
from cupola.experiments.repeats import Repeats
from cupola.forecasting import scoring
from cupola.forecasting.backtesting import Window
from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Panel
from cupola.forecasting.records import METRICS, ForecastSpec
from cupola.forecasting.scoring import Sums

MOST_ITEMS = 50  # that are drawn: those with the largest values
HISTORY = 5  # horizons of the past that are drawn, or so many seasons
MOST_POINTS = 400
FORECAST, BACKTEST = "forecast.parquet", "backtest.parquet"


class Tested(msgspec.Struct, frozen=True):
    """What was said in each window."""

    windows: list[Window]
    said: list[Floats]


def forecast(panel: Panel, said: Floats, spec: ForecastSpec) -> pd.DataFrame:
    """A row for each item and step ahead: the columns of the item, the time, `step`, and one for each quantile."""
    horizon = said.shape[1]
    ends = np.repeat([one.end for one in panel.series], horizon)
    steps = np.tile(np.arange(horizon), len(panel.series))
    columns = _items(panel, spec, np.repeat(np.arange(len(panel.series)), horizon))
    columns |= {spec.time: _moments(panel, ends + steps), "step": steps + 1}
    return pd.DataFrame(columns | _quantiles(spec, said.reshape(-1, said.shape[2])))


def backtest(panel: Panel, tested: Tested, spec: ForecastSpec) -> pd.DataFrame:
    """A row for each window, item and step, as in the forecast; `window` 0 is the oldest, `truth` is what came."""
    found = []
    for place, (window, said) in enumerate(zip(tested.windows, tested.said, strict=True)):
        horizon = said.shape[1]
        ends = np.repeat([one.end for one in window.panel.series], horizon)
        steps = np.tile(np.arange(horizon), len(window.which))
        columns: dict[str, Any] = {"window": place, "split": "test" if window.test else "validation"}
        columns |= _items(panel, spec, np.repeat(window.which, horizon))
        columns |= {spec.time: _moments(panel, ends + steps), "step": steps + 1, "truth": window.truth.ravel()}
        found.append(pd.DataFrame(columns | _quantiles(spec, said.reshape(-1, said.shape[2]))))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def fans(panel: Panel, said: Floats, tested: Tested, spec: ForecastSpec) -> dict[str, Any]:
    """forecast.json: for each drawn item the end of its history, the steps ahead, and the windows over it.

    x is seconds since 1970 where the time is one (`times`), else the number that it is.
    """
    sizes = [float(np.nansum(np.abs(one.values))) if len(one.values) else 0.0 for one in panel.series]
    shown = sorted(np.argsort(sizes)[::-1][:MOST_ITEMS])
    horizon = said.shape[1]
    past = min(MOST_POINTS, max(HISTORY * horizon, 3 * panel.season, 20))
    items = []
    for place in shown:
        series = panel.series[place]
        cut = max(0, len(series.values) - past)
        windows = [
            _fan(panel, window.panel.series[at].end, one[at])
            for window, one in zip(tested.windows, tested.said, strict=True)
            for at in np.flatnonzero(window.which == place)
        ]
        items.append({
            "item": "/".join(series.key),
            "history": _points(_places(panel, np.arange(series.start + cut, series.end)), series.values[cut:]),
            "ahead": _fan(panel, series.end, said[place]),
            "windows": windows,
        })  # fmt: skip
    times = panel.frequency.kind != "number"
    names = {"target": spec.target, "time": spec.time, "quantiles": spec.quantiles}
    return names | {"times": times, "left_out": len(panel.series) - len(items), "items": items}


def steps(tested: Tested, spec: ForecastSpec) -> dict[str, Any]:
    """steps.json: the metrics by the step ahead, over all windows, and how often each quantile held."""
    horizon = max((one.truth.shape[1] for one in tested.windows), default=0)
    found: dict[str, list[float | None]] = {}
    errors: dict[str, list[float | None]] = {}
    for step in range(horizon):
        windows = [one._replace(truth=one.truth[:, step : step + 1]) for one in tested.windows]
        said = [one[:, step : step + 1] for one in tested.said]
        values, off = scoring.metrics(scoring.sums(windows, said, spec.quantiles))
        for name in (*values, *(one for one in found if one not in values)):
            found.setdefault(name, [None] * step).append(values.get(name))
            errors.setdefault(name, [None] * step).append(off.get(name))
    held = [_held(tested, place) for place in range(len(spec.quantiles))]
    return {"metric": spec.metric, "metrics": found, "errors": errors, "quantiles": spec.quantiles, "held": held}


def by_item(panel: Panel, tested: Tested, spec: ForecastSpec) -> list[dict[str, Any]]:
    """items.json: the metrics of each item over the windows, the worst first."""
    which = np.concatenate([one.which for one in tested.windows])
    found = scoring.sums(tested.windows, tested.said, spec.quantiles)
    each = [
        scoring.metrics({name: Sums(one.above[rows], one.below[rows]) for name, one in found.items()})
        for rows in np.split(
            np.argsort(which, kind="stable"), np.cumsum(np.bincount(which, minlength=len(panel.series)))[:-1]
        )
    ]
    items = [
        {"item": "/".join(series.key), "metrics": values, "errors": errors}
        for series, (values, errors) in zip(panel.series, each, strict=True)
    ]
    return sorted(items, key=lambda one: -one["metrics"].get(spec.metric, -1.0))


def repeated(tested: Tested, spec: ForecastSpec) -> dict[str, Any]:
    """repeats.json: the metrics of each window, so that runs are compared in pairs."""
    valid = [(one, said) for one, said in zip(tested.windows, tested.said, strict=True) if not one.test]
    found: dict[str, list[float | None]] = {name: [] for name in (*METRICS, scoring.COVERAGE)}
    for window, said in valid:
        values, _ = scoring.metrics(scoring.sums([window], [said], spec.quantiles))
        for name, some in found.items():
            some.append(values.get(name))
    asked = [spec.dataset, spec.target, spec.time, spec.items, spec.horizon, spec.frequency, spec.windows]
    trained = sum(len(one.values) for window, _ in valid for one in window.panel.series)
    share = sum(window.truth.size for window, _ in valid) / max(1, trained)
    rows = hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16]
    kept = {"validation": Repeats(kind="folds", rows=rows, metrics=found, share=share)} if valid else {}
    return msgspec.to_builtins(repeats.kept(kept))  # type: ignore[no-any-return]


def write(directory: Path, panel: Panel, said: Floats, tested: Tested, spec: ForecastSpec) -> None:
    """Writes all of it."""
    forecast(panel, said, spec).to_parquet(directory / FORECAST, index=False)
    for name, content in {
        "forecast.json": fans(panel, said, tested, spec),
        **({"steps.json": steps(tested, spec), "items.json": by_item(panel, tested, spec)} if tested.windows else {}),
        repeats.NAME: repeated(tested, spec),
    }.items():
        (directory / name).write_bytes(msgspec.json.encode(content))
    if tested.windows:
        backtest(panel, tested, spec).to_parquet(directory / BACKTEST, index=False)


def _items(panel: Panel, spec: ForecastSpec, which: NDArray[np.int64]) -> dict[str, Any]:
    return {
        name: np.array([one.key[at] for one in panel.series], dtype=object)[which] for at, name in enumerate(spec.items)
    }


def _moments(panel: Panel, places: NDArray[np.int64]) -> Any:
    """As a table has them: dates where no step begins within a day."""
    found = panel.frequency.moments(places)
    if found.dtype.kind != "M" or (found != found.astype("datetime64[D]")).any():
        return found
    return found.astype("datetime64[D]").astype(object)


def _quantiles(spec: ForecastSpec, said: Floats) -> dict[str, Floats]:
    return {f"{level:g}": said[:, place] for place, level in enumerate(spec.quantiles)}


def _places(panel: Panel, places: NDArray[np.int64]) -> Floats:
    moments = panel.frequency.instants(places)
    if moments.dtype.kind != "M":
        return moments.astype(float)
    return np.asarray(moments.astype("datetime64[us]").astype(np.int64) / 1e6, np.float64)


def _points(x: Floats, y: Floats) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True) if np.isfinite(b)]


def _fan(panel: Panel, start: int, said: Floats) -> dict[str, Any]:
    return {"x": _places(panel, start + np.arange(len(said))).tolist(), "values": said.T.tolist()}


def _held(tested: Tested, place: int) -> float | None:
    below = [
        (one.truth <= said[:, :, place])[np.isfinite(one.truth)]
        for one, said in zip(tested.windows, tested.said, strict=True)
    ]
    some = np.concatenate([np.zeros(0, bool), *below])
    return float(some.mean()) if len(some) else None
