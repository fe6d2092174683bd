"""The windows of the past, and that nothing in them knows what came after."""

import numpy as np
import pandas as pd
import pytest
from tests.forecasting.series import items, monthly, of, read

from cupola.forecasting import backtesting, candidates, scoring
from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Panel

Q = [0.1, 0.5, 0.9]


def ends(panel: Panel, horizon: int, count: int) -> list[tuple[int, int, bool]]:
    found, _ = backtesting.windows(panel, horizon, count)
    return [(one.panel.series[0].end, one.truth.shape[1], one.test) for one in found]


def test_windows_lie_one_horizon_apart_and_the_newest_tests() -> None:
    assert ends(of(np.arange(60.0)), 6, 4) == [(36, 6, False), (42, 6, False), (48, 6, False), (54, 6, True)]


def test_windows_that_validate_end_before_the_one_that_tests_begins() -> None:
    for length in range(8, 60):
        for horizon in (1, 3, 6, 12):
            found = ends(of(np.arange(float(length))), horizon, 5)
            test = [end for end, _, tests in found if tests]
            assert all(end + steps <= test[0] for end, steps, tests in found if not tests and test)
            assert all(end >= backtesting.FEWEST for end, _, _ in found)


def test_a_short_history_is_judged_by_fewer_or_shorter_windows_and_it_is_said() -> None:
    assert [steps for _, steps, _ in ends(of(np.arange(15.0)), 12, 4)] == [6, 6]
    _, notes = backtesting.windows(of(np.arange(15.0)), 12, 4)
    assert "looks 6 of 12 steps ahead" in notes[0]
    for length in (1, 2, 3, 4):
        found, notes = backtesting.windows(of(np.arange(float(length))), 12, 4)
        assert found == [] and "too short for a back-test" in notes[0]
        assert scoring.metrics(scoring.sums(found, [], Q)) == ({}, {})


def test_windows_are_at_the_same_moments_for_all_items() -> None:
    frame = items(3)
    frame = frame[~((frame["item"] == "item 1") & (frame["t"] >= "2022-10-01"))]
    found, _ = backtesting.windows(read(frame, items=["item"])[0], 6, 3)
    for window in found:
        assert len({one.end for one in window.panel.series if one.key != ("item 2",)}) == 1


def test_items_that_end_at_different_times_are_judged_from_their_own_end() -> None:
    parts = [monthly(60).assign(item=f"{place}") for place in range(4)]
    for place, part in enumerate(parts):
        part["t"] += pd.DateOffset(years=7 * place)
    frame = pd.concat(parts)
    found, notes = backtesting.windows(read(frame, items=["item"])[0], 6, 3)
    assert "end at different times" in notes[0]
    assert all(len(one.which) == 4 for one in found)


@pytest.mark.parametrize("name", ["seasonal-naive", "drift", "theta", "ets", "linear", "trees"])
def test_what_is_said_of_the_past_does_not_move_when_the_future_is_shuffled(name: str) -> None:
    """The values, and the covariates that are not known ahead, after the end of each window are drawn anew."""
    frame = items(2, 60)
    asked = {"items": ["item"], "known": [("promoted", "integer")], "past": [("stock", "integer")]}

    def said(frame: pd.DataFrame, place: int) -> Floats:
        panel = read(frame, **asked)[0]
        window = backtesting.windows(panel, 6, 3)[0][place]
        candidate = candidates.of(panel, Q, 6, 0, None)[name]
        candidate.fit(window.panel)
        return candidate.forecast(window.panel, 6)

    for place in range(3):
        panel = read(frame, **asked)[0]
        end = panel.frequency.moments([backtesting.windows(panel, 6, 3)[0][place].panel.series[0].end])[0]
        later = (frame["t"].to_numpy() >= end).nonzero()[0]
        other = frame.copy()
        for column in ("y", "stock"):
            other.loc[later, column] = np.random.default_rng(9).permutation(frame[column].to_numpy()[later]) * 3
        assert np.array_equal(said(frame, place), said(other, place))


def test_metrics_are_those_of_their_definitions() -> None:
    panel = of(np.array([1.0, 3.0, 2.0, 5.0, 4.0, 7.0, 6.0, 9.0, 8.0, 12.0]), "D", season=1)
    window = backtesting.windows(panel, 2, 1)[0][0]
    said = np.array([[[6.0, 7.0, 10.0], [7.0, 10.0, 11.0]]])
    values, _ = scoring.metrics(scoring.sums([window], [said], Q))
    scale = np.abs(np.diff(panel.series[0].values[:8])).mean()
    assert values["mae"] == 1.5 and np.isclose(values["rmse"], np.sqrt((1 + 4) / 2))
    assert np.isclose(values["mase"], 1.5 / scale) and np.isclose(values["wape"], 3 / 20)
    losses = [0.1 * 2, 0.5 * 1, 0.1 * 2, 0.1 * 5, 0.5 * 2, 0.9 * 1]
    assert np.isclose(values["pinball_loss"], np.mean(losses)) and values["coverage"] == 0.5


def test_a_constant_series_has_no_mase_and_the_others_are_judged_without_it() -> None:
    frame = pd.concat([monthly(40).assign(item="a"), monthly(40).assign(item="b", y=3.0)])
    panel = read(frame, items=["item"])[0]
    window = backtesting.windows(panel, 4, 1)[0][0]
    said = np.repeat((window.truth + 1)[:, :, None], 3, axis=2)
    values, _ = scoring.metrics(scoring.sums([window], [said], Q))
    assert np.isclose(values["mase"], 1 / window.scale[0]) and np.isnan(window.scale[1])
    alone = panel.of([panel.series[1]])
    window = backtesting.windows(alone, 4, 1)[0][0]
    assert "mase" not in scoring.metrics(scoring.sums([window], [said[:1]], Q))[0]


def test_values_that_are_missing_are_not_judged_by() -> None:
    frame = monthly(40)
    frame.loc[38, "y"] = np.nan
    window = backtesting.windows(read(frame)[0], 4, 1)[0][0]
    said = np.repeat(np.nan_to_num(window.truth, nan=1e6)[:, :, None], 3, axis=2)
    values, _ = scoring.metrics(scoring.sums([window], [said], Q))
    assert values["mae"] == 0 and values["coverage"] == 1


def test_before_each_window_lie_two_seasons_where_the_history_allows_it() -> None:
    for length, steps in ((36, 4), (60, 12), (200, 12)):
        found, notes = backtesting.windows(of(np.arange(float(length))), 12, 4)
        assert [one.truth.shape[1] for one in found] == [steps] * 4 and len(notes) == (steps < 12)
        assert all(len(one.panel.series[0].values) > 24 for one in found)
    found, _ = backtesting.windows(of(np.arange(30.0)), 12, 4)
    assert found[0].truth.shape[1] == 12 and len(found[0].panel.series[0].values) < 24, "for a third there is no room"
