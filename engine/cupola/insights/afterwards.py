"""Columns that are known only when the target is: by where they are missing, and by the dates that they hold.

Filled in with the target: a column that is missing where the target is, and nowhere else. Of the rows without a target
nearly all lack the column, and of the rows that lack the column nearly all have no target (the lower ends of both
shares, Wilson's at 99.9%, are at least TOGETHER). A column that lacks values for other reasons, or that is there for
rows whose target is not known yet, does not fit. Rows that are blank altogether are no sign: at least half of the other
columns have to be filled in there, and less than half of all may go with the target.

Filled in for one value: of the rows that have the column (or lack it) at least PURE are of one class, or have one
number, which not more than COMMON of all rows have. What is written down with the target is often there for a few of
that class only; but where a class lacks a column because of what it is, a part of the class does, at least COVERED: a
few that lack something lack it for a reason of their own. Or the other way about: of the rows of a class at least PURE
lack the column (or have it), and of the others not more than ELSEWHERE. By chance either would have at most the
probability BY_CHANCE over all columns.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cupola.insights import fixes
from cupola.insights.finding import Found, counted, plain, said, share
from cupola.insights.learning import OTHERS, Aim, powers
from cupola.insights.records import Power
from cupola.insights.sampling import Codes, Feature

TOGETHER = 0.75
PURE, COMMON, ELSEWHERE, BY_CHANCE = 0.97, 0.9, 0.3, 1e-6
COVERED = 0.3
FEWEST = 20  # rows that lack something
HALF = 0.5
Z = 3.2905  # 99.9%, both sides
LATER, TELLS = 0.99, 0.1


def filled_in_with_the_target(features: list[Feature], target: Feature) -> Iterator[Found]:
    """Columns that are there where the target is, and only there."""
    gone = target.missing
    if gone.sum() < FEWEST or gone.all():
        return
    fitting = [one for one in features if _fits(one.missing, gone)]
    others = [one for one in features if one not in fitting]
    filled = [1 - one.missing[gone].mean() for one in others]
    if not filled or np.mean(filled) < HALF or len(fitting) >= HALF * len(features):
        return
    for one in fitting:
        mine = share(int((one.missing & gone).sum()), int(gone.sum()))
        theirs = share(int((one.missing & ~gone).sum()), int((~gone).sum()))
        words = plain(
            f"{said(one.name)} is filled in only where {said(target.name)} is: it is missing in {mine} of the rows "
            f"without a target and in {theirs} of the others, so it is known only with it"
        )
        where = f"{one.sql} IS NULL AND {target.sql} IS NULL"
        yield Found("leakage_afterwards", [one.name], "high", words, where, fixes.drop([one.name]))


def _fits(missing: NDArray[np.bool_], gone: NDArray[np.bool_]) -> bool:
    both = int((missing & gone).sum())
    return lowest(both, int(gone.sum())) >= TOGETHER and lowest(both, int(missing.sum())) >= TOGETHER


def lowest(part: int, whole: int) -> float:
    """The lower end of Wilson's interval of a share."""
    if not whole:
        return 0.0
    rate, more = part / whole, Z**2 / whole
    return float((rate + more / 2 - Z * np.sqrt(rate * (1 - rate) / whole + more / 4 / whole)) / (1 + more))


def filled_in_for_one_value(features: list[Feature], aimed: Aim) -> Iterator[Found]:
    """Columns whose being there (or not) tells the class, or the number, and those that a class never (always) has."""
    codes, values = _values(aimed)
    usual = np.bincount(codes, minlength=len(values)) / len(aimed)
    for one in features:
        missing = one.missing[aimed.rows]
        if missing.all() or not missing.any():
            continue
        for what, chosen in (("filled in", ~missing), ("missing", missing)):
            count = int(chosen.sum())
            sizes = np.bincount(codes[chosen], minlength=len(values))
            place = int(sizes.argmax())
            chance = stats.binom.sf(sizes[place] - 1, count, usual[place]) * 2 * len(features)
            if count < FEWEST or sizes[place] < PURE * count or usual[place] > COMMON or chance > BY_CHANCE:
                continue
            covered = sizes[place] / (usual[place] * len(aimed))
            if values[place] == OTHERS or (what == "missing" and covered < COVERED):
                continue
            rate, usually = share(int(sizes[place]), count), share(usual[place], 1)
            target = said(aimed.feature.name)
            words = counted(
                f"where {said(one.name)} is {what}, in ",
                f", {target} is {said(values[place])} in {rate} of them, and in {usually} of all rows: "
                f"it was written down when {target} was known",
            )
            where = f"{one.sql} IS {'NOT ' if what == 'filled in' else ''}NULL"
            where += f" AND {aimed.feature.sql} IS NOT NULL" if aimed.feature.missing.any() else ""
            yield Found("leakage_missing", [one.name], "high", words, where, fixes.drop([one.name]))
            break
        else:
            yield from _never_of_one_class(one, missing, aimed, 2 * len(features))


def _values(aimed: Aim) -> tuple[Codes, list[str]]:
    """The classes as they are; of numbers the different ones."""
    if aimed.task == "classification":
        return aimed.codes, aimed.classes
    numbers, codes = np.unique(aimed.values, return_inverse=True)
    return codes, [f"{one:g}" for one in numbers]


def _never_of_one_class(one: Feature, missing: NDArray[np.bool_], aimed: Aim, tried: int) -> Iterator[Found]:
    """A column that all rows of a class lack (or have), and few of the others."""
    if aimed.task != "classification":
        return
    for what, chosen in (("missing", missing), ("filled in", ~missing)):
        for place, name in enumerate(aimed.classes):
            mine = aimed.codes == place
            count, others = int(mine.sum()), float(chosen[~mine].mean()) if not mine.all() else 1.0
            if name == OTHERS or count < FEWEST or others > ELSEWHERE or chosen[mine].mean() < PURE:
                continue
            if stats.binom.sf(int(chosen[mine].sum()) - 1, count, others) * tried * len(aimed.classes) > BY_CHANCE:
                continue
            target, rate = said(aimed.feature.name), share(int(chosen[mine].sum()), count)
            words = plain(
                f"{said(one.name)} is {what} in {rate} of the rows whose {target} is {said(name)}, and in "
                f"{share(others, 1)} of the others: is it known when one predicts?"
            )
            where = f"{one.sql} IS {'NOT ' if what == 'filled in' else ''}NULL"
            yield Found("leakage_missing", [one.name], "medium", words, where, fixes.drop([one.name]))
            return


def dated_later(features: list[Feature], time: Feature | None, scores: list[Power], aimed: Aim) -> Iterator[Found]:
    """Dates that lie after the row's own time and tell something of the target."""
    if time is None or time.numbers is None:
        return
    score = {one.column: one.score for one in scores}
    for one in features:
        if one is time or one.type not in ("date", "datetime") or one.numbers is None:
            continue
        apart = one.numbers - time.numbers
        known = ~np.isnan(apart)
        if known.sum() < FEWEST or (apart[known] > 0).mean() < LATER or np.ptp(apart[known]) == 0:
            continue
        delay = Feature(one.name, one.sql, "number", "feature", np.isnan(apart), apart, None)
        tells = max(score.get(one.name, 0.0), powers([delay], aimed)[0].score)
        if tells >= TELLS:
            words = counted(
                f"{said(one.name)} lies after {said(time.name)} in ",
                f", and how long after tells {said(aimed.feature.name)} (score {tells:.2f}): "
                "is it known when one predicts?",
            )
            where = f"{one.sql} > {time.sql}"
            yield Found("leakage_later", [one.name, time.name], "medium", words, where, fixes.drop([one.name]))
