"""What a model says of rows as they stand in the data."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.forecasting.series import read, spec

from cupola.forecasting import candidates
from cupola.forecasting.forecaster import Forecaster


def model(frame: pd.DataFrame, **more: Any) -> Forecaster:
    """One that says what came a season before."""
    history, encodings, _ = read(frame, **more)
    member = candidates.Local("seasonal-naive", spec(**more).quantiles)
    member.fit(history)
    return Forecaster(spec(**more), history, encodings, [(member, 1.0)], np.ones(3))


def test_of_numbers_that_are_written_months_it_takes_and_says_such_numbers() -> None:
    times = pd.date_range("2018-01-01", periods=36, freq="MS")
    made = model(pd.DataFrame({"t": times.year * 100 + times.month, "y": np.arange(36.0)}))
    found = made.predict(pd.DataFrame({"t": [202101.0, 202103.0], "y": [np.nan, np.nan]}))
    assert [(one["time"], one["step"], one["0.5"]) for one in found] == [(202101, 1, 24.0), (202103, 3, 26.0)]
    (whole,) = made.predict(pd.DataFrame({"t": [202012.0], "y": [7.0]}))
    assert [one["time"] for one in whole] == [202101, 202102, 202103, 202104, 202105, 202106]


def test_a_time_of_the_day_is_always_said_with_the_zone_that_it_is_meant_in() -> None:
    hours = pd.date_range("2024-03-01", periods=70, freq="h")
    for times, ends in ((hours, ""), (hours.tz_localize("Europe/Berlin"), "Z")):
        whole = model(pd.DataFrame({"t": times, "y": np.arange(70.0)})).predict(
            pd.DataFrame({"t": times[:1], "y": [None]})
        )
        assert all(len(one["time"]) == len(f"2024-03-03T22:00:00{ends}") for one in whole[0])
    days = model(pd.DataFrame({"t": hours[::24], "y": np.arange(3.0)}))
    (whole,) = days.predict(pd.DataFrame({"t": hours[:1], "y": [np.nan]}))
    assert whole[0]["time"] == "2024-03-04"


def test_a_value_that_is_too_large_is_no_question() -> None:
    made = model(pd.DataFrame({"t": pd.date_range("2024-01-01", periods=30), "y": np.arange(30.0)}))
    with pytest.raises(ValueError, match="row 2: y is too large"):
        made.predict(pd.DataFrame({"t": pd.to_datetime(["2024-01-31", "2024-02-01"]), "y": [1.0, 1e300]}))


def test_after_a_long_time_that_is_not_known_a_season_of_values_is_wanted() -> None:
    made = model(pd.DataFrame({"t": pd.date_range("2024-01-01", periods=30), "y": np.arange(30.0)}))
    newer = pd.DataFrame({"t": pd.date_range("2024-04-01", periods=8), "y": np.arange(8.0)})
    with pytest.raises(ValueError, match=r"61 steps before the first value are not known.*more than 7"):
        made.predict(newer[:7])
    assert [one["0.5"] for one in made.predict(newer)[-1]] == [1, 2, 3, 4, 5, 6]


def test_of_a_series_with_one_value_the_others_say_how_far_the_next_may_be() -> None:
    times = pd.date_range("2024-01-01", periods=30)
    frame = pd.DataFrame({"t": times, "item": "old", "y": 100 + np.arange(30.0) % 2})
    made = model(pd.concat([frame, pd.DataFrame({"t": times[-1:], "item": "young", "y": 7.0})]), items=["item"])
    for item in ("young", "newest"):
        (whole,) = made.predict(pd.DataFrame({"t": times[-1:], "item": [item], "y": [7.0]}))
        assert whole[0]["0.5"] == 7 and 6.9 < whole[0]["0.1"] < 7 < whole[0]["0.9"] < whole[-1]["0.9"] < 7.5
