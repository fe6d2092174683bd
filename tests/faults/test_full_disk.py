"""Jobs on a disk that is really full: they wait or fail, as workspace.toml says, say so, and lose nothing."""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.faults import disk

from cupola.agent import stopping
from cupola.errors import DiskFull
from cupola.jobs import records as jobs
from cupola.jobs.records import JobState
from cupola.pipelines import standing
from cupola.pipelines.records import ExecutionState
from cupola.store import journals
from cupola.workspace import Workspace

LONG = 180.0
LINES = 4000
ROWS = 60_000
TALKS = f"for n in range({LINES}): print('step', n, 'loss', n / 8, 'x' * 150, flush=True)"


@pytest.fixture
def ws(host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.chdir(tmp_path)  # where a run has no code to keep: how much that is here is nobody's affair
    with disk.small(tmp_path / "disk", "8m") as point:
        yield Workspace.init(point / "ws")


def until(ws: Workspace, job: str, so: Callable[[JobState], object]) -> JobState:
    deadline = time.monotonic() + LONG
    while not so(now := jobs.state(ws.store, job)):
        assert time.monotonic() < deadline, f"it never came to that: {now}"
        time.sleep(0.05)
    return now


def waits(state: JobState) -> bool:
    return state.secondary_status == "WaitingForRoom"


def test_a_job_that_writes_waits_for_room_and_loses_no_line(ws: Workspace, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\n{TALKS}"
    job = ws.action("job submit", command=[sys.executable, "-c", script], metric={"loss": r"loss (\S+)"}).job
    until(ws, job, lambda state: state.started)
    ballast = disk.fill(ws.root.parent, left=300_000)
    go.touch()
    now = until(ws, job, waits)
    assert (now.status, now.message) == ("InProgress", "waits for room on the disk")
    log = ws.root / jobs.log_path(ws.store, job)
    time.sleep(1.2)
    for written in (log, log.with_name("metrics.jsonl")):
        # What a try has begun of a line is taken away again: it may be there for a moment, and not longer.
        until(ws, job, lambda _, path=written: not path.exists() or path.read_bytes()[-1:] in (b"", b"\n"))
    now = until(ws, job, lambda state: waits(state) or state.over)  # it may have found a little room for a moment
    assert waits(now), "it does not wait any more, and there is no room"
    ballast.unlink()
    ended = until(ws, job, lambda state: state.over)
    assert (ended.status, ended.exit_code) == ("Completed", 0)
    assert [line.split()[1] for line in log.read_text().splitlines()] == [str(n) for n in range(LINES)]
    metrics, _ = journals.read(ws.store, str(log.with_name("metrics.jsonl").relative_to(ws.root)))
    assert [one["value"] for one in metrics] == [n / 8 for n in range(LINES)]
    assert ws.action("check").ok


def test_a_job_that_is_to_fail_fails(ws: Workspace) -> None:
    mark = ws.root / "workspace.toml"
    mark.write_text(mark.read_text().replace('# full_disk = "wait"', 'full_disk = "fail"'))
    job = ws.action("job submit", command=[sys.executable, "-c", f"while True:\n {TALKS}"]).job
    until(ws, job, lambda state: state.started)
    ballast = disk.fill(ws.root.parent)
    until(ws, job, lambda state: waits(state) or state.over)  # it fills the disk itself, too
    ballast.unlink()
    ended = until(ws, job, lambda state: state.over)
    assert (ended.status, ended.secondary_status) == ("Failed", "DiskFull")
    assert ended.reason == "the disk is full, and workspace.toml says that jobs fail then"


def test_a_training_and_an_import_go_on_when_there_is_room(ws: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("x,late\n" + "".join(f"{random.random()},{'yes' if n % 3 else 'no'}\n" for n in range(ROWS)))
    ws.action("dataset import", source=source, name="rows", target="late")
    stopping.stop(jobs=True)  # whoever is at work may make room for a moment
    ballast = disk.fill(ws.root.parent)
    with pytest.raises(DiskFull, match="full"):
        ws.action("dataset rm", dataset="rows")
    ballast.unlink()
    ballast = disk.fill(ws.root.parent, left=200_000)
    run = ws.action("train", dataset="rows", estimator="LogisticRegression")
    importing = ThreadPoolExecutor(1).submit(ws.action, "dataset import", source=source, name="more")
    until(ws, run.job, waits)
    while len(asked := [one.id for one in jobs.ls(ws.store) if one.kind == "import"]) < 2:
        time.sleep(0.05)
    until(ws, asked[0], waits)
    ballast.unlink()
    assert until(ws, run.job, lambda state: state.over).status == "Completed"
    assert importing.result(LONG).rows == ROWS
    assert ws.action("run show", run=run.run).metrics
    assert ws.action("dataset show", dataset="rows").rows == ROWS
    assert ws.action("check").ok


def test_a_job_that_is_to_start_waits_for_room(ws: Workspace, tmp_path: Path) -> None:
    go = tmp_path / "go"
    cpus = len(os.sched_getaffinity(0))
    wait = f"while [ ! -e {go} ]; do sleep 0.05; done"
    first = ws.action("job submit", command=["sh", "-c", wait], cpus=cpus).job
    until(ws, first, lambda state: state.started)
    second = ws.action("job submit", command=["echo", "here"], name="second")
    ballast = disk.fill(ws.root.parent)
    go.touch()
    until(ws, second.job, lambda state: waits(state) or state.over)
    ballast.unlink()
    for job in (first, second.job):
        assert until(ws, job, lambda state: state.over).status == "Completed"


PIPELINE = """\
[steps.first]
type = "Lambda"
function = "steps:until_told"
[steps.then]
type = "Processing"
function = "steps:fills"
parameters = {{ count = {count} }}
depends_on = ["first"]
"""
STEPS = """\
import os, pathlib, time

def until_told():
    while not pathlib.Path({go!r}).exists(): time.sleep(0.02)
    {then}

def fills(count):
    pathlib.Path(os.environ["CUPOLA_OUTPUTS"], "much").write_bytes(bytes(count))
"""


def begun(ws: Workspace, go: Path, count: int, then: str = "return") -> str:
    """An execution at its first step, which goes on with `then` when `go` is there; its second writes so many bytes."""
    for name, text in (
        ("src/steps.py", STEPS.format(go=str(go), then=then)),
        ("pipelines/p.toml", PIPELINE.format(count=count)),
    ):
        (ws.root / name).parent.mkdir()
        (ws.root / name).write_text(text)
    execution: str = ws.action("pipeline run", pipeline="p").execution
    stands(ws, execution, lambda now: now.steps[0].status == "Executing")
    return execution


def stands(ws: Workspace, execution: str, so: Callable[[ExecutionState], object]) -> ExecutionState:
    deadline = time.monotonic() + LONG
    while not so(now := standing.find(ws.store, execution)):
        assert time.monotonic() < deadline, f"it never came to that: {now}"
        time.sleep(0.05)
    return now


def test_a_pipeline_waits_for_room_to_begin_its_next_step(ws: Workspace, tmp_path: Path) -> None:
    execution = begun(ws, tmp_path / "go", count=1)
    ballast = disk.fill(ws.root.parent)
    (tmp_path / "go").touch()
    stands(ws, execution, lambda now: now.secondary_status == "WaitingForRoom" or now.over)
    ballast.unlink()
    assert stands(ws, execution, lambda now: now.over).status == "Succeeded"


def test_a_function_that_prints_waits_for_room_and_loses_no_line(ws: Workspace, tmp_path: Path) -> None:
    execution = begun(ws, tmp_path / "go", count=1, then=TALKS)
    ballast = disk.fill(ws.root.parent, left=300_000)
    (tmp_path / "go").touch()
    stands(ws, execution, lambda now: now.over or os.statvfs(ws.root).f_bavail == 0)
    ballast.unlink()
    assert stands(ws, execution, lambda now: now.over).status == "Succeeded"
    log = ws.root / f"pipelines/p/executions/{execution}/work/first/1/log.txt"
    assert [line.split()[1] for line in log.read_text().splitlines()] == [str(n) for n in range(LINES)]


def test_a_step_that_fills_the_disk_says_that_it_is_full(ws: Workspace, tmp_path: Path) -> None:
    execution = begun(ws, tmp_path / "go", count=100_000_000)
    (tmp_path / "go").touch()
    step = stands(ws, execution, lambda now: now.steps[1].job).steps[1]
    until(ws, step.job, lambda state: waits(state) or state.over)
    for much in ws.root.glob("pipelines/p/executions/*/work/then/*/outputs/much"):
        much.unlink()
    now = stands(ws, execution, lambda now: now.over)
    assert (now.status, now.steps[1].cause) == ("Failed", "disk")
    assert "the disk is full" in now.reason
