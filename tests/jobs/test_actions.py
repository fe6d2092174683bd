"""The verbs, as every door calls them."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from cupola import actions
from cupola.errors import BadOption, DiskTrouble, NotFound, NotReady
from cupola.jobs import records as jobs
from cupola.jobs.records import JobState
from cupola.store import files
from cupola.workspace import Workspace

Run = Callable[..., JobState]


def test_submit_wait_show_log(ws: Workspace):
    made = actions.run(ws, "job submit", command=["sh", "-c", "echo one; echo two"], memory="1G", max_runtime="1m")
    ended = actions.run(ws, "job wait", job=made.job)
    assert (ended.status, ended.memory) == ("Completed", 1 << 30)
    assert actions.run(ws, "job show", job=made.job[:6]) == ended
    assert actions.run(ws, "job show", job=made.name) == ended
    assert "".join(actions.run(ws, "job log", job=made.job)) == "one\ntwo\n"
    assert "".join(actions.run(ws, "job log", job=made.job, lines=1)) == "two\n"
    assert made.job in [one.id for one in actions.run(ws, "job ls", status="Completed")]


def test_log_follows_until_the_job_ends(ws: Workspace):
    script = "for i in 1 2 3; do echo $i; sleep 0.1; done; printf '\\303'; sleep 0.1; printf '\\244'"
    made = actions.run(ws, "job submit", command=["sh", "-c", script])
    assert "".join(actions.run(ws, "job log", job=made.job, follow=True)) == "1\n2\n3\nä"


def test_a_python_of_its_own(ws: Workspace):
    made = actions.run(
        ws, "job submit", command=["python", "-c", "import sys; print(sys.executable)"], python=sys.executable
    )
    assert jobs.wait(ws.store, made.job, timeout=180).status == "Completed"
    assert "".join(actions.run(ws, "job log", job=made.job)) == f"{sys.executable}\n"


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": []},
        {"command": ["x"], "cpus": (os.cpu_count() or 1) + 1},
        {"command": ["x"], "gpus": 1000},
        {"command": ["x"], "memory": "1000T"},
        {"command": ["x"], "memory": "lots"},
        {"command": ["x"], "max_runtime": "soon"},
        {"command": ["x"], "retries": -1},
        {"command": ["x"], "metric": {"loss": "("}},
        {"command": ["x"], "python": "/no/such/python"},
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_filed(ws: Workspace, wrong: dict):
    before = len(jobs.ls(ws.store))
    with pytest.raises(BadOption):
        actions.run(ws, "job submit", **wrong)
    assert len(jobs.ls(ws.store)) == before


def test_a_full_disk_is_said_and_leaves_nothing_behind(ws: Workspace, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise DiskTrouble("no space is left", where="jobs")

    monkeypatch.setattr(files, "publish_dir", full)
    before = files.listing(ws.store, ".cupola/queue")  # the agent takes out those that are over
    with pytest.raises(DiskTrouble):
        actions.run(ws, "job submit", command=["true"])
    assert set(files.listing(ws.store, ".cupola/queue")) <= set(before)
    assert files.listing(ws.store, ".cupola/staging") == []


def test_verbs_say_why_they_cannot_act(ws: Workspace, run: Run):
    ended = run("true")
    with pytest.raises(NotReady, match="is over: Completed"):
        actions.run(ws, "job stop", job=ended.id)
    with pytest.raises(NotFound):
        actions.run(ws, "job show", job="nothing-like-it")
    with pytest.raises(NotFound, match="no attempt 7"):
        actions.run(ws, "job log", job=ended.id, attempt=7)
    made = actions.run(ws, "job submit", command=["sleep", "600"])
    with pytest.raises(NotReady, match="is not over"):
        actions.run(ws, "job retry", job=made.job)
    actions.run(ws, "job stop", job=made.job)
    assert actions.run(ws, "job wait", job=made.job, timeout="180s").status == "Stopped"


def test_filing_and_reading_jobs_imports_nothing_heavy():
    heavy = {"sklearn", "pandas", "pyarrow", "duckdb", "numpy", "scipy", "joblib", "asyncio", "textual", "psutil"}
    code = (
        "import sys, cupola.jobs.actions, cupola.jobs.records, cupola.agent.actions; "
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
