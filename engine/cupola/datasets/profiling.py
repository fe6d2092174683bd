"""What each column of a Parquet file looks like, in bounded memory: DuckDB aggregates over a few columns at a time."""

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cupola.datasets import tables
from cupola.datasets.records import Bar, ColumnProfile, ColumnType, Histogram, Profile
from cupola.datasets.sql import identifier, literal

EXACT_ROWS, EXACT_BYTES = 500_000, 1 << 28  # of a file: up to here everything is counted exactly
EXACT_DISTINCT = 200_000  # so many different values are counted exactly, however many rows there are
CELLS = 2_000_000  # of columns that are looked at together
AT_ONCE = 20  # a query on a table of one row costs a third more where 50 columns lie beside it
BINS = 20
TOP = 20
QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
DAY, MOMENT = date(1970, 1, 1), datetime(1970, 1, 1)
MEMORY = 768 << 20


def profile(
    data: Path,
    known: dict[str, ColumnType],
    progress: Callable[[float], None],
    spill: Path | None = None,
    memory: int = MEMORY,
) -> Profile:
    """The profile of `data`. known: the type of a column of texts, where the user has named it.

    Texts that are not named are a category where `is_category` says so. spill: where DuckDB may put what does not
    fit into `memory` (bytes).
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": f"{memory >> 20}MB",
        "temp_directory": str(spill or data.parent / "spill"),
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET enable_progress_bar = false")  # it is on in interpreters that look interactive
        with pq.ParquetFile(data) as file:
            exact = _is_small(file)
            found: list[ColumnProfile] = []
            number = file.metadata.num_columns
            for columns, fields in _tables(connection, file, data, exact):
                found += _profiles(connection, columns, fields, file.metadata.num_rows, known, exact)
                progress(len(found) / number)
            return Profile(rows=file.metadata.num_rows, columns=found)
    finally:
        connection.close()


def is_category(distinct: int, values: int) -> bool:
    """Whether texts are names of classes: at most 50 different ones, or at most 1,000 that make up 5 % of the values.

    More than 20 texts that all differ are no classes, however few they are.
    """
    if distinct == values > 20:
        return False
    return distinct <= 50 or (distinct <= 1000 and distinct <= values * 0.05)


def edges(low: Any, high: Any, type: ColumnType) -> list[Any]:
    """The edges of at most 20 bins of one width from `low` to `high`; for whole numbers they fall between values."""
    if low == high:
        return [low, high + 1 if type != "number" else low]
    if type == "number":
        inner = (low * (1 - step / BINS) + high * (step / BINS) for step in range(1, BINS))
        return [low, *inner, high]
    width = max(1, math.ceil((high - low + 1) / BINS))
    return [*range(low, high + 1, width), low + width * math.ceil((high - low + 1) / width)]


def _is_small(file: pq.ParquetFile) -> bool:
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    size = sum(int(group.total_byte_size) for group in groups)
    return int(file.metadata.num_rows) <= EXACT_ROWS and size <= EXACT_BYTES


def _tables(
    connection: duckdb.DuckDBPyConnection, file: pq.ParquetFile, data: Path, small: bool
) -> Iterator[tuple[list[str], list[pa.Field]]]:
    """Puts a few columns at a time before DuckDB as the table `t`: in memory where they are small, else as the file.

    Gives their names, and the same columns as `t` calls them: DuckDB does not tell `Age` from `age`.
    """
    schema, rows = file.schema_arrow, file.metadata.num_rows
    numbered = [f"c{number}" for number in range(len(schema))]
    step = max(1, min(AT_ONCE, CELLS // rows))
    for start in range(0, len(schema), step):
        columns = schema.names[start : start + step]
        fields = [pa.field(f"c{start + place}", schema.field(start + place).type) for place in range(len(columns))]
        if small:
            few = file.read(columns=columns, use_threads=False).select(columns)
            connection.register("t", few.rename_columns([field.name for field in fields]))
        else:
            source = f"read_parquet({literal(str(data))}) AS file({', '.join(numbered)})"
            connection.execute(f"CREATE OR REPLACE VIEW t AS SELECT * FROM {source}")
        yield columns, fields
        if small:
            connection.unregister("t")


def _profiles(
    connection: duckdb.DuckDBPyConnection,
    columns: list[str],
    fields: list[pa.Field],
    rows: int,
    known: dict[str, ColumnType],
    exact: bool,
) -> list[ColumnProfile]:
    asked: list[str] = []
    for field in fields:
        asked += _aggregates(field, exact)
    finite = "".join(f", {_finite(field)} AS {_usable(field)}" for field in fields if _is_numeric(field))
    query = f"SELECT {', '.join(asked)} FROM (SELECT *{finite} FROM t)"
    answers = iter(connection.execute(query).fetchall()[0])
    found = []
    for name, field in zip(columns, fields, strict=True):
        one = _basic(name, field, answers, exact, rows)
        values = rows - one.missing
        if one.type == "text":
            one.type = known.get(one.name) or "text"
        if values:
            try:
                _bars(connection, one, field, exact)
            except duckdb.OutOfMemoryException:  # very long texts, of which there are many: no bars
                one.exact = False
        if one.type == "text" and one.name not in known and is_category(one.distinct, values):
            one.type = "category"
        found.append(_shown(one))
    return found


def _expression(field: pa.Field) -> str:
    """The column for DuckDB: dates as days and datetimes as microseconds since 1970."""
    name = identifier(field.name)
    if pa.types.is_date(field.type):
        return f"({name} - DATE '1970-01-01')"
    return f"epoch_us({name})" if pa.types.is_timestamp(field.type) else name


def _usable(field: pa.Field) -> str:
    """How a numeric column is called whose numbers without end are missing: a FILTER for each aggregate costs more than
    these do."""
    return identifier(f"{field.name} finite")


def _finite(field: pa.Field) -> str:
    c = _expression(field)
    return f"CASE WHEN isfinite({c}) THEN {c} END" if pa.types.is_floating(field.type) else c


def _aggregates(field: pa.Field, exact: bool) -> list[str]:
    """How many different values there are is about right, until `_bars` has counted them."""
    c = identifier(field.name)
    asked = [f"count({c})", f"least(approx_count_distinct({c}), count({c}))"]
    if _is_numeric(field):
        c = _usable(field)
        quantile = "quantile_cont" if exact else "approx_quantile"
        asked += [f"min({c})", f"max({c})", f"avg({c})", f"stddev_samp({c}::DOUBLE / 1e150)"]
        asked += [f"{quantile}({c}::DOUBLE, {QUANTILES})"]
    return asked


def _basic(name: str, field: pa.Field, answers: Iterator[Any], exact: bool, rows: int) -> ColumnProfile:
    values, distinct = next(answers), next(answers)
    one = ColumnProfile(
        name=name, type=tables.type_of(field.type), missing=rows - values, distinct=distinct, exact=exact
    )
    if _is_numeric(field):
        one.min, one.max, mean, std = (next(answers) for _ in range(4))
        one.mean = None if mean is None else float(mean)
        one.std = None if std is None else float(std) * 1e150
        quantiles = next(answers)
        if quantiles:
            one.quantiles = {str(q): value for q, value in zip(QUANTILES, quantiles, strict=True)}
    return one


def _bars(connection: duckdb.DuckDBPyConnection, one: ColumnProfile, field: pa.Field, exact: bool) -> None:
    """Adds the most frequent values with their counts, and the histogram."""
    c = _expression(field)
    if exact or one.distinct <= EXACT_DISTINCT:
        groups = f"SELECT {c} AS v, count(*) AS n FROM t WHERE {c} IS NOT NULL GROUP BY 1"
        query = f"WITH g AS ({groups}) SELECT (SELECT count(*) FROM g), v, n FROM g ORDER BY n DESC, v LIMIT {TOP}"
        found = connection.execute(query).fetchall()
        one.distinct = found[0][0]
        one.top = [Bar(value=value, count=count) for _, value, count in found]
    elif not _is_numeric(field):
        likely = connection.execute(f"SELECT approx_top_k({c}, {TOP}) FROM t").fetchall()[0][0]
        listed = ", ".join(literal(value) for value in likely)
        found = connection.execute(f"SELECT {c}, count(*) FROM t WHERE {c} IN ({listed}) GROUP BY 1").fetchall()
        one.top = [Bar(value=value, count=count) for value, count in sorted(found, key=lambda bar: (-bar[1], bar[0]))]
    if one.min is not None:
        one.histogram = _histogram(connection, c, one)


def _histogram(connection: duckdb.DuckDBPyConnection, c: str, one: ColumnProfile) -> Histogram:
    bounds = edges(one.min, one.max, one.type)
    inner = ", ".join(repr(edge) for edge in bounds[1:-1])
    finite = f"isfinite({c})" if one.type == "number" else f"{c} IS NOT NULL"
    place = f"len(list_filter([{inner}]::{'DOUBLE' if one.type == 'number' else 'BIGINT'}[], lambda e: e <= {c}))"
    place = place if inner else "0"
    found = connection.execute(f"SELECT {place}, count(*) FROM t WHERE {finite} GROUP BY 1").fetchall()
    counts = [0] * (len(bounds) - 1)
    for number, count in found:
        counts[number] = count
    return Histogram(edges=bounds, counts=counts)


def _is_numeric(field: pa.Field) -> bool:
    return tables.type_of(field.type) in ("integer", "number", "date", "datetime")


def _shown(one: ColumnProfile) -> ColumnProfile:
    """Brings days and microseconds back to ISO texts, and cuts long texts."""
    if one.type in ("date", "datetime"):
        one.min, one.max = _time(one.min, one.type), _time(one.max, one.type)
        one.quantiles = {key: _time(value, one.type) for key, value in one.quantiles.items()}
        one.mean = one.std = None
        if one.histogram:
            one.histogram.edges = [_time(edge, one.type) for edge in one.histogram.edges]
    for bar in one.top:
        bar.value = _time(bar.value, one.type) if one.type in ("date", "datetime") else tables.plain(bar.value)
    return one


def _time(value: float | None, type: ColumnType) -> str | None:
    if value is None:
        return None
    try:
        if type == "date":
            return (DAY + timedelta(days=math.floor(value))).isoformat()
        return (MOMENT + timedelta(microseconds=round(value))).isoformat()
    except OverflowError:
        return None
