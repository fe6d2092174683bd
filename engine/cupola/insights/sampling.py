"""Some rows of a version, drawn by chance and the same every time, as numbers and codes."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cupola.datasets import tables
from cupola.datasets.records import DatasetVersion
from cupola.datasets.sql import identifier, sql_names
from cupola.errors import BadInput
from cupola.store.trouble import trouble

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
ROWS = 50_000
CELLS = 20_000_000  # rows times columns: 160 MB as numbers
FEWEST = 2_000
SEED = 20
LARGEST = 1e150  # whose square is a number still


@dataclass
class Feature:
    """One column of the sample. sql: its name as a filter writes it. numbers: its values where it has an order (dates
    in seconds), NaN for what is missing; texts: its values where it has none, None for what is missing."""

    name: str
    sql: str
    type: str
    role: str
    missing: NDArray[np.bool_]
    numbers: Floats | None
    texts: "pd.Series[Any] | None"

    @cached_property
    def coded(self) -> tuple[Codes, list[str]]:
        """For each row which value it has (-1: none), the commonest first, and the values as texts."""
        given = self.texts if self.texts is not None else pd.Series(self.numbers)
        codes, values = pd.factorize(given)
        order = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(values)), kind="stable")
        place = np.append(np.argsort(order), -1)
        return place[codes], [self._written(values[one]) for one in order]

    def _written(self, value: Any) -> str:
        if self.type == "boolean":
            return "true" if value else "false"
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value)


@dataclass
class Sample:
    """The rows that were drawn, in their order. places: their numbers in the version, from 0."""

    features: list[Feature]
    frame: pd.DataFrame
    places: NDArray[np.int64]
    total: int

    def __len__(self) -> int:
        return len(self.places)

    def named(self, name: str) -> Feature:
        return next(one for one in self.features if one.name == name)


def draw(path: Path, version: DatasetVersion) -> Sample:
    """Reads the rows, a row group at a time. Raises BadInput for a damaged file."""
    count = max(1, len(version.columns))
    wanted = min(version.rows, ROWS, max(FEWEST, CELLS // count))
    generator = np.random.default_rng(SEED)
    places = np.sort(generator.choice(version.rows, wanted, replace=False)) if version.rows else np.zeros(0, int)
    try:
        table = _rows(path, places)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise trouble(error, str(path)) from error
        raise BadInput(f"the rows of the dataset cannot be read: {error}", where=str(path)) from error
    names = [one.name for one in version.columns]
    found = zip(version.columns, sql_names(names), table.columns, strict=True)
    features = [_feature(one, identifier(sql), column) for one, sql, column in found]
    frame = pd.DataFrame({one.name: _framed(one) for one in features}, copy=False)
    return Sample(features, frame, places, version.rows)


def _rows(path: Path, places: NDArray[np.int64]) -> pa.Table:
    file, begin, parts = pq.ParquetFile(path), 0, []
    for number in range(file.num_row_groups):
        end = begin + file.metadata.row_group(number).num_rows
        mine = places[(places >= begin) & (places < end)]
        if len(mine):
            parts.append(file.read_row_group(number).take(pa.array(mine - begin)))
        begin = end
    return pa.concat_tables(parts) if parts else file.schema_arrow.empty_table()


def _feature(one: Any, sql: str, column: pa.ChunkedArray) -> Feature:
    missing = column.is_null().to_numpy()
    if one.type in ("category", "text"):
        kind = column.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            plain = [None if value is None else str(tables.plain(value)) for value in column.to_pylist()]
            return Feature(one.name, sql, one.type, one.role, missing, None, pd.Series(plain, dtype=object))
        return Feature(one.name, sql, one.type, one.role, missing, None, column.to_pandas().astype(object))
    if one.type in ("date", "datetime"):
        kind = pa.timestamp("us") if getattr(column.type, "tz", None) is None else column.type
        column = pc.divide(pc.cast(pc.cast(column, kind), pa.int64()).cast(pa.float64(), safe=False), 1e6)
    numbers = column.cast(pa.float64(), safe=False).to_numpy() if len(column) else np.zeros(0)
    numbers = np.clip(np.where(missing | np.isinf(numbers), np.nan, numbers), -LARGEST, LARGEST)
    return Feature(one.name, sql, one.type, one.role, np.isnan(numbers), numbers, None)


def _framed(one: Feature) -> Any:
    """The column as `training.preparation` takes it."""
    if one.type in ("date", "datetime"):
        return pd.to_datetime(pd.Series(one.numbers), unit="s")
    return one.texts if one.texts is not None else one.numbers
