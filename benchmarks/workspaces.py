"""Workspaces to measure on, in homes of their own, so that a benchmark meets no agent or cache of the user's."""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cupola.experiments.records import Run, path
from cupola.store import names, records
from cupola.workspace import Workspace

HOMES = {
    "CUPOLA_RUNTIME_DIR": "runtime",
    "CUPOLA_SLOTS_DIR": "slots",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
}


@contextlib.contextmanager
def homes() -> Iterator[Path]:
    """A directory that holds what is otherwise in the user's home, and goes at the end."""
    home = Path(tempfile.mkdtemp(prefix="cupola-bench-"))
    before = {name: os.environ.get(name) for name in HOMES}
    os.environ.update({name: str(home / folder) for name, folder in HOMES.items()})
    try:
        yield home
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def workspace() -> Iterator[Workspace]:
    """An empty workspace; its agent, if one was started, is stopped at the end."""
    with homes() as home:
        try:
            yield Workspace.init(home / "workspace")
        finally:
            stop = [sys.executable, "-m", "cupola_tui", "-C", str(home / "workspace"), "agent", "stop", "--jobs"]
            subprocess.run(stop, check=False, capture_output=True)


def add_runs(opened: Workspace, count: int) -> None:
    """Adds `count` runs that have ended, with ten parameters and the metrics of a binary classifier on three splits."""
    draw = random.Random(7)
    scores = ("roc_auc", "log_loss", "accuracy", "balanced_accuracy", "f1", "average_precision", "mcc", "brier")
    for number in range(count):
        metrics = {f"{split}_{name}": draw.random() for split in ("train", "validation", "test") for name in scores}
        run = Run(
            id=names.new_id(),
            name=f"{names.word_name()}-{number}",
            experiment="baseline",
            status="Completed",
            secondary_status="Completed",
            user="ana",
            host="bench",
            submitted=f"2026-11-{1 + number % 28:02d}T10:{number % 60:02d}:00.000000Z",
            started=f"2026-11-{1 + number % 28:02d}T10:{number % 60:02d}:01.000000Z",
            ended=f"2026-11-{1 + number % 28:02d}T10:{number % 60:02d}:09.000000Z",
            params={f"parameter_{index}": draw.random() for index in range(10)},
            metrics=metrics,
            metric_errors=dict.fromkeys(metrics, 0.01),
            metric="validation_roc_auc",
            dataset="flights@1-abcd",
            target="late",
            estimator="HistGradientBoostingClassifier",
            task="classification",
            attempt=1,
        )
        records.create(opened.store, path(run), run, kind="run", ref=run.id)
