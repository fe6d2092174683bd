"""What a list of jobs says when not all of it can be read, and a job while its next attempt is under way."""

import os
from pathlib import Path

import pytest

from cupola.jobs import attempts
from cupola.jobs import records as jobs
from cupola.jobs.attempts import AttemptEnd, Started
from cupola.jobs.wish import Asked, Job
from cupola.store import names, records
from cupola.workspace import Workspace


def _ended(workspace: Workspace) -> Job:
    user, host = names.who()
    one = Job(
        id=names.new_id(), kind="command", name="it", command=["true"], directory="/", user=user, host=host,
        submitted=names.now(),
    )  # fmt: skip
    end = AttemptEnd(attempt=1, status="Completed", secondary_status="Completed", cause="exit", ended=names.now())
    records.create(workspace.store, f"{one.directory_in_store}/job.json", one, kind="job", ref=one.id)
    records.create(workspace.store, f"{one.attempt(1)}/result.json", end, kind="job", ref=one.id)
    return one


def test_a_job_that_cannot_be_read_hides_no_other(workspace: Workspace) -> None:
    good, torn, strange = (_ended(workspace) for _ in range(3))
    (workspace.root / torn.attempt(1) / "result.json").write_text('{"attempt": 1, "sta')
    wish = workspace.root / strange.directory_in_store / "job.json"
    wish.unlink()
    wish.mkdir()
    found = {one.id: one for one in jobs.ls(workspace.store)}
    assert found[good.id].status == "Completed"
    assert found[torn.id].secondary_status == "Unreadable" and "cannot be read" in found[torn.id].reason
    assert strange.id not in found


def test_an_attempt_that_is_tried_again_is_not_the_jobs_end_although_the_next_one_has_ended_meanwhile(
    workspace: Workspace,
) -> None:
    user, host = names.who()
    job = Job(
        id=names.new_id(), kind="command", name="it", command=["true"], directory="/", user=user, host=host, retries=1,
        submitted=names.now(),
    )  # fmt: skip
    failed = AttemptEnd(attempt=1, status="Failed", secondary_status="Failed", cause="exit", ended=names.now())
    for end in (failed, AttemptEnd(attempt=2, status="Completed", secondary_status="Completed", cause="end")):
        records.create(workspace.store, f"{job.attempt(end.attempt)}/result.json", end, kind="job", ref=job.id)
        assert attempts.tried_again(workspace.store, job, failed)
        assert end is failed or not attempts.tried_again(workspace.store, job, end)


def test_a_job_that_was_told_to_stop_is_stopping_until_its_keeper_has_said_how_it_ended(workspace: Workspace) -> None:
    user, host = names.who()
    job = Job(
        id=names.new_id(), kind="command", name="it", command=["true"], directory="/", user=user, host=host,
        submitted=names.now(),
    )  # fmt: skip
    assert attempts.begin(workspace.store, job, Started(attempt=1, **attempts.by_this_process()))
    assert jobs.state_of(workspace.store, job).status == "InProgress"
    asked = Asked(user=user, host=host, time=names.now())
    records.create(workspace.store, f"{job.attempt(1)}/stop.json", asked, kind="job", ref=job.id)
    assert jobs.state_of(workspace.store, job).status == "Stopping"


def test_how_a_job_ended_is_durable_when_who_waits_is_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _ended(workspace)
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    assert jobs.wait(workspace.store, job.id).status == "Completed"
    assert workspace.root / job.attempt(1) in synced
