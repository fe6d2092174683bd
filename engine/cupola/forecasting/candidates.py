"""What is tried: each candidate learns from a panel, and says quantiles of the steps after its end."""

import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.special import ndtri

from cupola.forecasting import naive, smoothing, theta
from cupola.forecasting.lagged import Linear, Trees
from cupola.forecasting.naive import Floats, Path
from cupola.forecasting.panel import Panel
from cupola.forecasting.records import WINDOWS

MANY = 20  # series
TELLING = 3  # values, at least, that tell how much a series varies
FARTHEST = 50.0  # of a logarithm: a forecast beyond is none


class OutOfTime(Exception):
    """The budget is spent."""


class Candidate(Protocol):
    """One way to forecast. `fit` learns; `forecast` gives (items, steps, quantiles), also for items never seen."""

    def fit(self, panel: Panel) -> None: ...

    def forecast(self, panel: Panel, horizon: int) -> Floats: ...


class Method(NamedTuple):
    """How one series is forecast by itself."""

    fit: Callable[[Floats, int], Floats]
    forecast: Callable[[Floats, int, Floats, int], Path]


METHODS = {
    "naive": Method(naive.no_parameters, naive.naive),
    "seasonal-naive": Method(naive.no_parameters, naive.seasonal_naive),
    "drift": Method(naive.no_parameters, naive.drift),
    "mean": Method(naive.no_parameters, naive.mean),
    "croston": Method(naive.no_parameters, naive.croston),
    "theta": Method(theta.fit, theta.forecast),
    "ets": Method(smoothing.fit, smoothing.forecast),
}


class Local:
    """A method that looks at each series by itself; what it has found of an item is kept by the item's name.

    turn: by which of the panel's seasons. usual: how far the next value of such a series is, as a part of its size; of
    one with a value or two, which do not tell, it is as far.
    """

    turn, usual = 0, 0.0

    def __init__(self, method: str, quantiles: list[float], until: float | None = None, turn: int = 0) -> None:
        self.method, self.quantiles, self.turn = method, quantiles, turn
        self.keys: list[str] = []
        self.parameters: list[Floats] = []
        self._until = until

    def fit(self, panel: Panel) -> None:
        fit = METHODS[self.method].fit
        self.keys, self.parameters = [], []
        begun = time.monotonic()
        for place, series in enumerate(panel.series):
            left = (time.monotonic() - begun) / max(1, place) * (len(panel.series) - place)
            if self._until is not None and time.monotonic() + (left if place >= MANY else 0) > self._until:
                raise OutOfTime
            self.keys.append("\0".join(series.key))
            self.parameters.append(fit(series.filled, panel.seasons[self.turn]) if len(series.values) else np.zeros(0))
        self.usual = usual_step(panel)

    def forecast(self, panel: Panel, horizon: int) -> Floats:
        known = dict(zip(self.keys, self.parameters, strict=True))
        method, scores, season = METHODS[self.method], ndtri(np.array(self.quantiles)), panel.seasons[self.turn]
        found = np.full((len(panel.series), horizon, len(self.quantiles)), np.nan)
        for place, series in enumerate(panel.series):
            values = series.filled
            if not len(values):
                continue
            key = "\0".join(series.key)
            parameters = known[key] if key in known else method.fit(values, season)
            path = method.forecast(values, season, parameters, horizon)
            deviation = path.deviation
            if len(values) < TELLING:
                deviation = np.maximum(deviation, self.usual * np.abs(path.mean) * np.sqrt(np.arange(1, horizon + 1)))
            spread = path.mean[:, None] + deviation[:, None] * scores
            found[place] = np.exp(np.minimum(spread, FARTHEST)) if path.logged else spread
        return found

    def __getstate__(self) -> dict[str, Any]:
        """As one array; nothing hangs on time any more."""
        lengths = [len(one) for one in self.parameters]
        whole = np.concatenate([np.zeros(0), *self.parameters])
        return self.__dict__ | {"_until": None, "parameters": whole, "lengths": lengths}

    def __setstate__(self, state: dict[str, Any]) -> None:
        ends = np.cumsum([0, *state.pop("lengths")])
        whole = state.pop("parameters")
        self.__dict__.update(state)
        self.parameters = [whole[start:end] for start, end in itertools.pairwise(ends)]


def usual_step(panel: Panel) -> float:
    """The median, over the series that tell, of how far a value lies from the last, as a part of their size."""
    told = [one.filled for one in panel.series if len(one.values) >= TELLING]
    steps = [np.sqrt(np.mean(np.diff(one) ** 2)) / size for one in told if (size := np.abs(one).mean()) > 0]
    return float(np.median(steps)) if steps else 0.0


def of(panel: Panel, quantiles: list[float], horizon: int, seed: int, until: float | None) -> dict[str, Candidate]:
    """The candidates for such series, the quick ones first; of many series it is what fits each that takes long."""
    lengths = [len(one.values) for one in panel.series]
    values = np.concatenate([one.values for one in panel.series]) if lengths else np.zeros(0)
    names = ["naive", "drift", "mean"]
    if panel.season > 1 and max(lengths) > panel.season:
        names.insert(0, "seasonal-naive")
    if (values[np.isfinite(values)] >= 0).all() and np.mean(values == 0) > 0.3:
        names.append("croston")
    quick: dict[str, Candidate] = {one: Local(one, quantiles) for one in names}
    if len(panel.seasons) > 1 and max(lengths) > panel.seasons[1] + WINDOWS * horizon:
        quick["long-seasonal-naive"] = Local("seasonal-naive", quantiles, turn=1)
    fitted: dict[str, Candidate] = {one: Local(one, quantiles, until) for one in ("theta", "ets")}
    learned: dict[str, Candidate] = {
        "linear": Linear(quantiles, horizon, seed),
        "trees": Trees(quantiles, horizon, seed),
    }
    return quick | (learned | fitted if len(panel.series) > MANY else fitted | learned)


def tidy(found: Floats, panel: Panel) -> Floats:
    """Quantiles in order; nothing below zero of a series that never was, and a gap where nothing is said."""
    found = np.sort(found, axis=2)
    for place, series in enumerate(panel.series):
        values = series.values[np.isfinite(series.values)]
        if len(values) and values.min() >= 0:
            found[place] = np.maximum(found[place], 0.0)
    return found
