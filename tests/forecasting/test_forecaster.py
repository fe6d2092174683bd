"""What a model says of rows as they stand in the data."""

from typing import Any

import numpy as np
import pandas as pd
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
