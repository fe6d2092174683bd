"""Rows to try a model on beyond its sample: missing and unseen values, extremes, and what stands on the very edges."""

import datetime
import math
import random
from typing import Any

from cupola.registry.signature import SignatureColumn
from cupola.runtimes.columns import EPOCH, is_boolean, is_numeric
from cupola.runtimes.program import (
    Encoder,
    Lookup,
    Median,
    Moment,
    Number,
    Program,
    Prose,
    Scorer,
    Several,
    Stacked,
    Together,
    Trees,
)
from cupola.runtimes.tables import Table

ROWS = 400
EDGES = 24  # thresholds of one column
EXTREMES = [0, -0.0, 1, -1, 0.5, 3.0, 1e-300, -1e300, 1.7e308, 2**53 + 1, -(2**63), 16777217, 1e16]
WHOLE = [0, 1, -1, 2, 7, 100, -3, 10**15, -(2**53), 2**53 + 1, "12", 4.0, 2.5]
TEXTS = ["", " ", "never seen", "NaN", "None", "0", "1.0", "☃ snow", "a" * 300]
MOMENTS = [
    "1900-01-01", "1969-12-31T23:59:59.999999", "1970-01-01", "2000-02-29", "2024-12-31T23:00:00",
    "2100-03-01T12:30:00", "2013-06-01T00:00:00+02:00",
]  # fmt: skip
WORDS = ["", "one", "the quick brown fox", "Ünïcode and 数字 words", "x " * 50, "the the the"]


def rows(program: Program, count: int = ROWS) -> list[dict[str, Any]]:
    """The rows of the sample, each column of which is as likely as not replaced by something else. Always the same."""
    drawn = random.Random(20)
    pools = _pools(program)
    base = program.sample or [dict.fromkeys(pools)]
    return [
        {name: drawn.choice(pools[name]) if drawn.random() < 0.5 else one.get(name) for name in pools}
        for one in (base[place % len(base)] for place in range(count))
    ]


def table(found: list[dict[str, Any]], names: list[str]) -> Table:
    """Rows as a table."""
    return Table(names, [[row.get(name) for row in found] for name in names], len(found))


def _pools(program: Program) -> dict[str, list[Any]]:
    if program.before:
        return {
            one.name: [row[one.name] for row in program.sample if one.name in row] + [None, *_raw(one)]
            for one in program.signature.columns
        }
    edges = _edges(program)
    return {
        column.name: [row[column.name] for row in program.sample if column.name in row]
        + [None, *_pool(column, encoder, edges.get(place, []))]
        for place, (column, encoder) in enumerate(zip(program.signature.columns, program.encoders, strict=True))
    }


def _pool(column: SignatureColumn, encoder: Encoder, edges: list[float]) -> list[Any]:
    if is_boolean(column):
        return [True, False, 0, 1, "true", "No"]
    if isinstance(encoder, Several):
        return [value for part in encoder.parts for value in _pool(column, part, edges)]
    if isinstance(encoder, Number):
        return [*EXTREMES, "12", "-1.5e3", *_around([*edges, *(encoder.edges or [])])]
    if isinstance(encoder, Moment):
        start = EPOCH + datetime.timedelta(microseconds=encoder.start)
        return [*MOMENTS, start.isoformat(), (start + datetime.timedelta(days=400, hours=7)).isoformat()]
    if isinstance(encoder, Lookup):
        kept = [*encoder.known][:60]
        return [*filter(_is_number, kept), 4, -3, 2.5, 10**15] if is_numeric(column) else [*kept, *TEXTS, 5, 2.0, True]
    assert isinstance(encoder, Prose)
    return WORDS


def _raw(column: SignatureColumn) -> list[Any]:
    """Values of a column that a flow takes, of which it is not known what becomes of them."""
    if is_boolean(column):
        return [True, False, 0, 1, "true", "No"]
    if column.type == "integer":
        return [*WHOLE, *(column.categories or [])]
    if is_numeric(column):
        return [*EXTREMES, "12", "-1.5e3", 4, -3, 2.5, 10**15, *(column.categories or [])]
    if column.type in ("date", "datetime"):
        return MOMENTS
    return [*(column.categories or []), *TEXTS, *WORDS, 5, 2.0, True]


def _edges(program: Program) -> dict[int, list[float]]:
    """Where the trees part the rows, by column: as the numbers stood before they were scaled."""
    thresholds = _thresholds(program.scorer)
    found: dict[int, list[float]] = {}
    at = 0
    for place, encoder in enumerate(program.encoders):
        for part in encoder.parts if isinstance(encoder, Several) else [encoder]:
            if isinstance(part, Number) and part.edges is None:
                edges = [one * part.scale + part.center for one in thresholds.get(at, [])]
                found.setdefault(place, []).extend(edges)
            at += width(part)
    return found


def _thresholds(scorer: Scorer) -> dict[int, list[float]]:
    """Some of the values at which trees part the rows, by number of the row."""
    if isinstance(scorer, Trees):
        from cupola.runtimes import trees

        return trees.thresholds(scorer, EDGES)
    if isinstance(scorer, Stacked):
        return _thresholds(scorer.below)
    found: dict[int, list[float]] = {}
    for member in scorer.members if isinstance(scorer, Together | Median) else []:
        for number, several in _thresholds(member.scorer).items():
            place = number if member.numbers is None else member.numbers[number]
            known = found.setdefault(place, [])
            known += several[: EDGES - len(known)]
    return found


def width(encoder: Encoder) -> int:
    """How many numbers an encoder makes of a value."""
    if isinstance(encoder, Number):
        return 1 + encoder.flag
    if isinstance(encoder, Lookup):
        return len(encoder.other)
    if isinstance(encoder, Moment):
        return sum(map(width, encoder.parts.values()))
    if isinstance(encoder, Several):
        return sum(map(width, encoder.parts))
    return len(encoder.kept) + (not encoder.positive) + encoder.flag


def _around(edges: list[float]) -> list[float]:
    near = [(math.nextafter(one, -math.inf), one, math.nextafter(one, math.inf)) for one in edges if math.isfinite(one)]
    return [value for several in near for value in several]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
