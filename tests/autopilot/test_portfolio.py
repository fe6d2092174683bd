"""Which settings are tried first: the baselines, then what did well on tables that are alike."""

import msgspec
import pytest
from tests.environments.built import built, known

from cupola.autopilot import portfolio
from cupola.autopilot.portfolio import BASELINES, Likeness
from cupola.environments import values

__all__ = ["built", "known"]

SMALL = Likeness(rows=500, columns=8, classes=0, categories=0.1, missing=0.0, texts=0)
TEXTS = Likeness(rows=9000, columns=4, classes=5, categories=0.3, missing=0.1, texts=1)


@pytest.mark.parametrize(("task", "likeness"), [("regression", SMALL), ("classification", TEXTS)])
def test_the_baselines_lead_and_no_setting_is_lost(task: str, likeness: Likeness) -> None:
    found = portfolio.settings(task, likeness)
    assert tuple(one.name for one in found[:2]) == BASELINES
    assert {one.name for one in portfolio.settings(task)} == {one.name for one in found if not one.words}
    assert len({one.name for one in found}) == len(found)


def test_of_very_many_classes_one_leads_that_is_quick_to_fit() -> None:
    many = msgspec.structs.replace(SMALL, classes=300)
    found = [one.name for one in portfolio.settings("classification", many)]
    assert found[:3] == ["quick", *BASELINES]
    few = msgspec.structs.replace(SMALL, classes=32)
    assert "quick" not in [one.name for one in portfolio.settings("classification", few)]


def test_words_are_for_tables_with_texts_and_come_early_there() -> None:
    assert portfolio.settings("classification", TEXTS)[2].name == "words"
    assert not any(one.words for one in portfolio.settings("regression", SMALL))


def test_another_kind_of_estimator_comes_before_the_fourth_of_one(known: object) -> None:
    first = [one.estimator for one in portfolio.settings("classification", TEXTS)[:8]]
    assert max(map(first.count, set(first))) <= 3


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_setting_can_be_trained_by_its_name(known: object, task: str) -> None:
    for one in portfolio.settings(task, msgspec.structs.replace(TEXTS, classes=300)):
        assert values.check(one.estimator, one.params) == one.params
