"""Which candidates answer together, and with what weights: greedy selection with replacement.

R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes: Ensemble Selection from Libraries of Models (2004). It begins with
the best one; each round adds the one that makes the mean of all chosen so far best on rows that none has seen.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.autopilot.scoring import score
from cupola.training.blending import tempered
from cupola.training.metrics import SMALLEST

Floats = NDArray[np.float64]
ROUNDS = 40
TEMPERATURES = np.geomspace(0.4, 4, 61)
MORE = 0.5  # of an error, that is added to those there are (as Jeffreys' prior has it)


def weights(
    said: list[Floats], truth: NDArray[Any], metric: str, classes: int, until: float | None = None
) -> list[float]:
    """The share of each in the mean (0 for those that are not chosen); ends early at `until` (of time.monotonic)."""
    alone = [score(metric, truth, one, classes) for one in said]
    best = int(np.argmax(alone))
    counts = np.zeros(len(said), dtype=int)
    counts[best] = 1
    total, reached = said[best].astype(np.float64), alone[best]
    kept = counts.copy()
    for taken in range(1, ROUNDS):
        if until is not None and time.monotonic() > until:
            break
        tried = [score(metric, truth, (total + one) / (taken + 1), classes) for one in said]
        chosen = int(np.argmax(tried))
        counts[chosen] += 1
        total = total + said[chosen]
        if tried[chosen] > reached:
            reached, kept = tried[chosen], counts.copy()
    found: list[float] = (kept / kept.sum()).tolist()
    return found


def mean(said: list[Floats], shares: list[float]) -> Floats:
    """The weighted mean of what several say."""
    found: Floats = sum(share * one for share, one in zip(shares, said, strict=True) if share)  # type: ignore[assignment]
    return found


def temperature(said: Floats, truth: NDArray[Any]) -> float:
    """The temperature at which the probabilities hold best, by log loss, if there were a bit of an error more; 1 where
    that is no better than by chance.

    Where nearly all rows are told right, the few that are not decide how sure it may be, and where all are, it could
    never be sure enough. What is added is of a middling row, whose class is the one that was second.
    """
    rows, second = np.arange(len(truth)), np.argsort(said, axis=1)[:, -2]

    def logs(one: float) -> Floats:
        found: Floats = np.log(np.clip(tempered(said, one), SMALLEST, 1))
        return found

    def held(one: float) -> float:
        found = logs(one)
        return float(found[rows, truth].sum() + MORE * found[rows, second].mean())

    found = float(max(TEMPERATURES, key=held))
    gained = (logs(found) - logs(1.0))[rows, truth]
    if len(truth) < 2 or gained.mean() < 2 * gained.std() / np.sqrt(len(truth)):
        return 1.0
    return found
