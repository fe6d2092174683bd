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
    assert np.isnan(matrix).any() == (style == "trees")
    if style == "binned":
        assert len(preparation.sizes_) == matrix.shape[1]


@pytest.mark.parametrize("style", STYLES)
def test_one_row_is_prepared_as_it_is_among_many(style: str) -> None:
    frame = table()
    frame["words"] = [f"some words about {one % 7} and {one % 5}" for one in range(len(frame))]
    frame["place"] = [f"p{one % 80}" for one in range(len(frame))]
    preparation = Preparation([*FEATURES, ("words", "text"), ("place", "text")], style)
    preparation.fit(frame, frame[["value"]].to_numpy())
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
    assert preparation.notes_ == ["warning: x: 2 infinite values count as missing"]
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


def learnt(values: list[float]) -> np.ndarray:
    return np.array(values).reshape(-1, 1)


def test_of_very_many_categories_each_counts_by_what_it_goes_with() -> None:
    """Values are drawn to the mean of all where rows are few, and unknown ones are at it."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 100, 3000)
    effects = random.normal(size=100)
    column = pd.DataFrame({"x": [f"v{one}" for one in codes]})
    target = learnt(list(effects[codes] + random.normal(size=3000) * 0.1 + 5))
    for style in ("trees", "scaled"):
        preparation = Preparation([("x", "category")], style).fit(column, target)
        assert preparation.get_feature_names_out().tolist() == ["x.effect"]
        found = preparation.transform(pd.DataFrame({"x": [f"v{one}" for one in range(100)] + ["never seen"]}))[:, 0]
        assert np.corrcoef(found[:100], effects)[0, 1] > 0.999
        assert found[100] == 0


def test_categories_that_go_with_nothing_count_for_nothing() -> None:
    random = np.random.default_rng(0)
    column = pd.DataFrame({"x": [f"v{one}" for one in random.integers(0, 300, 3000)]})
    preparation = Preparation([("x", "category")], "trees")
    noise = learnt(list(random.normal(size=3000)))
    assert np.abs(preparation.fit(column, noise).transform(column)).max() < 0.2


def test_no_row_of_training_sees_its_own_target() -> None:
    random = np.random.default_rng(0)
    column = pd.DataFrame({"x": [f"v{one}" for one in random.integers(0, 100, 400)]})
    target = learnt(list(random.normal(size=400)))
    other = target.copy()
    other[7] += 1000
    one, two = (Preparation([("x", "category")], "trees").fit_transform(column, each) for each in (target, other))
    assert one[7, 0] == two[7, 0]


def test_prose_is_hashed_n_grams_and_names_are_not() -> None:
    texts = ["the door is broken", "the door is fine", None, "all is fine today", ""]
    preparation = prepared(texts, "text", "scaled")
    names = preparation.get_feature_names_out().tolist()
    assert names[-2:] == ["x.length", "x=missing"]
    assert all(one.startswith("x#") for one in names[:-2])
    matrix = preparation.transform(pd.DataFrame({"x": texts}))
    assert np.allclose((matrix[[0, 1, 3], :-2] ** 2).sum(axis=1), 1)
    assert not matrix[[2, 4], :-2].any() and matrix[:, -1].tolist() == [0, 0, 1, 0, 0]
    assert (matrix[0] @ matrix[1]) > (matrix[0] @ matrix[3])
    assert np.isfinite(applied(preparation, ["words that nobody has seen"])).all()
    assert prepared(["a1", "b2", "a1", "b2"], "text").get_feature_names_out().tolist() == ["x=a1", "x=b2"]


def test_a_category_is_the_same_as_integer_float_and_text() -> None:
    keys = [categories(pd.Series(one))[0].tolist() for one in ([1, 2], [1.0, 2.0, None], ["1", "2"])]
    assert keys == [["1", "2"]] * 3
    both = categories(pd.Series(["b", None, "a", "b"], dtype="category"))
    assert both[0].tolist() == ["a", "b"]
    assert both[1].tolist() == [1, -1, 0, 1]


def test_texts_that_differ_in_a_last_nul_are_two_categories() -> None:
    keys, codes = categories(pd.Series(["a", "a\0", None, "a"]))
    assert (keys.tolist(), codes.tolist()) == (["a", "a\0"], [0, 1, -1, 0])


def test_dates_are_split_as_pandas_would() -> None:
    column = pd.Series(pd.date_range("1890-01-01 03:17", periods=4000, freq="9h17min"))
    encoder = Dates(moments("x", column), "trees")
    parts = encoder._parts(moments("x", column), encoder.PARTS)
    for name in ("year", "month", "day", "hour"):
        assert (parts[name] == getattr(column.dt, name)).all()
    assert (parts["weekday"] == column.dt.day_of_week).all()
    assert np.allclose(parts["days"], (column - column.min()) / pd.Timedelta(days=1))


@pytest.mark.filterwarnings("error")
def test_a_missing_date_has_no_part_and_is_no_warning() -> None:
    values = np.array(["2020-05-01T23:59", "NaT"], dtype="datetime64[ns]")
    parts = Dates(values, "trees")._parts(values, Dates.PARTS)
    assert parts["hour"][0] == 23 and all(np.isnan(part[1]) for part in parts.values())


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
    frame["words"] = [f"some words about {one % 7} and {one % 5}" for one in range(len(frame))]
    frame["place"] = [f"p{one % 80}" for one in range(len(frame))]
    preparation = Preparation([*FEATURES, ("words", "text"), ("place", "text")], style)
    preparation.fit(frame, frame[["value"]].to_numpy())
    data = skops.io.dumps(preparation)
    types = skops.io.get_untrusted_types(data=data)
    assert all(one.startswith("cupola.training.") for one in types)
    again = skops.io.loads(data, trusted=types)
    assert np.array_equal(again.transform(frame), preparation.transform(frame), equal_nan=True)


def test_it_can_be_cloned_as_scikit_learn_does() -> None:
    preparation = Preparation(FEATURES, "trees")
    assert clone(preparation).get_params() == preparation.get_params()
