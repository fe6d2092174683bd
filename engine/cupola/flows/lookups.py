"""What a join in a model looks its columns up in: the rows of its right side, few enough to go with the model.

They are taken when the training is filed, of the exact versions that the flow names then, and lie in what the flow has
learned, so that a request needs none of them.
"""

from typing import Any

import msgspec

from cupola.datasets import querying
from cupola.datasets import records as datasets
from cupola.datasets.sql import identifier
from cupola.errors import BadOption
from cupola.flows import executing, records
from cupola.flows.executing import Execution
from cupola.flows.records import Flow, FlowStep
from cupola.flows.sql import ROW, Table, columns, known
from cupola.flows.transforms import catalogue
from cupola.store import Store

ROWS, BYTES = 10_000, 1 << 20  # of one join, at most


def answer(store: Store, flow: dict[str, Any], source: str, refs: dict[str, str]) -> dict[str, Any]:
    """The rows that each join looks up, by the id of its step; in the process for questions.

    source: whose rows come with the requests. refs: the exact versions of the other sources. Raises BadOption that
    names the step where there are too many of them, or several with one key.
    """
    found = msgspec.convert(flow, Flow)
    steps = records.ordered(found)
    aside = records.aside(steps, source)
    versions = {id: datasets.find(store, ref) for id, ref in refs.items() if id in aside}
    with executing.connect([datasets.data_path(store, one) for one in versions.values()], memory="1GB") as connection:
        execution = Execution(connection, target=None, seed=found.seed, where=f"flow {found.name}")
        for id, version in versions.items():
            execution.source(id, f"({querying.rows_of(store, version)})")
        executing.fitted_steps(execution, [one for one in steps if one.id in aside], split=False)
        return {one.id: _looked_up(execution, one) for one in steps if records.looks_up(one, aside)}


def _looked_up(execution: Execution, step: FlowStep) -> dict[str, Any]:
    table, params = execution.tables[step.inputs[1]], catalogue.params_of(step)
    where = f"{execution.where}, step {step.id}"
    keys = params.right_on or params.on
    known(table, keys, "column on the right:")
    [[count]] = execution.ask(f"SELECT count(*) FROM {table.sql}")
    if count > ROWS:
        said = f"it looks up {count:,} rows, and at most {ROWS:,} go with a model"
        raise BadOption(said, where=where, hint=catalogue.INSTEAD)
    twice = f"SELECT {columns(keys)} FROM {table.sql} GROUP BY ALL HAVING count(*) > 1 AND {_there(keys)} LIMIT 1"
    if several := execution.ask(twice):
        key = ", ".join(map(str, several[0]))
        raise BadOption(
            f"{step.inputs[1]} has several rows of the key {key}, and a request has one answer",
            where=where,
            hint=f"`drop-duplicates columns={','.join(keys)}` before it leaves one of each",
        )
    rows = execution.ask(f"SELECT {_listed(table)} FROM {table.sql} WHERE {_there(keys)} ORDER BY {ROW}")
    found = {"columns": table.columns, "rows": [[*row] for row in rows]}
    if (size := len(msgspec.json.encode(found))) > BYTES:
        said = f"it looks up {size >> 10:,} KB, and at most {BYTES >> 10:,} KB go with a model"
        raise BadOption(said, where=where, hint="keep-columns before it leaves fewer columns")
    return found


def _there(keys: list[str]) -> str:
    return " AND ".join(f"{identifier(one)} IS NOT NULL" for one in keys)


def _listed(table: Table) -> str:
    plain = ("BIGINT", "BOOLEAN", "VARCHAR")
    return ", ".join(
        identifier(one)
        if type in plain
        else f"CASE WHEN isfinite({identifier(one)}) THEN {identifier(one)} END"
        if type == "DOUBLE"
        else f"CAST({identifier(one)} AS VARCHAR)"
        for one, type in table.columns.items()
    )
