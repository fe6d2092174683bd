import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cupola.experiments.repeats import Repeats
from cupola.experiments.significance import SURE, holm, of_errors, of_folds, of_resamples, paired, student

FIGURES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)
SHARES = st.floats(0.01, 1)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 10, 29, 99])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.5, 12.0, -2.5])
def test_student_s_t_is_scipy_s(freedom: int, t: float) -> None:
    assert student(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), abs=1e-14)


def test_without_the_correction_it_is_the_paired_t_test_of_scipy() -> None:
    one, other = [0.81, 0.79, 0.84, 0.80, 0.77], [0.80, 0.80, 0.80, 0.78, 0.75]
    assert of_folds(one, other, 0.0) == pytest.approx(stats.ttest_rel(one, other).pvalue)
    corrected = stats.ttest_rel(one, other).statistic / math.sqrt(5 * (1 / 5 + 0.25))
    assert of_folds(one, other, 0.25) == pytest.approx(2 * stats.t.sf(abs(corrected), 4))


def test_errors_are_held_against_the_normal_distribution() -> None:
    assert of_errors(0.05, 0.03, 0.04) == pytest.approx(2 * stats.norm.sf(1.0))
    assert of_errors(0.05, 0.03, 0.04, freedom=4) == pytest.approx(2 * stats.t.sf(1.0, 4))
    assert (of_errors(0.0, 0.0, 0.0), of_errors(0.1, 0.0, 0.0)) == (1.0, 0.0)


@given(FIGURES, FIGURES, SHARES, st.floats(0.1, 1))
def test_the_order_of_two_runs_is_of_no_account_and_chance_is_between_none_and_all(
    one: list[float], other: list[float], share: float, scale: float
) -> None:
    size = min(len(one), len(other))
    one, other = one[:size], other[:size]
    difference = math.fsum(one) / size - math.fsum(other) / size
    for p, turned in (
        (of_folds(one, other, share), of_folds(other, one, share)),
        (of_resamples(difference, one, other, scale), of_resamples(-difference, other, one, scale)),
        (of_errors(difference, share, scale), of_errors(-difference, scale, share)),
    ):
        assert p == turned
        assert p is None or 0 <= p <= 1


@given(FIGURES, SHARES)
def test_equal_runs_are_never_different(figures: list[float], share: float) -> None:
    assert of_folds(figures, figures, share) == of_resamples(0.0, figures, figures, 1.0) == 1.0


def test_what_never_varies_is_judged_by_its_sign_or_not_at_all() -> None:
    assert of_folds([0.5] * 5, [0.4] * 5, 0.25) == 2.0**-4
    assert of_folds([0.5], [0.4], 0.25) is None
    assert of_resamples(0.1, [0.5] * 200, [0.4] * 200, 1.0) is None
    assert of_resamples(0.1, [None] * 150 + [0.5, 0.6] * 25, [0.4] * 200, 1.0) is None


def test_only_repeats_of_the_same_rows_are_pairs() -> None:
    one = Repeats(kind="resamples", rows="a", metrics={"r2": [0.5, 0.6, 0.7]})
    other = Repeats(kind="resamples", rows="a", metrics={"r2": [0.4, 0.5, 0.61]})
    assert paired("r2", one, other, 0.1) is not None
    assert paired("mae", one, other, 0.1) is None
    assert paired("r2", one, Repeats(kind="resamples", rows="b", metrics=other.metrics), 0.1) is None
    assert paired("r2", one, Repeats(kind="resamples", rows="a", metrics={"r2": [0.4]}), 0.1) is None


def test_holm_is_that_of_the_paper_and_takes_the_worst_of_what_it_does_not_see() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005], 4) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([None, 0.01, None], 3) == [None, pytest.approx(0.03), None]
    assert holm([0.4, 0.9], 2) == [0.8, 0.9]
    assert holm([], 0) == []


def test_of_runs_that_are_all_alike_hardly_ever_is_one_called_worse() -> None:
    """10 runs that differ by chance alone, 400 times; the uncorrected tests call one worse most of the time."""
    chance = random.Random(3)
    wrong = naive = 0
    for _ in range(400):
        values = [chance.gauss(0, 1) for _ in range(10)]
        best = max(values)
        p = [of_errors(best - value, 1.0, 1.0) for value in values if value != best]
        wrong += any(one < SURE for one in holm(p, 45) if one is not None)
        naive += min(p) < SURE
    assert wrong <= 32 and naive > 200, (wrong, naive)


def test_the_corrected_test_is_right_where_the_plain_one_is_wrong_most_of_the_time() -> None:
    """Folds of runs that are alike share a shift of their differences, as training rows in common make them."""
    chance = random.Random(5)
    corrected = plain = 0
    for _ in range(400):
        shared = chance.gauss(0, math.sqrt(0.25))
        differences = [shared + chance.gauss(0, 1) for _ in range(10)]
        corrected += (of_folds(differences, [0.0] * 10, 0.25) or 0) < SURE
        plain += (of_folds(differences, [0.0] * 10, 0.0) or 0) < SURE
    assert corrected <= 32 < 2 * 32 < plain, (corrected, plain)
