"""Which workspaces an agent serves: those that are written down on this host, until they are gone."""

import shutil

import pytest

from cupola.agent import workspaces
from cupola.agent.endpoints import Gateway
from cupola.agent.host import Host
from cupola.agent.workspaces import Served
from cupola.jobs import agents
from cupola.store.filesystem import Mount
from cupola.workspace import Workspace


@pytest.fixture
def served(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(workspaces, "GONE", 0.0)
    agents.register(workspace.root)
    return Served(workspace.root, Host(Gateway()))


def test_a_workspace_that_was_removed_is_forgotten(served: Served) -> None:
    assert not served.over()
    assert agents.registered() == [served.root]
    shutil.rmtree(served.root)
    assert served.over()
    assert agents.registered() == [] and not agents.is_registered(served.root)


def test_one_whose_mount_is_away_is_not(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(served.root)
    monkeypatch.setattr(agents, "mount_of", lambda path: Mount("local", "/elsewhere", {}))
    assert not served.over()
    assert agents.registered() == [served.root]


def test_one_that_is_missed_for_a_moment_is_not(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspaces, "GONE", 3600.0)
    shutil.rmtree(served.root)
    assert not served.over()
    assert agents.registered() == [served.root]


def test_what_a_power_cut_left_of_a_mark_is_written_again(workspace: Workspace) -> None:
    agents.register(workspace.root)
    [mark] = agents.workspaces_dir().iterdir()
    mark.write_bytes(b"")
    assert agents.registered() == []
    agents.register(workspace.root)
    assert agents.registered() == [workspace.root]
