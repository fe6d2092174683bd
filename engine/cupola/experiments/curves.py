"""A metric of a run step by step, as plots beside those of other runs need it."""

from collections.abc import Iterable
from math import ceil, fsum, isfinite
from operator import itemgetter

import msgspec

from cupola.experiments.histories import Logged

Points = list[tuple[float, float]]
POINTS = 600  # more than a terminal has columns of dots
MEANS = 300


class Curve(msgspec.Struct, kw_only=True):
    """points: (step, value), the extremes among them; means: (step, mean value) of equal stretches of the points that
    there are, which is what smoothing starts from. logged: how many there are."""

    points: Points
    means: Points
    logged: int


def names(logged: Iterable[Logged]) -> list[str]:
    """The metrics that were logged at two steps or more: of the validation first, as they were logged."""
    steps: dict[str, set[int]] = {}
    for one in logged:
        if one.step is not None and len(seen := steps.setdefault(one.name, set())) < 2:
            seen.add(one.step)
    found = [name for name, seen in steps.items() if len(seen) > 1]
    return sorted(found, key=lambda name: not name.startswith("validation_"))


def of(logged: list[Logged], name: str) -> Curve:
    """The curve of one metric, as one process has it; values that are no finite numbers are left out."""
    named = [one for one in logged if one.name == name and one.step is not None]
    speaks = min((one.process for one in named), default="")
    values = [(float(one.step or 0), one.value) for one in named if one.process == speaks]
    every = sorted((step, value) for step, value in values if isinstance(value, float) and isfinite(value))
    return Curve(points=_extremes(every), means=[_mean(part) for part in _parts(every, MEANS)], logged=len(values))


def _parts(every: Points, most: int) -> list[Points]:
    """Equal stretches, at most so many."""
    size = max(1, ceil(len(every) / most))
    return [every[start : start + size] for start in range(0, len(every), size)]


def _mean(part: Points) -> tuple[float, float]:
    steps, values = zip(*part, strict=True)
    return fsum(steps) / len(part), fsum(values) / len(part)


def _extremes(every: Points) -> Points:
    """All of few; of many the smallest and the largest of each stretch, with the first and the last."""
    if len(every) <= POINTS:
        return every
    kept = {every[0], every[-1]}
    for part in _parts(every, POINTS // 2 - 1):
        kept |= {min(part, key=itemgetter(1)), max(part, key=itemgetter(1))}
    return sorted(kept)
