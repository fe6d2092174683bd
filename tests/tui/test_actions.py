"""What the screen knows of actions."""

from tests.tui.double import Double
from tests.tui.examples import models

from cupola_tui.actions import Actions
from cupola_tui.keymap import REGISTRY
from cupola_tui.screens.panes import pane


async def test_a_line_typed_after_a_colon_says_its_outcome_unless_that_is_seen(bridge: Double) -> None:
    actions = Actions(bridge)
    known = ("merge", "job ls", "comment", "import wandb")
    actions.by_name = {name: {"writes": name != "job ls"} for name in known}
    lines = ("merge ../raj", "comment x y", "job ls", "merged", "unknown", "import wandb .")
    assert [line for line in lines if actions.changes(line)] == ["comment x y"]


async def test_the_form_of_an_action_on_several_records_begins_with_all_of_them(bridge: Double) -> None:
    actions = Actions(bridge)
    fields = [
        {"name": "models", "completes": "model", "repeated": True, "required": True},
        {"name": "name", "completes": "model", "required": True},
    ]
    actions.forms["model chain"] = {"name": "model chain", "about": "model", "writes": True, "fields": fields}
    opened = await actions.opened("model chain", pane(REGISTRY), models()[:2])
    named = [pane(REGISTRY).ref(one) for one in models()[:2]]
    assert len({*named}) == 2
    assert (opened.values, opened.others) == ({"models": " ".join(named)}, [])
