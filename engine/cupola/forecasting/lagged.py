"""Forecasts learned from all series at once: what a step ahead is, from the values up to an origin.

Every row is an origin and a step ahead of it; what is learned is how far the value lies from that of one season before
(or from the last one, whichever was nearer), in units of how much the series has varied lately. So series of any size
teach each other, and an item that was never seen is forecast as well. All columns but the calendar and the covariates
known for the step lie before the origin.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Panel

Whole = NDArray[np.int64]
LAGS = 8
MOST_ROWS = 20_000
FEWEST_ROWS = 30
RIDGE = 1.0
CLEARLY = 0.95  # of the errors that the season makes: what must be undercut for something else to be the base
LOOKED_AT, STEPS = 200, 8  # series, and steps ahead of a horizon, by which the base is chosen
# Outer quantiles are calibrated afterwards: fewer and larger steps hold as well, in a third of the time.
MIDDLE: dict[str, Any] = {"max_iter": 80, "learning_rate": 0.1, "max_leaf_nodes": 15}
OUTER: dict[str, Any] = {"max_iter": 30, "learning_rate": 0.2, "max_leaf_nodes": 10}


class Frame:
    """Rows to learn from or to answer: what is known, what it is held against, and the unit it is measured in."""

    def __init__(self, columns: Floats, base: Floats, unit: Floats) -> None:
        self.columns, self.base, self.unit = columns, base, unit


class Trees:
    """Boosted trees, a model for each quantile (pinball loss).

    back, yearly: how its rows are made (`rows`); models of before had the main season, and the year.
    """

    back, yearly = 0, True

    def __init__(self, quantiles: list[float], horizon: int, seed: int) -> None:
        self.quantiles, self.horizon, self.seed = quantiles, horizon, seed
        self.models: list[Any] = []

    def fit(self, panel: Panel) -> None:
        self.back, self.yearly = base_of(panel, self.horizon), spans_a_year(panel)
        frame, wanted = training(panel, self.horizon, self.back, self.yearly, self.seed)
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
        frame = ahead(panel, horizon, self.back or panel.season, self.yearly)
        found = np.column_stack([one.predict(frame.columns[:, self.used]) for one in self.models])
        return _back(found, frame, panel, horizon)


class Linear:
    """A ridge regression; the quantiles are those of what it was wrong by, at each step ahead; rows as of Trees."""

    back, yearly = 0, True

    def __init__(self, quantiles: list[float], horizon: int, seed: int) -> None:
        self.quantiles, self.horizon, self.seed = quantiles, horizon, seed

    def fit(self, panel: Panel) -> None:
        self.back, self.yearly = base_of(panel, self.horizon), spans_a_year(panel)
        frame, wanted = training(panel, self.horizon, self.back, self.yearly, self.seed)
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
        frame = ahead(panel, horizon, self.back or panel.season, self.yearly)
        x = (np.where(np.isfinite(frame.columns), frame.columns, self.center) - self.center) / self.width
        steps = np.minimum(frame.columns[:, 0].astype(int), len(self.spreads)) - 1
        return _back((self.middle + x @ self.weights)[:, None] + self.spreads[steps], frame, panel, horizon)


def base_of(panel: Panel, horizon: int) -> int:
    """How many steps before a value the one lies that it is held against: a season, or 1 for the last one known.

    It is the panel's first season, unless another or the last value was clearly nearer, at the steps that are asked:
    hours are like those of the week before rather than those of yesterday, a random walk has no season at all.
    """
    longest = max((len(one.values) for one in panel.series), default=0)
    others = {1, *panel.seasons} - {panel.season}
    lengths = [panel.season, *sorted(one for one in others if longest > 3 * max(one, panel.season))]
    steps = np.unique(np.linspace(1, horizon, min(horizon, STEPS)).astype(int))
    first = max(lengths) + horizon
    errors = np.zeros(len(lengths))
    long = [one for one in panel.series if len(one.values) > first]
    for series in long[:: 1 + len(long) // LOOKED_AT]:
        values, target = series.filled, np.arange(first, len(series.values))
        found = [
            np.mean([np.abs(values[target] - values[_before(target - step, target, one)]).mean() for step in steps])
            for one in lengths
        ]
        errors += np.array(found) / (np.mean(found) or 1.0)
    best = int(errors.argmin())
    return lengths[best] if errors[best] < CLEARLY * errors[0] else panel.season


def spans_a_year(panel: Panel) -> bool:
    """Whether the history says how a year goes: of a part of one its days are a trend, led on beyond the end."""
    return max((len(one.values) for one in panel.series), default=0) > panel.frequency.year


class Flat:
    """The series of a panel behind one another, so that rows of thousands of them are made at once.

    raw: the values; values: with lines through what is missing. sums, squares: running ones, of each series one more
    than it has values. begins: where each begins among the values; sizes: what each is on average, without its sign.
    """

    def __init__(self, panel: Panel) -> None:
        filled = [one.filled for one in panel.series]
        self.panel = panel
        self.lengths = np.array([len(one) for one in filled], np.int64)
        self.begins = np.cumsum(self.lengths) - self.lengths
        self.raw = np.concatenate([np.zeros(0), *(one.values for one in panel.series)])
        self.values = np.concatenate([np.zeros(0), *filled])
        self.sums = np.concatenate([np.zeros(0), *(np.cumsum([0.0, *one]) for one in filled)])
        self.squares = np.concatenate([np.zeros(0), *(np.cumsum([0.0, *one**2]) for one in filled)])
        self.sizes = np.array([float(np.abs(one).mean()) or 1.0 for one in filled])

    def at(self, which: Whole, places: Whole) -> Floats:
        """The values of series at places counted from the beginning of each; NaN before it."""
        return np.where(places >= 0, self.values[self.begins[which] + np.maximum(places, 0)], np.nan)

    def mean(self, sums: Floats, which: Whole, ends: Whole, length: Whole) -> Floats:
        """The mean of what was summed up to each end, of so many values or as many as there are."""
        to = np.clip(ends + 1, 1, self.lengths[which])
        start = np.clip(ends + 1 - length, 0, to - 1)
        zero = self.begins[which] + which
        return np.asarray((sums[zero + to] - sums[zero + start]) / (to - start), np.float64)

    def beside(self, which: Whole, origins: Whole, target: Whole, yearly: bool) -> list[Floats]:
        """What stands beside the values: the calendar and the known covariates of the target, the others' newest."""
        series = self.panel.series
        starts = np.array([one.start for one in series], np.int64)
        known, lengths = np.concatenate([one.known for one in series]), np.array([len(one.known) for one in series])
        told = np.full((len(which), known.shape[1]), np.nan)
        inside = target < lengths[which]
        told[inside] = known[(np.cumsum(lengths) - lengths)[which[inside]] + target[inside]]
        past = np.concatenate([one.past for one in series])[self.begins[which] + origins]
        static = np.array([one.static for one in series])[which]
        return [self.panel.frequency.calendar(starts[which] + target, yearly), told, past, static]


def training(panel: Panel, horizon: int, back: int, yearly: bool, seed: int) -> tuple[Frame, Floats]:
    """Rows whose value is known, at most so many, and how far each lies from its base in its unit. Raises TooShort."""
    flat, first = Flat(panel), _first(panel, back)
    counts = np.maximum(flat.lengths - first - 1, 0) * horizon
    total = int(counts.sum())
    picked = np.arange(total)
    if total > MOST_ROWS:
        picked = np.sort(np.random.default_rng(seed).choice(total, MOST_ROWS, replace=False, shuffle=False))
    which = np.searchsorted(np.cumsum(counts), picked, side="right")
    within = picked - (np.cumsum(counts) - counts)[which]
    origins, steps = first + within // horizon, within % horizon + 1
    target = origins + steps
    inside = target < flat.lengths[which]
    inside[inside] = np.isfinite(flat.raw[flat.begins[which[inside]] + target[inside]])
    if inside.sum() < FEWEST_ROWS:
        raise TooShort
    which, origins, steps = which[inside], origins[inside], steps[inside]
    frame = rows(flat, back, yearly, which, origins, steps)
    return frame, (flat.raw[flat.begins[which] + origins + steps] - frame.base) / frame.unit


class TooShort(Exception):
    """The series have too few values to learn from."""


def ahead(panel: Panel, horizon: int, back: int, yearly: bool) -> Frame:
    """The rows of the steps after the end of each series."""
    flat = Flat(panel)
    which = np.repeat(np.arange(len(panel.series)), horizon)
    steps = np.tile(np.arange(1, horizon + 1), len(panel.series))
    return rows(flat, back, yearly, which, flat.lengths[which] - 1, steps)


def rows(flat: Flat, back: int, yearly: bool, which: Whole, origins: Whole, steps: Whole) -> Frame:
    """What is known of series at origins (places among the values), of so many steps ahead; the first column is these.

    back: how far back the base lies (`base_of`); yearly: whether the place in the year counts (`spans_a_year`).
    """
    main, seasons = flat.panel.season, flat.panel.seasons
    season = np.where(flat.lengths[which] > main, main, 1)
    short = np.maximum(3, season)
    level, wide = (flat.mean(flat.sums, which, origins, one) for one in (short, 4 * short))
    spread = np.sqrt(np.maximum(flat.mean(flat.squares, which, origins, 4 * short) - wide**2, 0.0))
    size = flat.sizes[which]
    unit = np.maximum(spread, 0.05 * np.abs(wide)) + 1e-3 * size
    target, last = origins + steps, flat.at(which, origins)
    before = flat.at(which, _before(origins, target, back))
    base = np.where(np.isfinite(before), before, last)
    columns = [steps.astype(float), (base - level) / unit, (level - wide) / unit, np.log1p(np.abs(wide) / size)]
    columns += [(flat.at(which, origins - lag) - base) / unit for lag in range(min(LAGS, 2 + max(3, main)))]
    columns.append((level - flat.mean(flat.sums, which, origins - short, short)) / unit)
    for length in seasons:
        for turn in (0, 1, 2) if length > 1 else ():
            columns.append((flat.at(which, _before(origins, target, length, turn)) - base) / unit)
    return Frame(np.column_stack([*columns, *flat.beside(which, origins, target, yearly)]), base, unit)


def _first(panel: Panel, back: int) -> int:
    """The first origin that is learned from: a season must lie before it, where the series are long enough."""
    longest = max((len(one.values) for one in panel.series), default=0)
    season = max(panel.season, back)
    return season if longest > 3 * season else min(2, max(0, longest - 2))


def _before(origins: Whole, target: Whole, season: int, turn: int = 0) -> Whole:
    """The place whole seasons before each target, the newest that lies at or before its origin (or turns before it)."""
    return target - season * ((target - origins + season - 1) // season + turn)


def _spread(errors: Floats, steps: Floats, step: int, quantiles: list[float]) -> Floats:
    near = errors[np.abs(steps - step) <= max(1, step // 4)]
    some = near if len(near) >= 20 else errors
    return np.quantile(some, quantiles) - np.median(some)


def _back(found: Floats, frame: Frame, panel: Panel, horizon: int) -> Floats:
    """Values, as (items, steps, quantiles), from what was learned."""
    values = frame.base[:, None] + found * frame.unit[:, None]
    return values.reshape(len(panel.series), horizon, -1)
