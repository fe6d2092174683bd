"""Forms: nothing that somebody else has changed since a form was opened is overwritten unseen."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.screen import Screen, bridge
from tests.team.conftest import Become

from cupola.errors import Conflict
from cupola.serving import records as serving
from cupola.store import basis, files
from cupola.team import changes
from cupola.workspace import Workspace

AS = """
import pwd, sys, types
pwd.getpwuid = lambda _: types.SimpleNamespace(pw_name={user!r})
from cupola import bridge
bridge.main(sys.argv[1:])
"""

# A record, what a form changes of it, and what somebody else does meanwhile.
MEANWHILE = [
    ("dataset", "flights@1", "dataset set", {"dataset": "flights", "description": "a"},
     "dataset set", {"dataset": "flights", "target": ""}),
    ("model", "churn@1", "model approve", {"model": "churn@1"}, "model reject", {"model": "churn@1", "note": "leaks"}),
    ("model", "churn@1", "model alias", {"model": "churn@1", "alias": "champion"},
     "model alias", {"model": "churn@1", "alias": "trial"}),
    ("run", "run0000001", "run tag", {"run": "run0000001", "tags": ["a"]},
     "tag", {"ref": "run0000001", "tags": ["+b"]}),
    ("endpoint", "late", "tag", {"ref": "late", "tags": ["+a"]}, "tag", {"ref": "late", "tags": ["+b"]}),
]  # fmt: skip
Given = dict[str, Any]


def person(user: str, root: Path) -> AbstractContextManager[Screen]:
    """The screen of somebody, behind a bridge of their own."""
    return bridge(root, program=("-c", AS.format(user=user)))


def in_form(ws: Workspace, shown: dict[str, str], name: str, arguments: dict[str, Any]) -> Any:
    with basis.expecting(shown):
        return ws.action(name, **arguments)


@pytest.mark.parametrize(("kind", "ref", "name", "mine", "other", "theirs"), MEANWHILE)
def test_a_change_upon_a_change_is_refused_and_says_who(
    ws: Workspace, become: Become, kind: str, ref: str, name: str, mine: Given, other: str, theirs: Given
) -> None:
    raj = become("raj")
    shown = changes.states(raj.store, kind, ref)
    assert changes.since(raj.store, kind, ref, shown) is None
    become("ana", "box").action(other, **theirs)
    raj = become("raj")
    said = changes.since(raj.store, kind, ref, shown)
    assert said and said.startswith("ana changed this ") and ("now" in said or "s ago: " in said)
    before = changes.states(raj.store, kind, ref)
    with pytest.raises(Conflict, match="changed this since the form was opened"):
        in_form(raj, shown, name, mine)
    assert changes.states(raj.store, kind, ref) == before
    in_form(raj, before, name, mine)
    assert changes.states(raj.store, kind, ref) != before


@pytest.mark.parametrize(("kind", "ref", "name", "mine", "other", "theirs"), MEANWHILE)
def test_a_comment_changes_no_record(
    ws: Workspace, become: Become, kind: str, ref: str, name: str, mine: Given, other: str, theirs: Given
) -> None:
    shown = changes.states(ws.store, kind, ref)
    become("ana").action("comment", ref=f"{kind}:{ref}", text="look")
    assert changes.since(ws.store, kind, ref, shown) is None
    in_form(ws, shown, name, mine)


def test_a_file_that_was_edited_by_hand_is_said_to_be(ws: Workspace) -> None:
    ws.action("dataset set", dataset="flights", description="as it was")
    shown = changes.states(ws.store, "dataset", "flights@1")
    path = ws.root / "datasets" / "flights" / "dataset.toml"
    path.write_text(path.read_text().replace("as it was", "as vim has it"))
    said = changes.since(ws.store, "dataset", "flights@1", shown)
    assert said == "somebody changed datasets/flights/dataset.toml with an editor"
    with pytest.raises(Conflict):
        in_form(ws, shown, "dataset set", {"dataset": "flights", "description": "mine"})
    assert "as vim has it" in path.read_text()
    ws.action("dataset set", dataset="flights", description="a command has shown nothing")
    kept = ws.root / ".cupola" / "history" / "datasets" / "flights" / "dataset.toml"
    assert any("as vim has it" in one.read_text() for one in kept.iterdir())


def test_a_pipeline_that_an_editor_has_changed_is_not_written_over(ws: Workspace) -> None:
    ws.action("pipeline step", pipeline="nightly", step="greet", type="Lambda", argument={"function": "work:greet"})
    shown = changes.states(ws.store, "pipeline", "nightly")
    assert changes.since(ws.store, "pipeline", "nightly", shown) is None
    path = ws.root / "pipelines" / "nightly.toml"
    path.write_text(path.read_text().replace("work:greet", "work:vim"))
    said = changes.since(ws.store, "pipeline", "nightly", shown)
    assert said == "somebody changed pipelines/nightly.toml with an editor"
    with pytest.raises(Conflict):
        in_form(ws, shown, "pipeline step", {"pipeline": "nightly", "step": "greet", "unset": "function"})
    assert "work:vim" in path.read_text()


def test_an_endpoint_that_somebody_changed_stays_theirs_and_signed(ws: Workspace) -> None:
    store = ws.store
    first = serving.wish(store, "late")
    serving.save(store, first, first)
    shown, mine = changes.states(store, "endpoint", "late"), serving.wish(store, "late")
    theirs = serving.wish(store, "late")
    theirs.workers = 3
    serving.save(store, theirs, serving.wish(store, "late"))
    mine.workers = 2
    with basis.expecting(shown), pytest.raises(Conflict):
        serving.save(store, mine, serving.wish(store, "late"))
    with pytest.raises(Conflict):
        serving.save(store, mine, first)
    assert serving.wish(store, "late").workers == 3
    assert serving.signed(store, serving.wish(store, "late"))


def test_two_people_with_the_same_form_open(ws: Workspace) -> None:
    with person("ana", ws.root) as ana, person("raj", ws.root) as raj:
        forms = [screen.ask("opened", kind="model", ref="churn@1") for screen in (ana, raj)]
        assert [one["record"]["status"] for one in forms] == ["PendingManualApproval"] * 2
        approve = {"name": "model approve", "arguments": {"model": "churn@1", "note": "fine"}}
        assert ana.ask("action", opened=forms[0]["opened"], **approve)["status"] == "Approved"
        said = raj.ask("changed", **forms[1]["opened"])
        assert said.startswith("ana changed this ") and said.endswith("approved fine")
        reject = {"name": "model reject", "arguments": {"model": "churn@1", "note": "no"}}
        refused = raj.refuses("action", opened=forms[1]["opened"], **reject)
        assert refused["kind"] == "Conflict"
        assert refused["message"].startswith("ana changed this ") and "open the form again" in refused["hint"]
        again = raj.ask("opened", kind="model", ref="churn@1")
        assert (again["record"]["status"], again["record"]["approvals"][0]["user"]) == ("Approved", "ana")
        assert raj.ask("action", opened=again["opened"], **reject)["status"] == "Rejected"
    assert [one.user for one in ws.action("model show", model="churn@1").approvals] == ["ana", "raj"]


def test_verbs_that_do_not_write_the_record_are_refused_as_well(ws: Workspace) -> None:
    with person("ana", ws.root) as ana, person("raj", ws.root) as raj:
        form = ana.ask("opened", kind="model", ref="churn@1")["opened"]
        deploy = {"name": "endpoint deploy", "arguments": {"model": "churn@1", "name": "e", "dry_run": True}}
        assert ana.ask("action", opened=form, **deploy)["endpoint"] == "e"
        raj.ask("action", name="model reject", arguments={"model": "churn@1", "note": "leaks"})
        refused = ana.refuses("action", opened=form, **deploy)
        assert refused["kind"] == "Conflict" and "raj changed this" in refused["message"]
        assert ana.ask("action", **deploy)["endpoint"] == "e"
        assert ana.ask("opened", kind="experiment", ref="default")["record"] is None


def test_what_a_screen_shows_of_a_team(ws: Workspace) -> None:
    with person("ana", ws.root) as ana, person("raj", ws.root) as raj:
        ana.ask("look", pane="Registry", kind="model", ref="churn@1")
        assert raj.ask("team")["unread"] == 0
        ana.ask("action", name="comment", arguments={"ref": "model:churn@1", "text": "fit for use, @raj?"})
        raj.hears(lambda message: any(one["kind"] == "note" for one in message.get("changed", [])))
        assert raj.ask("team")["unread"] == 1
        while not (found := raj.ask("team")["here"]):  # a thread of its own says who is here
            continue
        (here,) = found
        assert (here["user"], here["pane"], here["ref"]) == ("ana", "Registry", "churn@1")
        ana.ask("action", name="tag", arguments={"ref": "model:churn@1", "tags": ["+trial"]})
        notes = raj.ask("notes", kind="model", ref="churn@1")
        assert notes["tags"] == ["trial"] and [one["user"] for one in notes["comments"]] == ["ana"]
        newest = raj.ask("records", kind="activity")[:2]
        assert [(one["verb"], one["unread"]) for one in newest] == [("tagged", False), ("commented", True)]
        raj.ask("action", name="activity read", arguments={"ref": "model:churn@1"})
        assert raj.ask("team")["unread"] == 0


def test_of_journals_and_files_nothing_but_a_change_changes_the_state(workspace: Workspace) -> None:
    store = workspace.store
    assert basis.of_file(store, "models/none/x.toml") == basis.of_journals(store, "models/none") == ""
    files.write_bytes(store, "a/x.toml", b"a = 1\n")
    one = basis.of_file(store, "a/x.toml")
    files.write_bytes(store, "a/x.toml", b"a = 1\n")
    assert basis.of_file(store, "a/x.toml") == one != basis.of_content(b"a = 2\n")
