"""References stand for values, whole or within a text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.errors import BadInput
from cupola.pipelines import references

KNOWN = {
    "parameters": {"rows": 3},
    "steps": {"train": {"outputs": {"run": "abc", "list": [1, {"deep": True}]}, "metrics": {"auc": 0.75}}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${parameters.rows}", 3),
        ("${ steps.train.outputs.list[1].deep }", True),
        ("run ${steps.train.outputs.run} of ${parameters.rows}", "run abc of 3"),
        ("${steps.train.outputs.list}", [1, {"deep": True}]),
        ("list ${steps.train.outputs.list}", 'list [1,{"deep":true}]'),
        ("no $reference {at all}", "no $reference {at all}"),
    ],
)
def test_a_reference_becomes_its_value(text: str, value: Any) -> None:
    assert references.resolved(text, KNOWN) == value
    assert references.resolved({"a": [text]}, KNOWN) == {"a": [value]}


@pytest.mark.parametrize(
    "text", ["${steps.train.outputs.rnu}", "${steps.train.outputs.list[7]}", "${parameters.rows.x}"]
)
def test_what_stands_for_nothing_says_what_there_is(text: str) -> None:
    with pytest.raises(BadInput, match="stands for nothing"):
        references.resolved(text, KNOWN)


def test_the_steps_that_a_value_refers_to_are_found_at_any_depth() -> None:
    value = {"a": ["${steps.one.outputs.x} and ${steps.two.status}"], "b": {"c": "${steps.one.metrics.y}"}}
    assert references.steps_in(value) == ["one", "two"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text().filter(lambda one: "${" not in one),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_a_value_without_references_stays_as_it_is(value: Any) -> None:
    assert references.resolved(value, {}) == value
    assert references.steps_in(value) == []


@given(VALUES)
def test_a_value_comes_whole_through_a_reference(value: Any) -> None:
    assert references.resolved("${parameters.value}", {"parameters": {"value": value}}) == value
