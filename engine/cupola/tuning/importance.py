"""How much each parameter matters for a trial to be among the best: PED-ANOVA, as Optuna 5 works it out by default.

Watanabe, Bansal, Hutter: "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces" (IJCAI
2023), with the conditional parameters of arXiv 2601.20800: how far the values of the best tenth of the trials are
spread from those of all (a Pearson divergence of two densities on a grid). In plain Python, so that a screen and a
command have it without loading Optuna and NumPy: on a grid of 50 places, 1,000 trials take some milliseconds.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from cupola.tuning import trials
from cupola.tuning.records import Tuning
from cupola.tuning.trials import COMPLETED, Fold, Notation, Trial

BEST = 0.1  # the share of trials that count as the best
PLACES = 50  # of the grid on which densities are compared
LEAST = 2  # trials that share a range, for anything to be said of it
TINY = 1e-12
NARROWEST = 0.5 / 1.64  # the bandwidth, in places of the grid: nine tenths of it lie in the place itself


class Importance(msgspec.Struct, frozen=True, kw_only=True):
    """How much a parameter matters for an objective, as a share of 1 over all parameters; trials: it is worked out of
    so many."""

    objective: str
    parameter: str
    importance: float
    trials: int


def of(tuning: Tuning, fold: Fold) -> list[Importance]:
    """Of each objective, the parameters by their importance; none where fewer than two trials have completed."""
    done, values = _completed(fold, len(tuning.directions))
    if len(done) < LEAST:
        return []
    names = {one.key: one.name for one in tuning.space}
    found = []
    for place, (objective, way) in enumerate(zip(tuning.objectives, tuning.directions, strict=False)):
        sign = -1 if way == "maximize" else 1
        matters = divergences(done, [sign * one[place] for one in values])
        total = sum(matters.values())
        ordered = sorted(matters.items(), key=lambda pair: (-pair[1], pair[0]))
        found += [
            Importance(
                objective=objective, parameter=names.get(key, key), trials=len(done),
                importance=value / total if total else 1 / len(ordered),
            )
            for key, value in ordered
        ]  # fmt: skip
    return found


def _completed(fold: Fold, objectives: int) -> tuple[list[Trial], list[list[float]]]:
    """The trials that have come to a number in every objective, and these numbers."""
    found = [
        (one, one.values)
        for one in (fold.trials[number] for number in fold.numbers)
        if one.state == COMPLETED and one.values and len(one.values) == objectives
        and all(map(math.isfinite, one.values))
    ]  # fmt: skip
    return [one for one, _ in found], [values for _, values in found]


def divergences(done: Sequence[Trial], losses: Sequence[float]) -> dict[str, float]:
    """How far the best trials are from all, by parameter, where a small loss is good."""
    cut = sorted(losses)[math.ceil(BEST * len(losses)) - 1]
    best = {one.number for one, loss in zip(done, losses, strict=True) if loss <= cut}
    found = {}
    for name in sorted({name for one in done for name in one.params}):
        ranges: dict[str, list[Trial]] = {}
        for one in done:
            if name in one.params:
                ranges.setdefault(one.params[name].distribution, []).append(one)
        found[name] = sum(
            (len(among) / len(best)) ** 2 / (len(some) / len(done)) * _divergence(name, distribution, some, among)
            for distribution, some in ranges.items()
            if len(some) >= LEAST and (among := [one for one in some if one.number in best])
        ) * (len(best) / len(done)) ** 2  # fmt: skip
    return found


def _divergence(name: str, distribution: str, every: list[Trial], best: list[Trial]) -> float:
    notation = trials.notation(distribution)
    assert notation is not None  # no other line is taken
    places = _places(notation)
    if places < 2:
        return 0.0
    density, of_best = (
        _density(Counter(_place(notation, places, one.params[name].value) for one in some), places, notation)
        for some in (every, best)
    )
    return sum(
        all_ * (top / all_ - 1) ** 2
        for all_, top in ((one + TINY, other + TINY) for one, other in zip(density, of_best, strict=True))
    )


def _places(notation: Notation) -> int:
    """How many places of the grid a parameter has."""
    what = notation.attributes
    if notation.name == "CategoricalDistribution":
        return len(what.choices)
    if not what.low < what.high:
        return 1
    if notation.name == "IntDistribution" and what.log:
        return min(math.ceil(math.log(what.high - what.low + 1) / math.log(2)) + 1, PLACES)
    return min(round((what.high - what.low) / what.step) + 1, PLACES) if what.step else PLACES


def _place(notation: Notation, places: int, value: float) -> int:
    what = notation.attributes
    if notation.name == "CategoricalDistribution":
        return int(value)
    low, high, at = (math.log(one) if what.log else one for one in (what.low, what.high, value))
    return max(0, min(places - 1, math.ceil((at - low) / ((high - low) / (places - 1)) - 0.5)))


def _density(counts: Counter[int], places: int, notation: Notation) -> list[float]:
    """What the counts on the grid are a sample of: kernels of one width about each, and one over all of it."""
    total = counts.total() + 1
    if notation.name == "CategoricalDistribution":
        prior = 1 / (len(counts) + 1)  # of each kernel: as much as all kernels together have of one choice
        whole = 1 + places * prior
        spread = sum(count * prior / whole for count in counts.values()) + 1 / places
        return [(spread + counts[place] / whole) / total for place in range(places)]
    kernels = [(float(at), _width(counts), float(count)) for at, count in sorted(counts.items())]
    kernels.append(((places - 1) / 2, float(places), 1.0))
    found = [0.0] * places
    for at, width, weight in kernels:
        ends = [_below((place - 0.5 - at) / width) for place in range(places + 1)]
        inside = ends[-1] - ends[0]
        for place in range(places):
            found[place] += weight / total * (ends[place + 1] - ends[place]) / inside
    return found


def _width(counts: Counter[int]) -> float:
    """The bandwidth by Scott's rule (1992), from the spread of the counts."""
    at, number = sorted(counts), counts.total()
    mean = sum(place * counts[place] for place in at) / number
    deviation = math.sqrt(sum((place - mean) ** 2 * counts[place] for place in at) / max(1, number - 1))
    upto = list(accumulate(counts[place] for place in at))
    first = next(place for place, so_far in zip(at, upto, strict=True) if so_far >= number // 4)
    third = next((place for place, so_far in zip(at, upto, strict=True) if so_far > number * 3 // 4), at[-1])
    return max(NARROWEST, 1.059 * min((third - first) / 1.34, deviation) / math.pow(number, 0.2))


def _below(deviations: float) -> float:
    """How much of a normal distribution lies below so many standard deviations."""
    return 0.5 * math.erfc(-deviations / math.sqrt(2))
