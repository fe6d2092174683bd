"""What a trial costs beside its training: our storage beside Optuna's own, in memory, in a journal file and on SQLite;
and how much faster two workers are than one with a real estimator.

Reach: at most 3 times a trial in memory (TPE, a free objective of five parameters); with two workers on two cores at
least 1.7 times as fast. Every trial of ours is a run, which the others do not write.
"""

import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna

from benchmarks.measure import in_turns, machine, report
from benchmarks.workspaces import workspace
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.experiments import records as experiments
from cupola.store.names import new_id
from cupola.tuning import records
from cupola.tuning.storage import WorkspaceStorage
from cupola.workspace import Workspace

TRIALS, ROUNDS = 200, 3
WORKER = """
import sys, optuna
from benchmarks import tuning
optuna.logging.set_verbosity(optuna.logging.ERROR)
kind, where, name, trials = sys.argv[1:]
if kind == "ours":
    storage = tuning.WorkspaceStorage(where)
else:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(where))
study = optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.TPESampler(constant_liar=True))
print("ready", flush=True)
sys.stdin.readline()
study.optimize(tuning._free, n_trials=int(trials))
"""
ROWS, REAL_TRIALS, REAL_ROUNDS = 20_000, 12, 2


def main() -> None:
    machine("optuna", "scikit-learn")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with workspace() as opened, tempfile.TemporaryDirectory() as directory:
        _overhead(opened, Path(directory))
        _together(opened, Path(directory))
    with workspace() as opened:
        _speed_up(opened)


def _overhead(opened: Workspace, directory: Path) -> None:
    def ours() -> float:
        begun = time.perf_counter()
        storage = WorkspaceStorage(opened.store)
        _trials(storage)
        storage.close()
        return (time.perf_counter() - begun) / TRIALS

    def journal() -> float:
        backend = optuna.storages.journal.JournalFileBackend(str(directory / f"{new_id()}.log"))
        return _trials(optuna.storages.JournalStorage(backend))

    figures = in_turns(
        {
            "Optuna, in memory: a trial": lambda: _trials(None),
            "cupola: a trial, which is a run, until all are durable": ours,
            "Optuna, journal file: a trial": journal,
            "Optuna, SQLite: a trial": lambda: _trials(f"sqlite:///{directory}/{new_id()}.db", 20),
        },
        runs=ROUNDS,
    )
    memory, found, file, sqlite = (one.median for one in figures.values())
    ratios = [("trial / in memory", found / memory, "at most 3"), ("trial / journal file", found / file, "-")]
    ratios += [("SQLite / trial", sqlite / found, "-")]
    report(f"A trial that costs nothing, of {TRIALS} (TPE)", list(figures.values()), ratios)
    print(f"  {len(experiments.ls(opened.store))} runs in the workspace")


def _together(opened: Workspace, directory: Path) -> None:
    """Two processes on one study, from the moment at which both are ready; per trial of either."""

    def ours() -> float:
        optuna.create_study(study_name=(name := new_id()), storage=WorkspaceStorage(opened.store))
        return _two("ours", str(opened.root), name)

    def journal() -> float:
        file = str(directory / f"{new_id()}.log")
        backend = optuna.storages.journal.JournalFileBackend(file)
        optuna.create_study(study_name="many", storage=optuna.storages.JournalStorage(backend))
        return _two("journal", file, "many")

    figures = in_turns({"cupola: a trial of two workers": ours, "Optuna, journal file: the same": journal}, runs=ROUNDS)
    found, file = (one.median for one in figures.values())
    report("Two workers on one study", list(figures.values()), [("trial / journal file", found / file, "at most 1")])


def _two(kind: str, where: str, name: str) -> float:
    words = [sys.executable, "-c", WORKER, kind, where, name, str(TRIALS // 2)]
    workers = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for one in workers:
        assert one.stdout and one.stdout.readline() == b"ready\n"
    begun = time.perf_counter()
    for one in workers:
        assert one.stdin
        one.stdin.write(b"go\n")
        one.stdin.flush()
    assert [one.wait() for one in workers] == [0, 0]
    return (time.perf_counter() - begun) / TRIALS


def _trials(storage: Any, count: int = TRIALS) -> float:
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.TPESampler(seed=0))
    begun = time.perf_counter()
    study.optimize(_free, n_trials=count)
    return (time.perf_counter() - begun) / count


def _free(trial: optuna.Trial) -> float:
    drawn = [trial.suggest_float(f"x{place}", -5, 5) for place in range(3)]
    return (
        sum(one * one for one in drawn) + trial.suggest_int("n", 1, 9) + (trial.suggest_categorical("c", "ab") == "a")
    )


def _speed_up(opened: Workspace) -> None:
    """From the first trial to the end of the last; the workers' own start is not counted."""
    _dataset(opened)
    figures = in_turns(
        {"one worker": lambda: _tuned(opened, 1), "two workers": lambda: _tuned(opened, 2)},
        runs=REAL_ROUNDS,
        warmup=0,
    )
    one, two = (each.median for each in figures.values())
    ratios = [("one worker / two", one / two, "at least 1.7, with two cores free")]
    report(f"{REAL_TRIALS} trials of boosted trees on {ROWS:,} rows", list(figures.values()), ratios)


def _tuned(opened: Workspace, workers: int) -> float:
    filed = opened.action(
        "tune", dataset="rows", estimator="HistGradientBoostingClassifier", trials=REAL_TRIALS, parallel=workers,
        space=["learning_rate=0.02..0.2:log", "max_leaf_nodes=15..63"], param={"max_iter": 60}, strategy="Random",
    )  # fmt: skip
    while not (now := records.state(opened.store, filed.tuning)).over:
        time.sleep(0.2)
    assert now.status == "Completed", now
    begun, ended = (datetime.fromisoformat(one or "") for one in (now.started, now.ended))
    return (ended - begun).total_seconds()


def _dataset(opened: Workspace) -> None:
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{place}": draw.normal(size=ROWS) for place in range(20)})
    frame["kind"] = np.where(frame.x0 * frame.x1 + frame.x2 + draw.normal(size=ROWS) > 0, "yes", "no")
    source = opened.root / "rows.parquet"
    frame.to_parquet(source)
    importing.run(opened.store, "rows", source, ImportOptions(target="kind"), lambda *_: None)


if __name__ == "__main__":
    main()
