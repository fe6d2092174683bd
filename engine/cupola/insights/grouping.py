"""Many columns with the same trouble: one warning for all of them, with one fix, and how many rows of each it is in.

Two thousand columns that each lack a few values are one thing to know and one thing to mend. A few columns have a
warning each, which says more of each; so have more of those that leak, as each is to be looked into.
"""

import msgspec

from cupola.insights import fixes
from cupola.insights.finding import NAMED, Found, Words, listed, plain, said, share
from cupola.insights.records import LEAKAGE

LEAKS = 12  # columns that leak in the same way, each of which has a warning of its own
GROUPS = "missing_together"  # is of a group of columns each time
SENTENCES = {
    "all_missing": "have no value in any row",
    "missing": "lack values",
    "constant": "are the same in every row",
    "almost_constant": "are the same in nearly every row",
    "disguised_missing": "hold what looks like a word for a missing value",
    "mixed_types": "hold numbers and words",
    "identifier": "are different in nearly every row: they name the row",
    "high_cardinality": "have many different values",
    "outliers": "have far outliers",
    GROUPS: "are missing together: that they are may tell something",
    "leakage_column": "tell the target, each alone: they are the target in other words, or are known only with it",
    "leakage_afterwards": "are filled in only where the target is: they are known only with it",
    "leakage_missing": "tell one value of the target by where they are missing: are they known when one predicts?",
    "leakage_aggregate": "were computed from the target over groups of rows",
    "leakage_future": "are the target of a later row: they come from the future",
    "leakage_later": "lie after the time of the row, and how long after tells the target",
}
IN_SOME = ("missing", "almost_constant", "disguised_missing", "mixed_types", "outliers")  # rows that are the matter


def grouped(found: list[Found], total: int) -> list[Found]:
    """Warnings whose rows are counted; those of one kind, severity and fix as one, where they are of many columns.
    total: rows of the version."""
    alike: dict[bytes, list[Found]] = {}
    for one in found:
        alike.setdefault(_key(one), []).append(one)
    return [
        each
        for some in alike.values()
        for each in ([_together(some, total)] if some[0].kind in SENTENCES and len(some) > _alone(some[0]) else some)
    ]


def _alone(one: Found) -> int:
    return LEAKS if one.kind.startswith(LEAKAGE) else NAMED


def _key(one: Found) -> bytes:
    return msgspec.json.encode([one.kind, one.severity, fixes.way(one.fix) if one.fix else None])


def _together(some: list[Found], total: int) -> Found:
    """One warning about the columns of all, those first in which it is in most rows."""
    some = sorted(some, key=lambda one: -(one.rows or 0))
    first = some[0]
    names = list(dict.fromkeys(name for one in some for name in one.columns))
    return Found(
        first.kind,
        names,
        first.severity,
        _words(some, names, total),
        " OR ".join(dict.fromkeys(one.filter for one in some if one.filter)),
        fixes.together([one.fix for one in some if one.fix]),
        by_column={name: one.rows or 0 for one in some for name in one.columns},
    )


def _words(some: list[Found], names: list[str], total: int) -> Words:
    kind, most, least = some[0].kind, some[0], some[-1]
    what = f"{len(some):,} groups of columns" if kind == GROUPS else f"{len(names):,} columns"
    sentence = SENTENCES[kind]
    if kind in IN_SOME:
        shares = [share(one.rows or 0, total) for one in (least, most)]
        each = shares[0] if shares[0] == shares[1] else f"{shares[0]} to {shares[1]}"
        sentence += f", each in {each} of the rows, most in {said(most.columns[0])}"
    return plain(f"{what} {sentence} ({listed(names)})")
