"""Each metric is what its published formula says, and its interval holds the truth as often as it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.explain import bias

# The example of the published page on KS: shares of 40, 40, 20 % beside 20, 10, 70 %.
COUNTS = np.array([[40.0, 40, 20], [20, 10, 70]])


def test_metrics_of_labels_are_those_of_the_published_example() -> None:
    found = {name: float(value) for name, value in bias.before(COUNTS, 2).items()}
    assert found["KS"] == pytest.approx(0.5)
    assert found["TVD"] == pytest.approx(0.5)
    assert found["LP"] == pytest.approx(np.sqrt(0.2**2 + 0.3**2 + 0.5**2))
    assert found["DPL"] == pytest.approx(0.2 - 0.7)
    assert found["CI"] == 0
    assert found["KL"] == pytest.approx(0.4 * np.log(2) + 0.4 * np.log(4) + 0.2 * np.log(2 / 7))
    assert 0 < found["JS"] <= np.log(2)


def test_metrics_of_predictions_are_those_worked_out_by_hand() -> None:
    # rest: 50 rejected rightly, 10 accepted wrongly, 5 missed, 35 caught; facet: 60, 5, 20, 15.
    counts = np.array([[[50.0, 10], [5, 35]], [[60, 5], [20, 15]]])
    found = {name: float(value) for name, value in bias.after(counts).items()}
    assert found["DPPL"] == pytest.approx(0.45 - 0.20)
    assert found["DI"] == pytest.approx(0.20 / 0.45)
    assert found["DCA"] == pytest.approx(40 / 45 - 35 / 20)
    assert found["DCR"] == pytest.approx(65 / 80 - 60 / 55)
    assert found["RD"] == pytest.approx(35 / 40 - 15 / 35)
    assert found["SD"] == pytest.approx(60 / 65 - 50 / 60)
    assert found["DAR"] == pytest.approx(35 / 45 - 15 / 20)
    assert found["DRR"] == pytest.approx(60 / 80 - 50 / 55)
    assert found["AD"] == pytest.approx(0.85 - 0.75)
    assert found["TE"] == pytest.approx(20 / 5 - 5 / 10)
    benefits = np.repeat([0, 1, 2], [25, 160, 15])
    assert found["GE"] == pytest.approx(((benefits / benefits.mean()) ** 2 - 1).mean() / 2)


def test_disparity_is_that_within_groups_by_their_size() -> None:
    one, other = np.array([[20.0, 30], [30, 20]]), np.array([[10.0, 10], [10, 10]])
    assert bias.disparity(np.stack([one, other])) == pytest.approx((100 * (30 / 50 - 20 / 50) + 40 * 0.0) / 140)


@given(st.lists(st.integers(0, 400), min_size=8, max_size=8).filter(any))
def test_whoever_is_the_facet_the_other_has_the_opposite_difference(cells: list[int]) -> None:
    counts = np.array(cells, dtype=np.float64).reshape(2, 2, 2)
    one, other = bias.after(counts), bias.after(counts[::-1])
    for name in ("DPPL", "DCA", "DCR", "RD", "SD", "DAR", "DRR", "AD", "TE"):
        np.testing.assert_allclose(one[name], -other[name], atol=1e-12)
    np.testing.assert_allclose(one["GE"], other["GE"])


def test_what_treats_all_alike_has_an_interval_around_nothing_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(1)
    shares = np.array([[[0.3, 0.1], [0.05, 0.15]], [[0.2, 0.2 / 3], [0.1 / 3, 0.1]]])
    around = 0
    for seed in range(200):
        counts = random.multinomial(400, (shares / shares.sum()).ravel()).reshape(2, 2, 2).astype(np.float64)
        found = bias.with_intervals(counts, bias.after, seed)["DPPL"]
        assert found.low is not None and found.high is not None
        around += found.low <= 0 <= found.high
    assert 180 <= around <= 199


def test_a_share_of_no_rows_is_not_told_and_the_others_are() -> None:
    found = bias.with_intervals(np.array([[[5.0, 0], [0, 5]], [[5, 0], [5, 0]]]), bias.after, 0)
    assert found["DCA"].value is None and found["DPPL"].value == pytest.approx(0.5)


def test_a_row_is_flipped_where_most_of_its_nearest_others_are_answered_otherwise() -> None:
    rest, facet = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]]), np.array([[0.1], [9.1], [0.0]])
    accepted, got = np.array([True, True, True, False, False, False]), np.array([False, True, True])
    near = [bias.flips(facet, got, rest[side], accepted[side]) for side in (slice(0, 3), slice(3, 6))]
    assert near[0].tolist() == [1, 0, 0] and near[1].tolist() == [0, -1, -1]
