"""Conditions by the names of the hosted service."""

from typing import Any

import pytest

from cupola.errors import BadInput
from cupola.pipelines import conditions


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ({"type": "Equals", "left": 1, "right": 1.0}, True),
        ({"type": "GreaterThan", "left": 1, "right": 1}, False),
        ({"type": "GreaterThanOrEqualTo", "left": 1, "right": 1}, True),
        ({"type": "LessThan", "left": "a", "right": "b"}, True),
        ({"type": "LessThanOrEqualTo", "left": 2, "right": 1}, False),
        ({"type": "In", "left": "a", "right": ["a", "b"]}, True),
        ({"type": "Not", "condition": {"type": "In", "left": "a", "right": ["a"]}}, False),
        (
            {
                "type": "Or",
                "conditions": [
                    {"type": "Equals", "left": 1, "right": 2},
                    {"type": "Equals", "left": 2, "right": 2},
                ],
            },
            True,
        ),
        ({"type": "And", "conditions": [{"type": "Equals", "left": 1, "right": 2}]}, False),
    ],
)
def test_a_condition_is_judged(said: dict[str, Any], result: bool) -> None:
    assert conditions.wrong([said]) == ""
    assert conditions.judged(said).result is result


def test_conditions_within_others_are_told_in_a_line() -> None:
    two = [{"type": "GreaterThan", "left": 0.912345, "right": 0.5}, {"type": "In", "left": "a", "right": ["a", "b"]}]
    said = {
        "type": "Or",
        "conditions": [
            {"type": "And", "conditions": two},
            {"type": "Not", "condition": {"type": "LessThan", "left": 1, "right": 2}},
        ],
    }
    assert conditions.told(conditions.judged(said)) == "(0.9123 > 0.5 and a in [a, b]) or not 1 < 2"


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(BadInput, match="'a' and 1 cannot be compared"):
        conditions.judged({"type": "GreaterThan", "left": "a", "right": 1})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "a list of tables"),
        ([{"type": "Equals", "left": 1}], "Equals takes left and right"),
        ([{"type": "Not", "condition": {"type": "Is"}}], "one of Equals"),
        ("x > 1", "a list of tables"),
    ],
)
def test_what_is_no_condition_is_said(said: Any, why: str) -> None:
    assert why in conditions.wrong(said)
