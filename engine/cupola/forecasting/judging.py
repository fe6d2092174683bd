"""Which forecast is best: candidates judged on the windows, and weighed together where that is better."""

import time
from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from cupola.forecasting import calibrating, candidates, scoring, weighing
from cupola.forecasting.backtesting import Window
from cupola.forecasting.candidates import Candidate
from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Panel
from cupola.forecasting.scoring import Sums

FITTED = "fitted"  # to all of the history


class Tried(msgspec.Struct):
    """A candidate, fitted to all of the history, and what it said in each window. sums: of the metric, over those that
    validate.
    """

    name: str
    fitted: Candidate
    said: list[Floats]
    sums: Sums
    seconds: float


class Best(NamedTuple):
    """The weight of each candidate that has one, what they said together in each window, and the best one alone."""

    parts: dict[str, float]
    said: list[Floats]
    alone: str


def tried(
    name: str, candidate: Candidate, panel: Panel, windows: list[Window], quantiles: list[float], metric: str,
    spare: Callable[[float], None] = lambda seconds: None, done: MutableMapping[Any, Any] | None = None,
) -> Tried:  # fmt: skip
    """Tries a candidate. spare: asked before each fit whether so many seconds are left; raises OutOfTime if not.

    done: what had been found out before, by candidate and window, and is not again; what is found out is put there.
    Raises also TooShort.
    """
    done = {} if done is None else done
    said, seconds = [], 0.0
    for place, window in enumerate(windows):
        if (name, place) not in done:
            spare(seconds / max(1, place) * (len(windows) + 1 - place))
            begun = time.monotonic()
            candidate.fit(window.panel)
            one = candidates.tidy(candidate.forecast(window.panel, window.truth.shape[1]), window.panel)
            done[name, place] = one, time.monotonic() - begun
        one, took = done[name, place]
        said.append(one)
        seconds += took
    if (name, FITTED) not in done:
        spare(seconds / max(1, len(windows)))
        begun = time.monotonic()
        candidate.fit(panel)
        done[name, FITTED] = candidate, time.monotonic() - begun
    fitted, took = done[name, FITTED]
    found = sums(windows, calibrated(windows, said, quantiles), quantiles)[metric]
    return Tried(name, fitted, said, found, seconds + took)


def best(windows: list[Window], found: dict[str, Tried], quantiles: list[float], metric: str) -> Best:
    """The candidates weighed together, where there are two windows that validate; else the best alone.

    Of windows that validate, each is judged by weights that were found from the others; the one that tests by weights
    from all of these. Without windows it is the first candidate.
    """
    valid = [place for place, one in enumerate(windows) if not one.test]
    tests = [place for place, one in enumerate(windows) if one.test]
    alone = min(found, key=lambda name: order(found[name].sums.ratio)) if valid else next(iter(found))
    some = [windows[place] for place in valid]
    said = {name: [one.said[place] for place in valid] for name, one in found.items()}
    parts, known = {alone: 1.0}, said[alone]
    if len(valid) > 1:
        parts = weighing.weights(some, said, quantiles, metric)
        known = weighing.held_out(some, said, quantiles, metric)
    tested = weighing.combined({name: [one.said[place] for place in tests] for name, one in found.items()}, parts)
    whole = dict(zip(valid, known, strict=True)) | dict(zip(tests, tested, strict=True))
    return Best(parts, [whole[place] for place in range(len(windows))], alone)


def calibrated(windows: list[Window], said: list[Floats], quantiles: list[float]) -> list[Floats]:
    """What was said, calibrated in each window by the others that validate; the one that tests by all of these."""
    found = []
    for place, (window, one) in enumerate(zip(windows, said, strict=True)):
        others = [at for at in range(len(windows)) if at != place and not windows[at].test]
        by = calibrating.factors([windows[at] for at in others], [said[at] for at in others], quantiles)
        found.append(candidates.tidy(calibrating.widened(one, quantiles, by), window.panel))
    return found


def sums(windows: list[Window], said: list[Floats], quantiles: list[float], test: bool = False) -> dict[str, Sums]:
    """The sums of what was said in the windows that validate, or that test."""
    chosen = [place for place, one in enumerate(windows) if one.test == test]
    return scoring.sums([windows[place] for place in chosen], [said[place] for place in chosen], quantiles)


def order(value: float) -> float:
    """What sorts a metric that may be unknown behind all others."""
    return value if np.isfinite(value) else np.inf
