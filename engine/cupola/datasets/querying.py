"""Questions to data, answered by DuckDB in a process of its own that can read these tables and touch nothing else."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb
import msgspec
import pyarrow as pa

from cupola.datasets import records, tables
from cupola.datasets.records import DatasetVersion, Rows
from cupola.datasets.sql import identifier, literal, sql_names
from cupola.errors import BadOption, NotFound, WorkFailed
from cupola.store import Store

MEMORY = "2GB"
CLOSED = ("enable_external_access", "autoinstall_known_extensions", "autoload_known_extensions")
T = TypeVar("T")
REFERENCE = re.compile(r'"([^"]+@[^"]+)"')


def sql(store: Store, query: str, limit: int) -> Rows:
    """Answers one SELECT over datasets by their names: flights (the newest version), "flights@3".

    At most `limit` rows come back, and it says so. Raises BadOption for what is no SELECT or does not work.
    """
    return _answer(store, _mentioned(store, query), query, limit)


def preview(store: Store, version: DatasetVersion, limit: int, sort: str | None, where: str | None) -> Rows:
    """The first rows for which the SQL expression `where` holds, in the order of `sort` (COLUMN or COLUMN:desc)."""
    query = "SELECT * FROM data"
    if where:
        query += f" WHERE ({where}\n)"
    if sort:
        column, _, way = sort.rpartition(":") if sort.endswith((":desc", ":asc")) else (sort, "", "asc")
        columns = [one.name for one in version.columns]
        if column not in columns:
            known = ", ".join(columns[:12])
            raise BadOption(f"--sort names the column {column!r}, which is not there", hint=f"its columns: {known}")
        query += f" ORDER BY {identifier(sql_names(columns)[columns.index(column)])} {way} NULLS LAST"
    found = _answer(store, {"data": version}, query, limit)
    return msgspec.structs.replace(found, columns=[one.name for one in version.columns])


def _mentioned(store: Store, query: str) -> dict[str, DatasetVersion]:
    """The versions that a query may mean: of those datasets whose name stands in it."""
    found = {name: name for name in records.names(store) if name.lower() in query.lower()}
    found |= {reference: reference for reference in REFERENCE.findall(query)}
    there = {}
    for name, reference in found.items():
        try:
            there[name] = records.find(store, reference)
        except NotFound:
            if "@" in name:
                raise
    return there


def _answer(store: Store, data: dict[str, DatasetVersion], query: str, limit: int) -> Rows:
    """The answer to a query over the rows of these versions by their names."""
    sources = {name: rows_of(store, version) for name, version in data.items()}
    return answer(sources, [records.data_path(store, one) for one in data.values()], query, limit)


def rows_of(store: Store, version: DatasetVersion, numbered: str = "false") -> str:
    """A version's rows as SQL selects them; numbered: with file_row_number, from 0. Raises NotFound."""
    path = records.data_path(store, version)
    if not path.exists():
        raise NotFound("the rows of this dataset are gone", where=str(path), hint="import it again")
    columns = map(identifier, sql_names([one.name for one in version.columns]))
    file = f"read_parquet({literal(str(path))}, file_row_number = {numbered})"
    return f"SELECT * FROM {file} AS file({', '.join(columns)})"


def answer(sources: dict[str, str], paths: list[Path], query: str, limit: int) -> Rows:
    """Answers one SELECT over sources (SELECTs themselves) by name, which may read these files and no others."""
    return _within(sources, paths, lambda connection: _select(connection, query, limit))


def write(store: Store, query: str, path: Path) -> int:
    """Writes the whole answer to one SELECT over datasets to a Parquet file; gives how many rows it has.

    Raises as `sql` does.
    """
    import pyarrow.parquet as pq

    data = _mentioned(store, query)
    sources = {name: rows_of(store, version) for name, version in data.items()}

    def copied(connection: duckdb.DuckDBPyConnection) -> int:
        reader = _reader(connection, query, 100_000)
        with pq.ParquetWriter(path, reader.schema) as writer:
            return sum((writer.write_batch(batch), batch.num_rows)[1] for batch in reader)

    return _within(sources, [records.data_path(store, one) for one in data.values()], copied)


def _within(sources: dict[str, str], paths: list[Path], do: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    """What `do` gives with a connection that has these sources as tables, and may read these files and no others."""
    with duckdb.connect(
        ":memory:", config={"memory_limit": MEMORY, "threads": min(4, os.cpu_count() or 1)}
    ) as connection:
        connection.execute("SET enable_progress_bar = false")  # it is on in interpreters that look interactive
        try:
            for name, source in sources.items():
                connection.execute(f"CREATE VIEW {identifier(name)} AS {source}")
            _close(connection, paths)
            return do(connection)
        except duckdb.OutOfMemoryException as error:
            hint = "aggregate or limit it, or export the data"
            raise WorkFailed(f"the query needs more than {MEMORY} of memory", hint=hint) from error
        except (OSError, pa.ArrowException) as error:  # Arrow's own limits, such as 2 GB of texts in one batch
            raise WorkFailed(f"the answer cannot be held: {str(error).splitlines()[0]}", hint="ask for less") from error
        except duckdb.Error as error:
            known = f"tables: {', '.join(sources)}" if sources else "name a dataset of this workspace in it"
            raise BadOption(" ".join(str(error).partition("\n\n")[0].split()), hint=known) from error


def _close(connection: duckdb.DuckDBPyConnection, paths: list[Path]) -> None:
    """Leaves the connection these files, no network, no extension, and no way to change that."""
    connection.execute(f"SET allowed_paths = [{', '.join(literal(str(path)) for path in paths)}]")
    connection.execute("SET temp_directory = ''")
    for setting in CLOSED:
        connection.execute(f"SET {setting} = false")
    connection.execute("SET lock_configuration = true")


def _reader(connection: duckdb.DuckDBPyConnection, query: str, rows: int) -> pa.RecordBatchReader:
    """Runs one statement that only reads: a COPY could write even to the files that may be read."""
    statements = connection.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadOption("one SELECT is wanted", hint="what changes data is a new import")
    reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(rows)
    return reader


def _select(connection: duckdb.DuckDBPyConnection, query: str, limit: int) -> Rows:
    reader = _reader(connection, query, min(limit + 1, 10_000))
    batches, count = [], 0
    while count <= limit and (batch := next(reader, None)) is not None:
        batches.append(batch)
        count += batch.num_rows
    found = pa.Table.from_batches(batches, reader.schema)
    found = found.rename_columns(sql_names(found.column_names))
    return tables.shown(found.slice(0, limit), truncated=count > limit)
