"""What a split by chance would give away: rows beside each other in time, rows of one entity, values of the future.

Neighbours in time: where the class (or number) of the row before is that of the row in at least NEAR of what a constant
misses, a model only has to find the neighbour. Less than that is no leakage, but a reason to split by time, which is
said where neighbours are alike beyond chance (the correlation of neighbours, at 5 standard errors, and at least ALIKE).
The same for rows of one entity: a column with the role id or group, or a text, whose values come again.
A value of the future: a column that is the target of a later row, and not that of its own or of an earlier one.
"""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cupola.insights import fixes
from cupola.insights.finding import Found, plain, said
from cupola.insights.learning import CLASSES, Aim
from cupola.insights.sampling import Feature, Floats, Sample

NEAR = 0.9
ALIKE, CLEARLY = 0.05, 5.0
AHEAD = 3  # rows
COPIED = 0.98
FEWEST = 100
TIMES = 1.5  # rows of an entity on average
NAMED = re.compile(r"(^|_|\b)(id|key|uuid|no|nr|number|code)$|Id$|ID$", re.ASCII)


def time_of(sample: Sample, target: str | None) -> Feature | None:
    """The column that orders the rows: that with the role time, else the only date whose order the rows have."""
    usable = [one for one in sample.features if one.numbers is not None and one.name != target and one.role != "ignore"]
    by_role = [one for one in usable if one.role == "time"]
    if by_role:
        return by_role[0] if len(by_role) == 1 else None
    dates = [one for one in usable if one.type in ("date", "datetime") and not one.missing.all()]
    ordered = [one for one in dates if one.numbers is not None and _rises(one.numbers)]
    return ordered[0] if len(ordered) == 1 else None


def _rises(numbers: Floats) -> bool:
    known = numbers[~np.isnan(numbers)]
    return len(known) > FEWEST and bool((np.diff(known) >= 0).all()) and known[0] < known[-1]


def in_time(aimed: Aim, time: Feature | None) -> Iterator[Found]:
    """What neighbours in time give away."""
    if time is None or time.numbers is None or len(aimed) < FEWEST:
        return
    moments = time.numbers[aimed.rows]
    order = np.argsort(moments, kind="stable")
    order = order[~np.isnan(moments[order])]
    if len(order) < FEWEST:
        return
    before, here = order[:-1], order[1:]
    met = aimed.met(aimed.codes[before] if aimed.task == "classification" else aimed.values[before], here)
    near = certainty_of(met, aimed.base[here])
    target, named = said(aimed.feature.name), said(time.name)
    split = f"split by time (--split time --time {time.name})"
    if near >= NEAR:
        words = plain(
            f"in the order of {named}, {target} is nearly always that of the row before ({near:.0%} of what a constant "
            f"misses is told so): a random split lets a model copy it from the neighbour; {split}"
        )
        yield Found("leakage_neighbours", [time.name], "high", words, f"{time.sql} IS NOT NULL")
        return
    alike = _correlation(aimed, before, here)
    if alike >= max(ALIKE, CLEARLY / np.sqrt(len(here))):
        words = plain(
            f"rows that follow each other in {named} are alike in {target} (correlation {alike:.2f}): a random split "
            f"makes a model look better than it will be; {split}"
        )
        yield Found("time_order", [time.name], "low", words, f"{time.sql} IS NOT NULL")


def certainty_of(met: NDArray[np.bool_], base: NDArray[np.bool_]) -> float:
    """1 - misses / misses of a constant."""
    return 1 - float((~met).sum()) / max(1.0, float((~base).sum()))


def _correlation(aimed: Aim, one: NDArray[np.intp], other: NDArray[np.intp]) -> float:
    """Of the target of some rows with that of others; of classes the mean over them, by their variance."""
    values = aimed.indicators
    centred = values - values.mean(axis=0)
    return float((centred[one] * centred[other]).sum() / (centred**2).sum() * len(values) / len(one))


def of_entities(sample: Sample, aimed: Aim) -> Iterator[Found]:
    """Entities whose rows have nearly always the same target. Rows that are there twice are no entity."""
    once = ~sample.frame.iloc[aimed.rows].duplicated().to_numpy()
    for one in sample.features:
        if one is aimed.feature or not _may_name_entities(one):
            continue
        codes = one.coded[0][aimed.rows]
        rows = np.flatnonzero((codes >= 0) & once)
        order = rows[np.argsort(codes[rows], kind="stable")]
        again = np.flatnonzero(codes[order][1:] == codes[order][:-1])
        entities = len(np.unique(codes[rows]))
        if len(again) < FEWEST or entities <= CLASSES * 2 or len(rows) < TIMES * entities:
            continue
        before, here = order[again], order[again + 1]
        met = aimed.met(aimed.codes[before] if aimed.task == "classification" else aimed.values[before], here)
        near = certainty_of(met, aimed.base[here])
        if near >= NEAR:
            words = plain(
                f"{said(one.name)} names {entities:,} entities with {len(rows) / entities:.1f} rows each, and "
                f"{said(aimed.feature.name)} is nearly always the same in all rows of one ({near:.0%} of what a "
                "constant misses is told so): a random split puts an entity into training and test; "
                f"split by group (--group {one.name})"
            )
            yield Found("leakage_entity", [one.name], "high", words, f"{one.sql} IS NOT NULL")


def _may_name_entities(one: Feature) -> bool:
    if one.role in ("id", "group"):
        return True
    if one.role not in ("feature", "sensitive") or one.type in ("number", "boolean", "date", "datetime"):
        return False
    return one.texts is not None or bool(NAMED.search(one.name))


def of_the_future(features: list[Feature], sample: Sample, aimed: Aim, time: Feature | None) -> Iterator[Found]:
    """Columns that hold the target of a later row. Only of samples that hold every row."""
    if time is None or time.numbers is None or len(sample) < sample.total or aimed.folded:
        return
    groups = next(
        (one.coded[0] for one in sample.features if one.role == "group"), np.zeros(len(sample), dtype=np.intp)
    )
    order = np.lexsort((time.numbers, groups))
    mine, values = groups[order], _comparable(aimed.feature, aimed)[order]
    usual = float(aimed.base.mean()) if aimed.task == "classification" else 0.0
    for one in features:
        if one.type in ("date", "datetime"):
            continue
        column = _comparable(one, aimed)[order]
        met = {ahead: _copied(column, values, mine, ahead, aimed.tolerance) for ahead in range(-AHEAD, AHEAD + 1)}
        best = max(met, key=lambda ahead: met[ahead])
        copied, near = (1 - (1 - least) * (1 - usual) for least in (COPIED, NEAR))  # of what a constant misses
        if best > 0 and met[best] >= copied and max(met[ahead] for ahead in met if ahead <= 0) < near:
            words = plain(
                f"{said(one.name)} is the {said(aimed.feature.name)} of the row {best} later in the order of "
                f"{said(time.name)}: it comes from the future"
            )
            yield Found("leakage_future", [one.name], "high", words, f"{one.sql} IS NOT NULL", fixes.drop([one.name]))


def _comparable(one: Feature, aimed: Aim) -> Floats:
    """A column's numbers; where the target has classes the places of these, NaN for what is none."""
    if aimed.task == "regression":
        return one.numbers if one.numbers is not None else np.full(len(one.missing), np.nan)
    codes, names = one.coded
    places = {name: float(place) for place, name in enumerate(aimed.classes)}
    return np.array([*(places.get(name, np.nan) for name in names), np.nan])[codes]


def _copied(column: Floats, values: Floats, groups: NDArray[np.intp], ahead: int, tolerance: float) -> float:
    """In which share of the rows the column is the target of the row so many later."""
    here = slice(None, -ahead) if ahead > 0 else slice(-ahead, None)
    there = slice(ahead, None) if ahead > 0 else slice(None, ahead or None)
    mine, theirs = column[here], values[there]
    both = ~np.isnan(mine) & ~np.isnan(theirs) & (groups[here] == groups[there])
    return float((np.abs(mine - theirs)[both] <= tolerance / 10).mean()) if both.sum() >= FEWEST else 0.0
