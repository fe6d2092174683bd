"""The forecasts that every other has to beat, and one for series that are mostly zero.

Each method has `fit`, the parameters of one series as numbers, and `forecast` from its values with them. Standard
errors are those of Hyndman and Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), 5.5.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Path(NamedTuple):
    """The steps ahead, a normal distribution each; logged: of the logarithm."""

    mean: Floats
    deviation: Floats
    logged: bool = False


def no_parameters(values: Floats, season: int) -> Floats:
    """None."""
    return np.zeros(0)


def naive(values: Floats, season: int, parameters: Floats, horizon: int) -> Path:
    """The last value."""
    spread = _deviation(np.diff(values))
    return Path(np.full(horizon, values[-1]), spread * np.sqrt(np.arange(1, horizon + 1)))


def seasonal_naive(values: Floats, season: int, parameters: Floats, horizon: int) -> Path:
    """The value of one season before; the last value where there is no whole season."""
    if len(values) <= season:
        return naive(values, season, parameters, horizon)
    steps = np.arange(horizon)
    spread = _deviation(values[season:] - values[:-season])
    return Path(values[len(values) - season + steps % season], spread * np.sqrt(steps // season + 1))


def drift(values: Floats, season: int, parameters: Floats, horizon: int) -> Path:
    """On along the line from the first value to the last."""
    if len(values) < 3:
        return naive(values, season, parameters, horizon)
    steps, before = np.arange(1, horizon + 1), len(values) - 1
    slope = (values[-1] - values[0]) / before
    spread = _deviation(np.diff(values) - slope)
    return Path(values[-1] + slope * steps, spread * np.sqrt(steps * (1 + steps / before)))


def mean(values: Floats, season: int, parameters: Floats, horizon: int) -> Path:
    """The mean of all values."""
    middle = values.mean()
    spread = _deviation(values - middle) * np.sqrt(1 + 1 / len(values))
    return Path(np.full(horizon, middle), np.full(horizon, spread))


def croston(values: Floats, season: int, parameters: Floats, horizon: int) -> Path:
    """The size of demand by its distance, both smoothed, less their bias (Syntetos and Boylan 2005); alpha is 0.1."""
    at = np.flatnonzero(values)
    if len(at) < 2:
        return mean(values, season, parameters, horizon)
    size, apart = values[at[0]], float(at[0] + 1)
    for before, here in itertools.pairwise(at):
        size += 0.1 * (values[here] - size)
        apart += 0.1 * (here - before - apart)
    return Path(np.full(horizon, 0.95 * size / apart), np.full(horizon, _deviation(values - values.mean())))


def _deviation(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else 0.0
