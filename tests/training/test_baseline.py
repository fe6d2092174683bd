"""What the baseline of a training says is what its rows and its predictions are."""

import datetime

import numpy as np
import pandas as pd
import pytest
from tests.training.conftest import Make, table

from cupola.registry import baselines
from cupola.training import artifacts, baseline, fitting


@pytest.mark.parametrize("target", ["kind", "value"])
def test_columns_and_predictions_are_those_of_the_rows(make: Make, target: str) -> None:
    training = make("LogisticRegression" if target == "kind" else "Ridge", target)
    fitted = fitting.fit(table(), training)
    found = baseline.of(fitted, training)
    assert found.rows == len(fitted.table)
    said = artifacts.predictions(fitted)
    assert found.held == len(said) > 0
    used = fitted.pipeline.named_steps["prepare"].encoders_
    assert {one.name for one in found.columns} == set(used)
    for one in found.columns:
        values = fitted.table[one.name]
        assert one.missing == values.isna().sum()
        assert one.distinct == values.nunique()
        if one.histogram is not None:
            assert sum(one.histogram.counts) == values.notna().sum()
    prediction = found.predictions[0]
    assert prediction.name == baselines.PREDICTION
    counted = baselines.cells(prediction, found.held).count(said["prediction"].tolist())
    assert counted == baselines.cells(prediction, found.held).counts
    shares = [one.name for one in found.predictions[1:]]
    assert len(shares) == (len(fitted.target.classes or []) if target == "kind" else 0)


def test_an_interval_has_a_tenth_of_the_values_and_ties_stay_together() -> None:
    drawn = np.random.default_rng(0).lognormal(0, 3, 10_000)
    found = baseline.column("amount", "number", pd.Series(drawn))
    assert found.histogram is not None
    assert found.histogram.counts == pytest.approx([1000] * 10, abs=1)
    tied = baseline.column("amount", "integer", pd.Series([0] * 800 + list(range(1, 201))))
    assert tied.histogram is not None
    assert sum(tied.histogram.counts) == 1000
    assert tied.histogram.edges[0] == 0
    assert len(set(tied.histogram.edges)) == len(tied.histogram.edges)


def test_days_and_moments_are_texts_and_what_is_no_number_is_left_out() -> None:
    days = pd.Series([datetime.date(2013, 1, day) for day in range(1, 31)] + [None], dtype=object)
    found = baseline.column("day", "date", days)
    assert (found.min, found.max, found.missing) == ("2013-01-01", "2013-01-30", 1)
    assert baselines.cells(found, 31).count(["2012-12-31", "2013-01-01", None, "2014-01-01"])[:2] == [1, 1]
    moments = baseline.column("at", "datetime", pd.Series(pd.date_range("2013-01-01", periods=20, freq="h")))
    assert moments.min == "2013-01-01T00:00:00"
    wild = baseline.column("x", "number", pd.Series([1.0, np.inf, np.nan, 2.0]))
    assert (wild.missing, wild.min, wild.max) == (1, 1.0, 2.0)
    assert baseline.column("x", "number", pd.Series([np.nan, np.nan])).histogram is None
