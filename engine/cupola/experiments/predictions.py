"""What a run has predicted for the rows held out, beside the rows themselves, the worst first.

Runs in the process that answers questions to data (`cupola.datasets.asking`).
"""

from typing import Any

import pyarrow.parquet as pq

from cupola.datasets import querying
from cupola.datasets import records as datasets
from cupola.datasets.records import Rows
from cupola.datasets.sql import identifier, literal, sql_names
from cupola.errors import BadOption, NotFound
from cupola.experiments import records
from cupola.experiments.records import Run
from cupola.store import Store, files

FILE = "predictions.parquet"
OWN = ("row", "truth", "prediction")
MOST_SCORES = 8  # classes whose scores are shown each


def answer(store: Store, run: str, sort: str | None, filter: str | None, limit: int) -> Rows:
    """The rows held out for which the SQL expression `filter` holds, in the order of `sort` (COLUMN or COLUMN:desc).

    error: for numbers, how far the prediction is off; for classes one less the probability of the true one, where
    there are only scores by how much another class is above it, and without any 1 for what is wrong; none where nothing
    was to be learned. Without `sort` the largest errors come first (of anomalies the strangest). Raises NotFound where
    the run has left no predictions, BadOption.
    """
    found = records.find(store, run)
    path = files.absolute(store, records.artifact_path(store, found, FILE))
    names = pq.read_schema(path).names
    if not {"row", "prediction"} <= set(names):
        raise NotFound(f"{FILE} of run {found.name} is not what training leaves", where=str(path))
    own = [one for one in OWN if one in names]
    scores = [one for one in names if one not in OWN]
    shown = ["row", *own[1:], *([f"{wrong} AS error"] if (wrong := _error(found, own, scores)) else [])]
    told = scores if len(scores) <= MOST_SCORES else []
    shown += map(identifier, told)
    sources = {"predictions": f"SELECT {', '.join(shown)} FROM read_parquet({literal(str(path))})"}
    paths, joined, others = [path], "", ""
    if version := _dataset(store, found):
        sources["data"] = querying.rows_of(store, version, numbered="true")
        paths.append(datasets.data_path(store, version))
        columns = [one.name for one in version.columns]
        known = [name for one, name in zip(columns, sql_names(columns), strict=True) if one == found.target]
        without = ", ".join(["file_row_number", *map(identifier, known if "truth" in names else [])])
        others = f", data.* EXCLUDE ({without})"
        joined = " LEFT JOIN data ON data.file_row_number = predictions.row"
    first = "error:desc" if wrong else "score:desc" if "score" in scores else "row"
    order = f"ORDER BY {_order(sort or first, [*OWN, 'error', *told])} NULLS LAST, predictions.row LIMIT {limit + 1}"
    # Where the predictions alone say which rows are wanted, only these are looked for among the data.
    few = not filter and (sort or first).rpartition(":")[0] in (*OWN, "error", "score")
    chosen = f"(SELECT * FROM predictions {order}) AS predictions" if few else "predictions"
    wanted = f" WHERE ({filter}\n)" if filter else ""
    query = f"SELECT predictions.*{others} FROM {chosen}{joined}{wanted} {order}"
    return querying.answer(sources, paths, query, limit)


def _dataset(store: Store, run: Run) -> datasets.DatasetVersion | None:
    """The version that the run was trained on, where its rows are still here."""
    try:
        version = datasets.find(store, run.dataset)
    except NotFound:
        return None
    return version if datasets.data_path(store, version).exists() else None


def _error(run: Run, own: list[str], scores: list[str]) -> str:
    """How wrong each prediction is, in SQL; "" where nothing was to be learned."""
    if "truth" not in own or run.task not in ("classification", "regression"):
        return ""
    if run.task == "regression":
        return "abs(prediction - truth)"
    classes = run.classes or []
    if not scores or len(scores) != len(classes):
        return "CAST(truth IS DISTINCT FROM prediction AS DOUBLE)"
    columns = [identifier(one) for one in scores]
    cases = [f"WHEN {_literal(one)} THEN {column}" for one, column in zip(classes, columns, strict=True)]
    true = f"CASE truth {' '.join(cases)} END"
    return f"1 - {true}" if scores[0].startswith("probability_") else f"greatest({', '.join(columns)}) - {true}"


def _literal(value: Any) -> str:
    return literal(value) if isinstance(value, str) else str(value).lower()


def _order(sort: str, said: list[str]) -> str:
    """The order as SQL has it; of several columns of one name it is that of the predictions, which are `said`."""
    column, _, way = sort.rpartition(":")
    if way not in ("asc", "desc"):
        column, way = sort, "asc"
    if not column:
        raise BadOption(f"--sort {sort!r} names no column", where="--sort", hint="error:desc, or a column of the data")
    of_predictions = column.casefold() in [one.casefold() for one in said]  # as DuckDB tells names apart
    return f"{'predictions.' if of_predictions else ''}{identifier(column)} {way}"
