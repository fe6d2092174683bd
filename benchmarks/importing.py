"""Imports: how long a run of MLflow's takes to come over, and a value of TensorBoard's, beside their own readers.

Reach: at most twice as long as the tools themselves take to read what they have kept, which they need not write.

MLflow is taken from the Python that $MLFLOW_PYTHON names, TensorBoard from that of $TENSORBOARD_PYTHON; where there is
none it is left out. They only read; an import also writes, and makes all of it durable.
"""

import os
import shutil
import struct
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import in_turns, machine, report
from benchmarks.workspaces import homes
from cupola.importing import framing, tensorboard
from cupola.importing.records import Imported
from cupola.importing.work import Work
from cupola.mlflow import mlruns
from cupola.workspace import Workspace

RUNS, METRICS, STEPS, SCALARS, ROUNDS = 300, 10, 20, 100_000, 3
MLFLOW = """
import os, sys, time
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
from mlflow import MlflowClient
begun = time.perf_counter()
client, values = MlflowClient(sys.argv[1]), 0
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id], max_results=50000):
        values += sum(len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics)
assert values == int(sys.argv[2]), values
print(time.perf_counter() - begun)
"""
TENSORBOARD = """
import sys, time
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
begun = time.perf_counter()
found = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
found.Reload()
assert sum(len(found.Scalars(tag)) for tag in found.Tags()["scalars"]) == int(sys.argv[2])
print(time.perf_counter() - begun)
"""


def main() -> None:
    machine("msgspec")
    with homes() as home:
        runs = _make_runs(home / "mlruns")
        _compare("MLflow: a run", RUNS, runs, mlruns.bring, "MLFLOW_PYTHON", MLFLOW, RUNS * METRICS * STEPS)
        logs = _make_events(home / "logs")
        _compare("TensorBoard: a value", SCALARS, logs, tensorboard.bring, "TENSORBOARD_PYTHON", TENSORBOARD, SCALARS)


def _compare(
    title: str, count: int, kept: Path, bring: Callable[..., Imported], variable: str, reader: str, values: int
) -> None:
    """Both in turns, the import into a new workspace each time; of each, the time for one of `count`."""

    def ours() -> float:
        opened = Workspace.init(kept.parent / f"workspace-{uuid.uuid4().hex}")
        begun = time.perf_counter()
        done = bring(Work(opened.store), kept)
        seconds = time.perf_counter() - begun
        assert done.metrics == values, done
        shutil.rmtree(opened.root)
        return seconds / count

    def theirs() -> float:
        command = [os.environ[variable], "-W", "ignore", "-c", reader, str(kept), str(values)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]) / count

    measures = {"cupola import, until all is durable": ours}
    if os.environ.get(variable):
        measures["their own reader, which only reads"] = theirs
    else:
        print(f"their own reader is left out: ${variable} names no Python that has it")
    figures = list(in_turns(measures, runs=ROUNDS).values())
    ratios = [("import / their own reader", figures[0].median / one.median, "at most 2") for one in figures[1:]]
    report(f"{title}, of {count:,} ({1000 / figures[0].median:,.0f} a second)", figures, ratios)


def _make_runs(root: Path) -> Path:
    """Runs as MLflow's file store has them: 5 parameters, 10 metrics of 20 steps."""
    _put(
        root / "7" / "meta.yaml",
        f"experiment_id: '7'\nname: fares\nlifecycle_stage: active\nartifact_location: file://{root}/7\n",
    )
    for number in range(RUNS):
        id = f"a{number:031x}"
        run = root / "7" / id
        said = f"run_id: {id}\nrun_uuid: {id}\nexperiment_id: '7'\nrun_name: run-{number}\nuser_id: ana\nstatus: 3\n"
        said += f"start_time: {1_764_000_000_000 + number}\nend_time: {1_764_000_001_000 + number}\n"
        _put(run / "meta.yaml", f"{said}lifecycle_stage: active\nartifact_uri: file://{run}/artifacts\n")
        (run / "artifacts").mkdir()
        (run / "tags").mkdir()
        for place in range(5):
            _put(run / "params" / f"p{place}", str(place))
        for place in range(METRICS):
            lines = (f"{1_764_000_000_000 + step} {place / (step + 1)} {step}\n" for step in range(STEPS))
            _put(run / "metrics" / f"m{place}", "".join(lines))
    return root


def _make_events(root: Path) -> Path:
    """An event file of one scalar."""
    root.mkdir()
    with (root / "events.out.tfevents.1764000000.host").open("wb") as file:
        for step in range(SCALARS):
            value = b"\x0a\x04loss\x15" + struct.pack("<f", 1 / (step + 1))
            summary = b"\x0a" + bytes([len(value)]) + value
            number = bytes([step & 0x7F | 0x80, step >> 7 & 0x7F | 0x80, step >> 14])
            time_ = b"\x09" + struct.pack("<d", 1_764_000_000.0 + step)
            file.write(_framed(time_ + b"\x10" + number + b"\x2a" + bytes([len(summary)]) + summary))
    return root


def _framed(record: bytes) -> bytes:
    size = struct.pack("<Q", len(record))
    sums = [struct.pack("<I", framing.masked(one)) for one in (size, record)]
    return size + sums[0] + record + sums[1]


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    main()
