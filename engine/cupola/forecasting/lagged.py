"""Forecasts learned from all series at once: what a step ahead is, from the values up to an origin.

Every row is an origin and a step ahead of it; what is learned is how far the value lies from that of one season before
(without a season: from the last), in units of how much the series has varied lately. So series of any size teach each
other, and an item that was never seen is forecast as well. All columns but the calendar and the covariates known for
the step lie before the origin.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Panel, Series

LAGS = 8
MOST_ROWS = {"trees": 20_000, "linear": 20_000}
FEWEST_ROWS = 30
RIDGE = 1.0
# Outer quantiles are calibrated afterwards: fewer and larger steps hold as well, in a third of the time.
MIDDLE: dict[str, Any] = {"max_iter": 80, "learning_rate": 0.1, "max_leaf_nodes": 15}
OUTER: dict[str, Any] = {"max_iter": 30, "learning_rate": 0.2, "max_leaf_nodes": 10}


class Frame:
    """Rows to learn from or to answer: what is known, what it is held against, and the unit it is measured in."""

    def __init__(self, columns: Floats, base: Floats, unit: Floats) -> None:
        self.columns, self.base, self.unit = columns, base, unit


class Trees:
    """Boosted trees, a model for each quantile (pinball loss)."""

    def __init__(self, quantiles: list[float], horizon: int, seed: int) -> None:
        self.quantiles, self.horizon, self.seed = quantiles, horizon, seed
        self.models: list[Any] = []

    def fit(self, panel: Panel) -> None:
        frame, wanted = training(panel, self.horizon, MOST_ROWS["trees"], self.seed)
        leaf = max(5, min(20, len(wanted) // 50))
        self.used = np.isfinite(frame.columns).any(axis=0)  # of a column without a value the trees would make an error
        self.models = [
            HistGradientBoostingRegressor(
                loss="quantile", quantile=one, **(MIDDLE if one == 0.5 else OUTER), min_samples_leaf=leaf,
                l2_regularization=1.0, early_stopping=False, random_state=self.seed,
            ).fit(frame.columns[:, self.used], wanted)
            for one in self.quantiles
        ]  # fmt: skip

    def forecast(self, panel: Panel, horizon: int) -> Floats:
        frame = ahead(panel, horizon)
        found = np.column_stack([one.predict(frame.columns[:, self.used]) for one in self.models])
        return _back(found, frame, panel, horizon)


class Linear:
    """A ridge regression; the quantiles are those of what it was wrong by, at each step ahead."""

    def __init__(self, quantiles: list[float], horizon: int, seed: int) -> None:
        self.quantiles, self.horizon, self.seed = quantiles, horizon, seed

    def fit(self, panel: Panel) -> None:
        frame, wanted = training(panel, self.horizon, MOST_ROWS["linear"], self.seed)
        known = np.isfinite(frame.columns)
        counts = np.maximum(known.sum(axis=0), 1)
        self.center = np.where(known, frame.columns, 0.0).sum(axis=0) / counts
        x = np.where(known, frame.columns, self.center) - self.center
        self.width = np.sqrt((x**2).mean(axis=0))
        self.width[self.width < 1e-9] = np.inf
        x /= self.width
        self.middle = float(np.median(wanted))
        limit = 5 * float(np.quantile(np.abs(wanted - self.middle), 0.9)) or 1.0
        y = np.clip(wanted - self.middle, -limit, limit)
        gram = x.T @ x
        gram[np.diag_indices_from(gram)] += RIDGE + 1e-3 * len(x)
        self.weights = np.linalg.solve(gram, x.T @ y)
        errors, steps = wanted - self.middle - x @ self.weights, frame.columns[:, 0]
        self.spreads = np.array([_spread(errors, steps, step, self.quantiles) for step in range(1, self.horizon + 1)])

    def forecast(self, panel: Panel, horizon: int) -> Floats:
        frame = ahead(panel, horizon)
        x = (np.where(np.isfinite(frame.columns), frame.columns, self.center) - self.center) / self.width
        steps = np.minimum(frame.columns[:, 0].astype(int), len(self.spreads)) - 1
        return _back((self.middle + x @ self.weights)[:, None] + self.spreads[steps], frame, panel, horizon)


def training(panel: Panel, horizon: int, most: int, seed: int) -> tuple[Frame, Floats]:
    """Rows whose value is known, at most so many, and how far each lies from its base in its unit."""
    random = np.random.default_rng(seed)
    first = _first(panel)
    counts = np.array([max(0, len(one.values) - first - 1) * horizon for one in panel.series])
    share = min(1.0, most / max(1, counts.sum()))
    frames, wanted = [], []
    for series, count in zip(panel.series, counts, strict=True):
        if not count:
            continue
        picked = np.arange(count) if share == 1 else np.flatnonzero(random.random(count) < share)
        origins, steps = first + picked // horizon, picked % horizon + 1
        inside = origins + steps < len(series.values)
        origins, steps = origins[inside], steps[inside]
        truth = series.values[origins + steps]
        there = np.isfinite(truth)
        frame = rows(series, panel, origins[there], steps[there])
        frames.append(frame)
        wanted.append((truth[there] - frame.base) / frame.unit)
    target = np.concatenate(wanted) if wanted else np.zeros(0)
    if len(target) < FEWEST_ROWS:
        raise TooShort
    return _joined(frames), target


class TooShort(Exception):
    """The series have too few values to learn from."""


def ahead(panel: Panel, horizon: int) -> Frame:
    """The rows of the steps after the end of each series."""
    steps = np.arange(1, horizon + 1)
    return _joined([rows(one, panel, np.full(horizon, len(one.values) - 1), steps) for one in panel.series])


def rows(series: Series, panel: Panel, origins: NDArray[np.int64], steps: NDArray[np.int64]) -> Frame:
    """What is known at origins (places among the values) of so many steps ahead. The first column is the step."""
    values = series.filled
    season = panel.season if len(values) > panel.season else 1
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = np.concatenate([[0.0], np.cumsum(values**2)])
    short, long = max(3, season), 4 * max(3, season)
    level = _window(sums, origins, short)
    wide = _window(sums, origins, long)
    spread = np.sqrt(np.maximum(_window(squares, origins, long) - wide**2, 0.0))
    size = float(np.abs(values).mean()) or 1.0
    unit = np.maximum(spread, 0.05 * np.abs(wide)) + 1e-3 * size
    target = origins + steps
    back = _before(values, origins, target, season) if season > 1 else values[origins]
    base = np.where(np.isfinite(back), back, values[origins])
    columns = [steps.astype(float), (base - level) / unit, (level - wide) / unit, np.log1p(np.abs(wide) / size)]
    columns += [(_at(values, origins - lag) - base) / unit for lag in range(min(LAGS, 2 + max(3, panel.season)))]
    columns.append((level - _window(sums, origins - short, short)) / unit)
    for length in panel.seasons:
        for turn in (0, 1, 2) if length > 1 else ():
            columns.append((_before(values, origins, target, length, turn) - base) / unit)
    places = series.start + target
    beside = [panel.frequency.calendar(places), series.known_at(target)]
    beside += [_rows(series.past, origins), np.repeat(series.static[None, :], len(origins), axis=0)]
    return Frame(np.column_stack([*columns, *beside]), base, unit)


def _first(panel: Panel) -> int:
    """The first origin that is learned from: a season must lie before it, where the series are long enough."""
    longest = max((len(one.values) for one in panel.series), default=0)
    return panel.season if longest > 3 * panel.season else min(2, max(0, longest - 2))


def _window(sums: Floats, ends: NDArray[np.int64], length: int) -> Floats:
    """The mean of the values up to each end, of so many or as many as there are."""
    to = np.clip(ends + 1, 1, len(sums) - 1)
    start = np.clip(ends + 1 - length, 0, to - 1)
    return np.asarray((sums[to] - sums[start]) / (to - start), np.float64)


def _at(values: Floats, places: NDArray[np.int64]) -> Floats:
    return np.where(places >= 0, values[np.maximum(places, 0)], np.nan)


def _before(
    values: Floats, origins: NDArray[np.int64], target: NDArray[np.int64], season: int, turn: int = 0
) -> Floats:
    """The value whole seasons before each target, the newest that lies at or before its origin (or turns before it)."""
    back = (target - origins + season - 1) // season + turn
    return _at(values, target - season * back)


def _rows(table: Floats, places: NDArray[np.int64]) -> Floats:
    return table[np.clip(places, 0, max(0, len(table) - 1))] if len(table) else np.zeros((len(places), table.shape[1]))


def _joined(frames: list[Frame]) -> Frame:
    return Frame(*(np.concatenate([getattr(one, name) for one in frames]) for name in ("columns", "base", "unit")))


def _spread(errors: Floats, steps: Floats, step: int, quantiles: list[float]) -> Floats:
    near = errors[np.abs(steps - step) <= max(1, step // 4)]
    some = near if len(near) >= 20 else errors
    return np.quantile(some, quantiles) - np.median(some)


def _back(found: Floats, frame: Frame, panel: Panel, horizon: int) -> Floats:
    """Values, as (items, steps, quantiles), from what was learned."""
    values = frame.base[:, None] + found * frame.unit[:, None]
    return values.reshape(len(panel.series), horizon, -1)
