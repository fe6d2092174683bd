"""Each method by itself: what it says of series that it should know, and of those that are odd."""

import numpy as np
import pandas as pd
import pytest
from tests.forecasting.series import items, of, read

from cupola.forecasting import candidates, smoothing, theta
from cupola.forecasting.candidates import Candidate, Local
from cupola.forecasting.lagged import Linear, TooShort, Trees, ahead, base_of
from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Panel

Q = [0.1, 0.5, 0.9]
LOCAL = [*candidates.METHODS]


def series(length: int, seed: int = 0) -> Floats:
    at = np.arange(length)
    noise = np.random.default_rng(seed).normal(size=length)
    return np.asarray(50 + 0.3 * at + 8 * np.sin(2 * np.pi * at / 12) + 0.3 * noise, np.float64)


def test_ets_and_theta_go_on_with_level_trend_and_season() -> None:
    values = series(132)
    for fit, forecast, most in ((smoothing.fit, smoothing.forecast, 1.0), (theta.fit, theta.forecast, 2.5)):
        path = forecast(values[:120], 12, fit(values[:120], 12), 12)
        mean = np.exp(path.mean) if path.logged else path.mean
        assert np.abs(mean - values[120:]).mean() < most


def test_ets_takes_the_logarithm_where_the_season_grows_with_the_level() -> None:
    at = np.arange(144)
    noise = np.random.default_rng(3).normal(size=144)
    values = np.exp(3 + 0.01 * at + 0.3 * np.sin(2 * np.pi * at / 12) + 0.03 * noise)
    parameters = smoothing.fit(values[:132], 12)
    assert parameters[0] == 1 and parameters[2] == 12
    path = smoothing.forecast(values[:132], 12, parameters, 12)
    assert np.abs(np.exp(path.mean) / values[132:] - 1).mean() < 0.08


def test_the_errors_of_ets_are_those_of_its_recursion() -> None:
    y = series(60)
    form, parameters = smoothing.Form(False, smoothing.DAMPED, 12), np.array([0.4, 0.1, 0.9, 0.2])
    done = smoothing._smooth(smoothing._columns(y, form), form, parameters)
    level, trend = done.state[0], done.state[1]
    season = [*done.state[2:], -done.state[2:].sum()]
    alpha, beta, phi, gamma = parameters
    for at, value in enumerate(y):
        error = value - (level + phi * trend + season[at % 12])
        assert np.isclose(error, done.errors[at], atol=1e-6)
        level, trend = level + phi * trend + alpha * error, phi * trend + beta * error
        season[at % 12] += gamma * error


def test_intervals_of_ets_hold_what_they_say() -> None:
    inside = []
    for seed in range(15):
        values = 20 + np.cumsum(0.2 * np.random.default_rng(seed).normal(size=90))
        found = Local("ets", Q)
        panel = of(values[:80], "D", season=1)
        found.fit(panel)
        said = found.forecast(panel, 10)[0]
        inside.append((values[80:] >= said[:, 0]) & (values[80:] <= said[:, 2]))
    assert 0.6 < np.mean(inside) < 0.95


@pytest.mark.parametrize("method", LOCAL)
@pytest.mark.parametrize(
    "values",
    [
        [5.0], [5.0, 7.0], [5.0, 7.0, 6.0], [3.0] * 40, [0.0] * 40, [0.0, 0.0, 4.0] * 12, [-5.0, 3.0, -8.0, 1.0] * 10,
        [1e12, 1e12 + 1] * 10, [1e-12, 2e-12] * 10, [np.nan, 4.0, np.nan, 5.0, 6.0], [1.0, 1e9] * 15,
    ],
    ids=lambda values: f"{len(values)} from {values[0]}",
)  # fmt: skip
def test_odd_series_are_forecast_with_numbers_in_order(method: str, values: list[float]) -> None:
    panel = of(values)
    candidate = Local(method, Q)
    candidate.fit(panel)
    said = candidates.tidy(candidate.forecast(panel, 30), panel)
    assert said.shape == (1, 30, 3) and np.isfinite(said).all()
    assert (np.diff(said, axis=2) >= 0).all()
    if np.nanmin(values) >= 0:
        assert said.min() >= 0


@pytest.mark.parametrize("kind", [Linear, Trees])
def test_what_learns_from_lags_uses_a_covariate_that_is_known(kind: type[Linear] | type[Trees]) -> None:
    def error(known: list[tuple[str, str]]) -> float:
        panel = read(items(), items=["item"], known=known)[0]
        cut = panel.of([one.until(one.end - 6, 6) for one in panel.series])
        candidate = kind(Q, 6, 0)
        candidate.fit(cut)
        said = candidate.forecast(cut, 6)[:, :, 1]
        truth = np.array([one.values[-6:] for one in panel.series])
        return float((np.abs(said - truth) / truth.mean(axis=1, keepdims=True)).mean())

    assert error([("promoted", "integer")]) < 0.7 * error([])


@pytest.mark.parametrize("kind", [Linear, Trees])
def test_what_learns_from_lags_forecasts_an_item_that_it_has_not_seen(kind: type[Linear] | type[Trees]) -> None:
    panel = read(items(3), items=["item"])[0]
    candidate = kind(Q, 6, 0)
    candidate.fit(panel.of(panel.series[:2]))
    said = candidate.forecast(panel.of([panel.series[2].until(panel.series[2].end - 6, 0)]), 6)[0, :, 1]
    truth = panel.series[2].values[-6:]
    assert np.abs(said / truth - 1).mean() < 0.15


def test_values_are_held_against_what_was_nearest_in_the_past_at_the_steps_that_are_asked() -> None:
    random = np.random.default_rng(0)
    hours = np.tile(np.repeat([1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.4], 24) * np.tile(np.arange(24.0), 7), 5)
    assert base_of(of(hours + random.normal(size=len(hours)), "h"), 24) == 168
    assert base_of(of(np.tile(np.arange(24.0), 35), "h"), 24) == 24
    assert base_of(of(series(96)), 12) == 12
    assert base_of(of(random.normal(size=400).cumsum()), 6) == 1
    assert base_of(of(random.normal(size=30).cumsum()), 6) == 12  # too short to say
    assert base_of(of(np.zeros(100)), 6) == 12


def test_of_hours_that_repeat_by_the_week_a_linear_model_says_what_the_week_before_does() -> None:
    weeks = np.tile(np.random.default_rng(0).normal(50, 9, 168), 5)
    panel, candidate = of(weeks, freq="h"), Linear(Q, 24, 0)
    candidate.fit(panel)
    assert np.allclose(candidate.forecast(panel, 24)[0, :, 1], weeks[:24], atol=1e-6)


def test_days_of_the_year_are_learned_from_once_there_was_a_whole_one() -> None:
    for days, yearly in ((200, False), (400, True)):
        candidate = Linear(Q, 6, 0)
        candidate.fit(of(series(days), "D"))
        assert candidate.yearly is yearly


def test_a_series_among_others_has_the_rows_that_it_has_alone() -> None:
    frame = pd.concat([items(), items(1, 9).assign(item="short", stock=3)])
    frame.loc[frame.index % 7 == 3, "y"] = np.nan
    covariates = {"known": [("promoted", "integer")], "past": [("stock", "integer")]}
    panel = read(frame, items=["item"], static=[("item", "category")], **covariates)[0]
    together = ahead(panel, 6, 12, True)
    assert len(together.base) == 6 * len(panel.series) == 24
    for place, one in enumerate(panel.series):
        alone = ahead(panel.of([one]), 6, 12, True)
        for name in ("columns", "base", "unit"):
            here = getattr(together, name)[6 * place : 6 * place + 6]
            assert np.allclose(here, getattr(alone, name), equal_nan=True), name


def test_items_shorter_than_a_season_are_forecast_beside_long_ones() -> None:
    frame = pd.concat([items(1), *(items(1, length).assign(item=f"of {length}") for length in (1, 3, 11))])
    panel = read(frame, items=["item"])[0]
    for name, candidate in candidates.of(panel, Q, 6, 0, None).items():
        if name != "trees":
            candidate.fit(panel)
            said = candidates.tidy(candidate.forecast(panel, 6), panel)
            assert said.shape == (4, 6, 3) and np.isfinite(said).all(), name


@pytest.mark.parametrize("kind", [Linear, Trees])
def test_too_few_values_to_learn_from_are_no_bug(kind: type[Linear] | type[Trees]) -> None:
    with pytest.raises(TooShort):
        kind(Q, 6, 0).fit(of([1.0, 2.0, 3.0, 4.0]))


def test_the_same_seed_gives_the_same_forecast() -> None:
    panel = read(items(), items=["item"])[0]

    def said() -> Floats:
        candidate: Candidate = Trees(Q, 6, 7)
        candidate.fit(panel)
        return candidate.forecast(panel, 6)

    assert np.array_equal(said(), said())


def test_candidates_fit_the_series() -> None:
    def names(panel: Panel) -> set[str]:
        return {*candidates.of(panel, Q, 6, 0, None)}

    assert "seasonal-naive" in names(of(series(60))) and "croston" not in names(of(series(60)))
    assert "seasonal-naive" not in names(of(series(10)))
    assert "croston" in names(of([0.0, 0.0, 3.0] * 12))


def test_of_hours_that_repeat_by_the_week_the_week_before_is_tried_too() -> None:
    weeks = np.tile(np.random.default_rng(0).normal(50, 9, 168), 3)
    panel = of(weeks, freq="h")
    assert panel.seasons == [24, 168]
    candidate = candidates.of(panel, Q, 6, 0, None)["long-seasonal-naive"]
    candidate.fit(panel)
    assert np.allclose(candidate.forecast(panel, 6)[0, :, 1], weeks[:6])
    assert "long-seasonal-naive" not in candidates.of(of(weeks[:150], freq="h"), Q, 6, 0, None)
