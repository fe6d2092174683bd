"""What is amiss with single columns: nothing in them, one value only, values that stand for none, far outliers."""

import re
from collections.abc import Iterator

import numpy as np

from cupola.datasets.records import ColumnProfile, DatasetVersion, Profile
from cupola.insights import fixes
from cupola.insights.finding import Found, counted, listed, literal, number, plain, said, share
from cupola.insights.records import Severity
from cupola.insights.sampling import Feature, Floats, Sample

MANY, MOST = 0.05, 0.5  # of a column missing: a warning of its own, a grave one
ALIKE = 0.9  # of the rows in which either of two columns is missing, both are: they go missing together
PATTERNS = 300  # columns that are compared with each other
NEARLY_ALL = 0.995
WORDS = {
    "", "?", "-", "--", "---", ".", "n/a", "na", "#n/a", "n.a.", "nan", "null", "none", "nil", "missing", "unknown",
    "unk", "undefined", "not available", "not applicable", "no data", "nodata", "tbd", "k.a.", "(null)", "<na>",
}  # fmt: skip
NUMBERS = (-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0)
DAYS = {0.0: "1970-01-01", -2208988800.0: "1900-01-01", 253402214400.0: "9999-12-31"}  # in seconds since 1970
REPEATED = 5  # rows of a value at least, for it to stand for a missing one
NUMBER = re.compile(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?\s*")
MIXED = 0.02  # of the texts are numbers
FEWEST = 50  # rows of a column, to say what it names
CATEGORIES = 50
UNIQUE = 0.98
SOME = 1_000  # values that are read to see whether they are prose
WORDY = 3.0  # words on average: a text that is read, and no name of anything


def check(sample: Sample, version: DatasetVersion, profile: Profile, target: str | None) -> Iterator[Found]:
    """All that is amiss with the columns that are used for anything."""
    shapes = {one.name: one for one in profile.columns}
    used = [one for one in sample.features if one.role != "ignore"]
    yield from _missing(used, shapes, version.rows, target)
    for one in used:
        shape = shapes[one.name]
        if shape.missing == version.rows:
            continue
        constant = list(_constant(one, shape, version.rows))
        yield from constant
        disguised = list(_disguised(one))
        yield from disguised
        mixed = list(_mixed(one)) if one.texts is not None else []
        yield from mixed
        numbers = any(each.fix for each in mixed)  # with words among them, which say nothing of names
        if not constant and not numbers and one.name != target and one.role == "feature":
            yield from _identifying(one, shape, version.rows)
        if not (constant or disguised) and one.type in ("integer", "number") and one.role not in ("id", "group"):
            yield from _outliers(one, shape)


def _missing(used: list[Feature], shapes: dict[str, ColumnProfile], rows: int, target: str | None) -> Iterator[Found]:
    lacking = [one for one in used if shapes[one.name].missing]
    few = []
    for one in lacking:
        gone = shapes[one.name].missing
        if gone == rows:
            words, fix = plain(f"{said(one.name)} has no value in any row"), fixes.drop([one.name])
            yield Found("all_missing", [one.name], "high", words, f"{one.sql} IS NULL", fix, gone)
        elif one.name == target:
            words, fix = counted("the target is missing in ", ", which can teach nothing"), fixes.drop_missing(one.name)
            grave: Severity = "medium" if gone < MANY * rows else "high"
            yield Found("missing_target", [one.name], grave, words, f"{one.sql} IS NULL", fix, gone)
        elif gone >= MANY * rows:
            most = gone > MOST * rows
            words, fix = (
                counted(f"{said(one.name)} is missing in "),
                fixes.drop([one.name]) if most else fixes.fill([one]),
            )
            grave = "high" if most else "medium"
            yield Found("missing", [one.name], grave, words, f"{one.sql} IS NULL", fix, gone)
        else:
            few.append(one)
    numbers = [one for one in few if one.type in ("integer", "number")]
    for some in (numbers, [one for one in few if one not in numbers]):  # which one transform fills
        if some:
            yield _missing_in_few(some, shapes, rows)
    partly = [one for one in lacking if shapes[one.name].missing < rows and one.name != target]
    yield from _together(partly[:PATTERNS], [one for one in used if one.type == "boolean"])


def _missing_in_few(few: list[Feature], shapes: dict[str, ColumnProfile], rows: int) -> Found:
    """One warning for all numbers, or all others, that are missing now and then."""
    few = sorted(few, key=lambda one: -shapes[one.name].missing)
    gone = {one.name: shapes[one.name].missing for one in few}
    first, names, most = few[0].name, [*gone], share(shapes[few[0].name].missing, rows)
    many = f"{listed(names)} are missing now and then (at most in {most} of the rows: {said(first)})"
    words = plain(many) if len(few) > 1 else counted(f"{said(first)} is missing in ")
    where = " OR ".join(f"{one.sql} IS NULL" for one in few)
    return Found("missing_few", names, "low", words, where, fixes.fill(few), by_column=gone if len(few) > 1 else {})


def _together(lacking: list[Feature], flags: list[Feature]) -> Iterator[Found]:
    """Groups of columns that are missing in the same rows, which no flag says."""
    left = list(lacking)
    while left:
        first = left.pop(0)
        group = [first]
        for other in list(left):
            either = int((first.missing | other.missing).sum())
            if either and int((first.missing & other.missing).sum()) >= ALIKE * either:
                group.append(other)
                left.remove(other)
        said_already = any(np.array_equal(one.numbers == 1, first.missing) for one in flags if one.numbers is not None)
        if len(group) > 1 and not said_already:
            names = [one.name for one in group]
            words = counted(f"{listed(names)} are missing together, in ", ": that they are may tell something")
            where = " AND ".join(f"{one.sql} IS NULL" for one in group)
            yield Found("missing_together", names, "low", words, where, fixes.flag_missing([first.name]))


def _constant(one: Feature, shape: ColumnProfile, rows: int) -> Iterator[Found]:
    there = rows - shape.missing
    if not shape.top or rows < 2:
        return
    first, count, name = shape.top[0].value, shape.top[0].count, said(one.name)
    if shape.distinct == 1:
        more = " where it is not missing" if shape.missing else ""
        words = plain(f"{name} is {said(first)} in every row{more}")
        yield Found("constant", [one.name], "medium", words, f"{one.sql} IS NOT NULL", fixes.drop([one.name]), there)
    elif NEARLY_ALL * there <= count < there:
        words = counted(f"{name} is {said(first)} in {share(count, there)} of its rows, and another in ")
        where = f"{one.sql} <> {literal(one.coded[1][0] if one.texts is not None else first)}"
        yield Found("almost_constant", [one.name], "low", words, where, fixes.drop([one.name]))


def _disguised(one: Feature) -> Iterator[Found]:
    """Values that probably stand for a missing one."""
    found: list[str] = []
    if one.texts is not None:
        found = [key for key in one.coded[1] if key.strip().casefold() in WORDS]
        found = found if len(found) < len(one.coded[1]) else []
    elif one.type in ("integer", "number"):
        found = [literal(value) for value in _sentinels(one.numbers)]
    elif one.numbers is not None and one.type in ("date", "datetime"):
        found = [day for seconds, day in DAYS.items() if _stands_out(one.numbers, seconds)]
    if found:
        fix = fixes.blank([one.name], found)
        words = counted(
            f"{said(one.name)} is {fixes.shown(found)} in ", ", which looks like a word for a missing value"
        )
        values = found if one.type in ("integer", "number") else map(literal, found)
        yield Found("disguised_missing", [one.name], "medium", words, f"{one.sql} IN ({', '.join(values)})", fix)


def _sentinels(numbers: Floats | None) -> list[float]:
    known = numbers[~np.isnan(numbers)] if numbers is not None else np.zeros(0)
    return [value for value in NUMBERS if _stands_out(known, value)]


def _stands_out(numbers: Floats, value: float) -> bool:
    """Whether a value is repeated at the very end of the others, and apart from them.

    Apart: farther from its neighbour than the middle half of the others is wide; a -1 below numbers that have no sign
    need only be commoner than its neighbour.
    """
    same = numbers == value
    count, others = int(same.sum()), numbers[~same & ~np.isnan(numbers)]
    if count < REPEATED or len(others) < REPEATED * 4 or len(np.unique(others)) < 4:
        return False
    low, high = others.min(), others.max()
    if low < value < high:
        return False
    nearest = low if value < low else high
    if value == -1.0 and low >= 0:
        return count > int((others == nearest).sum()) or nearest > 0
    quarter, three = np.quantile(others, [0.25, 0.75])
    return bool(abs(nearest - value) > max(three - quarter, np.finfo(float).tiny))


def _mixed(one: Feature) -> Iterator[Found]:
    codes, keys = one.coded
    if not keys:
        return
    counts = np.bincount(codes[codes >= 0], minlength=len(keys))
    numeric = np.array([bool(NUMBER.fullmatch(key)) for key in keys])
    part = counts[numeric].sum() / counts.sum()
    if not MIXED <= part < 1 or counts[~numeric].sum() < 2:
        return
    mostly = part > 0.5
    examples = listed(repr(keys[place]) for place in np.flatnonzero(~numeric if mostly else numeric)[:3])
    known = all(key.strip().casefold() in WORDS for key, each in zip(keys, numeric, strict=True) if not each)
    what = "are no numbers" if mostly else "are numbers"
    words = counted(f"{said(one.name)} holds numbers and words: ", f" {what}, such as {examples}")
    where = f"{one.sql} IS NOT NULL AND TRY_CAST({one.sql} AS DOUBLE) IS {'' if mostly else 'NOT '}NULL"
    grave: Severity = "medium" if mostly and not known else "low"
    yield Found("mixed_types", [one.name], grave, words, where, fixes.to_number([one.name]) if mostly else None)


def names_rows(one: Feature, distinct: int, there: int) -> bool:
    """Whether a column is an id, by its role, or as it is another in nearly every row and no measurement or prose.
    there: rows that have it."""
    if one.role == "id":
        return True
    if one.role != "feature" or there < FEWEST or distinct < UNIQUE * there:
        return False
    return not _is_read(one) if one.texts is not None else one.type == "integer" and _is_counter(one)


def _identifying(one: Feature, shape: ColumnProfile, rows: int) -> Iterator[Found]:
    there = rows - shape.missing
    if there < FEWEST or (one.texts is not None and _is_read(one)):
        return
    name, distinct = said(one.name), f"{shape.distinct:,}"
    if names_rows(one, shape.distinct, there):
        words = plain(
            f"{name} is different in nearly every row ({distinct} values in {there:,} rows): it names the row"
        )
        yield Found("identifier", [one.name], "low", words, f"{one.sql} IS NOT NULL", fixes.drop([one.name]), there)
    elif one.texts is not None and shape.distinct > CATEGORIES:
        times = there / shape.distinct
        words = plain(f"{name} has {distinct} different values, each in {times:,.1f} rows on average")
        yield Found(
            "high_cardinality", [one.name], "low", words, f"{one.sql} IS NOT NULL", fixes.encode([one.name]), there
        )


def _is_read(one: Feature) -> bool:
    """Whether a text has words that are read, and is no name of anything."""
    keys = one.coded[1][:SOME]
    return bool(keys) and float(np.mean([len(key.split()) for key in keys])) >= WORDY


def _is_counter(one: Feature) -> bool:
    """Whether whole numbers count the rows, or are called an id."""
    assert one.numbers is not None
    known = one.numbers[~np.isnan(one.numbers)]
    named = re.search(r"(^|_|\b)(id|key|uuid|index|idx|row|no|nr|number)$|Id$|ID$", one.name)
    return bool(named) or bool(len(known) > 2 and (np.diff(known) > 0).all())


def _outliers(one: Feature, shape: ColumnProfile) -> Iterator[Found]:
    edges = [shape.quantiles.get(name) for name in ("0.05", "0.5", "0.95")]
    if any(not isinstance(edge, int | float) for edge in edges) or shape.distinct < 10:
        return
    low, middle, high = (float(edge) for edge in edges if edge is not None)
    if low == high:
        return
    below = float(f"{low - fixes.FAR * ((middle - low) or (high - middle)):.4g}")
    above = float(f"{high + fixes.FAR * ((high - middle) or (middle - low)):.4g}")
    sides = [f"{one.sql} < {literal(below)}"] * (shape.min < below) + [f"{one.sql} > {literal(above)}"] * (
        shape.max > above
    )
    if not sides:
        return
    farthest = shape.max if shape.max - above >= below - shape.min else shape.min
    usual = f", up to {number(farthest)}, while nine rows in ten lie between {number(low)} and {number(high)}"
    fix = fixes.clip(one.name, below if shape.min < below else None, above if shape.max > above else None)
    words = counted(f"{said(one.name)} has far outliers in ", usual)
    yield Found("outliers", [one.name], "low", words, " OR ".join(sides), fix)
