"""A condition in SQL selects the rows that the search language does."""

from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cupola.datasets import filtering
from cupola.errors import BadFilter
from cupola.search import evaluating
from cupola.search.fields import Fields

TYPES = {"delay": "number", "hour": "integer", "late": "boolean", "carrier": "category", "note": "text", "day": "date"}
ROWS: list[dict[str, Any]] = [
    {"delay": 2.5, "hour": 5, "late": True, "carrier": "UA", "note": "to Boston", "day": "2013-01-31"},
    {"delay": -3.0, "hour": 17, "late": False, "carrier": "b6", "note": "", "day": "2013-02-01"},
    {"delay": None, "hour": None, "late": None, "carrier": None, "note": None, "day": None},
    {"delay": 100.0, "hour": 0, "late": True, "carrier": "it's", "note": "12", "day": "2012-12-31"},
    {"delay": 12.0, "hour": 12, "late": False, "carrier": "none", "note": "100% ua", "day": "2013-02-28"},
]
MOMENTS = ("day",)


def kept(text: str) -> list[int]:
    """The rows that the condition is true of."""
    table = pa.Table.from_pylist(ROWS)
    table = table.set_column(5, "day", table.column("day").cast(pa.date32()))
    with duckdb.connect(":memory:") as connection:
        connection.register("rows", table.append_column("place", pa.array(range(len(ROWS)))))
        condition = filtering.where(text, TYPES) or "true"
        return [place for (place,) in connection.sql(f"SELECT place FROM rows WHERE {condition} ORDER BY 1").fetchall()]


def wanted(text: str) -> list[int]:
    test = evaluating.compiled(text, Fields(ROWS))
    return [place for place, row in enumerate(ROWS) if test(row)]


values = some.sampled_from(["2.5", "12", "0", "-3", "UA", "ua", '"it\'s"', "true", "none", '""', "100", '"12"'])
names = some.sampled_from([name for name in TYPES if name not in MOMENTS])
parts = some.one_of(
    some.builds("{} {} {}".format, names, some.sampled_from(["=", "!=", "<", ">="]), values),
    some.builds("{} exists".format, names),
    some.builds("{} in ({}, {})".format, names, values, values),
    some.builds("{} contains {}".format, some.sampled_from(["carrier", "note"]), values),
)
queries = some.recursive(
    parts,
    lambda inner: some.one_of(
        some.builds("not ({})".format, inner),
        some.builds("({}) {} ({})".format, inner, some.sampled_from(["and", "or"]), inner),
    ),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(queries)
def test_a_condition_is_true_of_the_rows_that_the_query_is_true_of(text: str) -> None:
    assert kept(text) == wanted(text)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("ua", [0, 4]),
        ("12", [3, 4]),
        ("2013-02", [1, 4]),
        ("day = 2013-02", [1, 4]),
        ("day >= 2013", [0, 1, 4]),
        ("day = 2013-99", []),
        ("day != 2013", [2, 3]),
        ("carr = UA", [0]),
        ("not delay exists", [2]),
    ],
)
def test_words_and_dates_are_looked_for_as_people_mean_them(text: str, places: list[int]) -> None:
    assert kept(text) == places


def test_what_is_wrong_is_pointed_at() -> None:
    with pytest.raises(BadFilter, match=r"no column 'delai', at character 10") as caught:
        filtering.where("late and delai > 3", TYPES)
    assert caught.value.at == 9 and "delay" in str(caught.value.hint)


def test_names_and_texts_cannot_leave_their_quotation_marks() -> None:
    types = {'a" OR true --': "text"}
    condition = filtering.where('"a\\" OR true --" = "x\' OR true --"', types)
    assert condition == "coalesce(\"a\"\" OR true --\" = 'x'' OR true --', false)"
