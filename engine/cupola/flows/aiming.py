"""A target that a formula of a flow makes: of the raw rows, before anything is learned from them."""

from typing import Any

import pandas as pd
import pyarrow as pa

from cupola.datasets import querying
from cupola.datasets import records as datasets
from cupola.flows import executing, expressions, fitting
from cupola.flows.executing import Execution
from cupola.flows.records import FlowStep
from cupola.flows.sql import ROW, Table, columns, kind
from cupola.store import Store

ROWS, MADE = "rows", "made"


def answer(store: Store, dataset: str, name: str, expression: str) -> dict[str, Any]:
    """The column that a formula makes of a version, and the columns that it is made of; in the process for questions.

    Raises BadOption for a formula that is none, or that takes a column which the version has not.
    """
    version = datasets.find(store, dataset)
    with executing.connect([datasets.data_path(store, version)], memory="1GB") as connection:
        execution = Execution(connection, target=None, seed=0, where=version.ref)
        made = _made(execution, f"({querying.rows_of(store, version)})", name, expression)
        [[missing, distinct]] = execution.ask(
            f"SELECT count(*) - count({columns([name])}), count(DISTINCT {columns([name])}) FROM {made.sql}"
        )
        type = kind(made.columns[name])
        column = {"name": name, "type": "category" if type == "text" else type, "role": "target"}
        of = expressions.columns(expression, execution.tables[ROWS])
        return {"column": column | {"missing": missing, "distinct": distinct}, "of": of}


def added(rows: pd.DataFrame, name: str, expression: str) -> pd.DataFrame:
    """The rows with what the formula makes of each."""
    with executing.connect([], memory=fitting.MEMORY) as connection:
        connection.register("given", pa.Table.from_pandas(rows, preserve_index=False))
        execution = Execution(connection, target=None, seed=0, where="the target")
        made = _made(execution, "given", name, expression)
        found = connection.sql(f"SELECT {columns([name])} FROM {made.sql} ORDER BY {ROW}").to_arrow_table()
    return rows.assign(**{name: found.to_pandas()[name].to_numpy()})


def _made(execution: Execution, relation: str, name: str, expression: str) -> Table:
    execution.source(ROWS, relation)
    params = {"name": name, "expression": expression}
    execution.step(FlowStep(id=MADE, type="formula", inputs=[ROWS], params=params))
    return execution.tables[MADE]
