"""The shape of the target: how its values are spread, or how large its classes are."""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from cupola.insights import fixes
from cupola.insights.finding import Found, literal, number, plain, said, share
from cupola.insights.learning import Aim
from cupola.insights.records import Bar, Severity, Target

FEW, RARE = 0.1, 0.01  # shares of a class
SMALL = 10  # rows of a class
UNEVEN = 5  # times as many rows of the commonest class
SKEWED = 2.0
BINS = 20


def target(aimed: Aim) -> Target:
    """The classes with their rows, the commonest first, or the histogram of the numbers with their skewness."""
    one = aimed.feature
    missing = int(one.missing.sum())
    if aimed.task == "classification":
        counts = np.bincount(aimed.codes, minlength=len(aimed.classes))
        bars = [Bar(name=name, count=int(count)) for name, count in zip(aimed.classes, counts, strict=True)]
        return Target(column=one.name, task="classification", missing=missing, bars=bars)
    counts, edges = np.histogram(aimed.values, BINS)
    ranges = zip(edges, edges[1:], counts, strict=False)
    bars = [Bar(name=f"{number(low)} to {number(high)}", count=int(count)) for low, high, count in ranges]
    skew = round(float(stats.skew(aimed.values)), 4)
    return Target(column=one.name, task="regression", missing=missing, bars=bars, skew=skew)


def check(aimed: Aim, shape: Target) -> Iterator[Found]:
    """A target that is skewed, whose classes are of very different sizes, or of which there are very many."""
    one = aimed.feature
    if shape.skew is None:
        yield from _classes(aimed, shape)
    elif abs(shape.skew) >= SKEWED:
        words = plain(
            f"{said(one.name)} is skewed to the {'right' if shape.skew > 0 else 'left'} (skewness {shape.skew:.1f}): "
            "few far values decide about its mean and about squared errors"
        )
        fix = fixes.logarithm(one) if aimed.values.min() >= 0 and shape.skew > 0 else None
        yield Found("skewed_target", [one.name], "medium", words, f"{one.sql} IS NOT NULL", fix)


def _classes(aimed: Aim, shape: Target) -> Iterator[Found]:
    one, rows = aimed.feature, len(aimed)
    told = shape.bars[:-1] if aimed.folded else shape.bars
    rarest, name = min(told, key=lambda bar: bar.count), said(one.name)
    if aimed.folded:
        words = plain(
            f"{name} has {len(told) + aimed.folded:,} classes: the report tells the {len(told)} commonest apart, and "
            "counts the others as one"
        )
        yield Found("many_classes", [one.name], "medium", words, f"{one.sql} IS NOT NULL")
    elif rarest.count < FEW * rows and UNEVEN * rarest.count <= told[0].count:
        grave: Severity = "high" if rarest.count < SMALL else "medium" if rarest.count < RARE * rows else "low"
        words = plain(
            f"the classes of {name} are of very different sizes: {said(rarest.name)} has {rarest.count:,} of "
            f"{rows:,} rows ({share(rarest.count, rows)}), {said(told[0].name)} {share(told[0].count, rows)}"
        )
        where = f"CAST({one.sql} AS VARCHAR) = {literal(rarest.name)}"
        yield Found("imbalanced_target", [one.name], grave, words, where, fixes.balance(one.name))
