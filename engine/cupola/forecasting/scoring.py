"""How good forecasts were: each metric as a ratio of sums over the windows and series, with its standard error."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cupola.forecasting.backtesting import Window
from cupola.forecasting.naive import Floats
from cupola.forecasting.records import METRICS

COVERAGE = "coverage"  # the share of values between the outermost quantiles


class Sums(NamedTuple):
    """Of each series in each window: what a metric adds up, and what it is divided by."""

    above: Floats
    below: Floats

    @property
    def ratio(self) -> float:
        total = float(self.below.sum())
        return float(self.above.sum()) / total if total > 0 else np.nan

    @property
    def error(self) -> float:
        """The standard error of the ratio, by linearisation, with a series in a window as one observation."""
        n, total = len(self.below), float(self.below.sum())
        if n < 2 or total <= 0:
            return np.nan
        left = self.above - self.ratio * self.below
        return float(np.sqrt(n / (n - 1) * (left**2).sum()) / total)


def sums(
    windows: list[Window], forecasts: list[Floats], quantiles: list[float], names: Sequence[str] = (*METRICS, COVERAGE)
) -> dict[str, Sums]:
    """The sums of metrics, of all or of some; rmse holds those of its square."""
    middle, levels = quantiles.index(0.5), np.array(quantiles)
    found: dict[str, list[tuple[Floats, Floats]]] = {name: [(np.zeros(0), np.zeros(0))] for name in names}
    for window, said in zip(windows, forecasts, strict=True):
        off = window.truth[:, :, None] - said
        known = np.asarray(np.isfinite(off).all(axis=2))
        errors = np.where(known, np.abs(off[:, :, middle]), 0.0)
        for name in names:
            found[name].append(_part(name, window, off, known, errors, levels))
    return {name: Sums(*(np.concatenate(part) for part in zip(*some, strict=True))) for name, some in found.items()}


def _part(
    name: str, window: Window, off: Floats, known: NDArray[np.bool_], errors: Floats, levels: Floats
) -> tuple[Floats, Floats]:
    """Of a window: what the metric adds up of each series, and what it is divided by."""
    count = known.sum(axis=1).astype(float)
    if name == "mase":
        scaled = np.isfinite(window.scale) & (count > 0)
        mean = errors.sum(axis=1) / np.where(scaled, window.scale * np.maximum(count, 1), 1.0)
        return np.where(scaled, mean, 0.0), scaled.astype(float)
    if name == "wape":
        return errors.sum(axis=1), np.where(known, np.abs(window.truth), 0.0).sum(axis=1)
    if name == "pinball_loss":
        loss = np.where(known[:, :, None], np.maximum(levels * off, (levels - 1) * off), 0.0).mean(axis=2)
        return loss.sum(axis=1), count
    if name == COVERAGE:
        inside = known & (off[:, :, 0] >= 0) & (off[:, :, -1] <= 0)
        return inside.sum(axis=1).astype(float), count
    return (errors**2 if name == "rmse" else errors).sum(axis=1), count


def metrics(found: dict[str, Sums]) -> tuple[dict[str, float], dict[str, float]]:
    """The metrics by name and their standard errors, as far as there are some."""
    values, errors = {}, {}
    for name, one in found.items():
        value, error = one.ratio, one.error
        if name == "rmse":
            value = float(np.sqrt(value)) if value >= 0 else np.nan
            error = error / (2 * value) if value > 0 else np.nan
        if np.isfinite(value):
            values[name] = value
            if np.isfinite(error):
                errors[name] = error
    return values, errors


def tied(mine: Sums, best: Sums) -> bool:
    """Whether two are not told apart: their difference, in pairs, is within 1.645 of its standard error."""
    n, total = len(mine.above), float(mine.below.sum())
    if n < 2 or total <= 0:
        return True
    apart = mine.above - best.above
    left = apart - apart.sum() / total * mine.below
    return float(apart.sum()) <= 1.645 * float(np.sqrt(n / (n - 1) * (left**2).sum()))
