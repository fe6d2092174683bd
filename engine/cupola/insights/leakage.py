"""Columns from which the target can be computed: one by itself, or two together.

What makes it leakage is not that a column is good, but that it is all but certain, on rows it was not learned from, in
a table whose other columns are not. A *hit* is a row whose class is met, or whose number is met within a tenth of the
target's robust spread. Of a column, and of the others together, the *certainty* is 1 - misses / misses of a constant.
It is said to leak where all of this holds on held-out rows:

1. its certainty is at least CERTAIN, and the lower end of its interval (Clopper-Pearson, 99.9%) at least SURELY. A
   column that tells a class may have slips (CERTAIN_CLASS, SURELY_CLASS); a number, which goes smoothly with time and
   the like, and a pair, as so many are tried, may not;
2. it has at most a fifth of the misses of a model of all other columns (without those that are certain, too, without
   slips), whose certainty is at most OTHERS_AT_MOST;
3. so many more misses of that model on the same rows have at most the probability BY_CHANCE (of pairs of columns
   BY_CHANCE_PAIR, as so many are tried) if it were as good (McNemar's exact test).

All of it among the rows that have the column, where it does not hold for all rows: a copy that is filled in for some
rows only is one. Compared with no others is what no column is that only goes with the target, however well others do:
the target itself, in other words (a value for each class, but for slips) or on a straight line without a miss, and two
columns that tell the class without a miss although neither tells half of it.

So a flower that is told by its petals leaks nothing (its other measures tell it too, and none tells all); nor does a
measurement that goes with the target as closely as 0.99 (its numbers are not met).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cupola.insights import fixes
from cupola.insights.finding import Found, listed, plain, said, share
from cupola.insights.learning import FOLDS, Aim, binned, powers
from cupola.insights.records import Power
from cupola.insights.sampling import Codes, Feature, Floats

CERTAIN, SURELY, OTHERS_AT_MOST = 0.98, 0.85, 0.95
CERTAIN_CLASS, SURELY_CLASS = 0.9, 0.8
BY_CHANCE, BY_CHANCE_PAIR = 1e-4, 1e-6
FEWER = 5  # times fewer misses
FEW_WORDS = 3  # times as many values as classes
SAME = 1e-4  # of the tolerance: nothing but the rounding of numbers
LEVEL = 0.001
PROMISING = 0.8
FEWEST = 50  # rows with a target
LIKELY = 0.5  # the score from which a column is looked at closer
ROWS = 4_000  # that are looked at closer

Hits = NDArray[np.bool_]


@dataclass
class Suspect:
    """A column, or two, and which rows it meets of those that are aimed at. how: in words, what of it tells the target.

    by_itself: whatever the others tell, as it is the target or makes it, or names the row and should tell nothing.
    among: the rows that have it, as a mask over those that all were asked about; None: all of them.
    """

    features: list[Feature]
    hits: Hits
    aimed: Aim
    how: str = ""
    by_itself: bool = False
    among: Hits | None = None


def narrowed(aimed: Aim) -> Aim:
    """The same aim for as many rows as are looked at closer."""
    if len(aimed) <= ROWS:
        return aimed
    return aimed.among(np.sort(np.random.default_rng(0).permutation(len(aimed))[:ROWS]))


def certainty(hits: Hits, aimed: Aim) -> float:
    """1 - misses / misses of a constant."""
    return 1 - float((~hits).sum()) / max(1.0, float((~aimed.base).sum()))


def is_suspect(hits: Hits, aimed: Aim) -> bool:
    """Condition 1, of one column."""
    if aimed.task == "classification":
        return is_certain(hits, aimed, CERTAIN_CLASS, SURELY_CLASS)
    return is_certain(hits, aimed)


def is_certain(hits: Hits, aimed: Aim, least: float = CERTAIN, surely: float = SURELY) -> bool:
    """Condition 1, without slips."""
    misses, most = int((~hits).sum()), float((~aimed.base).mean())
    if len(aimed) < FEWEST or most == 0 or certainty(hits, aimed) < least:
        return False
    highest = float(stats.beta.ppf(1 - LEVEL, misses + 1, len(aimed) - misses))
    return 1 - highest / most >= surely


def beats(suspect: Suspect, every: Hits, chance: float) -> bool:
    """Conditions 2 and 3; every: which of all rows the others meet."""
    hits, others = suspect.hits, _same_rows(suspect, every)
    mine, theirs = int((~hits).sum()), int((~others).sum())
    if FEWER * mine > theirs or certainty(others, suspect.aimed) > OTHERS_AT_MOST:
        return False
    only_mine, only_theirs = int((~hits & others).sum()), int((hits & ~others).sum())
    return float(stats.binom.cdf(only_mine, only_mine + only_theirs, 0.5)) <= chance


def _same_rows(suspect: Suspect, every: Hits) -> Hits:
    return every if suspect.among is None else every[suspect.among]


def single(features: list[Feature], found: list[Power], aimed: Aim) -> list[Suspect]:
    """The columns that are certain by themselves; whether the others are too is still to be seen."""
    score = {one.column: one.score for one in found}
    suspects = []
    for one in features:
        suspect = _suspected(one, aimed) if score.get(one.name, 0.0) >= LIKELY else None
        there = ~one.missing[aimed.rows]
        if suspect is None and FEWEST <= there.sum() < len(aimed):
            few = aimed.among(there)
            if not few.base.all() and powers([one], few)[0].score >= LIKELY:
                suspect = _suspected(one, few, there)
        suspects += [suspect] if suspect else []
    return suspects


def _suspected(one: Feature, aimed: Aim, among: Hits | None = None) -> Suspect | None:
    found = hits(one, aimed)
    if not (is_suspect if _may_slip(one, aimed) else is_certain)(found, aimed):
        return None
    return Suspect([one], found, aimed, by_itself=_is_the_target(one, aimed), among=among)


def _is_the_target(one: Feature, aimed: Aim) -> bool:
    """Whether a column has a value of its own for each class, but for slips, or is a straight line of the numbers."""
    if aimed.task == "classification":
        values, codes = np.unique(one.coded[0][aimed.rows], return_inverse=True)
        if len(values) != len(aimed.classes) or aimed.folded:
            return False
        counts = np.bincount(codes * len(values) + aimed.codes, minlength=len(values) ** 2).reshape(2 * [len(values)])
        own, place = counts.max(axis=1), counts.argmax(axis=1)
        most = np.maximum(counts.sum(axis=1), counts.sum(axis=0)[place])
        return len({*place.tolist()}) == len(values) and bool((own >= CERTAIN_CLASS * most).all())
    if one.numbers is None or np.isnan(column := one.numbers[aimed.rows]).any():
        return False
    slope, above = np.polyfit(column - column.mean(), aimed.values, 1)
    return bool((np.abs(slope * (column - column.mean()) + above - aimed.values) <= SAME * aimed.tolerance).all())


def _may_slip(one: Feature, aimed: Aim) -> bool:
    """Whether a column may be the classes in other words: one of many values names things, which have a class."""
    return one.numbers is not None or len(one.coded[1]) <= FEW_WORDS * len(aimed.classes)


def hits(one: Feature, aimed: Aim) -> Hits:
    """Which rows a column meets by itself, by the best of its bins, a tree, a line and a curve."""
    tried = [met_by_value(*binned(one, aimed.rows), aimed)]
    if one.numbers is not None:
        column = one.numbers[aimed.rows]
        tried.append(met_by_numbers(column[:, None], aimed))
        tried += [met_by_curve(column, aimed)] if aimed.task == "regression" else []
    return max(tried, key=lambda each: int(each.sum()))


def met_by_value(bins: Codes, count: int, aimed: Aim) -> Hits:
    """Which rows are met where each bin predicts its commonest class, or its mean, in the other folds."""
    place = aimed.fold * count + bins
    if aimed.task == "classification":
        width = len(aimed.classes)
        sizes = np.bincount(place * width + aimed.codes, minlength=FOLDS * count * width)
        sizes = sizes.reshape(FOLDS, count, width)
        sizes = sizes.sum(axis=0) - sizes
        overall = sizes.sum(axis=1).argmax(axis=1)
        best = np.where(sizes.sum(axis=2) > 0, sizes.argmax(axis=2), overall[:, None])
        return aimed.met(best[aimed.fold, bins])
    sizes = np.bincount(place, minlength=FOLDS * count).reshape(FOLDS, count).astype(float)
    sums = np.bincount(place, aimed.values, FOLDS * count).reshape(FOLDS, count)
    sizes, sums = sizes.sum(axis=0) - sizes, sums.sum(axis=0) - sums
    means = sums / np.maximum(sizes, 1)
    return aimed.met(means[aimed.fold, bins])


def met_by_numbers(columns: Floats, aimed: Aim) -> Hits:
    """Which rows a tree over these columns meets, learned from the other folds; of numbers also straight lines."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    classes = aimed.task == "classification"
    truth: NDArray[Any] = aimed.codes if classes else aimed.values
    columns = np.where(np.isnan(columns), np.nan, np.clip(columns, -1e30, 1e30))
    tree, line = np.zeros(len(aimed), dtype=bool), np.zeros(len(aimed), dtype=bool)
    for fold in range(FOLDS):
        test = aimed.fold == fold
        model: Any = DecisionTreeClassifier if classes else DecisionTreeRegressor
        fitted = model(random_state=0, max_leaf_nodes=256).fit(columns[~test], truth[~test])
        tree[test] = aimed.met(fitted.predict(columns[test]), test)
        if not classes:
            line[test] = aimed.met(_straight(columns[~test], truth[~test], columns[test]), test)
        if max(tree[test].mean(), line[test].mean()) < _needed(aimed):
            break  # most columns are nothing of the kind, which a fold shows
    return line if line.sum() > tree.sum() else tree


def met_by_curve(column: Floats, aimed: Aim) -> Hits:
    """Which numbers are met by the curve through the points of the other folds."""
    hits = np.zeros(len(aimed), dtype=bool)
    for fold in range(FOLDS):
        test, known = aimed.fold == fold, (aimed.fold != fold) & ~np.isnan(column)
        if known.any():
            points, where = np.unique(column[known], return_inverse=True)
            means = np.bincount(where, aimed.values[known]) / np.bincount(where)
            hits[test] = aimed.met(np.interp(column[test], points, means), test)
    return hits


def _needed(aimed: Aim) -> float:
    """The share of hits without which a fifth of the rows shows that a column is not certain."""
    return 1 - (1 - PROMISING) * float((~aimed.base).mean())


def _straight(columns: Floats, truth: Floats, wanted: Floats) -> Floats:
    """A straight line through most of the rows: by least squares, and again without those it is far from."""
    kept = ~np.isnan(columns).any(axis=1)
    if kept.sum() < columns.shape[1] + 2:
        return np.full(len(wanted), np.nan)
    for _ in range(4):
        design = np.column_stack([columns[kept], np.ones(int(kept.sum()))])
        line = np.linalg.lstsq(design, truth[kept], rcond=None)[0]
        off = np.abs(np.column_stack([columns, np.ones(len(columns))]) @ line - truth)
        kept = off <= 3 * np.nanmedian(off) + 1e-12
        if kept.sum() < columns.shape[1] + 2:
            break
    return np.asarray(np.column_stack([wanted, np.ones(len(wanted))]) @ line)


def said_of_one(suspect: Suspect, others: Hits) -> Found:
    """The warning about a column that tells the target by itself."""
    one = suspect.features[0]
    how = f" ({suspect.how})" if suspect.how else ""
    words = plain(
        f"{said(one.name)} alone{how} {_compared(suspect, others, 'tells')}: "
        "it is the target in other words, or is known only with it"
    )
    return Found("leakage_column", [one.name], "high", words, f"{one.sql} IS NOT NULL", fixes.drop([one.name]))


def said_of_two(suspect: Suspect, others: Hits, found: list[Power]) -> Found:
    """The warning about two columns that tell the target together."""
    names = [one.name for one in suspect.features]
    how = f" ({suspect.how})" if suspect.how else ""
    words = plain(
        f"{listed(names)} together{how} {_compared(suspect, others, 'tell')}: "
        "one of the two is known only with the target"
    )
    where = " AND ".join(f"{one.sql} IS NOT NULL" for one in suspect.features)
    return Found("leakage_pair", names, "high", words, where, fixes.drop([_later(suspect, found)]))


def _later(suspect: Suspect, found: list[Power]) -> str:
    """Which of two is to go: that which is missing more often where the target is, or tells more of it by itself."""
    gone, scores = suspect.aimed.feature.missing, {one.column: one.score for one in found}
    order = {one.name: (int((one.missing & gone).sum()), scores.get(one.name, 0.0)) for one in suspect.features}
    return max(order, key=lambda name: order[name])


def _compared(suspect: Suspect, every: Hits, tell: str) -> str:
    hits, others, aimed = suspect.hits, _same_rows(suspect, every), suspect.aimed
    mine, theirs = (share(int(one.sum()), len(one)) for one in (hits, others))
    how = "rightly" if aimed.task == "classification" else "to a tenth of its spread"
    rows = "the rows that were held out" + (" and have it" if suspect.among is not None else "")
    return f"{tell} {said(aimed.feature.name)} {how} in {mine} of {rows}, and all other columns together in {theirs}"
