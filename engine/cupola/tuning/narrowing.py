"""A smaller space about the best trials of a tuning, for another tuning that begins with what this one has found."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from cupola.errors import NotReady
from cupola.tuning import records
from cupola.tuning.records import Tuning
from cupola.tuning.space import Dimension
from cupola.tuning.trials import COMPLETED, Fold, Trial

SHARE = 0.2  # of the trials: the best of them
LEAST, NEEDED = 5, 2  # trials that a range is made of, where there are so many; and without which there is none
BESIDE = 0.05  # of the old range, to both sides of a value that all of them share
DIGITS = 3  # of the ends of a range: rounded outwards, so that the best trials lie within


def narrowed(tuning: Tuning, fold: Fold, share: float = SHARE) -> list[Dimension]:
    """What the best trials have drawn: from the lowest to the highest value, and the values that occur among them.

    Raises NotReady where fewer than two trials have completed, or the tuning has no space (the study of a script).
    """
    if not tuning.space:
        raise NotReady(f"{tuning.name} is the study of a script, which alone says what it searches", where=tuning.id)
    chosen = best(tuning, fold, share)
    if len(chosen) < NEEDED:
        hint = "wait for more trials"
        raise NotReady(f"fewer than two trials of {tuning.name} have completed", where=tuning.id, hint=hint)
    drawn = [records.params_of(tuning, one) for one in chosen]
    found: dict[str, Dimension] = {}
    for one in tuning.space:
        when = {name: [value for value in some if value in found[name].values] for name, some in one.when.items()
                if name in found}  # fmt: skip
        if len(when) < len(one.when) or not all(when.values()):
            continue  # it depends on a value that none of the best has
        values = [params[one.name] for params in drawn if one.name in params]
        found[one.name] = msgspec.structs.replace(_about(one, values), when=when)
    return list(found.values())


def best(tuning: Tuning, fold: Fold, share: float) -> list[Trial]:
    """The best share of the completed trials, five at least; of several objectives front after front."""
    left = [one for one in (fold.trials[number] for number in fold.numbers) if one.state == COMPLETED and one.values]
    wanted = max(LEAST, math.ceil(share * len(left)))
    found: list[Trial] = []
    while left and len(found) < wanted:
        front = records.front(left, tuning.directions)
        found += front
        taken = {one.number for one in front}
        left = [one for one in left if one.number not in taken]
    return found


def _about(one: Dimension, values: Sequence[Any]) -> Dimension:
    if not values:
        return one
    if one.kind == "Categorical":
        return msgspec.structs.replace(one, values=tuple(each for each in one.values if each in values))
    low, high = min(values), max(values)
    if low == high:
        low, high = _beside(one, low)
    if one.kind == "Continuous":
        low, high = _rounded(low, math.floor), _rounded(high, math.ceil)
    return msgspec.structs.replace(one, low=max(one.low, float(low)), high=min(one.high, float(high)))


def _beside(one: Dimension, value: float) -> tuple[float, float]:
    """A little below and above a value, on the scale of the dimension."""
    if one.kind == "Integer":
        return max(one.low, value - 1), min(one.high, value + 1)
    low, high, at = (_on_scale(one, each) for each in (one.low, one.high, value))
    return _off_scale(one, at - BESIDE * (high - low)), _off_scale(one, at + BESIDE * (high - low))


def _on_scale(one: Dimension, value: float) -> float:
    return math.log(value) if one.scale == "log" else -math.log(1 - value) if one.scale == "reverselog" else value


def _off_scale(one: Dimension, place: float) -> float:
    return math.exp(place) if one.scale == "log" else 1 - math.exp(-place) if one.scale == "reverselog" else place


def _rounded(value: float, way: Any) -> float:
    """To a few digits, upwards or downwards."""
    if not value:
        return 0.0
    digits = DIGITS - 1 - math.floor(math.log10(abs(value)))
    return float(round(way(value * 10.0**digits) / 10.0**digits, max(0, digits)))
