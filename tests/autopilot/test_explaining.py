"""What is said of a table beside its model: no more than its rows tell."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cupola.autopilot import explaining, halving
from cupola.autopilot.scoring import predictions

ROWS = 400


def halved(truth: Any, half: Any, all_: Any) -> list[str]:
    """The advice where half of the rows, and all, have taught to say this of the rows of the first fold."""
    fold = (np.arange(0), np.arange(len(truth)))
    problem: Any = SimpleNamespace(truth=truth, classes=0, folds=[[fold]], training=SimpleNamespace(metric="rmse"))
    candidate: Any = SimpleNamespace(name="linear", fits={(0, 0): SimpleNamespace(said=[all_])})
    pair: Any = (candidate, SimpleNamespace(said=[half]))
    search: Any = SimpleNamespace(problem=problem, half=pair, is_rising=lambda: halving.is_rising(problem, *pair))
    return explaining._more_rows(search)


def test_more_rows_would_help_hardly_help_or_that_cannot_be_told() -> None:
    random = np.random.default_rng(0)
    truth, noise = random.normal(size=ROWS), random.normal(size=(2, ROWS))
    found = [
        halved(truth, truth + noise[0], truth + noise[0] / 2),
        halved(truth, truth + noise[0] * 1.001, truth + noise[0]),
        halved(truth, truth + noise[0] * 1.002 + noise[1] / 1e4, truth + noise[0]),
        halved(truth[:9], truth[:9] + noise[0, :9], truth[:9] + noise[0, 8::-1]),
    ]
    assert [one.partition(":")[0] for (one,) in found] == [
        "more rows would help", "more rows would hardly help", "more rows would hardly help",
        "whether more rows would help cannot be told",
    ]  # fmt: skip


def test_nothing_is_said_of_more_rows_where_the_first_fold_has_one_class() -> None:
    assert halved(np.zeros(9), np.ones(9), np.zeros(9)) == []


def noise_of(truth: Any, said: Any, classes: int) -> list[str]:
    table = pd.DataFrame({"a": np.arange(len(truth))})
    problem: Any = SimpleNamespace(
        classes=classes, truth=truth, table=table, rows=np.arange(len(truth)),
        training=SimpleNamespace(features=[("a", "integer")]),
    )  # fmt: skip
    measured = SimpleNamespace(predictions=predictions(truth, said, classes))
    return explaining._noise(SimpleNamespace(problem=problem), SimpleNamespace(measured=measured, said=said))  # type: ignore[arg-type]


@pytest.mark.parametrize("good", [True, False])
def test_columns_that_rank_two_classes_say_something_though_the_probabilities_are_wrong(good: bool) -> None:
    random = np.random.default_rng(0)
    truth = np.repeat([0, 1], ROWS // 2)
    sure = np.clip((truth if good else 0) * 0.2 + random.random(ROWS) * 0.7 + 0.25, 0.001, 0.999)
    found = noise_of(truth, np.column_stack([1 - sure, sure]), 2)
    assert found == [] if good else "not seen to say more of the target than a constant" in found[0]


@pytest.mark.parametrize(("error", "told"), [(0.01, True), (1.0, False)])
def test_a_target_that_is_told_without_error_is_suspicious_and_the_column_is_named(error: float, told: bool) -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=ROWS)
    said = truth + error * random.normal(size=ROWS)
    made: Any = SimpleNamespace(said=said, measured=SimpleNamespace(predictions=predictions(truth, said, 0)))
    search: Any = SimpleNamespace(problem=SimpleNamespace(classes=0))
    found = explaining.suspicion(search, made, [{"feature": "logwage", "importance": 1.0}])
    assert [("most of all by logwage" in one) for one in found] == ([True] if told else [])
    unnamed = explaining.suspicion(search, made, [])
    assert [("most of all" in one) for one in unnamed] == ([False] if told else [])


def test_classes_that_are_one_but_for_how_they_are_written_are_told() -> None:
    (found,) = explaining._written(["No", "Yes", "yes", " YES", "maybe"])
    assert found == "classes that differ in case or blanks only: 'Yes' and 'yes' and ' YES'"
    assert explaining._written([1, 2, 3]) == []
