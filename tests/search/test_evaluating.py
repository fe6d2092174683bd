from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.experiments.conftest import run

from cupola.errors import BadFilter, BadOption
from cupola.search import evaluating
from cupola.search.fields import Fields

RUNS = [
    run(1, name="one", user="ana", metrics={"validation_roc_auc": 0.9, "test_rmse": 2.0},
        params={"C": 0.5, "text": "10", "flag": "True"}, tags=["best", "draft"],
        metric_errors={"validation_roc_auc": 0.01}),
    run(2, name="two", user="bo", metrics={"validation_roc_auc": 0.7},
        params={"C": None, "kernel": "rbf", "text": "8.5", "flag": "None"}, seed=3),
    run(3, name="three", user="ana", status="Failed", params={"deep": True, "kernel": "linear"}, reason="too hot"),
]  # fmt: skip


def found(query: str, runs: list[Any] = RUNS) -> list[str]:
    return [one.name for one in evaluating.select(query, runs, Fields(runs))]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["one", "two", "three"]),
        ("metrics.validation_roc_auc > 0.8", ["one"]),
        ("validation_roc_auc > 0.8", ["one"]),
        ("validation_roc_auc>=.7 and user=bo", ["two"]),
        ('metrics.validation_roc_auc > 0.8 and params.C < 1 and user = "ana" and status = "Completed"', ["one"]),
        ("user = ana or user = bo", ["one", "two", "three"]),
        ("user = ana and status = Failed or seed = 3", ["two", "three"]),
        ("user = ana and (status = Failed or seed = 3)", ["three"]),
        ("not user = ana", ["two"]),
        ("not not user = ana", ["one", "three"]),
        ("user != ana", ["two"]),
        ("status in (Failed, Stopped)", ["three"]),
        ('status in ["Completed"] and kernel exists', ["two"]),
        ("tags contains best", ["one"]),
        ("tags = draft", ["one"]),
        ("not tags exists", ["two", "three"]),
        ("reason contains 'HOT'", ["three"]),
        ("kernel exists", ["two", "three"]),
        ("C exists", ["one"]),
        ("C = none", ["two", "three"]),
        ("deep = true", ["three"]),
        ("submitted >= 2026-11-03", ["two", "three"]),
        ("params.kernel = rbf", ["two"]),
        ("kern = rbf", ["two"]),
        ("thre", ["three"]),
        ("ridge and not two", ["one", "three"]),
        ("params.nothing > 3", []),
        ("metric_errors.validation_roc_auc < 0.1", ["one"]),
        ("user > 3", ["one", "two", "three"]),
        ("params.text > 9", ["one"]),
        ("params.text < 9", ["two"]),
        ("params.flag = true", ["one"]),
        ("params.flag != true", ["two", "three"]),
        ("params.flag = none", ["two", "three"]),
        ('params.flag = "none"', []),
        ("validation_roc_auc > word", []),
        ('name = "o\\"ne"', []),
    ],
)
def test_queries_find_what_they_say(query: str, names: list[str]) -> None:
    assert found(query) == names


@pytest.mark.parametrize(
    ("query", "place", "said"),
    [
        ("validation_roc_auc >", 21, "a value is missing"),
        ("user = ana user = bo", 12, "nothing was expected here"),
        ("(user = ana", 12, "a `)` is missing"),
        ("user = 'ana", 8, "a quotation mark is not closed"),
        ("valdation_roc_auc > 1", 1, "there is no field 'valdation_roc_auc'"),
        ("user = ana and", 15, "a field is missing"),
        ("> 3", 1, "a field was expected"),
        ("status in Failed", 11, "a list such as (a, b) was expected"),
        ("status in (Failed", 18, "a `)` or a `,` is missing"),
        ("user = )", 8, "a value was expected"),
        ("s = 3", 1, "'s' could be"),
    ],
)
def test_mistakes_are_pointed_at(query: str, place: int, said: str) -> None:
    with pytest.raises(BadFilter) as caught:
        found(query)
    assert said in caught.value.message
    assert f"at character {place} " in caught.value.message
    assert (caught.value.text, caught.value.at) == (query, place - 1)


def test_a_mistyped_field_is_answered_with_the_right_one() -> None:
    with pytest.raises(BadFilter) as caught:
        found("valdation_roc_auc > 1")
    assert caught.value.hint == "did you mean metrics.validation_roc_auc?"


def test_a_shortening_that_could_be_two_names_both() -> None:
    runs = [run(metrics={"depth": 1.0}, params={"depth": 2})]
    with pytest.raises(BadOption, match=r"'depth' could be metrics.depth, params.depth"):
        found("depth > 1", runs)
    assert found("params.depth > 1", runs) == ["brave-otter-0"]


@given(some.text(alphabet="abc=<>!()[],'\" andornotin0.5_", max_size=40))
def test_any_text_is_a_query_or_a_sentence(query: str) -> None:
    try:
        found(query)
    except BadOption as error:
        assert "at character" in error.message


def test_it_is_sorted_with_those_without_the_field_last() -> None:
    fields = Fields(RUNS)
    assert [one.name for one in evaluating.order("validation_roc_auc", RUNS, fields)] == ["two", "one", "three"]
    assert [one.name for one in evaluating.order("validation_roc_auc:desc", RUNS, fields)] == ["one", "two", "three"]
    assert [one.name for one in evaluating.order("C:desc", RUNS, fields)] == ["one", "two", "three"]
    with pytest.raises(BadOption, match="no direction"):
        evaluating.order("user:down", RUNS, fields)
    with pytest.raises(BadOption, match="no field 'nothing'"):
        evaluating.order("nothing", RUNS, fields)
