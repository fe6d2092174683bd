"""What an autopilot sees in a target, and why it says so."""

from typing import Any

import pytest

from cupola.autopilot.records import task_of
from cupola.datasets.records import Column
from cupola.errors import BadOption


def target(kind: Any, distinct: int, missing: int = 0) -> Column:
    return Column(name="y", type=kind, missing=missing, distinct=distinct)


@pytest.mark.parametrize(
    ("column", "task", "why"),
    [
        (target("boolean", 2), "binary", "y has two values"),
        (target("category", 2, 7), "binary", "two values"),
        (target("integer", 2), "binary", "two values"),
        (target("category", 5), "multiclass", "y is a category of 5 values"),
        (target("integer", 4), "multiclass", "4 whole numbers only; --task regression"),
        (target("integer", 300), "regression", "a number of 300 different values"),
        (target("number", 900), "regression", "a number"),
    ],
)
def test_the_task_is_seen_in_the_target(column: Column, task: str, why: str) -> None:
    found = task_of(column, 1000, None, None)
    assert found[0] == task
    assert why in found[1]


def test_two_numbers_are_amounts_only_where_they_have_a_fraction() -> None:
    task, why = task_of(target("number", 2), 1000, None, None, (2.5, 7.5))
    assert task == "regression"
    assert "2.5 and 7.5" in why
    assert "--task binary" in why
    assert task_of(target("number", 2), 1000, "binary", None, (2.5, 7.5))[0] == "binary"
    assert task_of(target("number", 2), 1000, None, None, (0.0, 1.0))[0] == "binary"


def test_few_rows_of_whole_numbers_are_amounts() -> None:
    assert task_of(target("integer", 8), 60, None, None)[0] == "regression"


def test_what_was_asked_for_is_kept_to() -> None:
    assert task_of(target("integer", 4), 1000, "regression", None)[0] == "regression"
    assert task_of(target("number", 900), 1000, None, 14)[0] == "timeseries"
    for asked, column in (("binary", target("category", 3)), ("regression", target("category", 3))):
        with pytest.raises(BadOption, match="y "):
            task_of(column, 1000, asked, None)


@pytest.mark.parametrize("column", [target("category", 1), target("number", 0, 9), target("date", 50)])
def test_what_cannot_be_learnt_is_refused_in_one_sentence(column: Column) -> None:
    with pytest.raises(BadOption):
        task_of(column, 1000, None, None)
