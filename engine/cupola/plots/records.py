"""What a plot shows, described once: cells, SVG, PNG and CSV are made of the same."""

import math
from typing import Literal

import msgspec

Point = tuple[float, float]
Frame = tuple[float, float, float, float]
"""From left to right and from low to high, in the plot's own units."""
LARGEST = 1e300  # larger numbers cannot even be subtracted


class Series(msgspec.Struct, kw_only=True):
    """Points in order. guide: a line that the others are held against. low, high: of a band, as many as points; of the
    kind band only the space between them is drawn, in the colour of the series after it.
    """

    name: str
    points: list[Point]
    kind: Literal["line", "points", "guide", "band"] = "line"
    low: list[float] = []
    high: list[float] = []


class Curves(msgspec.Struct, kw_only=True, tag="curves"):
    """Series over one x. limits: what is shown, where that is not as much as there is; note: a line below it. times: x
    is seconds since 1970.
    """

    name: str
    title: str
    x: str
    y: str
    series: list[Series]
    limits: Frame | None = None
    note: str = ""
    times: bool = False


class Bars(msgspec.Struct, kw_only=True, tag="bars"):
    """A value for each of some names; of: what the values are."""

    name: str
    title: str
    of: str
    names: list[str]
    values: list[float]
    note: str = ""


class Matrix(msgspec.Struct, kw_only=True, tag="matrix"):
    """How often each true class (a row) was predicted as each class (a column)."""

    name: str
    title: str
    classes: list[str]
    counts: list[list[int]]
    note: str = ""


Plot = Curves | Bars | Matrix


def placeable(point: Point) -> bool:
    """Whether it can be put on a plot."""
    return all(math.isfinite(one) and abs(one) < LARGEST for one in point)


def frame(curves: Curves) -> Frame | None:
    """What is to be shown: the limits, else all that is finite with a little room; None where there is nothing."""
    if curves.limits:
        return curves.limits
    points = [point for one in curves.series for point in one.points if placeable(point)]
    points += [
        (x, y)
        for one in curves.series
        for (x, _), *ends in zip(one.points, one.low, one.high, strict=False)
        for y in ends
        if placeable((x, y))
    ]
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)
    spare = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    low, high = max(low - spare, 0.0) if low >= 0 else low - spare, high + spare
    return left, right if right > left else left + 1, low, high


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two others, at most so many (and two at least, where the range is not empty)."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def label(value: float, reach: float) -> str:
    """A number at an axis that reaches so far."""
    if abs(value) < reach * 1e-9:  # what is left of a zero that was reached in steps
        return "0"
    if abs(value) >= 1e7 or abs(value) < 1e-4:
        return f"{value:.2g}"
    places = 0 if value == int(value) and reach >= 4 else max(0, min(6, 2 - math.floor(math.log10(reach or 1))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
