import json

import pytest

from cupola.jobs import attempt as inside
from cupola.jobs import attempts
from cupola.jobs.attempt import Attempt
from cupola.jobs.attempts import Progress
from cupola.jobs.wish import Job
from cupola.workspace import Workspace


def test_the_last_of_a_few_quick_reports_is_kept(workspace: Workspace) -> None:
    job = Job(
        id="abcdefghij", kind="x", name="x", command=["x"], directory="/", user="u", host="h", submitted="2026-11-"
    )
    attempt = Attempt(workspace.store, job, 1)
    for step in range(5):
        attempt.report(step / 10, f"step {step}")
    assert attempts.optional(workspace.store, f"{attempt.directory}/progress.json", Progress).message == "step 4"


def test_far_too_many_reports_are_dropped_but_the_end_is_not(workspace: Workspace) -> None:
    job = Job(
        id="abcdefghij", kind="x", name="x", command=["x"], directory="/", user="u", host="h", submitted="2026-11-"
    )
    attempt = Attempt(workspace.store, job, 1)
    for _ in range(2000):
        attempt.report(0.5)
    attempt.report(1, "done")
    assert attempts.optional(workspace.store, f"{attempt.directory}/progress.json", Progress).message == "done"
    feed = next((workspace.root / ".cupola" / "feed").iterdir())
    assert len(feed.read_text().splitlines()) < 1000


def test_a_job_that_cannot_read_what_it_is_says_why(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = workspace.root / "jobs" / "2026-11" / "abcdefghij"
    monkeypatch.setenv(inside.WORKSPACE, str(workspace.root))
    monkeypatch.setenv(inside.JOB_DIR, str(directory))
    monkeypatch.setenv(inside.ATTEMPT, "1")
    monkeypatch.setenv(inside.ATTEMPT_DIR, str(directory / "attempts" / "1"))
    with pytest.raises(SystemExit):
        inside.work(lambda _: None)
    assert json.loads((directory / "attempts" / "1" / "error.json").read_text())["kind"] == "NotFound"
