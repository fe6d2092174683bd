"""Rows of Arrow tables as they are shown."""

import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cupola.datasets.records import ColumnType, Rows

LONGEST = 200  # characters of a value that are shown
LARGEST = 2**63


def shown(batch: pa.RecordBatch | pa.Table, truncated: bool = False) -> Rows:
    """The rows as plain values."""
    columns = [[plain(value) for value in column.to_pylist()] for column in batch.columns]
    return Rows(
        columns=batch.schema.names,
        types=[type_name(type) for type in batch.schema.types],
        rows=[list(row) for row in zip(*columns, strict=True)],
        truncated=truncated,
    )


def plain(value: Any) -> Any:
    """A value as JSON can hold it: times in ISO, long texts cut, integers beyond 64 bits and decimals as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, int):
        return value if -LARGEST <= value < LARGEST else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, Decimal):
        return plain(int(value)) if value == value.to_integral_value() else _float_or_text(value)
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _float_or_text(value: Decimal) -> float | str:
    near = float(value)
    return near if Decimal(repr(near)) == value else str(value)


def type_of(type: pa.DataType) -> ColumnType:
    """Cupola's name for the type of a column of data.parquet; a text may be a category all the same."""
    if pa.types.is_integer(type):
        return "integer"
    if pa.types.is_floating(type):
        return "number"
    if pa.types.is_boolean(type):
        return "boolean"
    if pa.types.is_date(type):
        return "date"
    return "datetime" if pa.types.is_timestamp(type) else "text"


def type_name(type: pa.DataType) -> str:
    """The type of any column of a query's answer."""
    if pa.types.is_decimal(type):
        return "number"
    known = pa.types.is_string(type) or pa.types.is_large_string(type) or type_of(type) != "text"
    return type_of(type) if known else str(type)
