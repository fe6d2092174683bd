"""An execution goes on at its step, whatever of it is killed; and the sample does what it says."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from tests.waiting import until

import cupola
from cupola import api
from cupola.errors import WorkFailed
from cupola.jobs import attempts
from cupola.jobs import records as jobs
from cupola.jobs.attempts import Started
from cupola.workspace import Workspace

SAMPLE = Path(__file__).parents[2] / "workspaces" / "flights"

STEPS = """\
import time
from pathlib import Path


def noted(name):
    with Path("called.txt").open("a") as file:
        file.write(f"{name}\\n")
    return name


def fails():
    raise ValueError("it has no rows")


def waits(name):
    noted(name)
    while not Path("go.txt").exists():
        time.sleep(0.02)
    return name
"""
PIPELINE = """\
[steps.first]
type = "Lambda"
function = "steps:noted"
parameters = { name = "first" }
[steps.job]
type = "Processing"
function = "steps:waits"
parameters = { name = "job" }
depends_on = ["first"]
[steps.lambda]
type = "Lambda"
function = "steps:waits"
parameters = { name = "lambda" }
depends_on = ["first"]
[steps.last]
type = "Lambda"
function = "steps:noted"
parameters = { name = "last of ${steps.job.outputs.value} and ${steps.lambda.outputs.value}" }
"""


@pytest.fixture
def ws(host: Path, tmp_path: Path) -> api.Workspace:
    """A workspace with the steps; one agent serves those of all tests."""
    made = cupola.init(tmp_path / "ws")
    (made.root / "src").mkdir()
    (made.root / "pipelines").mkdir()
    (made.root / "src" / "steps.py").write_text(STEPS)
    return made


def driver(ws: api.Workspace, job: str) -> Started:
    """What drives an execution: the newest attempt of its job."""
    store = Workspace.open(ws.root).store
    found = jobs.find(store, job)
    number = attempts.numbers(store, found)[-1]
    started: Started = until(lambda: attempts.optional(store, f"{found.attempt(number)}/started.json", Started))
    return started


def kill_job(ws: api.Workspace, job: str) -> None:
    process = driver(ws, job).process
    assert process
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def kill_keeper(ws: api.Workspace, job: str) -> None:
    os.kill(driver(ws, job).keeper.pid, signal.SIGKILL)


def kill_all(ws: api.Workspace, job: str) -> None:
    """The agent, then the keeper, as when all of it goes at once; the next command starts another agent."""
    record = msgspec.json.decode((Path(os.environ["CUPOLA_RUNTIME_DIR"]) / "agent.json").read_bytes())
    killed = record["process"]["pid"]
    os.kill(killed, signal.SIGKILL)
    kill_keeper(ws, job)
    until(lambda: ws.agent.status().pid != killed)  # whoever waits for a job may have started another one by now
    ws.agent.start()


@pytest.mark.parametrize("kill", [kill_job, kill_keeper, kill_all], ids=["driver", "keeper", "agent and keeper"])
def test_an_execution_that_was_killed_goes_on_at_its_step(
    ws: api.Workspace, kill: Callable[[api.Workspace, str], None]
) -> None:
    (ws.root / "pipelines" / "long.toml").write_text(PIPELINE)
    started = ws.pipeline.run("long")
    called = ws.root / "called.txt"
    until(lambda: called.exists() and sorted(called.read_text().split()) == ["first", "job", "lambda"])
    until(lambda: next(one for one in ws.pipeline.show(started.execution).steps if one.name == "job").job)
    kill(ws, started.jobs[0])
    until(lambda: called.read_text().split().count("lambda") == 2)  # it was in the process that was killed
    (ws.root / "go.txt").write_text("")
    ended = started.wait(timeout=180)
    assert [one.status for one in ended.steps] == ["Succeeded"] * 4
    found = called.read_text().split("\n")[:-1]
    assert found.count("first") == 1 and found.count("job") == 1  # done once; the job went on meanwhile
    assert found[-1] == "last of job and lambda"
    assert len([one for one in ws.job.ls() if one.kind == "processing"]) == 1


def test_a_job_goes_on_though_what_waits_for_it_was_killed(ws: api.Workspace) -> None:
    (ws.root / "pipelines" / "long.toml").write_text(PIPELINE.partition("[steps.lambda]")[0])
    started = ws.pipeline.run("long")
    until(lambda: next(one for one in ws.pipeline.show(started.execution).steps if one.name == "job").job)
    process = driver(ws, started.jobs[0]).process
    assert process
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    logs = {os.readlink(f"/proc/{one}/fd/1"): int(one) for one in children}  # noqa: PTH115
    os.kill(next(pid for log, pid in logs.items() if "/work/job/" in log), signal.SIGKILL)
    until(lambda: Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split() != children)
    (ws.root / "go.txt").write_text("")
    ended = started.wait(timeout=180)
    assert [(one.name, one.status, one.attempt) for one in ended.steps] == [
        ("first", "Succeeded", 1), ("job", "Succeeded", 1),
    ]  # fmt: skip
    assert (ws.root / "called.txt").read_text().split() == ["first", "job"]
    assert len([one for one in ws.job.ls() if one.kind == "processing"]) == 1


FAILS = """\
[steps.fails]
type = "Lambda"
function = "steps:fails"
[steps.job]
type = "Processing"
function = "steps:waits"
parameters = { name = "job" }
[steps.after]
type = "Lambda"
function = "steps:noted"
parameters = { name = "after" }
depends_on = ["fails", "job"]
"""


def test_an_execution_that_has_failed_stays_so_though_it_was_killed_before_its_end(ws: api.Workspace) -> None:
    (ws.root / "pipelines" / "fails.toml").write_text(FAILS)
    started = ws.pipeline.run("fails")

    def steps() -> dict[str, Any]:
        return {one.name: one for one in ws.pipeline.show(started.execution).steps}

    until(lambda: steps()["fails"].status == "Failed")
    until(lambda: steps()["job"].job and (ws.root / "called.txt").exists())
    kill_job(ws, started.jobs[0])
    (ws.root / "go.txt").write_text("")
    with pytest.raises(WorkFailed, match="it has no rows"):
        started.wait(timeout=180)
    assert [one.status for one in steps().values()] == ["Failed", "Succeeded", "Waiting"]


def test_an_execution_that_was_edited_by_hand_is_not_run(ws: api.Workspace) -> None:
    (ws.root / "pipelines" / "long.toml").write_text(PIPELINE)
    started = ws.pipeline.run("long")
    until(lambda: (ws.root / "called.txt").exists())
    path = ws.root / "pipelines" / "long" / "executions" / started.execution / "execution.json"
    path.write_text(path.read_text().replace("steps:waits", "steps:noted"))
    kill_job(ws, started.jobs[0])
    found = until(lambda: (now := ws.pipeline.show(started.execution)).over and now)
    assert found.status == "Failed" and "is not what was filed" in found.reason
    (ws.root / "go.txt").write_text("")


@pytest.mark.timeout(1200)  # it trains and tunes, three times
def test_the_sample_goes_from_the_file_to_an_endpoint_and_then_does_nothing(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "flights"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("__pycache__", ".cupola"))
    rows = root / "data" / "flights.parquet"
    pq.write_table(pq.read_table(rows).slice(0, 11_000), rows)  # half of them are enough to see it work
    ws = cupola.open(root)
    first = ws.pipeline.run("late-flights", param={"trials": "1"}).wait(timeout=900)
    assert {one.name: one.status for one in first.steps if one.status != "Succeeded"} == {"too-weak": "Skipped"}
    assert ws.endpoint.show("late-flights").status == "InService"

    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cupola_tui", *words], cwd=root, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    again = msgspec.json.decode(command("pipeline", "run", "late-flights", "-p", "trials=1", "--wait", "--json"))
    done = [one["name"] for one in again["steps"] if not one["cached"] and one["status"] == "Succeeded"]
    assert done == ["train", "good-enough", "deploy"]  # which decide, gather, and find that it serves already
    runs = len(ws.run.ls())

    other = ws.pipeline.run("late-flights", param={"trials": "1", "threshold": "0.99"})
    with pytest.raises(WorkFailed, match=r"and not 0\.99"):
        other.wait(timeout=180)
    assert len(ws.run.ls()) == runs
    assert "nothing has changed" in command("pipeline", "why", "late-flights", "tune")
    ws.endpoint.stop("late-flights").wait(timeout=180)
