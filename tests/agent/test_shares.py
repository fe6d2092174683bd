"""workspace.toml may keep the jobs of a workspace to a share of the host."""

from pathlib import Path

import pytest

from cupola.agent.shares import Shares
from cupola.jobs.wish import Job
from cupola.workspace import Workspace


@pytest.fixture
def ws(home: Path) -> Workspace:
    return Workspace.init(home / "ws")


def job(**wants: int) -> Job:
    filed = {"user": "ana", "host": "box", "submitted": "2026-11-24T00:00:00Z"}
    return Job(id="x", kind="command", name="x", command=["x"], directory="/", **filed, **wants)


def limit(ws: Workspace, text: str) -> None:
    (ws.root / "workspace.toml").write_text(f'name = "x"\n[slots]\n{text}\n')


def test_without_a_word_there_is_no_limit(ws: Workspace):
    assert Shares(ws.store).exceeded(job(cpus=1000), [job(cpus=1000)]) is None


def test_what_would_be_too_much_is_named(ws: Workspace):
    shares = Shares(ws.store)
    limit(ws, 'cpus = 3\nmemory = "2G"')
    assert shares.exceeded(job(cpus=2), [job(cpus=1)]) is None
    assert shares.exceeded(job(cpus=2), [job(cpus=2)]) == "cpus"
    assert shares.exceeded(job(memory=1 << 30), [job(memory=1 << 30), job()]) is None
    assert shares.exceeded(job(memory=1 << 30), [job(memory=1 << 30), job(memory=1)]) == "memory"


def test_an_edit_counts_at_once_and_a_broken_one_changes_nothing(ws: Workspace):
    shares = Shares(ws.store)
    limit(ws, "cpus = 1")
    assert shares.exceeded(job(cpus=2), []) == "cpus"
    limit(ws, "cpus = oops")
    assert shares.exceeded(job(cpus=2), []) == "cpus"
    limit(ws, "cpus = 2")
    assert shares.exceeded(job(cpus=2), []) is None
