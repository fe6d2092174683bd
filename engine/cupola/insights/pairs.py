"""Two columns from which the target can be computed although neither tells it: which pairs are worth a closer look.

Of all pairs of numbers (of up to COLUMNS columns) those whose straight line, of the values or of their logarithms,
explains more of the target than either column does: sums, differences, products and ratios stand out so. Times of day
as hhmm and dates are looked at by how far apart they are. Of pairs of categories each combination is a value.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from cupola.insights import leakage
from cupola.insights.leakage import Suspect
from cupola.insights.learning import Aim, binned
from cupola.insights.records import Power
from cupola.insights.sampling import Feature, Floats

COLUMNS = 200  # those that tell most by themselves, and all where there are no more
LOOKED_AT = 12  # pairs of numbers
APART = 20  # pairs of times, or of dates
CATEGORIES, LOOKED_UP = 40, 24  # values of a category, columns with so few
NAMED = 5  # pairs
HALF = 0.5  # of the certainty
DAY = 1440


def suspects(features: list[Feature], found: list[Power], aimed: Aim) -> list[Suspect]:
    """The pairs that are certain together, and far more so than either alone, the most certain ones first."""
    order = {one.column: place for place, one in enumerate(found)}
    ranked = sorted(features, key=lambda one: order.get(one.name, len(order)))[:COLUMNS]
    tried = [*_apart(ranked, aimed), *_computed(ranked, aimed), *_looked_up(ranked, aimed)]
    good: dict[frozenset[str], Suspect] = {}
    for one in tried:
        key = frozenset(each.name for each in one.features)
        if leakage.is_certain(one.hits, aimed) and (key not in good or one.hits.sum() > good[key].hits.sum()):
            good[key] = one
    best = sorted(good.values(), key=lambda one: -int(one.hits.sum()))
    return [one for one in best if _more_than_either(one, aimed)][:NAMED]


def _more_than_either(suspect: Suspect, aimed: Aim) -> bool:
    """Whether either tells much less. Where neither tells half of the class, and both miss none, they make it."""
    alone = [leakage.hits(one, aimed) for one in suspect.features]
    most = max(leakage.certainty(hits, aimed) for hits in alone)
    suspect.by_itself = aimed.task == "classification" and most <= HALF and bool(suspect.hits.all())
    return all(leakage.FEWER * int((~suspect.hits).sum()) <= int((~hits).sum()) for hits in alone)


def _apart(features: list[Feature], aimed: Aim) -> Iterator[Suspect]:
    """Pairs of times of day, and pairs of dates, by how far apart they are."""
    times = {one.name: minutes for one in features if (minutes := clock(one)) is not None}
    clocks = [one for one in features if one.name in times]
    for one, other in list(combinations(clocks, 2))[:APART]:
        apart = (times[one.name] - times[other.name])[aimed.rows]
        apart = (apart + DAY / 2) % DAY - DAY / 2
        how = "the minutes between them, read as times of day"
        yield Suspect([one, other], leakage.met_by_numbers(apart[:, None], aimed), aimed, how)
    dates = [one for one in features if one.type in ("date", "datetime") and one.numbers is not None]
    for one, other in list(combinations(dates, 2))[:APART]:
        assert one.numbers is not None and other.numbers is not None
        apart = (one.numbers - other.numbers)[aimed.rows]
        yield Suspect([one, other], leakage.met_by_numbers(apart[:, None], aimed), aimed, "the time between them")


def clock(one: Feature) -> Floats | None:
    """Times of day that are written as hhmm, in minutes; None for other numbers."""
    if one.type not in ("integer", "number") or one.numbers is None:
        return None
    known = one.numbers[~np.isnan(one.numbers)]
    if (
        len(known) < 20
        or (known % 1 != 0).any()
        or known.min() < 0
        or not 1200 < known.max() <= 2400
        or (known % 100 >= 60).any()
    ):
        return None
    return np.asarray(one.numbers // 100 * 60 + one.numbers % 100) if len(np.unique(known)) > 24 else None


def _computed(features: list[Feature], aimed: Aim) -> Iterator[Suspect]:
    """Pairs of numbers whose line explains more than they do alone, each with what can be computed of the two."""
    named = [one for one in features if one.numbers is not None and one.type in ("integer", "number")]
    if len(named) < 2:
        return
    columns = np.column_stack([one.numbers[aimed.rows] for one in named if one.numbers is not None])
    places = dict.fromkeys(_explaining(columns, aimed.indicators))
    positive = np.nanmin(columns, axis=0) > 0 if len(columns) else np.zeros(len(named), dtype=bool)
    if positive.sum() > 1:
        which = np.flatnonzero(positive)
        target = aimed.indicators
        target = np.log(target) if aimed.task == "regression" and target.min() > 0 else target
        places |= {
            (int(which[one]), int(which[other])): None for one, other in _explaining(np.log(columns[:, which]), target)
        }
    for one, other in places:
        made = _made(columns[:, one], columns[:, other])
        yield Suspect([named[one], named[other]], leakage.met_by_numbers(made, aimed), aimed)


def _explaining(columns: Floats, target: Floats) -> list[tuple[int, int]]:
    """Which pairs of columns explain most beyond what either explains (R² of two from their correlations)."""
    with np.errstate(all="ignore"):
        scaled = np.nan_to_num((columns - np.nanmean(columns, axis=0)) / np.nanstd(columns, axis=0))
        centred = target - target.mean(axis=0)
        weights = centred.var(axis=0) / centred.var(axis=0).sum()
        between = scaled.T @ scaled / len(scaled)
        gain = np.zeros_like(between)
        for place, weight in enumerate(weights):
            with_target = scaled.T @ centred[:, place] / (len(scaled) * (centred[:, place].std() or 1))
            one, other = with_target[:, None], with_target[None, :]
            both = (one**2 + other**2 - 2 * one * other * between) / (1 - between**2)
            gain += weight * (np.clip(both, 0, 1) - np.maximum(one**2, other**2))
    gain = np.where(np.isfinite(gain) & (np.abs(between) < 1 - 1e-9), gain, 0)
    rows, others = np.triu_indices(len(gain), 1)
    best = np.argsort(-gain[rows, others], kind="stable")[:LOOKED_AT]
    return [(int(rows[one]), int(others[one])) for one in best if gain[rows[one], others[one]] > 0.01]


def _made(one: Floats, other: Floats) -> Floats:
    with np.errstate(all="ignore"):
        made = [one, other, one - other, one + other, one * other, one / other, one / other**2, other / one**2]
    found = np.column_stack(made)
    found[~np.isfinite(found)] = np.nan
    return found


def _looked_up(features: list[Feature], aimed: Aim) -> Iterator[Suspect]:
    """Pairs of columns of few values, by the combination."""
    few = []
    for one in features:
        bins, count = binned(one, aimed.rows, most=CATEGORIES)
        if one.numbers is None and len(one.coded[1]) > CATEGORIES:
            continue
        if one.numbers is not None and len(np.unique(one.numbers[~one.missing])) > CATEGORIES:
            continue
        if one.numbers is not None:
            bins, count = (
                np.where(one.coded[0][aimed.rows] < 0, len(one.coded[1]), one.coded[0][aimed.rows]),
                len(one.coded[1]) + 1,
            )
        few.append((one, bins, count))
    for (one, bins, count), (other, others, number) in combinations(few[:LOOKED_UP], 2):
        if count * number <= len(aimed) / 5:
            yield Suspect([one, other], leakage.met_by_value(bins * number + others, count * number, aimed), aimed)
