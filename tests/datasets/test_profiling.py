"""The profile says of a column what pandas says of it."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cupola.datasets import profiling
from cupola.datasets.profiling import is_category
from cupola.datasets.records import ColumnProfile


def of(tmp_path: Path, **columns: object) -> list[ColumnProfile]:
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    return profiling.profile(tmp_path / "data.parquet", {}, lambda _: None).columns


@pytest.mark.parametrize("exact", [True, False])
def test_numbers_agree_with_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: bool) -> None:
    if not exact:
        monkeypatch.setattr(profiling, "EXACT_ROWS", 0)
    values = pd.Series(np.random.default_rng(0).lognormal(size=5000)).where(lambda x: x < 5)
    (one,) = of(tmp_path, x=pa.array(values, from_pandas=True))
    assert (one.missing, one.min, one.max, one.exact) == (values.isna().sum(), values.min(), values.max(), exact)
    assert one.mean == pytest.approx(values.mean()) and one.std == pytest.approx(values.std())
    for q in profiling.QUANTILES:
        assert one.quantiles[str(q)] == pytest.approx(values.quantile(q), rel=1e-9 if exact else 0.05)
    assert one.distinct == values.nunique()
    counts, _ = np.histogram(values.dropna(), one.histogram.edges if one.histogram else [])
    assert one.histogram and one.histogram.counts == counts.tolist() and sum(counts) == values.count()


@pytest.mark.parametrize("exact", [True, False])
def test_frequent_values_are_counted_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: bool) -> None:
    if not exact:
        monkeypatch.setattr(profiling, "EXACT_ROWS", 0)
        monkeypatch.setattr(profiling, "EXACT_DISTINCT", 5)
    words = ["x"] * 500 + ["it's"] * 300 + [None] * 7 + [f"rare{number}" for number in range(60)]
    (one,) = of(tmp_path, w=words)
    assert [(bar.value, bar.count) for bar in one.top[:2]] == [("x", 500), ("it's", 300)]
    assert one.missing == 7 and (one.distinct == 62 or not exact)


def test_whole_numbers_and_dates_have_bins_between_values(tmp_path: Path) -> None:
    day, stamp = date(2020, 1, 1), datetime(2020, 1, 1, 12)
    n, d, t = of(tmp_path, n=[1, 2, 2, 4], d=[day, day, None, date(2020, 1, 3)], t=[stamp] * 4)
    assert n.histogram and (n.histogram.edges, n.histogram.counts) == ([1, 2, 3, 4, 5], [1, 2, 0, 1])
    assert d.histogram and d.histogram.edges == ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]
    assert (d.histogram.counts, d.min, d.max, d.mean) == ([2, 0, 1], "2020-01-01", "2020-01-03", None)
    assert (t.min, t.quantiles["0.5"]) == ("2020-01-01T12:00:00", "2020-01-01T12:00:00")
    assert t.histogram and t.histogram.counts == [4]


def test_odd_columns_have_a_profile_too(tmp_path: Path) -> None:
    nothing, huge, constant, flag = of(
        tmp_path,
        nothing=pa.nulls(3, pa.int64()),
        huge=[-1.7e308, 1.7e308, 0.0],
        constant=[7, 7, 7],
        flag=[True, False, None],
    )
    assert (nothing.missing, nothing.distinct, nothing.min, nothing.histogram) == (3, 0, None, None)
    assert huge.histogram and sum(huge.histogram.counts) == 3 and huge.std is not None
    assert constant.histogram and constant.histogram.counts == [3] and constant.std == 0
    assert [(bar.value, bar.count) for bar in flag.top] == [(False, 1), (True, 1)]


def test_integers_at_the_ends_of_64_bits(tmp_path: Path) -> None:
    (one,) = of(tmp_path, x=[-(2**63), 0, 2**63 - 1])
    assert (one.min, one.max) == (-(2**63), 2**63 - 1)
    assert one.histogram and sum(one.histogram.counts) == 3


def test_names_of_columns_are_no_sql(tmp_path: Path) -> None:
    (one,) = of(tmp_path, **{'a"; DROP TABLE t; --': [1, 2]})
    assert one.distinct == 2


@pytest.mark.parametrize(
    ("distinct", "values", "category"),
    [
        (3, 3, True),
        (20, 20, True),
        (21, 21, False),
        (50, 51, True),
        (51, 100, False),
        (99, 2000, True),
        (1001, 10**6, False),
    ],
)
def test_which_texts_are_categories(distinct: int, values: int, category: bool) -> None:
    assert is_category(distinct, values) is category


def test_a_table_that_holds_nothing_but_missing_values(tmp_path: Path) -> None:
    (one,) = of(tmp_path, x=pa.array([None, None], pa.string()))
    assert (one.missing, one.distinct, one.top) == (2, 0, [])
