"""Values as they come made into the types that a model was fitted on."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cupola.errors import BadInput
from cupola.registry.signature import Signature, SignatureColumn, Writing
from cupola.runtimes.frames import Frames
from cupola.runtimes.tables import Table


def column(values: list[Any], type: str, dtype: str) -> "pd.Series[Any]":
    signature = Signature(columns=[SignatureColumn(name="x", type=type, dtype=dtype)])
    return Frames(signature).frame(Table(["x"], [values], len(values)))["x"]


@pytest.mark.parametrize(
    ("values", "type", "dtype", "expected"),
    [
        ([1, 2], "integer", "int64", pd.Series([1, 2])),
        (["1", " 2 "], "integer", "int64", pd.Series([1, 2])),
        ([1, None], "integer", "int64", pd.Series([1.0, np.nan])),
        ([1, 2], "integer", "float64", pd.Series([1.0, 2.0])),
        ([1, 300], "integer", "int8", pd.Series([1.0, 300.0])),
        ([2**60 + 1], "integer", "int64", pd.Series([2**60 + 1])),
        ([1.5, 2], "number", "float64", pd.Series([1.5, 2.0])),
        ([0.1], "number", "float32", pd.Series([0.1], dtype="float32")),
        (["1e-3", "", None, "nan"], "number", "float64", pd.Series([1e-3, np.nan, np.nan, np.nan])),
        ([True, "no", 1], "boolean", "bool", pd.Series([True, False, True])),
        ([True, None], "boolean", "object", pd.Series([True, None], dtype=object)),
        (["a", None, 5, 2.5], "category", "str", pd.Series(["a", None, "5", "2.5"], dtype="str")),
        (["a", None], "text", "object", pd.Series(["a", None], dtype=object)),
        ([10**400], "text", "object", pd.Series([str(10**400)], dtype=object)),
        ([7, None], "category", "int64", pd.Series([7.0, np.nan])),
        ([2**60 + 1, None, "3.5"], "category", "int64", pd.Series([2**60 + 1, None, 3.5], dtype=object)),
        (["2013-01-31", None], "date", "object", pd.Series([datetime.date(2013, 1, 31), None], dtype=object)),
        (
            ["2013-02", "2013Q1", "Mar 2013"],
            "date",
            "object",
            pd.Series([datetime.date(2013, month, 1) for month in (2, 1, 3)], dtype=object),
        ),
        (
            ["2013-01-31T06:00:00", "2013-01-31 06:00", "2013-01-31T07:00+01:00", None],
            "datetime",
            "datetime64[us]",
            pd.Series([*[datetime.datetime(2013, 1, 31, 6)] * 3, None], dtype="datetime64[us]"),
        ),
        (
            ["2013-01-31T06:00:00Z", None],
            "datetime",
            "datetime64[us, Europe/Berlin]",
            pd.Series(["2013-01-31T06:00:00Z", None], dtype="datetime64[us, UTC]").dt.tz_convert("Europe/Berlin"),
        ),
    ],
)
def test_each_type_as_it_was_in_training(values: list[Any], type: str, dtype: str, expected: "pd.Series[Any]") -> None:
    pd.testing.assert_series_equal(column(values, type, dtype), expected, check_names=False)


@pytest.mark.parametrize(
    ("values", "type", "dtype", "says"),
    [
        ([1, "x"], "number", "float64", "row 2, column 'x': 'x' is not a number"),
        (["1_000"], "number", "float64", "is not a number"),
        ([[1]], "number", "float64", "a list is not a number"),
        ([2], "boolean", "bool", "2 is not true or false"),
        ([20130131], "date", "object", "20130131 is not a date; write it as in 2013-01-31"),
        (["31/01/2013"], "datetime", "datetime64[us]", "is not a time"),
        ([{"a": 1}], "text", "str", "an object is not a text"),
        (["y" * 1000], "number", "float64", "yyy... is not a number"),
    ],
)
def test_a_value_that_does_not_fit_names_row_and_column(values: list[Any], type: str, dtype: str, says: str) -> None:
    with pytest.raises(BadInput) as wrong:
        column(values, type, dtype)
    assert says in str(wrong.value)


def test_values_as_the_source_wrote_them() -> None:
    columns = [SignatureColumn(name=name, type="number", dtype="float64") for name in ("price", "share")]
    columns.append(SignatureColumn(name="kind", type="text", dtype="str"))
    writing = Writing(delimiter=";", commas=True, thousands=["price"], missing=["?", "none"])
    table = Table(None, [["1.234,50", "1.234", "?"], ["0,5", "1.5", 2], ["?", "none", "a"]], 3)
    found = Frames(Signature(columns=columns, writing=writing)).frame(table)
    assert found["price"].tolist()[:2] == [1234.5, 1234.0] and found["share"].tolist() == [0.5, 1.5, 2.0]
    assert found["price"].isna().tolist() == [False, False, True]
    assert found["kind"].isna().tolist() == [True, True, False]
