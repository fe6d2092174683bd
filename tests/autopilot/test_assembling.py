"""What there is time to save of what answers best together."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from cupola.autopilot import assembling
from cupola.autopilot.candidates import Candidate
from cupola.autopilot.fits import Answer
from cupola.autopilot.portfolio import Setting


def candidate(name: str, estimator: str, megabytes: int, weight: float) -> Candidate:
    found = Candidate(name, Setting(name, estimator, {}, 1.0), weight=weight)
    found.fits[0, 0] = Answer([], b"x" * (megabytes << 20), {}, 1.0, 1.0)
    return found


def search(seconds: float) -> Any:
    return SimpleNamespace(end=time.monotonic() + seconds, slowness=1.0, ending=0.0)


def test_what_takes_longer_to_save_than_there_is_time_is_left_out_and_the_weights_are_those_of_the_rest() -> None:
    forest = candidate("forest", "RandomForestClassifier", 20, 0.3)
    trees = candidate("trees", "HistGradientBoostingClassifier", 20, 0.2)
    linear = candidate("linear", "LogisticRegression", 0, 0.5)
    assert trees.saving > 5 > linear.saving == forest.saving
    assert assembling._affordable(search(600), [forest, trees, linear]) == [forest, trees, linear]
    assert assembling._affordable(search(2), [forest, trees, linear]) == [forest, linear]
    assert (forest.weight, trees.weight, linear.weight) == pytest.approx((0.375, 0.0, 0.625))


def test_the_heaviest_is_kept_though_there_is_no_time_left() -> None:
    trees = candidate("trees", "HistGradientBoostingClassifier", 20, 0.9)
    linear = candidate("linear", "LogisticRegression", 0, 0.1)
    assert assembling._affordable(search(-5), [linear, trees]) == [trees]
    assert (linear.weight, trees.weight) == (0.0, 1.0)
