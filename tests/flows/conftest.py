"""A workspace with two small tables that have what real ones have: gaps, accents, quotes, dates, JSON."""

import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cupola.datasets import importing
from cupola.datasets import records as datasets
from cupola.datasets.records import ImportOptions
from cupola.flows import executing, exporting, running
from cupola.flows.asked import Asked
from cupola.flows.records import Fitted, Flow, FlowStep
from cupola.store import Store
from cupola.workspace import Workspace

ROWS = 200
QUOTED = "odd \"one's"
Made = Callable[..., "Result"]


def people() -> pa.Table:
    draw = random.Random(3)
    begin = dt.datetime(2024, 1, 1)
    names = ["Zoë Quell", "ann ARBOR", " Bo ", "O'Neil", "Ann Arbor", "ANN  ARBOUR!", "Søren-7"]
    rows = []
    for at in range(ROWS):
        row: dict[str, Any] = {
            "id": at,
            "age": draw.randint(18, 80) if draw.random() > 0.1 else None,
            "fare": round(draw.lognormvariate(3, 1), 3) if draw.random() > 0.1 else None,
            "port": draw.choice(["Oslo", "Oslo", "Oslo", "Rio", "Rio", "Łódź", None]),
            "name": draw.choice(names),
            "seen": begin + dt.timedelta(hours=7 * at, minutes=draw.randint(0, 59)),
            "born": dt.date(1950, 1, 1) + dt.timedelta(days=draw.randint(0, 20_000)),
            "tags": "|".join(draw.sample(["a", "b", "c"], draw.randint(0, 3))) or None,
            "things": json.dumps([draw.randint(1, 9) for _ in range(draw.randint(0, 3))]),
            "extra": json.dumps({"n": draw.randint(1, 9), "x": draw.random(), "ok": draw.random() > 0.5, "s": "é"}),
            "code": f"{draw.choice('AB')}{draw.randint(1, 99)}-{draw.randint(1, 9)}",
            QUOTED: draw.choice(["1", "2.5", "x", ""]) or None,
            "empty": None if at % 4 else float(at),
            "group": draw.choice(["g1", "g2", "g3"]),
        }
        row["late"] = draw.random() < (0.8 if row["port"] == "Rio" else 0.2)
        rows.append(row)
    return pa.Table.from_pylist(rows)


def ports() -> pa.Table:
    rows = [{"port": "Oslo", "country": "NO"}, {"port": "Rio", "country": "BR"}, {"port": "Rio", "country": "Brasil"}]
    return pa.Table.from_pylist([*rows, {"port": "Bern", "country": "CH"}])


@pytest.fixture(scope="module")
def workspace(host: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """With the datasets people (whose target is late) and ports."""
    directory = tmp_path_factory.mktemp("flows")
    found = Workspace.init(directory / "workspace", "flows")
    for name, table, options in (
        ("people", people(), ImportOptions(target="late", types={"name": "text"})),
        ("ports", ports(), ImportOptions()),
    ):
        pq.write_table(table, directory / f"{name}.parquet")
        importing.run(found.store, name, directory / f"{name}.parquet", options, lambda share, message: None)
    return found


@pytest.fixture(scope="module")
def store(workspace: Workspace) -> Store:
    return workspace.store


class Result:
    """What a flow has made: its rows, what it had learned, and the Python that makes the same."""

    def __init__(self, frame: pd.DataFrame, fitted: Fitted, python: str) -> None:
        self.frame = frame
        self.fitted = fitted
        self.python = python

    @property
    def train(self) -> pd.DataFrame:
        return self.frame[self.frame["split"] == "train"]


def step(type: str, /, *inputs: str, id: str = "", **params: Any) -> FlowStep:
    return FlowStep(id=id or type, type=type, inputs=list(inputs), params=params)


@pytest.fixture(scope="module")
def made(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Runs steps on people (and ports) without a job."""
    directory = tmp_path_factory.mktemp("made")

    def run(*steps: FlowStep, seed: int = 0) -> Result:
        flow = Flow(name="tried", sources={"people": "people", "ports": "ports"}, steps=list(steps), seed=seed)
        versions = {id: datasets.find(store, ref) for id, ref in flow.sources.items()}
        asked = Asked(flow=flow, inputs={id: one.ref for id, one in versions.items()}, dataset="tried")
        paths = {id: datasets.data_path(store, one) for id, one in versions.items()}
        with executing.connect([*paths.values()], memory="1GB") as connection:
            fitted, execution = running.fit(store, asked, versions, connection)
            running.write(execution, fitted.steps[-1].id, directory / "result.parquet", lambda rows: None)
            python = exporting.written(fitted, execution, asked, paths, "tried.py")
        return Result(pq.read_table(directory / "result.parquet").to_pandas(), fitted, python)

    yield run
