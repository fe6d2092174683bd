"""A flow as the job that was filed for it: fitted on the training part, and what it makes published as a dataset."""

import math
import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cupola.datasets import importing, profiling, querying
from cupola.datasets import records as datasets
from cupola.datasets.records import Column, DatasetVersion, ImportOptions, Made
from cupola.errors import BadInput
from cupola.flows import executing, fitting, records
from cupola.flows.asked import Asked
from cupola.flows.executing import Execution
from cupola.flows.records import Fitted, FittedStep, FlowStep
from cupola.flows.transforms import catalogue
from cupola.jobs import memory
from cupola.jobs.attempt import Attempt
from cupola.store import Store, files

MEMORY = 1 << 30  # bytes for DuckDB, where the job has no limit of its own
KEPT, BESIDE = 0.9, 96 << 20  # of what Python leaves of a limit; and of that, what DuckDB does not count, and Parquet
FEWEST = 48 << 20  # bytes with which DuckDB can do anything
BATCH = 1 << 13  # rows: few enough that wide ones take little memory, in the file that is read again too
NUMBER = "__number__"


def work(attempt: Attempt) -> dict[str, Any]:
    """Runs what the job's spec says. Raises BadInput and BadOption that name the step, DiskTrouble, WorkFailed."""
    asked = msgspec.convert(attempt.spec, Asked)
    version = attempt.with_room(lambda: _run(attempt, asked))
    return {"dataset": version.dataset, "version": version.version, "ref": version.ref, "rows": version.rows}


def _run(attempt: Attempt, asked: Asked) -> DatasetVersion:
    store = attempt.store
    made = Made(
        flow=asked.flow.name,
        sha256=records.flow_hash(asked.flow, asked.inputs, asked.step),
        inputs=list(asked.inputs.values()),
    )
    if there := importing.same(store, asked.dataset, "", ImportOptions(), made):
        return there
    staged = files.staging(store)
    try:
        return _make(attempt, asked, made, staged)
    except duckdb.Error as error:
        raise executing.said(error, f"flow {asked.flow.name}") from error
    finally:
        files.discard(staged)


def _make(attempt: Attempt, asked: Asked, made: Made, staged: Path) -> DatasetVersion:
    store = attempt.store
    versions = {id: datasets.find(store, ref) for id, ref in asked.inputs.items()}
    limit = left(attempt.job.memory, memory.share(os.getpid())) if attempt.job.memory else MEMORY
    (staged / "spill").mkdir()
    connection = executing.connect(
        [datasets.data_path(store, one) for one in versions.values()],
        memory=f"{limit >> 20}MB",
        threads=max(1, attempt.job.cpus),
        database=staged / "steps.duckdb",
        spill=staged / "spill",
    )
    with connection:
        fitted, execution = fit(store, asked, versions, connection, attempt)
        last = fitted.steps[-1].id if fitted.steps else fitted.source
        _check_vectors(fitted, last)
        rows = write(execution, last, staged / "result.parquet", lambda done: attempt.report(None, f"{done:,} rows"))
    for each in staged.glob("steps.duckdb*"):
        each.unlink()
    shutil.rmtree(staged / "spill", ignore_errors=True)
    if not rows:
        raise BadInput("no row is left at the end", where=f"flow {asked.flow.name}")
    options = options_of(fitted, versions[fitted.source])
    return importing.run(
        store, asked.dataset, staged / "result.parquet", options,
        lambda share, message: attempt.report(0.5 + share / 2, message), made, fitted.notes,
        {records.FITTED: msgspec.json.encode(fitted)}, min(limit, profiling.MEMORY),
    )  # fmt: skip


def left(limit: int, taken: int) -> int:
    """The bytes that DuckDB may use of a job's limit, of which Python and its libraries have taken some already.

    Raises BadInput where that is too little for any flow.
    """
    found = int((limit - taken) * KEPT) - BESIDE
    if found < FEWEST:
        needed = taken + (FEWEST + BESIDE) / KEPT
        raise BadInput(
            f"{limit >> 20} MB of memory are too few for a flow: Python and its libraries take {taken >> 20} MB",
            hint=f"--memory {32 * math.ceil(needed / (32 << 20))}M is the least with which it can begin",
        )
    return found


def fit(
    store: Store,
    asked: Asked,
    versions: dict[str, DatasetVersion],
    connection: duckdb.DuckDBPyConnection,
    attempt: Attempt | None = None,
    known: Fitted | None = None,
) -> tuple[Fitted, Execution]:
    """Fits the flow on the training part of its sources; gives what it learned, and its tables.

    known: what it has learned before, which is not learned again.
    """
    flow = asked.flow
    steps = records.ordered(flow, asked.step)
    execution = Execution(connection, target=None, seed=flow.seed, where=f"flow {flow.name}")
    for id, version in versions.items():
        relation = f"({querying.rows_of(store, version, numbered='true')})"
        execution.source(id, relation, numbered="file_row_number")
    sources = {id: execution.tables[id].columns for id in versions}
    source = records.main_source(steps, [*versions])
    execution.aim_at(versions[source].target)
    done = 0

    def tell(id: str) -> None:
        nonlocal done
        if attempt:
            attempt.report(0.5 * done / max(1, len(steps)), f"step {id}")
        done += 1

    if known:
        for step in known.steps:
            again = FlowStep(id=step.id, type=step.type, inputs=step.inputs, params=step.params)
            execution.step(again, step.state, learn=False)
        return known, execution
    found = executing.fitted_steps(execution, steps, split=True, tell=tell)
    fitted = fitting.of(flow, execution, found, sources, found[-1].id if found else source, asked.inputs)
    fitted.sha256 = records.flow_hash(flow, asked.inputs, asked.step)
    fitted.notes = _notes(found, [one.id for one in steps])
    return fitted, execution


def _check_vectors(fitted: Fitted, last: str) -> None:
    if vectors := [name for name, type in fitted.result.items() if type.endswith("[]")]:
        raise BadInput(
            f"{vectors[0]} holds vectors, which a dataset has no column for",
            where=f"flow {fitted.flow}, step {last}",
            hint="expand-vector makes columns of it, drop-columns leaves it out",
        )


def _notes(found: list[FittedStep], own: list[str]) -> list[str]:
    notes = [
        f"no step splits before {after.id}, so rows were split by chance (column {step.params['name']})"
        for step, after in pairwise(found)
        if step.id not in own
    ]
    held = [one.id for one in found if catalogue.find(one.type).memory == "holds"]
    return [*notes, *(f"step {id} held all rows in memory" for id in held)]


def write(execution: Execution, id: str, path: Path, tell: Any) -> int:
    """Writes what a step gave to a Parquet file, in order, as it comes; gives the number of rows."""
    rows = 0
    try:
        reader: pa.RecordBatchReader = execution.connection.sql(execution.result(id)).to_arrow_reader(BATCH)
        with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
                rows += batch.num_rows
                tell(rows)
    except (duckdb.Error, OSError) as error:  # Arrow hands on what DuckDB says while it reads as an error of its own
        raise executing.said(error, execution.where) from error
    return rows


def options_of(fitted: Fitted, version: DatasetVersion) -> ImportOptions:
    """Targets, roles and types of the source, for its columns that are still there; a split is no feature."""
    there = {one.name: one for one in version.columns if one.name in fitted.result}
    splits = [str(one.params.get("name", "split")) for one in fitted.steps if one.type == executing.SPLIT]
    roles = {name: one.role for name, one in there.items() if one.role not in ("feature", "target")}
    roles |= {name: "ignore" for name in splits if name in fitted.result}
    return ImportOptions(
        target=version.target if version.target in there else None, roles=roles, types=_types(there, fitted)
    )


def _types(there: dict[str, Column], fitted: Fitted) -> dict[str, Any]:
    """Whether texts of the source are categories stays as it was said."""
    return {
        name: one.type
        for name, one in there.items()
        if one.type in ("text", "category") and fitted.result[name] == "VARCHAR"
    }
