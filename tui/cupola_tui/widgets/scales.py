"""Where values stand on an axis: numbers evenly or by their logarithms, anything else at a place of its own each."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.paint import fit
from cupola_tui.plain import clean

WIDE = 30  # times as large as the smallest: from here on a logarithm shows more
LARGEST = 1e308  # beyond it there are whole numbers that no axis can hold
SHADES = ("bad", "warn", "accent", "good")


@dataclass(frozen=True)
class Axis:
    """A figure of many records: a value each, None where there is none. log: by logarithm, where all are above 0."""

    name: str
    values: Sequence[Any]
    log: bool = False


class Scale:
    """Where each value of an axis stands, from 0 to 1. categories: what stands there, in order; empty for numbers."""

    def __init__(self, axis: Axis) -> None:
        self.name = axis.name
        known = [value for value in axis.values if not _missing(value)]
        self.categories: list[str] = []
        self._places: dict[str, float] = {}
        self.log = False
        self.low = self.high = 0.0
        if all(_is_number(value) for value in known):
            self.low, self.high = float(min(known, default=0)), float(max(known, default=0))
            self.log = axis.log and self.low > 0
        else:
            ordered = sorted(known, key=lambda one: (not _is_number(one), one if _is_number(one) else 0, str(one)))
            self.categories = list(dict.fromkeys(map(_named, ordered)))
            last = max(1, len(self.categories) - 1)
            middle = 0.5 if len(self.categories) == 1 else 0.0
            self._places = {one: place / last or middle for place, one in enumerate(self.categories)}

    def at(self, value: Any) -> float | None:
        """Where the value stands; None where there is none."""
        if _missing(value):
            return None
        if self.categories:
            return self._places.get(_named(value))
        if self.high <= self.low:
            return 0.5
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(value) - low) / (high - low) if high > low else 0.5
        return float(
            (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        )  # the largest floats have a difference

    def label(self, part: float) -> str:
        """What stands at a part of the axis; of numbers the value there."""
        if self.categories:
            return self.categories[round(part * (len(self.categories) - 1))]
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return brief(math.exp(low + (high - low) * part))
        if part in (0, 1):
            return brief(self.high if part else self.low)
        value, reach = self.low + (self.high - self.low) * part, self.high - self.low
        return brief(value if abs(value) > reach / 1000 else 0.0)  # -5.3e-05 is 0 where values go from -1 to 1

    def title(self, width: int) -> str:
        """The name in at most so many cells, and that it is by logarithm. The ends of long names tell them apart."""
        name, log = clean(self.name), " log" if self.log else ""
        room = max(1, width - len(log))
        if name.isascii() and len(name) > room > 4:
            name = f"{name[: room // 3]}…{name[room // 3 + 1 - room :]}"
        return fit(name, min(cell_len(name), room)) + log


def is_wide(values: Sequence[Any]) -> bool:
    """Whether these are numbers above 0 that a logarithm spreads better."""
    known = [value for value in values if not _missing(value)]
    return bool(known) and all(_is_number(one) and one > 0 for one in known) and max(known) / WIDE >= min(known)


def shades(axis: Axis, *, smaller_is_better: bool = False) -> list[str]:
    """A style for each value: of numbers the better quarter the greenest, of categories one after the other."""
    scale = Scale(axis)
    places = [scale.at(value) for value in axis.values]
    if scale.categories:
        last = len(scale.categories) - 1
        return ["dim" if place is None else SHADES[round(place * last) % len(SHADES)] for place in places]
    ordered = sorted(place for place in places if place is not None)
    found = []
    for place in places:
        if place is None:
            found.append("dim")
            continue
        below = (bisect_left(ordered, place) + bisect_right(ordered, place)) / 2 / len(ordered)
        better = 1 - below if smaller_is_better else below
        found.append(SHADES[min(len(SHADES) - 1, int(better * len(SHADES)))])
    return found


def brief(value: float) -> str:
    """A number at an axis, short."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:.3g}"


def _named(value: Any) -> str:
    return brief(value) if _is_number(value) else figures.short(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
