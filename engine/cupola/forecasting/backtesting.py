"""Rolling origins: what could be known at a moment of the past, and what came of it.

The newest window tests: nothing is chosen, weighed or calibrated by it, and all others end before it begins.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Panel

FEWEST = 3  # values before an origin


class Window(NamedTuple):
    """One origin. panel: the series as they were known then; which: their places among all; truth: (series, steps), NaN
    where nobody knows; scale: of each, what a seasonal naive forecast was wrong by, on average, before (NaN where that
    is nothing); test: it is the one that nothing hangs on.
    """

    panel: Panel
    which: NDArray[np.int64]
    truth: Floats
    scale: Floats
    test: bool


def windows(panel: Panel, horizon: int, count: int) -> tuple[list[Window], list[str]]:
    """Windows of at most so many, the oldest first, and notes; none where the series are too short to judge by.

    They lie one horizon apart, closer where the history is too short for that, and are at the same moments for all
    series; only where half of these do not reach the newest are they counted from the end of each. Before each lie two
    seasons, where that leaves a third of the horizon to look at: of fewer a candidate that sees a season in all of the
    history sees none, and would be judged by what it is not.
    """
    ends = np.array([one.end for one in panel.series])
    lengths = np.array([len(one.values) for one in panel.series])
    last, notes = int(ends.max()), []
    together = np.mean(ends > last - horizon) >= 0.5
    if not together:
        notes.append("the items end at different times: the back-test counts from the end of each")
    room = int((last - min(one.start for one in panel.series)) if together else lengths.max())
    before, more = 2 * panel.season + 1, max(0, count - 2)
    steps = min(horizon, (room - before - more) // 2)
    if panel.season == 1 or steps < max(1, horizon / 3):
        before = panel.season + 1 if room >= 2 * horizon + panel.season + 1 else FEWEST
        steps = min(horizon, (room - before) // 2)
    if steps < 1:
        return [], [*notes, "the history is too short for a back-test: nothing says how good the forecast is"]
    if steps < horizon:
        notes.append(f"the history is short: the back-test looks {steps} of {horizon} steps ahead")
    older = room - before - 2 * steps
    apart = min(steps, older // (count - 2)) if count > 2 else 0
    backs = [steps] if count > 1 else []
    first = 2 * steps if count > 1 else steps
    backs += [first + place * apart for place in range(max(1, count - 1)) if place == 0 or apart > 0]
    found = [_window(panel, last if together else None, back, steps, back == steps and count > 1) for back in backs]
    found = [one for one in reversed(found) if len(one.which)]
    if not any(not one.test for one in found):
        return [], [*notes, "no series is long enough for a back-test: nothing says how good the forecast is"]
    return found, notes


def _window(panel: Panel, last: int | None, back: int, steps: int, test: bool) -> Window:
    series, which, truth, scale = [], [], [], []
    for place, one in enumerate(panel.series):
        origin = (one.end if last is None else last) - back
        at = origin - one.start
        if at < 1 or at >= len(one.values):
            continue
        values = np.full(steps, np.nan)
        some = one.values[at : at + steps]
        values[: len(some)] = some
        cut = one.until(origin, steps)
        if not np.isfinite(values).any() or not np.isfinite(cut.values).any():
            continue
        series.append(cut)
        which.append(place)
        truth.append(values)
        scale.append(_scale(cut.values, panel.season))
    return Window(
        panel.of(series), np.array(which, np.int64), np.array(truth).reshape(len(which), steps), np.array(scale), test
    )


def _scale(values: Floats, season: int) -> float:
    """The mean error of the seasonal naive forecast within the values (Hyndman and Koehler 2006)."""
    for lag in (season, 1):
        if len(values) > lag:
            errors = np.abs(values[lag:] - values[:-lag])
            if np.isfinite(errors).any() and (found := float(np.nanmean(errors))) > 0:
                return found
    return np.nan
