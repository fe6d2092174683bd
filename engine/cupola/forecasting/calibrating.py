"""Quantiles that hold: how far a candidate's are to be widened, by what it was wrong by in the back-test.

Split conformal prediction with the candidate's own width as the norm (Papadopoulos 2008; Lei et al. 2018): each
quantile is moved away from the median by a factor, the one for which it would have held. Few windows say little, and so
move it less; nearer to the median above all, as the same windows have chosen the candidates and their weights.
"""

import numpy as np

from cupola.forecasting.backtesting import Window
from cupola.forecasting.naive import Floats

FIRM = {"wider": 4.0, "narrower": 16.0}  # series in windows that count as much as what the candidate says by itself
LIMITS = (0.2, 8.0)
NARROW = 1e-3  # of the scale; a width below says nothing


def factors(windows: list[Window], forecasts: list[Floats], quantiles: list[float]) -> Floats:
    """By how much each quantile's distance from the median is to be multiplied."""
    found = np.ones(len(quantiles))
    middle = quantiles.index(0.5)
    pairs = sum(len(one.which) for one in windows)
    if not pairs:
        return found
    for place, level in enumerate(quantiles):
        if place == middle:
            continue
        side = 1.0 if level > 0.5 else -1.0
        ratios = []
        for window, said in zip(windows, forecasts, strict=True):
            width = side * (said[:, :, place] - said[:, :, middle])
            off = side * (window.truth - said[:, :, middle])
            firm = np.isfinite(off) & (width > NARROW * np.nan_to_num(window.scale, nan=0.0)[:, None]) & (width > 0)
            ratios.append(off[firm] / width[firm])
        some = np.sort(np.concatenate(ratios))
        if not len(some):
            continue
        share = level if level > 0.5 else 1 - level
        at = min(len(some), int(np.ceil((len(some) + 1) * share))) - 1
        wanted = float(np.clip(some[at], *LIMITS))
        found[place] = np.exp(np.log(wanted) * pairs / (pairs + FIRM["wider" if wanted > 1 else "narrower"]))
    return found


def widened(said: Floats, quantiles: list[float], by: Floats) -> Floats:
    """Forecasts with each quantile moved by its factor."""
    middle = quantiles.index(0.5)
    median = said[..., middle : middle + 1]
    return median + (said - median) * by
