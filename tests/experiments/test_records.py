from pathlib import Path

import pytest
from tests.experiments.conftest import Leave

from cupola.errors import NotFound
from cupola.experiments import records
from cupola.jobs import records as jobs
from cupola.jobs.attempts import AttemptEnd
from cupola.store import files
from cupola.store import records as store_records
from cupola.workspace import Workspace


def job(workspace: Workspace, one: records.Run) -> jobs.Job:
    """The job of a run as a filer would have left it."""
    made = jobs.Job(
        id=one.job, kind="train", name=one.name, command=["true"], directory="/", user=one.user, host=one.host,
        submitted=one.submitted, run=f"{one.experiment}/{one.id}",
    )  # fmt: skip
    store_records.create(workspace.store, f"{made.directory_in_store}/job.json", made, kind="job", ref=made.id)
    return made


def end(workspace: Workspace, made: jobs.Job, number: int, status: str, reason: str) -> None:
    ended = AttemptEnd(attempt=number, status=status, secondary_status=status, cause="memory", reason=reason)
    path = f"{made.attempt(number)}/result.json"
    store_records.create(workspace.store, path, ended, kind="job", ref=made.id)


def test_until_it_has_completed_the_status_is_that_of_its_job(workspace: Workspace, keep: Leave) -> None:
    one = keep(1, status="Queued", job="jobjobjob1", attempt=0)
    made = job(workspace, one)
    assert records.find(workspace.store, one.id).status == "Queued"
    end(workspace, made, 1, "Failed", "it was killed at its memory limit")
    found = records.find(workspace.store, one.id)
    assert (found.status, found.reason, found.attempt) == ("Failed", "it was killed at its memory limit", 1)


def test_a_run_that_failed_and_is_tried_again_is_what_the_later_attempt_is(workspace: Workspace, keep: Leave) -> None:
    one = keep(1, status="Failed", reason="bad data", job="jobjobjob1", attempt=1)
    made = job(workspace, one)
    end(workspace, made, 1, "Failed", "exit status 1")
    assert records.find(workspace.store, one.id).reason == "bad data"
    end(workspace, made, 2, "Stopped", "by ana")
    assert records.find(workspace.store, one.id).status == "Stopped"


def test_a_completed_run_is_read_from_one_file(
    workspace: Workspace, keep: Leave, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        keep(number, job="whatever")
    opened: list[str] = []
    real = files.read_bytes
    monkeypatch.setattr(store_records, "read_bytes", lambda store, path: opened.append(path) or real(store, path))
    assert len(records.ls(workspace.store)) == 20
    assert len(opened) == 20


def test_a_directory_without_a_record_is_no_run(workspace: Workspace, keep: Leave) -> None:
    keep(1)
    (workspace.root / "experiments" / "default" / "leftover").mkdir()
    (workspace.root / "experiments" / "default" / "readme.txt").write_text("mine")
    (workspace.root / "experiments" / "notes.txt").write_text("mine")
    assert [one.id for one in records.ls(workspace.store)] == ["run0000001"]
    with pytest.raises(NotFound):
        records.find(workspace.store, "leftover")


def test_the_artifacts_are_those_of_the_believed_attempt(workspace: Workspace, keep: Leave) -> None:
    one = keep(1, attempt=1)
    for number in (1, 2):
        directory: Path = workspace.root / one.directory / "attempts" / str(number) / "artifacts"
        directory.mkdir(parents=True)
        (directory / f"a{number}.json").write_text("{}")
    assert records.artifacts(workspace.store, one) == ["a1.json"]
    assert records.artifact_path(workspace.store, one, "a1.json").endswith("attempts/1/artifacts/a1.json")
    with pytest.raises(NotFound, match="has no artifact"):
        records.artifact_path(workspace.store, one, "a2.json")


def test_a_run_that_cannot_be_read_hides_no_other(workspace: Workspace, keep: Leave) -> None:
    good, torn, newer = keep(1), keep(2), keep(3)
    (workspace.root / records.path(torn)).write_text('{"id": "run0000002", "metr')
    (workspace.root / records.path(newer)).write_text('{"id": 7, "format": 99}')
    found = {one.id: one for one in records.ls(workspace.store)}
    assert found[good.id].status == "Completed"
    assert {found[one.id].secondary_status for one in (torn, newer)} == {"Unreadable"}
    assert "cannot be read" in records.find(workspace.store, torn.id).reason
    assert records.find(workspace.store, good.name).id == good.id
