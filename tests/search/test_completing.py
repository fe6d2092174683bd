"""What may stand at the cursor of a filter, from what the records of the workspace hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.experiments.conftest import run

from cupola.search.completing import complete
from cupola.search.evaluating import select
from cupola.search.fields import Fields

RUNS = [
    run(1, user="ana", metrics={"validation_f1": 0.5, "test_f1": 0.4}, params={"kernel": "rbf", "C": 1}, tags=["good"]),
    run(2, user="bo", metrics={"validation_f1": 0.7}, params={"kernel": "two words", "deep": True}, seed=3),
    run(3, user="ana", status="Failed", params={"kernel": "rbf"}),
]  # fmt: skip
FIELDS = Fields(RUNS)


def candidates(text: str) -> list[str]:
    return complete(text, len(text), FIELDS).candidates


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", ["id", "name"]),
        ("metrics.v", ["metrics.validation_f1"]),
        ("valid", ["metrics.validation_f1"]),
        ("f1", ["metrics.validation_f1", "metrics.test_f1"]),
        ("user = ana and ker", ["params.kernel"]),
        ("(not ker", ["params.kernel"]),
        ("user ", ["=", "!=", "contains", "in", "exists"]),
        ("validation_f1 ", [">", ">="]),
        ("user = ", ["ana", "bo"]),
        ("user = b", ["bo"]),
        ("kernel = ", ["rbf", '"two words"']),
        ('kernel = "tw', ['"two words"']),
        ("deep = ", ["true"]),
        ("tags contains ", ["good"]),
        ("user in (", ["ana", "bo"]),
        ("user in (ana, b", ["bo"]),
        ("user in (ana ", [",", ")"]),
        ("user in (ana) ", ["and", "or"]),
        ("user = ana ", ["and", "or"]),
        ("user exists ", ["and", "or"]),
        ("nothing = ", []),
        ("kernel = 'rbf'", []),
        ("? ! ", []),
    ],
)
def test_what_comes_first(text: str, first: list[str]) -> None:
    assert candidates(text)[: len(first)] == first if first else candidates(text) == []


def test_it_replaces_the_word_at_the_cursor_and_leaves_the_rest() -> None:
    text = "user = an and kernel = rbf"
    found = complete(text, len("user = an"), FIELDS)
    assert (text[: found.start], found.candidates, text[found.end :]) == ("user = ", ["ana"], " and kernel = rbf")


@given(some.text(alphabet="abc =<>()\"',.and exists in ", max_size=30))
def test_any_text_can_be_completed(text: str) -> None:
    assert len(candidates(text)) <= 100


@pytest.mark.parametrize("name", [one for one in FIELDS.names if one not in ("comments", "code")])
def test_every_field_and_value_that_is_offered_can_be_asked_for(name: str) -> None:
    for value in candidates(f"{name} = ")[:5]:
        assert select(f"{name} = {value}", RUNS, FIELDS) or value in ("none",)
