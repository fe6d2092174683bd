"""From the command `autopilot` to the first candidate's score that can be seen, and the CPU seconds of its job by then.

On the flights sample, and on a table of 500,000 rows and 100 columns, of which looks are at a share of the rows. An
agent runs already. Reach: 5 s. On a busy machine the CPU seconds tell more: the fits under way are among them.
"""

import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

import cupola
from benchmarks.measure import Figure, machine, report
from benchmarks.serving_speed import SAMPLE
from benchmarks.workspaces import workspace
from cupola.autopilot import actions
from cupola.autopilot.records import AutopilotState
from cupola.jobs import attempts
from cupola.jobs import records as jobs
from cupola.workspace import Workspace

ROWS, COLUMNS = 500_000, 100
ROUNDS = 3
LOOK = 0.05  # seconds between two looks at the board


def wide(path: Path) -> None:
    """A table of numbers, with a target that some of them go with."""
    draw = np.random.default_rng(0)
    columns: dict[str, Any] = {f"x{one}": draw.normal(size=ROWS).round(3) for one in range(COLUMNS - 1)}
    reached = columns["x0"] + columns["x1"] * columns["x2"] + draw.normal(size=ROWS)
    columns["y"] = np.where(reached > 0, "yes", "no")
    pq.write_table(pa.table(columns), path)


def first(opened: Workspace, dataset: str, name: str) -> dict[str, float]:
    """Seconds from the command to: filed, begun, the first score; and of CPU."""
    words = ["autopilot", "--dataset", dataset, "--budget", "60s", "--name", name]
    begun, at = time.time(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "cupola_tui", "-C", str(opened.root), *words], check=True, capture_output=True
    )
    filed = time.perf_counter() - at
    while not _scored(state := actions.show(opened, name)):
        if state.over:
            raise RuntimeError(f"{name} is {state.status}: {state.reason}")
        time.sleep(LOOK)
    seen = time.perf_counter() - at
    job = jobs.find(opened.store, state.job)
    started = attempts.optional(opened.store, f"{job.attempt(1)}/started.json", attempts.Started)
    spent = psutil.Process(started.process.pid).cpu_times()
    actions.stop(opened, name)
    while not actions.show(opened, name).over:
        time.sleep(LOOK)
    return {
        "filed": filed,
        "begun": datetime.fromisoformat(started.started).timestamp() - begun,
        "first score": seen,
        "CPU": spent.user + spent.system + spent.children_user + spent.children_system,
    }


def _scored(state: AutopilotState) -> bool:
    return any(one.metrics for one in state.leaderboard)


def main() -> None:
    machine("scikit-learn", "pandas", "pyarrow")
    figures, slowest = [], 0.0
    with workspace() as opened:
        ws = cupola.open(opened.root)
        ws.dataset.import_(str(SAMPLE / "flights.parquet"), name="flights", target="late")
        wide(opened.root.parent / "wide.parquet")
        ws.dataset.import_(str(opened.root.parent / "wide.parquet"), name="wide", target="y")
        for dataset in ("flights", "wide"):
            rounds = [first(opened, dataset, f"{dataset}-{number}") for number in range(ROUNDS + 1)][1:]
            figures += [
                Figure(name=f"{dataset}: {what}", values=[one[what] for one in rounds], unit="s") for what in rounds[0]
            ]
            slowest = max(slowest, figures[-2].median)
    report("From `autopilot` to its first score", figures, [("first score / 5 s", slowest / 5, "at most 1")])


if __name__ == "__main__":
    main()
