"""What a script waits for when it logs: cupola.run() beside a bare file and beside MLflow on SQLite.

Reach: at most 1 ms a run of 5 parameters and 20 metrics, 0.02 ms a metric, 100,000 metrics a second into one run.

MLflow is taken from the Python that $MLFLOW_PYTHON names, else from this one: `python -m venv /tmp/peers &&
/tmp/peers/bin/pip install mlflow`, then `MLFLOW_PYTHON=/tmp/peers/bin/python python -m benchmarks logging_speed`.
Where there is none it is left out, and said so. It logs to a new SQLite file on the same disk with its default
settings, a call a value, as the others do.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import cupola
from benchmarks.measure import in_turns, machine, report
from benchmarks.workspaces import workspace
from cupola.experiments import histories, records
from cupola.tracking import writer
from cupola.workspace import Workspace

RUNS, METRICS, ROUNDS = 50, 20_000, 3
MLFLOW_RUNS, MLFLOW_METRICS = 3, 50
HISTORY = 100_000

MLFLOW = """
import os, statistics, sys, time
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
import mlflow
if sys.argv[1] == "version":
    print(mlflow.__version__)
    sys.exit()
mlflow.set_tracking_uri("sqlite:///" + sys.argv[2])
runs, metrics = int(sys.argv[3]), int(sys.argv[4])
with mlflow.start_run():
    mlflow.log_metric("warm", 1)
begun = time.perf_counter()
if sys.argv[1] == "runs":
    each = []
    for number in range(runs):
        one = time.perf_counter()
        with mlflow.start_run():
            mlflow.log_params({f"p{place}": place for place in range(5)})
            for place in range(20):
                mlflow.log_metric(f"m{place}", place * 0.5)
        each.append(time.perf_counter() - one)
    print(statistics.median(each))
else:
    with mlflow.start_run():
        for step in range(metrics):
            mlflow.log_metric("loss", step * 0.5, step=step)
    print((time.perf_counter() - begun) / metrics)
"""


def main() -> None:
    machine("msgspec")
    mlflow = _mlflow()
    with workspace() as opened:
        _runs(opened, mlflow)
        _metrics(opened, mlflow)
        _burst(opened)
        _reading(opened)


def _runs(opened: Workspace, mlflow: str | None) -> None:
    """The median of runs that are made one after the other; of all that it takes till they are durable, the mean."""
    figures = in_turns(
        {
            "cupola: a run, 5 parameters, 20 metrics": lambda: _median(lambda: _run(opened), RUNS),
            "cupola: the same, until all are durable": lambda: _all(lambda: _run(opened), RUNS),
            "cupola: the same, each durable before the next": lambda: _median(lambda: _run(opened, True), RUNS // 5),
            "bare files: the same": lambda: _median(lambda: _bare_run(opened.root), RUNS),
            **_peer(mlflow, opened, "MLflow, SQLite: the same", "runs"),
        },
        runs=ROUNDS,
    )
    ours, _, _, bare, *peer = figures.values()
    ratios = [("run / 1 ms", ours.median, "at most 1"), ("run / bare files", ours.median / bare.median, "-")]
    ratios += [("MLflow / run", one.median / ours.median, "-") for one in peer]
    report(f"A run, in a script that makes {RUNS} of them", list(figures.values()), ratios)


def _metrics(opened: Workspace, mlflow: str | None) -> None:
    figures = in_turns(
        {
            "cupola: a metric, until all are durable": lambda: _metric(opened),
            "bare file: a line of JSON, flushed": lambda: _bare_metric(opened.root),
            **_peer(mlflow, opened, "MLflow, SQLite: a metric", "metrics"),
        },
        runs=ROUNDS,
    )
    ours, bare, *peer = figures.values()
    ratios = [("metric / 0.02 ms", ours.median / 0.02, "at most 1"), ("metric / bare", ours.median / bare.median, "-")]
    ratios += [("MLflow / metric", one.median / ours.median, "-") for one in peer]
    report(f"A metric, of {METRICS} that are logged into one run", list(figures.values()), ratios)


def _burst(opened: Workspace) -> None:
    """Two seconds at 100,000 values a second, in hundredths: what a script that keeps that rate waits for."""
    longest = 0.0
    with cupola.run(workspace=opened.root) as run:
        begun = time.perf_counter()
        for tick in range(200):
            for _ in range(1000):
                run.log_metric("loss", 0.5)
            spent = time.perf_counter() - begun
            longest = max(longest, spent - (tick + 1) / 100)
            time.sleep(max(0.0, (tick + 1) / 100 - spent))
        seconds = time.perf_counter() - begun
    kept = len(histories.of_run(opened.store, records.find(opened.store, run.id)).logged)
    print(f"\n200,000 metrics into one run at 100,000 a second: {kept} kept, {seconds:.2f} s", end="")
    print(f" (never more than {max(0.0, longest) * 1000:.0f} ms behind)")


def _reading(opened: Workspace) -> None:
    with cupola.run(workspace=opened.root) as run:
        for step in range(HISTORY):
            run.log_metric("loss", 1 / (step + 1), step=step)
    found = records.find(opened.store, run.id)
    path = opened.root / found.directory / "attempts/1/metrics.jsonl"
    figures = in_turns(
        {
            f"a history of {HISTORY} points": lambda: _timed(lambda: histories.of_run(opened.store, found)),
            "the same, thinned to 1,000 for a plot": lambda: _timed(
                lambda: histories.thin(histories.of_run(opened.store, found).logged, 1000)
            ),
            "the same lines by json.loads": lambda: _timed(lambda: [json.loads(one) for one in path.open()]),
        },
        runs=ROUNDS,
    )
    ours, _, bare = figures.values()
    report("Reading", list(figures.values()), [("history / json.loads", ours.median / bare.median, "at most 1")])


def _run(opened: Workspace, flush: bool = False) -> None:
    with cupola.run(workspace=opened.root) as run:
        run.log_params({f"p{place}": place for place in range(5)})
        for place in range(20):
            run.log_metric(f"m{place}", place * 0.5)
    if flush:
        run.flush()


def _metric(opened: Workspace) -> float:
    with cupola.run(workspace=opened.root) as run:
        begun = time.perf_counter()
        for step in range(METRICS):
            run.log_metric("loss", step * 0.5, step=step)
        run.flush()
        return (time.perf_counter() - begun) / METRICS


def _median(work: Callable[[], None], count: int) -> float:
    return statistics.median(_timed(work) for _ in range(count))


def _all(work: Callable[[], None], count: int) -> float:
    begun = time.perf_counter()
    for _ in range(count):
        work()
    writer.finish()
    return (time.perf_counter() - begun) / count


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _bare_run(root: Path) -> None:
    directory = root / "bare" / uuid.uuid4().hex
    directory.mkdir(parents=True)
    (directory / "run.json").write_text(json.dumps({f"p{place}": place for place in range(5)}))
    with (directory / "metrics.jsonl").open("w") as file:
        for place in range(20):
            file.write(json.dumps({"name": f"m{place}", "value": place * 0.5, "step": 0, "time": time.time()}) + "\n")
            file.flush()


def _bare_metric(root: Path) -> float:
    with (root / "bare.jsonl").open("w") as file:
        begun = time.perf_counter()
        for step in range(METRICS):
            file.write(json.dumps({"name": "loss", "value": step * 0.5, "step": step, "time": time.time()}) + "\n")
            file.flush()
        return (time.perf_counter() - begun) / METRICS


def _mlflow() -> str | None:
    """The Python that has MLflow, if there is one."""
    found = os.environ.get("MLFLOW_PYTHON") or (sys.executable if importlib.util.find_spec("mlflow") else None)
    if found is None:
        print("MLflow is left out: it is not installed here, and $MLFLOW_PYTHON names no Python that has it")
        return None
    version = subprocess.run(
        [found, "-c", MLFLOW, "version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"MLflow {version} of {found}: SQLite on the same disk, default settings, one call a value")
    return found


def _peer(python: str | None, opened: Workspace, name: str, what: str) -> dict[str, Callable[[], float]]:
    if python is None:
        return {}

    def measure() -> float:
        database = opened.root / f"mlflow-{uuid.uuid4().hex}.db"
        command = [python, "-W", "ignore", "-c", MLFLOW, what, str(database), str(MLFLOW_RUNS), str(MLFLOW_METRICS)]
        done = subprocess.run(command, cwd=opened.root, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])

    return {name: measure}


if __name__ == "__main__":
    main()
