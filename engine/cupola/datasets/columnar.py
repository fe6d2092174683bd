"""Parquet: a table whose columns have types already, brought to the few that Cupola tells apart."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupola.datasets import headers
from cupola.datasets.jsonlines import nested
from cupola.datasets.records import ImportOptions
from cupola.datasets.source import Progress, Source, silent
from cupola.datasets.values import MOMENT, STAMP
from cupola.errors import BadInput

SECOND = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
ROWS, BYTES = 1 << 16, 1 << 23  # of a batch, about


class Columnar:
    """A Parquet file as a table of int64, float64, bool, date32, timestamps and texts. `names` are clean."""

    format = "parquet"

    def __init__(self, source: Source, options: ImportOptions) -> None:
        self.source = source
        self.notes: list[str] = []
        self.found: dict[str, str] = {}
        self._missing = options.missing
        try:
            self._file = pq.ParquetFile(source.seekable(), pre_buffer=False, buffer_size=1 << 20)
            schema = self._file.schema_arrow
            self.rows = self._file.metadata.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._broken(error) from error
        if not self.rows or not schema.names:
            raise BadInput("the Parquet file holds no rows", where=source.where, hint="import a file with rows")
        self.names, self.notes = headers.clean(schema.names, source.where)
        self._asked = options.types
        self.types = [self._target(name, field.type) for name, field in zip(self.names, schema, strict=True)]

    def batches(self, progress: Progress = silent) -> Iterator[pa.RecordBatch]:
        """Every row. Raises BadInput where the file is damaged."""
        for _ in self.source.raw(lambda fraction: progress(fraction / 2)):
            pass  # hashed through the same descriptor before it is believed
        done = 0
        try:
            for batch in self._file.iter_batches(batch_size=self._rows_at_once(), use_threads=False):
                done += batch.num_rows
                progress(0.5 + done / self.rows / 2)
                columns = [self._plain(column, index) for index, column in enumerate(batch.columns)]
                yield pa.record_batch(columns, names=self.names)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from error

    def place(self, row: int, column: str) -> str:
        return f"row {row + 1}, column {column}"

    def _rows_at_once(self) -> int:
        groups = (self._file.metadata.row_group(number) for number in range(self._file.metadata.num_row_groups))
        size = sum(int(group.total_byte_size) for group in groups)
        return max(1, min(ROWS, int(self.rows) * BYTES // max(1, size)))

    def _broken(self, error: Exception) -> BadInput:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return BadInput(
            f"this Parquet file is damaged or cut short ({said})",
            where=self.source.where,
            hint="write or fetch it again",
        )

    def _target(self, name: str, type: pa.DataType) -> pa.DataType:
        """The type that a column is brought to, or BadInput for one that holds no plain values."""
        is_ = pa.types
        value = type.value_type if is_.is_dictionary(type) else type
        if is_.is_integer(value):
            return pa.int64()
        if is_.is_floating(value) or is_.is_decimal(value):
            if is_.is_decimal(value):
                self.notes.append(f"column {name}: {value} is read as a 64-bit float")
            return pa.float64()
        if is_.is_timestamp(value):
            return MOMENT if value.tz else STAMP
        if is_.is_date(value):
            return pa.date32()
        if is_.is_boolean(value):
            return pa.bool_()
        if (
            is_.is_string(value)
            or is_.is_large_string(value)
            or is_.is_string_view(value)
            or is_.is_null(value)
            or is_.is_time(value)
        ):
            return pa.string()
        if is_.is_duration(value):
            self.notes.append(f"column {name}: durations are read as seconds")
            return pa.float64()
        if is_.is_nested(value):
            self.notes += [] if name in self._asked else [nested(name)]
            return pa.string()
        if is_.is_binary(value) or is_.is_large_binary(value) or is_.is_binary_view(value):
            return pa.string()
        raise BadInput(
            f"column {name!r} holds {type}, and a column holds plain values",
            where=self.source.where,
            hint="leave the column out of the file",
        )

    def _plain(self, column: pa.Array, index: int) -> pa.Array:
        name, target = self.names[index], self.types[index]
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_duration(column.type):
            column = pc.divide(column.cast(pa.int64()).cast(pa.float64()), SECOND[column.type.unit])
        elif pa.types.is_nested(column.type):
            values = column.to_pylist(maps_as_pydicts="lossy")
            column = pa.array([None if one is None else _json(one) for one in values], pa.string())
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            column = self._to_microseconds(column, name)
        try:
            column = column.cast(target)
        except pa.ArrowInvalid as error:
            if target == pa.string():
                message, hint = f"column {name!r} holds bytes that are no text", "leave the column out of the file"
                raise BadInput(message, where=self.source.where, hint=hint) from error
            hint = f"keep it as text: --type {name}=text"
            if self._asked.get(name) in ("text", "category", "number"):
                return column.cast(pa.float64() if self._asked[name] == "number" else pa.string())
            raise BadInput(f"column {name!r}: {error}", where=self.source.where, hint=hint) from error
        if target == pa.float64() and pc.any(pc.is_nan(column)).as_py():
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
        if target == pa.string() and self._missing:
            column = pc.if_else(
                pc.is_in(column, pa.array(self._missing, pa.string())), pa.scalar(None, pa.string()), column
            )
        return column

    def _to_microseconds(self, column: pa.Array, name: str) -> pa.Array:
        rounded = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        note = f"column {name}: times finer than a microsecond were cut to microseconds"
        if note not in self.notes and not rounded.cast(column.type, safe=False).equals(column):
            self.notes.append(note)
        return rounded


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
