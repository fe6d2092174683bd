"""What was filed once runs once, whatever somebody does to its traces, and wherever a copy of it lies."""

import shutil
import sys
import time
from pathlib import Path

import pytest

from cupola.jobs import attempts, begun, records, wish
from cupola.store import runtime
from cupola.workspace import Workspace

PATIENCE = 180.0


def submit(ws: Workspace, seen: Path) -> wish.Job:
    done = ws.action("job submit", command=[sys.executable, "-c", f"open({str(seen)!r}, 'a').write('x')"])
    job = wish.find(ws.store, done.job)
    records.wait(ws.store, job.id, timeout=PATIENCE)
    assert seen.read_text() == "x"
    started = attempts.optional(ws.store, f"{job.attempt(1)}/started.json", attempts.Started)
    assert runtime.wait_end(started.keeper, PATIENCE), "nobody writes there any more"
    deadline = time.monotonic() + PATIENCE
    while (ws.root / wish.QUEUE / job.id).exists():
        assert time.monotonic() < deadline, "the agent is never done with it"
        time.sleep(0.02)
    return job


def test_a_job_whose_traces_were_taken_away_does_not_run_again(workspace: Workspace, tmp_path: Path) -> None:
    job = submit(workspace, tmp_path / "seen")
    shutil.rmtree(workspace.root / job.directory_in_store / "attempts")
    shutil.rmtree(workspace.root / ".cupola" / "digests", ignore_errors=True)
    wish.enqueue(workspace.store, job)
    workspace.action("job submit", command=["true"])
    state = records.wait(Workspace.open(workspace.root).store, job.id, timeout=PATIENCE)
    assert (state.status, "begun before" in str(state.reason)) == ("Failed", True)
    assert (tmp_path / "seen").read_text() == "x"
    workspace.action("job retry", job=job.id)
    assert records.wait(workspace.store, job.id, timeout=PATIENCE).status == "Completed"
    assert (tmp_path / "seen").read_text() == "xx"


def test_a_signed_job_that_was_carried_into_another_workspace_does_not_run(
    workspace: Workspace, tmp_path: Path
) -> None:
    job = submit(workspace, tmp_path / "seen")
    other = Workspace.init(tmp_path / "other")
    target = other.root / job.directory_in_store
    shutil.copytree(workspace.root / job.directory_in_store, target)
    shutil.rmtree(target / "attempts")
    wish.enqueue(other.store, job)
    other.action("job submit", command=["true"])
    state = records.wait(other.store, job.id, timeout=PATIENCE)
    assert (state.status, "begun before" in str(state.reason)) == ("Failed", True)
    assert (tmp_path / "seen").read_text() == "x"


def test_a_state_directory_that_cannot_be_written_stops_no_job(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    job = wish.Job(id="a", kind="command", name="n", command=[], directory="/", user="u", host="h", submitted="2026-11")
    assert begun.first(job, 1) and begun.first(job, 1)
