"""Runs and jobs as digests hold them: the lists are the same, and a job that is tried again is seen at once."""

import time

import pytest

from cupola.agent.digesting import Digesting
from cupola.experiments import records as runs
from cupola.experiments.records import RUNS, Run
from cupola.jobs import records as jobs
from cupola.jobs.attempts import AttemptEnd
from cupola.jobs.records import JOBS
from cupola.jobs.wish import Asked, Job
from cupola.store import Store, digests, feed, names, records
from cupola.store.filesystem import Mount
from cupola.workspace import Workspace


def add(store: Store, number: int, status: str = "Completed") -> Job:
    """A run and its job, both over."""
    user, host = names.who()
    job = Job(
        id=f"job{number:07d}", kind="train", name=f"job-{number}", command=["true"], directory="/", user=user,
        host=host, submitted=f"2026-11-24T10:{number:02d}:00.000000Z", run=f"baseline/run{number:07d}",
    )  # fmt: skip
    end = AttemptEnd(attempt=1, status=status, secondary_status=status, cause="exit", exit_code=0, ended=job.submitted)
    records.create(store, f"{job.directory_in_store}/job.json", job, kind="job", ref=job.id)
    records.create(store, f"{job.attempt(1)}/result.json", end, kind="job", ref=job.id)
    run = Run(
        id=f"run{number:07d}", name=f"run-{number}", experiment="baseline", status=status, user=user, host=host,
        submitted=job.submitted, job=job.id, attempt=1, metrics={"accuracy": number / 100},
    )  # fmt: skip
    records.create(store, runs.path(run), run, kind="run", ref=run.id)
    return job


def over_network(store: Store) -> Store:
    distant = Store(store.root)
    distant.__dict__["mount"] = Mount("sshfs", str(store.root), {"dir_cache": "no"})
    return distant


def lists(store: Store) -> tuple[list[Run], list[jobs.JobState]]:
    return runs.ls(store), jobs.ls(store)


@pytest.fixture
def folded(workspace: Workspace) -> Store:
    """A workspace whose runs and jobs are in a digest."""
    store = workspace.store
    for number in range(6):
        add(store, number, "Failed" if number % 3 == 2 else "Completed")
    time.sleep(digests.UNSETTLED / 1e9 + 0.01)
    Digesting(workspace.root).fold()
    return store


def test_runs_and_jobs_are_listed_without_being_read(folded: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [RUNS.read(folded, place) for place in RUNS.places(folded)]
    states = [JOBS.read(folded, place) for place in JOBS.places(folded)]

    def opened(*_: object) -> None:
        raise AssertionError("a record was read")

    monkeypatch.setattr(records, "read", opened)
    for store in (Store(folded.root), over_network(folded)):
        found, ended = lists(store)
        assert sorted(found, key=lambda run: run.id) == expected
        assert sorted(ended, key=lambda job: job.id) == states


def test_a_job_that_is_tried_again_is_seen(folded: Store) -> None:
    job = add(folded, 7, "Failed")
    time.sleep(digests.UNSETTLED / 1e9 + 0.01)
    Digesting(folded.root).fold()
    feed.announce(folded, "job", job.id, 2)
    asked = Asked(user=job.user, host=job.host, time=names.now())
    records.create(folded, f"{job.attempt(2)}/filed.json", asked, kind="job", ref=job.id)
    for store in (Store(folded.root), over_network(folded)):
        found, ended = lists(store)
        assert ended[0].status == "Queued" and ended[0].attempt == 2
        assert found[0].status == "Queued"
    Digesting(folded.root).fold()
    assert lists(over_network(folded))[1][0].status == "Queued"


def test_a_retry_that_was_only_begun_is_not_folded_away(folded: Store) -> None:
    """Whoever asks for it tells before; killed after that, the attempt may yet be made without a word."""
    job = add(folded, 8)
    feed.announce(folded, "job", job.id, 2)
    time.sleep(digests.UNSETTLED / 1e9 + 0.01)
    Digesting(folded.root).fold()
    before = jobs.ls(over_network(folded))
    (folded.root / job.attempt(2)).mkdir()
    assert before[0].status == "Completed"
    assert jobs.ls(over_network(folded))[0].status == "Queued"


def test_a_workspace_in_trouble_is_said_once(folded: Store, capsys: pytest.CaptureFixture[str]) -> None:
    thread = Digesting(folded.root)
    (folded.root / "workspace.toml").unlink()
    thread.fold()
    thread.fold()
    assert capsys.readouterr().err.count("digests") == 1
