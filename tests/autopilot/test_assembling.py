"""What there is time to save of what answers best together."""

from pathlib import Path

import pytest
from tests.autopilot.test_search import run
from tests.environments.built import built, known

from cupola.autopilot import assembling
from cupola.autopilot.candidates import Candidate
from cupola.autopilot.fits import Answer
from cupola.autopilot.portfolio import Setting

__all__ = ["built", "known"]


def candidate(name: str, seconds: float | None, megabytes: int, weight: float) -> Candidate:
    """seconds: that saving a fit of it takes, if that was tried."""
    found = Candidate(name, Setting(name, "Ridge", {}, 1.0), weight=weight)
    for fold in range(3):
        found.fits[0, fold] = Answer([], b"x" * (megabytes << 20), {}, 1.0, 1.0, saving=seconds if fold == 0 else None)
    return found


def test_what_takes_longer_to_save_than_there_is_time_is_left_out_and_the_weights_are_those_of_the_rest() -> None:
    forest, trees = candidate("forest", 0.2, 20, 0.3), candidate("trees", 5.0, 20, 0.2)
    linear = candidate("linear", None, 0, 0.5)
    assert trees.saving > 5 > forest.saving > linear.saving > 0
    assert assembling._affordable([forest, trees, linear], 600) == [forest, trees, linear]
    assert assembling._affordable([forest, trees, linear], 2) == [forest, linear]
    assert (forest.weight, trees.weight, linear.weight) == pytest.approx((0.375, 0.0, 0.625))


def test_the_heaviest_is_kept_though_there_is_no_time_left() -> None:
    trees, linear = candidate("trees", 5.0, 20, 0.9), candidate("linear", 0.1, 0, 0.1)
    assert assembling._affordable([linear, trees], -5) == [trees]
    assert (linear.weight, trees.weight) == (0.0, 1.0)
    assert [len(fits) for _, fits in assembling._kept([trees], -5)] == [1]


def test_as_many_fits_become_members_as_there_is_time_to_save() -> None:
    trees, linear = candidate("trees", 1.0, 1, 0.5), candidate("linear", 0.1, 1, 0.5)
    assert [len(fits) for _, fits in assembling._kept([trees, linear], 2.5)] == [1, 3]
    assert [len(fits) for _, fits in assembling._kept([trees, linear], 600)] == [3, 3]


def test_a_fit_on_all_rows_is_the_first_member_and_weighs_as_much_as_eight_on_folds() -> None:
    trees = candidate("trees", 1.0, 1, 1.0)
    trees.whole = Answer([], b"whole", {}, 1.0, 1.0)
    ((_, members),) = assembling._kept([trees], 2.5)
    assert members == [trees.whole, trees.fits[0, 0]]
    assert assembling._parts(trees, members) == pytest.approx([8 / 9, 1 / 9])
    ((_, alone),) = assembling._kept([trees], 0.0)
    assert alone == [trees.whole]


def test_a_model_whose_saving_takes_longer_than_there_is_time_is_saved_as_one_of_a_single_fit(known: Path) -> None:
    found = run("hanging", known)
    assert found["tried"] > 1
    assert found["members"] == 1
    assert found["chosen"] == 1
    assert found["test"] == pytest.approx(-found["test_said"], rel=1e-6), "the pipeline says what was measured"
