"""A version as a file outside of the workspace."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from cupola.datasets import records
from cupola.datasets.records import DatasetVersion
from cupola.store import Store
from cupola.store.names import new_id
from cupola.store.trouble import disk

ROWS = 1 << 15


def export(store: Store, version: DatasetVersion, path: Path, format: str) -> int:
    """Writes the rows to `path`, all or nothing; gives the number of bytes. Raises DiskTrouble.

    csv: UTF-8, an empty field is a missing value, times in ISO. jsonl: an object a line. parquet: as it is kept.
    """
    draft = path.with_name(f".{path.name}.{new_id()}.part")
    with disk(str(path)):
        try:
            with draft.open("xb") as out:
                WRITERS[format](records.data_path(store, version), out)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return path.stat().st_size


def _csv(data: Path, out: BinaryIO) -> None:
    with pq.ParquetFile(data) as file, pa.csv.CSVWriter(out, file.schema_arrow) as writer:
        for batch in file.iter_batches(ROWS, use_threads=False):
            writer.write_batch(batch)


def _jsonl(data: Path, out: BinaryIO) -> None:
    with pq.ParquetFile(data) as file:
        for batch in file.iter_batches(ROWS, use_threads=False):
            out.write(b"".join(msgspec.json.encode(row) + b"\n" for row in batch.to_pylist()))


def _parquet(data: Path, out: BinaryIO) -> None:
    with data.open("rb") as source:
        while chunk := source.read(1 << 22):
            out.write(chunk)


WRITERS: dict[str, Callable[[Path, BinaryIO], None]] = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
