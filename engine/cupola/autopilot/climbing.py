"""Climbs, where a table is large for the time: candidates are looked at with few of the rows, the best again with more.

That is successive halving, where the resource is the rows: K. Jamieson, A. Talwalkar: Non-stochastic Best Arm
Identification and Hyperparameter Optimization (2016).
"""

import time
from collections.abc import Callable

from cupola.autopilot.candidates import Begun, Candidate, Unit
from cupola.autopilot.portfolio import BASELINES
from cupola.autopilot.timing import Timing

LARGE = 100_000  # cells for each second of the search; of more a look is at a share of the rows
LOWEST = 25_000  # cells for each second, to which that share comes down, so that a busy host has time for it too
STEP = 4  # times as many rows as a step below
FEWEST = 1000  # rows of a fold that the lowest step has
SURE = 0.8  # of the time that is left, which a climb may take, as far as that is known


def ladder(cells: float, rows: int, seconds: float) -> list[float]:
    """The shares of the rows that looks are at, rising to all of them; of a table that is small for the time just 1."""
    found = [1.0]
    if cells <= LARGE * seconds:
        return found
    while cells * found[0] > LOWEST * seconds and rows * found[0] >= STEP * FEWEST:
        found.insert(0, found[0] / STEP)
    return found


class Climb:
    """How far candidates have come on a ladder. looks: the first folds, that each is looked at on."""

    def __init__(self, timing: Timing, ladder: list[float], looks: int, workers: int) -> None:
        self.timing, self.ladder, self.looks, self.workers = timing, ladder, looks, workers
        self._step, self._ends_step = 0, 0.0
        self._climbing: list[Candidate] = []

    def trees(self, begun: Begun) -> Unit | None:
        """The default trees go before all others, so that nothing ends below them where they can be fitted in time."""
        known = self.timing.candidates
        trees = next((one for one in known if one.name == BASELINES[1] and one.state == "trying"), None)
        if trees is None or not trees.has(self.looks):
            return None
        if trees.share < 1 and all(one.share >= trees.share for one in trees.fits.values()):
            higher = trees.share * STEP
            if self._has_time(trees, higher):
                trees.share = higher
        return self._look_again(trees, begun)

    def next(self, begun: Begun, chosen: Callable[[], list[Candidate]]) -> Unit | None:
        """A look at one of the best with more rows. Each step gets an equal part of the time that is left for them."""
        while True:
            share = self.ladder[self._step]
            for candidate in self._climbing:
                if candidate.state != "trying" or candidate.share > share:
                    continue
                is_in_time = time.monotonic() < self._ends_step and self._has_time(candidate, share)
                if candidate.share == share or is_in_time:
                    candidate.share = share
                    if unit := self._look_again(candidate, begun):
                        return unit
            if self._step == len(self.ladder) - 1 or self.is_under_way(begun):
                return None
            self._climbing = [one for one in chosen() if one.learnt >= share and one.name != BASELINES[1]]
            self._step += 1
            now, steps = time.monotonic(), len(self.ladder) - self._step
            self._ends_step = now + (self.timing.until - now) / steps

    def is_under_way(self, begun: Begun) -> bool:
        """Whether a fit of one of those that climb has not ended."""
        return bool({id(one) for one in self._climbing} & {one for one, *_ in begun})

    def _look_again(self, candidate: Candidate, begun: Begun) -> Unit | None:
        """A first fold that it has been fitted on with fewer rows than it may have by now."""
        for fold in range(self.looks):
            if candidate.fits[0, fold].share < candidate.share and (id(candidate), 0, fold) not in begun:
                return candidate, 0, fold
        return None

    def _has_time(self, candidate: Candidate, share: float) -> bool:
        takes = candidate.takes(share) * self.looks / min(self.looks, self.workers)
        return takes < SURE * (self.timing.until - time.monotonic())
