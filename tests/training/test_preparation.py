import datetime

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from tests.training.conftest import FEATURES, table

from cupola.errors import BadInput
from cupola.training.preparation import STYLES, Dates, Preparation, categories, moments, numbers


def prepared(column: list[object], kind: str, style: str = "scaled", dtype: str | None = None) -> Preparation:
    return Preparation([("x", kind)], style).fit(pd.DataFrame({"x": pd.Series(column, dtype=dtype)}))


def applied(preparation: Preparation, column: list[object], dtype: str | None = None) -> list[list[float]]:
    return preparation.transform(pd.DataFrame({"x": pd.Series(column, dtype=dtype)})).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("style", STYLES)
def test_every_style_gives_a_matrix_with_a_name_for_each_column(style: str) -> None:
    frame = table()
    preparation = Preparation(FEATURES, style)
    matrix = preparation.fit_transform(frame)
    assert matrix.dtype == np.float64
    assert matrix.shape == (len(frame), len(preparation.get_feature_names_out()))
    assert np.isnan(matrix).any() == (style in ("trees", "native"))
    assert len(preparation.categorical_) == matrix.shape[1]
    assert len(preparation.sizes_) >= len(preparation.encoders_)


@pytest.mark.parametrize("style", STYLES)
def test_one_row_is_prepared_as_it_is_among_many(style: str) -> None:
    frame = table()
    preparation = Preparation(FEATURES, style).fit(frame)
    whole = preparation.transform(frame)
    for row in (0, 4, 5, 299):
        assert np.array_equal(preparation.transform(frame.iloc[[row]])[0], whole[row], equal_nan=True)


def test_numbers_are_filled_flagged_and_scaled() -> None:
    matrix = prepared([1.0, 3.0, None, 5.0], "number").transform(pd.DataFrame({"x": [1.0, 3.0, None, 5.0]}))
    expected = StandardScaler().fit_transform([[1.0], [3.0], [3.0], [5.0]])[:, 0]
    assert np.allclose(matrix[:, 0], expected)
    assert matrix[:, 1].tolist() == [0, 0, 1, 0]


def test_trees_get_numbers_as_they_are() -> None:
    assert np.array_equal(
        applied(prepared([1, 2, None], "number", "trees"), [7, None]), [[7], [np.nan]], equal_nan=True
    )


def test_positive_numbers_stay_between_nothing_and_one_whatever_comes() -> None:
    assert applied(prepared([10, 20], "number", "positive"), [0, 15, 99]) == [[0.0], [0.5], [1.0]]


def test_infinite_values_count_as_missing_and_are_noted() -> None:
    preparation = prepared([1.0, np.inf, 3.0, -np.inf], "number")
    assert preparation.notes_ == ["x: 2 infinite values count as missing"]
    assert np.isfinite(applied(preparation, [np.inf, 1e308])).all()


def test_unknown_rare_and_missing_categories_have_their_places() -> None:
    preparation = prepared(["a", "a", "b", None], "category")
    assert preparation.get_feature_names_out().tolist() == ["x=a", "x=b", "x=(missing)"]
    assert applied(preparation, ["a", "never seen", None]) == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_of_many_categories_the_commonest_are_told_apart() -> None:
    values = [f"v{one}" for one in range(60) for _ in range(one + 1)]
    preparation = prepared(values, "category")
    names = preparation.get_feature_names_out().tolist()
    assert len(names) == 51
    assert names[0] == "x=v59"
    assert names[-1] == "x=(other)"
    assert applied(preparation, ["v0"])[0][-1] == applied(preparation, ["new"])[0][-1] == 1
    assert "50 commonest of 60" in preparation.notes_[0]


def test_codes_for_boosted_trees_leave_the_unknown_missing() -> None:
    preparation = prepared(["a", "a", "b", "c"], "category", "native")
    assert preparation.categorical_ == [True]
    assert np.array_equal(applied(preparation, ["a", "c", "?", None]), [[0], [2], [np.nan], [np.nan]], equal_nan=True)


def test_a_category_is_the_same_as_integer_float_and_text() -> None:
    keys = [categories(pd.Series(one))[0].tolist() for one in ([1, 2], [1.0, 2.0, None], ["1", "2"])]
    assert keys == [["1", "2"]] * 3
    both = categories(pd.Series(["b", None, "a", "b"], dtype="category"))
    assert both[0].tolist() == ["a", "b"]
    assert both[1].tolist() == [1, -1, 0, 1]


def test_dates_are_split_as_pandas_would() -> None:
    column = pd.Series(pd.date_range("1890-01-01 03:17", periods=4000, freq="9h17min"))
    encoder = Dates(moments("x", column), "trees")
    parts = encoder._parts(moments("x", column), encoder.PARTS)
    for name in ("year", "month", "day", "hour"):
        assert (parts[name] == getattr(column.dt, name)).all()
    assert (parts["weekday"] == column.dt.day_of_week).all()
    assert np.allclose(parts["days"], (column - column.min()) / pd.Timedelta(days=1))


def test_parts_of_dates_that_never_vary_are_left_out() -> None:
    preparation = prepared([datetime.date(2020, 5, day) for day in (1, 2, 3, 9)], "date", "trees")
    assert preparation.get_feature_names_out().tolist() == ["x.day", "x.weekday", "x.days"]


def test_dates_with_a_zone_are_taken_in_utc() -> None:
    assert moments("x", pd.Series(["2013-01-02T03:00:00+02:00"]))[0] == np.datetime64("2013-01-02T01:00")
    aware = pd.Series(pd.to_datetime(["2013-01-02T03:00:00+02:00"]))
    assert moments("x", aware)[0] == np.datetime64("2013-01-02T01:00")
    assert np.isnat(moments("x", pd.Series([datetime.date(2013, 1, 1), None]))[1])


@pytest.mark.parametrize(
    ("column", "kind", "why"),
    [
        ([None, None, None], "number", "has no values"),
        ([3, 3, 3], "integer", "is always the same"),
        (["a", "a", "a"], "category", "is always the same"),
        ([f"id{one}" for one in range(300)], "category", "is different in nearly every row"),
        ([np.inf, -np.inf, np.inf], "number", "has no finite values"),
        ([datetime.date(2020, 1, 1)] * 3, "date", "is always the same"),
    ],
)
def test_columns_that_carry_nothing_are_left_out_with_the_reason(column: list[object], kind: str, why: str) -> None:
    frame = pd.DataFrame({"x": column, "y": range(len(column))})
    for style in STYLES:
        preparation = Preparation([("x", kind), ("y", "integer")], style).fit(frame)
        assert preparation.left_out_ == {"x": why}
    with pytest.raises(BadInput, match="no column is left to learn from: x"):
        Preparation([("x", kind)]).fit(frame)


def test_texts_of_numbers_and_booleans_are_read_and_others_refused() -> None:
    assert np.array_equal(numbers("x", pd.Series(["1", " 2.5 ", None, "true"])), [1, 2.5, np.nan, 1], equal_nan=True)
    assert numbers("x", pd.Series([True, None, False], dtype=object))[0] == 1
    with pytest.raises(BadInput, match="'x' has a value that is not a number: 'abc'"):
        numbers("x", pd.Series(["1", "abc"]))
    with pytest.raises(BadInput, match="'x' has a value that is not a date: 'abc'"):
        moments("x", pd.Series(["2013-01-01", "abc"]))
    with pytest.raises(BadInput, match="'amount' is missing"):
        Preparation(FEATURES).fit(table()).transform(table().drop(columns="amount"))


@pytest.mark.parametrize("style", STYLES)
def test_saved_by_skops_and_read_back_it_gives_the_same_to_the_last_bit(style: str) -> None:
    frame = table()
    preparation = Preparation(FEATURES, style).fit(frame)
    data = skops.io.dumps(preparation)
    types = skops.io.get_untrusted_types(data=data)
    assert all(one.startswith("cupola.training.preparation.") for one in types)
    again = skops.io.loads(data, trusted=types)
    assert np.array_equal(again.transform(frame), preparation.transform(frame), equal_nan=True)


def test_it_can_be_cloned_as_scikit_learn_does() -> None:
    preparation = Preparation(FEATURES, "native", limit=10)
    assert clone(preparation).get_params() == preparation.get_params()
