"""What a step of a flow does to the flights sample, while its parameters are typed: from the question to the answer.

Reach: within 300 ms (median) for a change of the last step of a flow of six, in a process that is warm, as the screen
asks; beside it pandas, which reads the same Parquet file and fills the same columns, in a process that is warm too.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks.measure import in_turns, machine, report
from benchmarks.workspaces import workspace
from cupola import companions
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.flows import actions
from cupola.flows.records import Flow, FlowStep

FLIGHTS = Path(__file__).parents[1] / "workspaces" / "flights" / "data" / "flights.parquet"
REACH = 300.0  # ms
RUNS = 11
BEFORE = [
    FlowStep(id="fill", type="fill-missing", params={"columns": ["temp", "humid", "wind_speed"]}),
    FlowStep(id="parts", type="date-parts", params={"columns": ["scheduled"]}),
    FlowStep(id="far", type="formula", params={"name": "far", "expression": "distance > 1000"}),
    FlowStep(id="carriers", type="one-hot-encode", params={"columns": ["carrier"]}),
    FlowStep(id="scale", type="scale", params={"columns": ["distance", "temp"]}),
]
TYPED: dict[str, Callable[[int], FlowStep]] = {
    "fill-missing": lambda turn: last("fill-missing", columns=["wind_gust"], method="constant", value=str(turn)),
    "clip-outliers": lambda turn: last("clip-outliers", columns=["humid", "dewp"], deviations=1 + turn / 100),
    "target-encode": lambda turn: last("target-encode", columns=["dest"], smoothing=1 + turn),
    "filter": lambda turn: last("filter", where=f"distance > {turn}"),
    "formula": lambda turn: last("formula", name="x", expression=f"distance * {turn}"),
    "rolling": lambda turn: last("rolling", columns=["temp"], window=2 + turn, order="scheduled"),
}


def last(type: str, **params: object) -> FlowStep:
    return FlowStep(id="last", type=type, params=params)


def main() -> None:
    machine("duckdb", "pandas")
    with workspace() as opened:
        options = ImportOptions(target="late")
        importing.run(opened.store, "flights", FLIGHTS, options, lambda share, message: None)
        turn = 0

        def previewed(type: str) -> float:
            nonlocal turn
            turn += 1
            flow = Flow(name="typed", sources={"flights": "flights"}, steps=[*BEFORE, TYPED[type](turn)])
            begun = time.perf_counter()
            actions.previewed(opened, flow, "last", 20, python=False)
            return time.perf_counter() - begun

        measures = {f"preview of {type}, the last of six steps": lambda type=type: previewed(type) for type in TYPED}
        figures = in_turns(
            {**measures, "pandas reads the file and fills three columns": by_pandas}, runs=RUNS, warmup=2
        )
        companions.close(f"flow {opened.root}")
    *ours, peer = figures.values()
    report(
        "Previews of a flow on the flights sample",
        [*ours, peer],
        [(f"{one.name} / 300 ms", one.median / REACH, "at most 1 x") for one in ours],
    )


def by_pandas() -> float:
    begun = time.perf_counter()
    frame = pd.read_parquet(FLIGHTS)
    for column in ("temp", "humid", "wind_speed"):
        frame[column] = frame[column].fillna(frame[column].median())
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
