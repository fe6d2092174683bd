"""Changing the file of a pipeline by commands: comments stay, nothing wrong is written, the version before is kept."""

from typing import Any

import pytest

from cupola import actions
from cupola.errors import BadInput, BadOption, NotFound, NotReady
from cupola.pipelines import definition, editing
from cupola.store import files, records
from cupola.workspace import Workspace

TEXT = """\
# every night
[steps.prepare]  # first
type = "Lambda"
function = "work:prepare"  # in src/

[steps.good-enough]
type = "Condition"
conditions = [{ type = "Equals", left = "${steps.prepare.outputs.rows}", right = 1 }]
if_steps = ["deploy"]
else_steps = ["give-up"]

[steps.deploy]
type = "Lambda"
function = "work:deploy"

[steps.give-up]
type = "Fail"
"""


@pytest.fixture
def ws(workspace: Workspace) -> Workspace:
    (workspace.root / "pipelines").mkdir()
    (workspace.root / "pipelines" / "p.toml").write_text(TEXT)
    return workspace


def text(ws: Workspace) -> str:
    return (ws.root / "pipelines" / "p.toml").read_text()


def put(ws: Workspace, step: str, **more: Any) -> None:
    editing.put_step(ws.store, "p", step, **more)


def test_a_step_is_added_and_all_else_stays_as_it_was(ws: Workspace) -> None:
    put(ws, "tell", type="Lambda", after=["deploy"], arguments={"function": "work:tell", "parameters": "to=ana n=3"})
    assert text(ws).startswith(TEXT)
    added = definition.read(ws.store, "p")[0].step("tell")
    assert added.depends_on == ["deploy"]
    assert added.arguments == {"function": "work:tell", "parameters": {"to": "ana", "n": "3"}}


def test_a_step_is_changed_within_its_lines_and_the_version_before_is_kept(ws: Workspace) -> None:
    put(ws, "prepare", arguments={"timeout": "5m"}, after=[])
    assert '[steps.prepare]  # first\ntype = "Lambda"\nfunction = "work:prepare"  # in src/\ntimeout = "5m"' in text(ws)
    kept = files.listing(ws.store, f"{records.HISTORY}/pipelines/p.toml")
    assert len(kept) == 2
    put(ws, "prepare", unset=["timeout"])
    assert text(ws) == TEXT


def test_changes_are_taken_back_one_after_the_other_and_made_again(ws: Workspace) -> None:
    put(ws, "tell", type="Lambda", arguments={"function": "work:tell"})
    by_hand = text(ws).replace("work:tell", "work:told")
    (ws.root / "pipelines" / "p.toml").write_text(by_hand)
    put(ws, "tell", arguments={"timeout": "5m"})
    editing.remove_step(ws.store, "p", "tell")
    last = text(ws)
    found = []
    for _ in range(4):
        editing.undo(ws.store, "p")
        found.append(text(ws))
    assert found[1:] == [by_hand, by_hand.replace("work:told", "work:tell"), TEXT]
    with pytest.raises(NotReady, match="no change of p to take back"):
        editing.undo(ws.store, "p")
    for _ in range(4):
        editing.redo(ws.store, "p")
    assert text(ws) == last
    editing.undo(ws.store, "p")
    put(ws, "tell", arguments={"timeout": "6m"})
    with pytest.raises(NotReady, match="taken back"):
        editing.redo(ws.store, "p")
    assert not [one for one in actions.run(ws, "check").notes if "p.toml" in one.path]


def test_conditions_stand_on_one_line_as_people_write_them(ws: Workspace) -> None:
    said = "[{type='Equals', left='${steps.prepare.outputs.rows}', right=[1, 2]}]"
    put(ws, "another", type="Condition", arguments={"conditions": said}, if_steps=["deploy"])
    written = 'conditions = [{type = "Equals", left = "${steps.prepare.outputs.rows}", right = [1, 2]}]'
    assert written in text(ws)


def test_texts_become_what_the_type_takes() -> None:
    found = editing.converted(
        "Training",
        {"seed": "7", "exclude": "a 'b c'", "param": '{ C = 0.5, k = "rbf" }', "target": "${steps.a.outputs.t}"},
    )
    assert found == {
        "seed": 7, "exclude": ["a", "b c"], "param": {"C": 0.5, "k": "rbf"}, "target": "${steps.a.outputs.t}",
    }  # fmt: skip
    assert editing.converted("Condition", {"conditions": '[{"type": "Equals", "left": 1, "right": 1}]'}) == {
        "conditions": [{"type": "Equals", "left": 1, "right": 1}]
    }


def test_a_step_that_is_taken_out_goes_from_what_others_say_of_it(ws: Workspace) -> None:
    editing.remove_step(ws.store, "p", "give-up")
    assert "else_steps" not in text(ws) and "# every night" in text(ws)
    assert [one.name for one in definition.read(ws.store, "p")[0].steps] == ["prepare", "good-enough", "deploy"]


def test_another_type_takes_other_arguments(ws: Workspace) -> None:
    put(ws, "deploy", type="Fail", arguments={"error_message": "no"})
    found = definition.read(ws.store, "p")[0].step("deploy")
    assert (found.type, found.arguments) == ("Fail", {"error_message": "no"})


def test_a_pipeline_is_made_with_its_first_step(ws: Workspace) -> None:
    editing.put_step(ws.store, "fresh", "ask", type="Callback")
    assert (ws.root / "pipelines" / "fresh.toml").read_text() == '[steps.ask]\ntype = "Callback"\n'


@pytest.mark.parametrize(
    ("step", "more", "says"),
    [
        ("new", {}, "needs a type"),
        ("new", {"type": "Trainin"}, "no type of step"),
        ("new", {"type": "Lambda"}, "needs function"),
        ("new", {"type": "Lambda", "arguments": {"speed": "9"}}, "takes no 'speed'"),
        ("deploy", {"after": ["nobody"]}, "there is no step 'nobody'"),
        ("prepare", {"after": ["deploy"]}, "wait for one another"),
        ("deploy", {"arguments": {"parameters": "[1, "}}, "neither TOML nor JSON"),
        ("a/b", {"type": "Fail"}, "cannot be the name of a step"),
        ("deploy", {"if_steps": ["prepare"]}, "go with a Condition"),
    ],
)
def test_what_would_be_wrong_is_refused_and_nothing_is_written(
    ws: Workspace, step: str, more: dict[str, Any], says: str
) -> None:
    with pytest.raises((BadInput, BadOption), match=says):
        put(ws, step, **more)
    assert text(ws) == TEXT


def test_a_step_that_there_is_not_cannot_be_taken_out_nor_the_last_one(ws: Workspace) -> None:
    with pytest.raises(NotFound, match="no step 'nobody'"):
        editing.remove_step(ws.store, "p", "nobody")
    editing.put_step(ws.store, "fresh", "ask", type="Callback")
    with pytest.raises(BadInput, match="at least one step"):
        editing.remove_step(ws.store, "fresh", "ask")


def test_a_pipeline_in_python_is_left_to_editors(ws: Workspace) -> None:
    (ws.root / "pipelines" / "code.py").write_text("")
    with pytest.raises(BadInput, match="with an editor"):
        editing.put_step(ws.store, "code", "ask", type="Callback")
