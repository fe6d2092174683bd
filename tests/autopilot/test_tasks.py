"""What an autopilot sees in a target, and why it says so."""

from typing import Any

import pytest

from cupola.autopilot.tasks import task_of
from cupola.datasets.records import Bar, Column, ColumnProfile
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
        (target("number", 3), "regression", "3 different values; --task multiclass"),
    ],
)
def test_the_task_is_seen_in_the_target(column: Column, task: str, why: str) -> None:
    found = task_of(column, 1000, None, None)
    assert found[0] == task
    assert why in found[1]


def test_two_numbers_are_amounts_only_where_they_have_a_fraction() -> None:
    halves = ColumnProfile(name="y", type="number", missing=0, distinct=2, min=2.5, max=7.5)
    task, why = task_of(target("number", 2), 1000, None, None, halves)
    assert task == "regression"
    assert "2.5 and 7.5" in why
    assert "--task binary" in why
    assert task_of(target("number", 2), 1000, "binary", None, halves)[0] == "binary"
    whole = ColumnProfile(name="y", type="number", missing=0, distinct=2, min=0.0, max=1.0)
    assert task_of(target("number", 2), 1000, None, None, whole)[0] == "binary"


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


@pytest.mark.parametrize(
    ("texts", "distinct", "message", "hint"),
    [
        (["$1,234.50", "$ 3.10", "n/a"], 800, r"numbers written as text, such as .\$1,234.50", "regexp_replace"),
        (["12 %", "-3.5%"], 391, "numbers written as text", "--flow"),
        (["1.234,50 EUR", "CHF -3,1"], 391, "numbers written as text", "',', '.') AS DOUBLE"),
        (["id-00001", "id-00002"], 800, r"different in nearly every row \(800 in 1000\)", "several rows of each class"),
        (["c1", "c2"], 300, "300 different texts in 1000 rows", "--type y=category"),
    ],
)
def test_texts_that_are_no_classes_are_refused_by_what_they_look_like(
    texts: list[str], distinct: int, message: str, hint: str
) -> None:
    top = [Bar(value=one, count=1) for one in texts]
    profile = ColumnProfile(name="y", type="text", missing=0, distinct=distinct, top=top)
    with pytest.raises(BadOption, match=message) as refused:
        task_of(target("text", distinct), 1000, None, None, profile)
    assert refused.value.hint is not None
    assert hint in refused.value.hint


def test_a_text_that_a_word_among_numbers_has_made_is_told_by_what_the_import_has_said() -> None:
    top = [Bar(value=one, count=1) for one in ("inf", "0.5", "-1.5", "2.25")]
    profile = ColumnProfile(name="y", type="text", missing=0, distinct=800, top=top)
    with pytest.raises(BadOption, match=r"numbers written as text, such as '0\.5'") as refused:
        task_of(target("text", 800), 1000, None, None, profile, "column y: 'inf' 6 times; --missing 'inf'")
    assert refused.value.hint == "at its import: column y: 'inf' 6 times; --missing 'inf'"


@pytest.mark.parametrize(
    ("low", "high", "message"), [(-3e200, 1e200, "goes up to 3e[+]200"), (1e-300, 5e-300, "differs by 4e-300 at most")]
)
def test_numbers_whose_errors_have_no_squares_are_refused_with_what_scales_them(
    low: float, high: float, message: str
) -> None:
    profile = ColumnProfile(name="y", type="number", missing=0, distinct=300, min=low, max=high)
    for asked in (None, "regression"):
        with pytest.raises(BadOption, match=message) as refused:
            task_of(target("number", 300), 300, asked, None, profile)
        assert refused.value.hint is not None
        assert '"y" / ' in refused.value.hint
    infinite = ColumnProfile(name="y", type="number", missing=0, distinct=300, min=0.0, max=float("inf"))
    assert task_of(target("number", 300), 300, None, None, infinite)[0] == "regression"
