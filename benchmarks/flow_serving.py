"""One raw row through a fitted flow of six steps: what it costs before the model, and with it.

Ours in plain Python (reach: 1 ms), beside the same steps by DuckDB on a connection that is open, and beside
scikit-learn's transformers for the same in a ColumnTransformer. Then the whole model, native and compiled, a row.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import threadpoolctl
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from benchmarks.measure import in_turns, machine, report
from cupola.flows import fitting
from cupola.flows.records import Flow, FlowStep
from cupola.flows.serving import Served
from cupola.registry.models import Model
from cupola.registry.signature import Signature, SignatureColumn
from cupola.runtimes import compiling
from cupola.runtimes.compiled import Compiled
from cupola.runtimes.native import Native
from cupola.runtimes.tables import Table
from cupola.training import estimators, flowing

PARTS = ("year", "month", "day", "day_of_week", "hour")
ROWS, ROUNDS, TIMES = 4000, 5, 60
KINDS = {"amount": "number", "count": "integer", "colour": "category", "at": "datetime"}
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("fill-missing", {"columns": ["amount"], "method": "mean"}),
    ("clip-outliers", {"columns": ["amount"]}),
    ("formula", {"name": "product", "expression": "amount * count"}),
    ("scale", {"columns": ["amount", "count"]}),
    ("one-hot-encode", {"columns": ["colour"]}),
    ("date-parts", {"columns": ["at"], "drop": True}),
]


def table() -> pd.DataFrame:
    drawn = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "amount": np.where(drawn.random(ROWS) < 0.1, np.nan, drawn.normal(size=ROWS)),
            "count": drawn.integers(0, 9, ROWS),
            "colour": drawn.choice([f"c{place}" for place in range(20)], ROWS),
            "at": pd.date_range("2013-01-01", periods=ROWS, freq="37min"),
        }
    )


def fitted(rows: pd.DataFrame) -> Served:
    steps = [FlowStep(id=f"s{place}", type=type, params=params) for place, (type, params) in enumerate(STEPS)]
    flow = Flow(name="prep", sources={"rows": "rows"}, steps=steps)
    return Served(fitting.fit(flow, {"rows": pa.Table.from_pandas(rows, preserve_index=False)}))


def by_hand(rows: pd.DataFrame) -> Any:
    """The same columns by scikit-learn's own transformers."""
    product = FunctionTransformer(lambda frame: frame.assign(product=frame["amount"] * frame["count"]))
    dates = FunctionTransformer(lambda frame: np.column_stack([getattr(frame["at"].dt, part) for part in PARTS]))
    numbers = Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())])
    parts = [
        ("numbers", numbers, ["amount", "count", "product"]),
        ("hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["colour"]),
        ("dates", dates, ["at"]),
    ]
    return Pipeline([("product", product), ("columns", ColumnTransformer(parts))]).fit(rows)


def model(rows: pd.DataFrame, flow: Served) -> Model:
    """Boosted trees behind the flow."""
    made = flow.transform(rows)
    estimator = estimators.make("HistGradientBoostingClassifier", {}, seed=0)
    kinds = {"BIGINT": "integer", "DOUBLE": "number"}
    preparation = estimators.prepare(estimator, [(name, kinds[type]) for name, type in flow.fitted.result.items()])
    late = rows["count"] + rows["amount"].fillna(0) > 4
    estimator.fit(preparation.fit_transform(made), late)
    pipeline = flowing.behind(flow.fitted, Pipeline([("prepare", preparation), ("estimator", estimator)]))
    columns = [SignatureColumn(name=one, type=kind, dtype=str(rows[one].dtype)) for one, kind in KINDS.items()]
    return Model(pipeline, Signature(columns=columns, task="classification", classes=[False, True]), [])


def seconds(call: Callable[[], object]) -> float:
    """The median of several rows, one after the other."""
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main() -> None:
    machine("duckdb", "scikit-learn", "pandas")
    rows = table()
    with threadpoolctl.threadpool_limits(1):
        flow, hand = fitted(rows), by_hand(rows)
        whole = model(rows, flow)
        native, compiled = Native(whole), Compiled(compiling.compiled(whole))
        one = rows.iloc[[7]]
        plain = Table([*KINDS], [[0.5], [3], ["c3"], ["2013-05-06T07:08:09"]], 1)
        calls: dict[str, Callable[[], object]] = {
            "the flow in plain Python": lambda: flow.transform(one),
            "the flow by DuckDB": lambda: flow.by_sql(one),
            "the same by scikit-learn's transformers": lambda: hand.transform(one),
            "the model with its flow, native": lambda: native.predict(native.rows(plain)),
            "the model with its flow, compiled": lambda: compiled.predict(compiled.rows(plain)),
        }
        found = in_turns({name: partial(seconds, call) for name, call in calls.items()}, runs=ROUNDS)
    python, duckdb, sklearn, slow, fast = found.values()
    report(
        f"One raw row through a flow of {len(STEPS)} steps",
        [python, duckdb, sklearn, slow, fast],
        [
            ("plain Python / DuckDB", python.median / duckdb.median, "at most 0.1"),
            ("plain Python / scikit-learn's transformers", python.median / sklearn.median, "below 1"),
            ("compiled / native", fast.median / slow.median, "below 1"),
        ],
    )


if __name__ == "__main__":
    main()
