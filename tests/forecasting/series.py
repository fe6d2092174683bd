"""Series that the tests of forecasts are about."""

from typing import Any

import numpy as np
import pandas as pd

from cupola.forecasting import panel
from cupola.forecasting.panel import Encodings, Panel
from cupola.forecasting.records import ForecastSpec

MONTHS = 96


def spec(**more: Any) -> ForecastSpec:
    asked: dict[str, Any] = {"dataset": "sales@1", "target": "y", "time": "t", "horizon": 6}
    return ForecastSpec(**asked | more)


def monthly(length: int = MONTHS, seed: int = 0, noise: float = 1.0) -> pd.DataFrame:
    """One series with a level, a trend and a season."""
    at = np.arange(length)
    random = np.random.default_rng(seed)
    values = 100 + 0.5 * at + 10 * np.sin(2 * np.pi * at / 12) + noise * random.normal(size=length)
    return pd.DataFrame({"t": pd.date_range("2015-01-01", periods=length, freq="MS"), "y": values})


def items(number: int = 3, length: int = MONTHS) -> pd.DataFrame:
    """Several of them, of sizes of their own, with a covariate that is known and one that is not."""
    found = []
    for place in range(number):
        one = monthly(length - 5 * place, seed=place)
        promoted = np.random.default_rng(place + 50).integers(0, 2, len(one))
        one["y"] = (one["y"] + 15 * promoted) * (place + 1)
        found.append(one.assign(item=f"item {place}", promoted=promoted, stock=np.arange(len(one)) % 7))
    return pd.concat(found, ignore_index=True)


def read(frame: pd.DataFrame, **more: Any) -> tuple[Panel, Encodings, list[str]]:
    return panel.read(frame, spec(**more))


def of(values: Any, freq: str = "MS", **more: Any) -> Panel:
    """A panel of one series."""
    times = pd.date_range("2015-01-01", periods=len(values), freq=freq)
    return read(pd.DataFrame({"t": times, "y": values}), **more)[0]
