"""Quantiles that are too narrow are widened, and too wide ones narrowed, by what the windows have shown."""

import numpy as np
import pytest
from tests.forecasting.series import of

from cupola.forecasting import backtesting, calibrating, scoring, weighing
from cupola.forecasting.backtesting import Window
from cupola.forecasting.naive import Floats

Q = [0.1, 0.5, 0.9]
Z = np.array([-1.2816, 0.0, 1.2816])


def simulated(width: float, seed: int, number: int = 12) -> tuple[list[Window], list[Floats]]:
    """Windows whose truth has a deviation of 1, and forecasts that say it is `width`."""
    random = np.random.default_rng(seed)
    panel = of(random.normal(size=12 * (number + 1) + 20) + 50, "D", season=1)
    windows = backtesting.windows(panel, 12, number)[0]
    return windows, [np.repeat((50 + width * Z)[None, None, :], 12, axis=1) for _ in windows]


@pytest.mark.parametrize(("width", "number"), [(0.4, 12), (1.0, 12), (2.5, 80)])
def test_coverage_comes_near_what_is_asked(width: float, number: int) -> None:
    held = []
    for seed in range(20):
        windows, said = simulated(width, seed, number)
        by = calibrating.factors(windows[:-1], said[:-1], Q)
        last = [calibrating.widened(said[-1], Q, by)]
        held.append(scoring.metrics(scoring.sums(windows[-1:], last, Q))[0]["coverage"])
    assert 0.7 < np.mean(held) < 0.9


def test_few_windows_move_them_less_nearer_least_of_all_and_none_not_at_all() -> None:
    windows, said = simulated(0.4, 1)
    few, many = (calibrating.factors(windows[:n], said[:n], Q) for n in (2, 12))
    assert 1 < few[0] < many[0] and many[1] == 1
    too_wide, wide = simulated(2.5, 1)
    nearer = calibrating.factors(too_wide, wide, Q)
    assert nearer[0] < 1 and np.log(many[0]) > -1.2 * np.log(nearer[0])
    assert calibrating.factors([], [], Q).tolist() == [1, 1, 1]


def test_a_forecast_without_any_width_is_left_as_it_is() -> None:
    windows, said = simulated(0.0, 2)
    assert calibrating.factors(windows, said, Q).tolist() == [1, 1, 1]


def test_weights_take_what_is_best_and_what_helps_it() -> None:
    windows, _ = simulated(1.0, 3)
    truth = [one.truth[:, :, None] * np.ones(3) for one in windows]
    said = {
        "above": [one + 2 for one in truth], "below": [one - 2 for one in truth], "far": [one + 40 for one in truth],
    }  # fmt: skip
    parts = weighing.weights(windows, said, Q, "mae")
    assert parts.keys() == {"above", "below"} and np.isclose(parts["above"], 0.5)
    for joint in (weighing.combined(said, parts), weighing.held_out(windows, said, Q, "mae")):
        assert scoring.sums(windows, joint, Q)["mae"].ratio < 0.01
    constant = {name: [np.full_like(one, np.nan) for one in some] for name, some in said.items()}
    assert weighing.weights(windows, constant, Q, "mae") == {"above": 1.0}
