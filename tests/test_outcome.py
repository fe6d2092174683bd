"""What became of an action that got no answer: found by what it was filed under, with the action done by a bridge."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.screen import Screen, bridge

from cupola import calls, outcome
from cupola.errors import DiskTrouble
from cupola.jobs import agents
from cupola.store import Store, files, journals, names
from cupola.workspace import Workspace

FILED = "9f3c0a8be1d24d5f"


@pytest.fixture
def unserved(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """One in which jobs wait: no agent is started for them."""
    monkeypatch.setattr(agents, "ensure", lambda *_: None)
    return workspace


@pytest.fixture
def screen(workspace: Workspace) -> Iterator[Screen]:
    with bridge(workspace.root) as screen:
        yield screen


def test_ids_under_one_text_are_found_again_and_others_are_random_as_ever() -> None:
    with names.filed_under(FILED):
        drawn = [names.new_id() for _ in range(20)]
        assert names.filed() == FILED
    assert len(set(drawn)) == 20 and set(drawn) <= names.ids_under(FILED)
    assert names.filed() is None
    assert names.new_id() not in names.ids_under(FILED)
    assert not set(drawn) & names.ids_under("another")


def test_a_job_is_found_by_what_it_was_filed_under(screen: Screen, workspace: Workspace) -> None:
    assert screen.ask("outcome", filed=FILED) is None
    job = screen.ask("action", name="job submit", arguments={"command": ["true"]}, filed=FILED)["job"]
    found = screen.ask("outcome", filed=FILED)
    assert (found["id"], found["command"]) == (job, ["true"])
    assert screen.ask("outcome", filed="another") is None


def test_what_only_a_journal_tells_is_found_there(screen: Screen, workspace: Workspace) -> None:
    job = screen.ask("action", name="job submit", arguments={"command": ["true"]})["job"]
    arguments = {"ref": f"job:{job}", "text": "well"}
    screen.ask("action", name="comment", arguments=arguments, filed=FILED)
    assert screen.ask("outcome", filed=FILED) == {"status": "done"}
    assert outcome.of(workspace.store, "another") is None


def test_what_was_done_in_spite_of_an_error_is_no_error(unserved: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    real = journals.append

    def then_fails(store: Store, path: str, entries: Any) -> int:
        real(store, path, entries)
        raise DiskTrouble("the disk reports an input/output error")

    job = calls.action(unserved, "job submit", {"command": ["true"]}).job
    comment = {"ref": f"job:{job}", "text": "well"}
    monkeypatch.setattr(journals, "append", then_fails)
    with pytest.raises(DiskTrouble, match="input/output"):
        calls.action(unserved, "comment", comment)
    assert calls.action(unserved, "comment", comment, filed=FILED) == {"status": "done"}


def test_a_job_whose_filing_was_not_finished_was_not_done(unserved: Workspace) -> None:
    with names.filed_under(FILED):
        job = calls.action(unserved, "job submit", {"command": ["true"]}).job
    files.remove(unserved.store, f".cupola/queue/{job}")
    assert outcome.of(unserved.store, FILED) is None


def test_the_pulse_says_when_the_workspace_is_gone(screen: Screen, workspace: Workspace, tmp_path: Path) -> None:
    assert screen.ask("pulse") is None
    away = workspace.root.rename(tmp_path / "away")
    assert "gone" in screen.refuses("pulse")["message"]
    away.rename(workspace.root)
    assert screen.ask("pulse") is None
