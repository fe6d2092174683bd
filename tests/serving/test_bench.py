"""`endpoint bench`: the staircase, what it recommends, and the job that measures with real server processes."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.errors import BadOption, WorkFailed
from cupola.jobs import errands, wish
from cupola.registry import records as registry
from cupola.registry.loadtests import LoadTest, Step
from cupola.runtimes.records import Report
from cupola.serving import benching, records
from cupola.serving.benches import Asked
from cupola.serving.server import Word
from cupola.store import journals
from cupola.workspace import Workspace

from .conftest import until


def asked(**more: Any) -> Asked:
    endpoint = records.Endpoint(name="e", host="h", user="u", variants=[])
    return Asked(**{"wish": endpoint, "target_ms": 20.0, "most": 4, "seconds": 1.0} | more)


def steps(**held: float) -> list[Step]:
    """What so many processes (p1, p2) hold, and a rate above it that they do not."""
    found = []
    for name, rate in held.items():
        for factor in (0.5, 1.0, 1.2):
            step = Step(workers=int(name[1:]), rate=rate * factor, answered=rate, p99_ms=5.0, held=factor <= 1)
            found.append(step)
    return found


@given(st.floats(1, 30_000), st.floats(0.1, 60_000))
def test_a_staircase_finds_what_is_held_within_a_tenth_wherever_it_begins(capacity: float, first: float) -> None:
    tried = []

    def measure(rate: float) -> Step:
        tried.append(rate)
        return Step(workers=1, rate=rate, answered=rate, held=rate <= capacity)

    found = benching.climb(measure, first)
    assert capacity / 1.1 <= found <= capacity
    assert len(tried) < 60


def test_a_step_that_failed_once_is_tried_again_and_a_staircase_goes_no_higher_than_is_needed() -> None:
    failed = set()

    def measure(rate: float) -> Step:
        again = rate in failed
        failed.add(rate)
        return Step(workers=1, rate=rate, answered=rate, held=again)

    assert benching.climb(measure, 10.0, enough=300.0) == 300.0
    assert benching.climb(lambda rate: Step(workers=1, rate=rate, answered=0.0), 50.0) == 0.0
    endless = benching.climb(lambda rate: Step(workers=1, rate=rate, answered=rate, held=True), 50.0)
    assert endless == benching.FASTEST


def test_the_fewest_processes_that_hold_what_is_needed_are_recommended() -> None:
    held = steps(p1=100, p2=190, p3=200)
    assert benching.recommend(held, asked()).workers == 2, "three hold hardly more"
    assert benching.recommend(held, asked(needed=90.0)).workers == 1
    assert benching.recommend(held, asked(needed=150.0)).workers == 2
    most = benching.recommend(held, asked(needed=999.0))
    assert (most.workers, most.rate, most.needed, len(most.steps)) == (3, 200.0, 999.0, 9)
    with pytest.raises(WorkFailed, match=r"within 20 ms cannot be had.*took 44 ms"):
        benching.recommend([Step(workers=1, rate=1.0, answered=1.0, p99_ms=44.0)], asked())
    with pytest.raises(WorkFailed, match="never answered well"):
        benching.recommend([Step(workers=1, rate=1.0, answered=1.0, p99_ms=4.0, errors=1)], asked())


def test_the_batches_that_hold_most_are_recommended_with_the_processes() -> None:
    def step(workers: int, rows: int | None, rate: float, held: bool = True) -> Step:
        return Step(workers=workers, batch_rows=rows, rate=rate, answered=rate, p99_ms=5.0, held=held)

    sizes = [step(1, 256, 100.0), step(1, 32, 110.0, held=False), step(1, 8, 130.0), step(1, 1, 143.0, held=False)]
    assert benching.recommend(sizes, asked()).batch_rows == 8
    found = benching.recommend([*sizes, step(2, 8, 240.0)], asked())
    assert (found.workers, found.batch_rows) == (2, 8)
    assert "2 server processes, batches of up to 8 rows: 240" in found.words
    compiled = benching.recommend([step(1, None, 900.0)], asked())
    compiled.runtime = "compiled"
    assert compiled.batch_rows is None and "compiled (requests are not joined)" in compiled.words


def test_other_batches_are_tried_only_from_where_they_would_be_better() -> None:
    """Two steps are all that a size costs that is no better than those before it."""
    tried = []

    def measure(capacity: float, rate: float) -> Step:
        tried.append(rate)
        return Step(workers=1, rate=rate, answered=rate, held=rate <= capacity)

    assert benching.climb(lambda rate: measure(100.0, rate), 110.0, least=110.0) == 0.0
    assert tried == [110.0, 110.0]
    assert 900.0 / 1.1 <= benching.climb(lambda rate: measure(900.0, rate), 110.0, least=110.0) <= 900.0


def staircases(monkeypatch: pytest.MonkeyPatch, most: int, holds: dict[int, float], **more: Any) -> list[Step]:
    """The steps of a model one process of which holds so much with batches of such sizes, two twice as much."""
    serving: list[records.Endpoint] = []

    @contextlib.contextmanager
    def served(store: Any, wish: records.Endpoint) -> Iterator[Any]:
        serving.append(wish)
        yield ("127.0.0.1", 1), Word(ready=True, runtimes={"e=m": Report(runtime="native")}, joins=len(holds) > 1)

    def measured(address: Any, requests: Any, workers: int, rows: int | None, rate: float, asked: Any) -> Step:
        assert (serving[-1].workers, serving[-1].batch_rows) == (workers, rows or records.MOST_ROWS)
        held = rate <= holds[rows or records.MOST_ROWS] * min(workers, 2)
        return Step(workers=workers, batch_rows=rows, rate=rate, answered=rate, p50_ms=5.0, p99_ms=5.0, held=held)

    monkeypatch.setattr(benching, "_serving", served)
    monkeypatch.setattr(benching, "_step", measured)
    monkeypatch.setattr(benching, "_rehearse", lambda *_: None)
    job: Any = SimpleNamespace(store=None, report=lambda done, words: 0 <= done <= 1 or pytest.fail(f"{done}"))
    bench = benching.Bench(job, asked(most=most, **more), [b"request"])
    benching.climb_all(bench, asked(most=most, **more))
    return bench.steps


def test_more_processes_are_tried_with_the_batches_that_held_most(monkeypatch: pytest.MonkeyPatch) -> None:
    found = staircases(monkeypatch, 3, {256: 1000.0, 32: 1010.0, 8: 2000.0, 1: 500.0})
    assert {(one.workers, one.batch_rows) for one in found} == {(1, 256), (1, 32), (1, 8), (1, 1), (2, 8), (3, 8)}
    best = benching.recommend(found, asked(most=3))
    assert (best.workers, best.batch_rows) == (2, 8) and 3600 < best.rate <= 4000
    few = [sum(one.batch_rows == rows for one in found) for rows in (32, 1)]
    assert few == [2, 2], "a size that is no better costs two steps"


def test_the_usual_batches_stay_where_they_hold_what_is_needed_or_nothing_is_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = staircases(monkeypatch, 3, {256: 1000.0, 32: 2000.0, 8: 1.0, 1: 1.0}, needed=900.0)
    assert {(one.workers, one.batch_rows) for one in found} == {(1, 256)}
    found = staircases(monkeypatch, 2, {256: 1000.0})
    assert {(one.workers, one.batch_rows) for one in found} == {(1, None), (2, None)}


@pytest.fixture
def jobs(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """Has the job of an errand run at once, as its keeper would start it; gives the processes."""
    started: list[subprocess.Popen[str]] = []

    def done(store: Any, **more: Any) -> dict[str, Any]:
        job = wish.find(store, errands.jobs.file(store, **more).id)
        directory = store.root / job.attempt(1)
        names = {"CUPOLA_WORKSPACE": str(store.root), "CUPOLA_JOB_DIR": str(store.root / job.directory_in_store)}
        names |= {"CUPOLA_ATTEMPT": "1", "CUPOLA_ATTEMPT_DIR": str(directory)}
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(job.command, env=os.environ | names, text=True, **pipe)  # type: ignore[call-overload]
        started.append(process)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        return dict(msgspec.json.decode((directory / "output.json").read_bytes()))

    monkeypatch.setattr(errands, "done", done)
    return started


def test_what_was_measured_is_kept_with_the_version_and_a_deployment_starts_from_it(
    ws: Workspace, registered: list[str], jobs: list[Any]
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e", workers=1, batch_rows=16)
    found = ws.action("endpoint bench", endpoint="e", p99=60_000.0, rate=20.0, workers=1, seconds=0.2)
    assert (found.endpoint, found.model, found.workers) == ("e", registered[0], 1)
    assert found.steps and all(one.errors == 0 for one in found.steps) and found.rate >= 20.0
    state = registry.find(ws.store, "late@1")
    assert state.load_test is not None and state.load_test.steps == found.steps
    assert ws.action("model verify", model="late@1").ok, "a version itself never changes"
    shown = ws.action("endpoint show", endpoint="e")
    assert (shown.workers, shown.batch_rows) == (1, 16), "the endpoint is left alone"

    assert (found.runtime, found.batch_rows) == ("native", records.MOST_ROWS), "the usual batches hold what is needed"

    many = msgspec.structs.replace(state.load_test, workers=min(2, os.cpu_count() or 1), batch_rows=8)
    registry.say(ws.store, state, {"load_test": msgspec.to_builtins(many)})
    two = ws.action("endpoint deploy", model="late@1", name="two")
    assert (two.workers, two.batch_rows) == (many.workers, 8)
    three = ws.action("endpoint deploy", model="late@1", name="three", workers=3, batch_rows=16)
    assert (three.workers, three.batch_rows) == (3, 16)
    one = ws.action("endpoint deploy", model="late@2", name="one")
    assert (one.workers, one.batch_rows) == (1, records.MOST_ROWS)


def test_a_request_that_the_model_refuses_is_said_and_nothing_is_recommended(
    ws: Workspace, registered: list[str], jobs: list[Any]
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    with pytest.raises(AssertionError, match="does not take the request"):
        ws.action("endpoint bench", endpoint="e", data='{"distance": "far"}', workers=1, seconds=0.1)
    assert registry.find(ws.store, "late@1").load_test is None


def test_the_newest_of_this_host_counts() -> None:
    lines = [
        {"load_test": msgspec.to_builtins(LoadTest(target_ms=20, workers=workers, rate=1, host=host))}
        for workers, host in ((1, "here"), (2, "here"), (9, "there"))
    ]
    lines += [{"status": "Approved"}, {"load_test": {"of": "a newer Cupola"}}]
    found = [journals.newest(lines, "load_test", LoadTest, host) for host in ("here", "there", "elsewhere")]
    assert [one.workers for one in found if one] == [2, 9, 9]
    assert journals.newest(lines[3:], "load_test", LoadTest, "here") is None


def test_a_killed_load_test_leaves_no_server_behind(
    ws: Workspace, registered: list[str], monkeypatch: pytest.MonkeyPatch, jobs: list[subprocess.Popen[str]]
) -> None:
    import threading

    ws.action("endpoint deploy", model="late@1", name="e")
    options = {"p99": 60_000.0, "workers": 1, "seconds": 60.0}
    thread = threading.Thread(target=lambda: _suppressed(lambda: ws.action("endpoint bench", endpoint="e", **options)))
    thread.start()
    process = until(lambda: jobs and jobs[0])
    try:
        servers = until(lambda: psutil.Process(process.pid).children())
    finally:
        os.kill(process.pid, signal.SIGKILL)
        thread.join()
    for one in servers:
        until(lambda one=one: not one.is_running() or one.status() == psutil.STATUS_ZOMBIE)
    assert registry.find(ws.store, "late@1").load_test is None


def _suppressed(work: Callable[[], Any]) -> None:
    with contextlib.suppress(AssertionError):
        work()


@pytest.mark.parametrize(
    "options",
    [{"p99": 0.0}, {"rate": -1.0}, {"workers": 0}, {"workers": 4096}, {"seconds": 1e9}, {"variant": "nothing"}],
)
def test_what_cannot_be_measured_is_refused_before_a_job_is_filed(
    ws: Workspace, registered: list[str], jobs: list[Any], options: dict[str, Any]
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    with pytest.raises(BadOption):
        ws.action("endpoint bench", endpoint="e", **options)
    assert jobs == []


def test_the_module_runs_only_as_a_job() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cupola.serving.benching"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "only as a job" in done.stderr
