"""Predictions as tables, and the draft of a Parquet file: tables one behind the other, put together at the end.

A Parquet file is known by what stands at its end, and cannot be gone on with; its draft can.
"""

import io
import os
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from cupola.errors import BadInput
from cupola.registry.models import Prediction
from cupola.serving import columnar

LENGTH = Struct("<Q")


def of(prediction: Prediction, classes: list[Any] | None) -> pa.Table:
    """The columns prediction, and probability_CLASS of each class, or score."""
    columns = {"prediction": _array(prediction.values)}
    if prediction.probabilities is not None:
        each = classes or range(prediction.probabilities.shape[1])
        columns |= {
            f"probability_{name}": pa.array(np.ascontiguousarray(one))
            for name, one in zip(each, prediction.probabilities.T, strict=True)
        }
    if prediction.scores is not None:
        columns["score"] = pa.array(prediction.scores)
    return pa.table(columns)


def beside(table: pa.Table, said: pa.Table) -> pa.Table:
    """The columns of both. Raises BadInput where they share a name."""
    taken = set(table.column_names) & set(said.column_names)
    if taken:
        raise BadInput(f"the records have a field {min(taken)!r} already, which --join would replace")
    for name in said.column_names:
        table = table.append_column(name, said[name])
    return table.replace_schema_metadata(None)


def of_texts(records: list[dict[str, str | None]]) -> pa.Table:
    """The records of a CSV with names, as texts."""
    return pa.table({name: pa.array([one[name] for one in records], pa.string()) for name in records[0]})


def records(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as objects, with values as JSON has them."""
    columns = [columnar.from_arrow(table[name]) for name in table.column_names]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def packed(table: pa.Table) -> bytes:
    """A table as a part of a draft."""
    text = io.BytesIO()
    with pa.ipc.new_stream(text, table.schema) as writer:
        writer.write_table(table)
    return LENGTH.pack(text.tell()) + text.getvalue()


def assemble(draft: int, target: Path, nothing: pa.Table) -> None:
    """Makes a Parquet file of a draft, durably: a row group of each part; of none, a file with no rows."""
    size, at = os.fstat(draft).st_size, 0
    writer = None
    while at < size or writer is None:
        table = nothing
        if size:
            (length,) = LENGTH.unpack(os.pread(draft, LENGTH.size, at))
            table = pa.ipc.open_stream(os.pread(draft, length, at + LENGTH.size)).read_all()
            at += LENGTH.size + length
        writer = writer or pa.parquet.ParquetWriter(target, table.schema)
        writer.write_table(table)
    writer.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _array(values: Any) -> pa.Array:
    found = np.asarray(values)
    if found.dtype.kind in "biufU":
        return pa.array(found)
    return pa.array([one if one is None else str(one) for one in found.tolist()], pa.string())
