"""Roles: kept in every door, and said to be guidance."""

import subprocess
import sys

import pytest
from tests.screen import bridge
from tests.team.conftest import Become

import cupola
from cupola import actions
from cupola.errors import Corrupt, Refused
from cupola.settings import Settings
from cupola.store.names import who
from cupola.workspace import Workspace


def give(ws: Workspace, **roles: str) -> None:
    """Puts a table of roles, and that deployments need approval, into workspace.toml."""
    path = ws.root / "workspace.toml"
    text = path.read_text().replace("deployments_need_approval = false", "deployments_need_approval = true")
    table = "".join(f'{one} = "{role}"\n' for one, role in roles.items())
    path.write_text(text.replace("[roles]\n", f"[roles]\n{table}"))


def test_a_viewer_looks_and_changes_nothing(ws: Workspace, become: Become) -> None:
    give(ws, raj="viewer")
    raj = become("raj")
    assert raj.action("run ls") and raj.action("activity") and raj.action("access").role == "viewer"
    for name in [one.name for one in actions.catalogue() if one.writes and one.role != "viewer"]:
        with pytest.raises(Refused, match=r"needs an? \w+, and workspace.toml makes raj a viewer"):
            raj.action(name)
    with pytest.raises(Refused, match="model verify --trust needs a member"):
        raj.action("model verify", model="churn", trust=True)
    assert raj.action("model verify", model="churn").model == "churn@1-wxyz"


def test_approving_and_what_needs_it_is_for_approvers_once_there_are_roles(ws: Workspace, become: Become) -> None:
    eve = become("eve")
    eve.action("model approve", model="churn", note="nobody has a role yet")
    give(ws, ana="approver", raj="member")
    for user in ("raj", "eve"):
        for name in ("model approve", "model reject", "endpoint deploy", "endpoint update", "endpoint confirm"):
            with pytest.raises(Refused, match=f"{name} needs an approver"):
                become(user).action(name)
        become(user).action("comment", ref="churn", text="a member may say so")
    assert become("ana").action("model approve", model="churn").status == "Approved"


def test_without_a_need_for_approval_members_deploy(ws: Workspace) -> None:
    roles = Settings(roles={"ana": "approver"})
    from cupola.team.roles import check

    for name in ("endpoint deploy", "endpoint update"):
        check(roles, actions.find(name), "raj")


def test_the_refusal_says_that_roles_are_guidance(ws: Workspace, become: Become) -> None:
    give(ws, raj="viewer")
    with pytest.raises(Refused) as refused:
        become("raj").action("comment", ref="late", text="x")
    assert "guidance" in str(refused.value) and "Unix modes" in str(refused.value)
    assert refused.value.exit_status == 3


def test_a_word_that_is_no_role_is_said(ws: Workspace, become: Become) -> None:
    give(ws, raj="aprover")
    with pytest.raises(Refused, match="'aprover', which does not exist"):
        become("raj").action("comment", ref="late", text="x")
    become("ana").action("comment", ref="late", text="others go on")
    (ws.root / "workspace.toml").write_text("[roles]\nraj = 7\n")
    with pytest.raises(Corrupt):
        become("raj").action("comment", ref="late", text="x")


def test_the_agent_can_be_stopped_whatever_workspace_toml_says(ws: Workspace) -> None:
    for text in ("[roles\n", f'[roles]\n{who()[0]} = "aprover"\n'):
        (ws.root / "workspace.toml").write_text(text)
        assert ws.action("agent stop", jobs=True).status == "Stopped"


def test_every_door_keeps_them(ws: Workspace) -> None:
    give(ws, **{who()[0]: "viewer"})
    command = [sys.executable, "-m", "cupola_tui", "-C", str(ws.root), "comment", "late", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 3
    assert "needs a member" in done.stderr and "Traceback" not in done.stderr
    with pytest.raises(Refused):
        cupola.open(ws.root).comment("late", "x")
    with bridge(ws.root) as screen:
        forbidden = {form["name"]: form["forbidden"] for form in screen.ask("actions")}
        assert forbidden["run ls"] == forbidden["agent start"] == ""
        assert forbidden["comment"] == f"comment needs a member, and workspace.toml makes {who()[0]} a viewer"
        number = screen.send("action", name="comment", arguments={"ref": "late", "text": "x"})
        assert screen.answer(number)["error"]["kind"] == "Refused"
    assert ws.action("comment ls", ref="late") == []
