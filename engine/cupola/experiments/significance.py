"""Whether two runs differ in a metric by more than chance: in pairs where there are pairs, corrected for many."""

import math
from collections.abc import Sequence

from cupola.experiments.repeats import Repeats

SURE = 0.05  # a difference that chance makes this rarely is taken for one
Values = Sequence[float | None]


def of_folds(one: Values, other: Values, share: float) -> float | None:
    """The p-value of two runs over the same folds: the corrected resampled t-test of Nadeau and Bengio, two-sided.

    t is the mean of the k differences over the root of (1/k + share) times their variance, with k - 1 degrees of
    freedom; share is the rows validated to a row trained. Folds share most of their training rows, for which the plain
    paired t-test finds differences where there are none far too often. Where all folds differ by the same, which leaves
    no variance to judge by, it is the sign test's. None below two folds that both have.

    C. Nadeau, Y. Bengio: Inference for the Generalization Error. Machine Learning 52 (2003), 239-281, section 4.2.
    """
    differences = _differences(one, other)
    folds = len(differences)
    if folds < 2:
        return None
    if not any(differences):
        return 1.0
    mean, variance = _moments(differences)
    if math.sqrt(variance) <= 1e-12 * abs(mean):
        return float(2.0 ** (1 - folds))
    return student(mean / math.sqrt((1 / folds + share) * variance), folds - 1)


def of_resamples(difference: float, one: Values, other: Values, scale: float) -> float | None:
    """The p-value of two runs measured on the same rows: the paired bootstrap, two-sided.

    The standard error of the difference is its standard deviation over resamples of the rows that were drawn alike for
    both; the difference over it is taken for normal, since a few hundred resamples cannot tell small p-values by
    counting. None where they do not tell: where no resample differs from another.

    B. Efron, R. Tibshirani: An Introduction to the Bootstrap (1993), sections 6.2 and 13.3.
    """
    differences = _differences(one, other)
    if not difference and not any(differences):
        return 1.0
    error = math.sqrt(_moments(differences)[1]) * scale if len(differences) > len(one) / 2 and len(one) > 1 else 0.0
    return of_errors(difference, error, 0.0) if error else None


def of_errors(difference: float, error: float, other: float, freedom: int = 0) -> float:
    """The p-value of a difference of two figures by their own standard errors, as if from different rows.

    Of errors that are over k folds, `freedom` is k - 1 and it is by Student's t, else it is a z-test. Of figures from
    the same rows it is too large rather than too small, since their errors go together.
    """
    if not difference:
        return 1.0
    joint = math.hypot(error, other)
    if not joint:
        return 0.0
    distance = abs(difference) / joint
    return student(distance, freedom) if freedom else math.erfc(distance / math.sqrt(2))


def student(t: float, freedom: int) -> float:
    """How often Student's t with so many degrees of freedom is as far from 0 as this, on either side.

    M. Abramowitz, I. Stegun: Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4.
    """
    angle = math.atan(abs(t) / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for step in range(2 + odd, freedom + 1, 2):
        total += term
        term *= square * (step - 1) / step
    within = (angle + sine * total) * 2 / math.pi if odd else sine * total
    return min(1.0, max(0.0, 1.0 - within))


def holm(found: Sequence[float | None], family: int) -> list[float | None]:
    """The p-values as they count among `family` of them, of which these are some; None stays None.

    S. Holm: A Simple Sequentially Rejective Multiple Test Procedure. Scandinavian Journal of Statistics 6 (1979),
    65-70. Of tests that are not given it takes the worst: that all of them have larger p-values.
    """
    corrected: list[float | None] = [None] * len(found)
    least = 0.0
    known = sorted((p, place) for place, p in enumerate(found) if p is not None)
    for rank, (p, place) in enumerate(known):
        least = max(least, min(1.0, p * max(1, family - rank)))
        corrected[place] = least
    return corrected


def paired(metric: str, one: Repeats, other: Repeats, difference: float) -> float | None:
    """The p-value of a difference by the repeats of two runs; None where they are no pairs, or do not tell."""
    values, others = one.metrics.get(metric), other.metrics.get(metric)
    if one.rows != other.rows or one.kind != other.kind or values is None or others is None:
        return None
    if len(values) != len(others):
        return None
    if one.kind == "folds":
        return of_folds(values, others, one.share)
    return of_resamples(difference, values, others, one.scale)


def _differences(one: Values, other: Values) -> list[float]:
    return [a - b for a, b in zip(one, other, strict=True) if a is not None and b is not None]


def _moments(values: list[float]) -> tuple[float, float]:
    """Mean and variance (one less below)."""
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
