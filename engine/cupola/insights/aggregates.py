"""Columns that were computed from the target of several rows: its mean or its sum over a group, its own row included
or left out.

Of a mean over groups the rows that hold the same value have that very value as the mean of their targets, whatever the
groups were; of a sum likewise. A mean over the other rows of a group, a smoothed mean and a sum that several groups
have are looked for in the groups that columns of the table make. To a thousandth of the target's spread, in at least
GROUPS groups of several rows, neither is chance.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cupola.insights import fixes
from cupola.insights.finding import Found, plain, said
from cupola.insights.learning import Aim
from cupola.insights.sampling import Codes, Feature, Floats, Sample

MET = 0.9  # of the rows: of two groups with one sum neither is
EXACT, COARSE = 1e-3, 0.02  # of the target's spread; as much where the column was rounded so
GROUPS = 10  # different values of groups with several rows
SEVERAL = 0.5  # of the rows are in such groups
GROUPING = 30  # columns whose values are tried as groups


def of_the_target(features: list[Feature], sample: Sample, aimed: Aim) -> Iterator[Found]:
    """Columns that hold what the targets of several rows come to. Only of samples that hold every row."""
    if len(sample) < sample.total or aimed.folded:
        return
    groupings = [codes for one in features if (codes := _grouping(one, aimed)) is not None][:GROUPING]
    targets = _targets(aimed)
    for one in features:
        if one.numbers is None or one.type not in ("integer", "number"):
            continue
        column = one.numbers[aimed.rows]
        how = next((how for target, spread in targets if (how := _computed(column, target, spread, groupings))), None)
        if how:
            words = plain(
                f"{said(one.name)} is {how} of {said(aimed.feature.name)} over groups of rows: it was computed from "
                "the target"
            )
            yield Found(
                "leakage_aggregate", [one.name], "high", words, f"{one.sql} IS NOT NULL", fixes.drop([one.name])
            )


def _targets(aimed: Aim) -> list[tuple[Floats, float]]:
    """The numbers with their spread, or of each class where it is; of classes that are whole numbers these too."""
    if aimed.task == "regression":
        return [(aimed.values, 10 * aimed.tolerance)]
    shown = [(aimed.codes == place).astype(float) for place in range(len(aimed.classes))]
    if aimed.feature.numbers is not None and aimed.feature.type == "integer":
        shown.insert(0, aimed.feature.numbers[aimed.rows])
    return [(one, float(one.std())) for one in shown]


def _computed(column: Floats, target: Floats, spread: float, groupings: list[Codes]) -> str | None:
    """What the column is of the target, in words."""
    known = ~np.isnan(column)
    if known.sum() < 2 * GROUPS or not spread:
        return None
    column, target = column[known], target[known]
    near = _near(column, spread)
    if (np.abs(column - target) <= near).mean() >= MET:
        return None  # the target of its own row is no aggregate
    values, codes = np.unique(column, return_inverse=True)
    sizes, sums = np.bincount(codes), np.bincount(codes, target)
    if _in_groups(sizes, codes):
        for how, made in (("the mean", sums / sizes), ("the sum", sums)):
            if (np.abs(made - values) <= near)[codes].mean() >= MET:
                return how
    for every in groupings:
        group = every[known]
        sizes, sums = np.bincount(group), np.bincount(group, target)
        if not _in_groups(sizes, group):
            continue
        size, total = sizes[group], sums[group].astype(float)
        several = size > 1
        others = (total - target)[several] / (size[several] - 1)
        if _met(total, column, near):
            return "the sum"
        if _met(_smoothed(column, size, total), column, near):
            return "the mean (smoothed)"
        if _met(others, column[several], near):
            return "the mean (of the other rows)"
    return None


def _met(made: Floats, column: Floats, near: float) -> bool:
    """Whether a column is that, and not only where it is what it mostly is."""
    same, unusual = np.abs(made - column) <= near, np.abs(column - np.median(column)) > 10 * near
    return bool(unusual.sum() >= 2 * GROUPS and min(same.mean(), same[unusual].mean()) >= MET)


def _smoothed(column: Floats, size: NDArray[np.intp], total: Floats) -> Floats:
    """The means of groups drawn towards one number, (total + weight * number) / (size + weight), as a target encoding
    is, with the weight and the number that fit the column best."""
    design = np.column_stack([column, -np.ones(len(column))])
    weight, drawn = np.linalg.lstsq(design, total - size * column, rcond=None)[0]
    return np.asarray((total + drawn) / (size + max(weight, 0.0)))


def _near(column: Floats, spread: float) -> float:
    """How near is the same: of a column that was rounded half of its last digit, where that is little."""
    rounded = next((one for one in range(6) if np.abs(column - column.round(one)).max() < 1e-9), None)
    half = 0.5 * 10.0**-rounded if rounded is not None else 0.0
    return max(EXACT * spread, half * 1.001 if half <= COARSE * spread else 0.0)


def _in_groups(sizes: NDArray[np.intp], codes: Codes) -> bool:
    """Whether there are groups of several rows, and most rows are in one."""
    return int((sizes > 1).sum()) >= GROUPS and float((sizes[codes] > 1).mean()) >= SEVERAL


def _grouping(one: Feature, aimed: Aim) -> Codes | None:
    """The values of a column as groups of rows; None where they are no names of groups."""
    if one.texts is None and one.type != "integer":
        return None
    codes = one.coded[0][aimed.rows]
    codes = np.where(codes < 0, codes.max(initial=0) + 1, codes)
    return codes if _in_groups(np.bincount(codes), codes) else None
