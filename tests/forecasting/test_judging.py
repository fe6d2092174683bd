"""Candidates tried on windows, and what of it is not done twice."""

import numpy as np
import pytest
from tests.forecasting.series import monthly, read

from cupola.forecasting import backtesting, judging
from cupola.forecasting.candidates import Local, OutOfTime
from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Panel

QUANTILES = [0.1, 0.5, 0.9]


class Counted(Local):
    """A candidate that counts its fits."""

    fits = 0

    def fit(self, panel: Panel) -> None:
        self.fits += 1
        super().fit(panel)


def test_what_was_done_before_time_was_up_is_not_done_again() -> None:
    panel = read(monthly(60))[0]
    windows, _ = backtesting.windows(panel, 6, 4)
    done: dict[object, object] = {}
    first, second, whole = (Counted("drift", QUANTILES) for _ in range(3))

    def spare(seconds: float) -> None:
        if first.fits == 2:
            raise OutOfTime

    with pytest.raises(OutOfTime):
        judging.tried("drift", first, panel, windows, QUANTILES, "mase", spare, done)
    found = judging.tried("drift", second, panel, windows, QUANTILES, "mase", done=done)
    assert (first.fits, second.fits) == (2, len(windows) - 1), "two windows were known, and the whole was not"
    at_once = judging.tried("drift", whole, panel, windows, QUANTILES, "mase")
    assert all(np.array_equal(one, other) for one, other in zip(found.said, at_once.said, strict=True))
    assert found.sums.ratio == at_once.sums.ratio

    third = Counted("drift", QUANTILES)
    known = judging.tried("drift", third, panel, windows, QUANTILES, "mase", spare=_never, done=done)
    assert third.fits == 0
    assert np.array_equal(_ahead(known, panel), _ahead(at_once, panel))
    assert known.seconds == found.seconds


def _never(seconds: float) -> None:
    raise OutOfTime


def _ahead(one: judging.Tried, panel: Panel) -> Floats:
    return one.fitted.forecast(panel, 6)
