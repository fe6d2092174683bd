"""The pane of the registry: what a version takes and gives, and what was usual of it in training."""

from typing import Any

from tests.tui.examples import models

from cupola_tui.keymap import REGISTRY
from cupola_tui.screens.pane import Scene
from cupola_tui.screens.panes import pane


def drawn(record: dict[str, Any], answers: dict[str, Any], width: int = 90, of: str = "Signature") -> list[str]:
    tab = next(one for one in pane(REGISTRY).tabs if one.name == of)
    return ["".join(text for text, _ in line) for line in tab.draw(Scene(record, answers, width, 40))]


def test_columns_and_predictions_say_what_was_usual_of_them_in_training() -> None:
    shape = {
        "columns": [{"name": "hour", "type": "integer"}, {"name": "carrier", "type": "category", "categories": ["UA"]}]
    }
    record = {"name": "late", "version": 1, "id": "7f31", "signature": shape}
    baseline = [
        {"column": "hour", "type": "integer", "missing": 0.0, "usual": "6 to 20, median 13"},
        {"column": "carrier", "type": "category", "missing": 0.25, "usual": "UA 18%, [b]B6[/b] 16%"},
        {"column": "prediction", "type": "category", "missing": 0.0, "usual": "no 91%, yes 9%"},
    ]
    lines = drawn(record, {"shown": {"baseline": baseline}})
    assert any("hour" in one and "6 to 20, median 13" in one for one in lines)
    assert any("carrier" in one and "UA 18%, [b]B6[/b] 16%, 25% missing" in one for one in lines)
    assert any("prediction" in one and "no 91%, yes 9%" in one for one in lines)
    asked = pane(REGISTRY).tabs[2].needs(record)
    assert asked == {"shown": ("action", {"name": "model show", "arguments": {"model": "late@1-7f31"}})}


def test_a_version_without_a_baseline_shows_its_categories() -> None:
    for answers in ({}, {"shown": {"baseline": []}}, {"shown": RuntimeError("gone")}):
        lines = drawn(models()[0], answers)
        assert lines and not any("median" in one for one in lines)


def test_a_chain_names_its_members_in_their_order() -> None:
    members = [{"model": "scaled@1-7f31", "given": []}, {"model": "late-words@12-01bc", "given": ["prediction"]}]
    lines = drawn(models()[0] | {"members": members}, {}, of="Overview")
    named = [one for one in lines if "scaled@1" in one]
    assert len(named) == 1 and "scaled@1, late-words@12" in named[0].replace("  ", " ")
    assert not any("members" in one for one in drawn(models()[0], {}, of="Overview"))
