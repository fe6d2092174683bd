"""The rows of a version as a grid looks at them: held in memory, filtered and sorted by DuckDB, handed out in pages.

A process of its own does this for as long as the grid is open (`python -m cupola.datasets grid`). Of questions about
views only those about the newest are answered; what is overtaken is interrupted, and answered with null.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupola.datasets import counting, filtering, records, shapes, sql, tables
from cupola.datasets.records import DatasetVersion
from cupola.datasets.shapes import TOP, Shape, Texts
from cupola.errors import BadOption, NotFound
from cupola.store import Store

HELD = 2 << 30  # bytes of rows in memory, as the file counts them; of a larger version the first rows are shown
ENDS = 512  # rows at either end of an order that are found before all are sorted


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, in which order: filter in the search language, sort by a column (backwards: the largest first).

    group: the column whose values are the rows, with how many rows of the version have them; within: of which rows.
    """

    filter: str = ""
    sort: str = ""
    backwards: bool = False
    group: str = ""
    within: str = ""


class Page(msgspec.Struct, kw_only=True):
    """Some rows of a view: `numbers` are their places in the version, from 1. count: rows of the view, of `total`."""

    count: int
    total: int
    offset: int
    numbers: list[int]
    rows: list[list[Any]]
    columns: list[str]
    types: list[str]


class Summary(msgspec.Struct, kw_only=True):
    """A column in figures, of the rows that a view's filter leaves."""

    column: str
    type: str
    rows: int
    missing: int
    distinct: int
    shape: Shape
    top: list[tuple[Any, int]]
    min: Any = None
    max: Any = None
    mean: float | None = None
    std: float | None = None
    quantiles: list[Any] = []


class Held:
    """A table in memory under a name that SQL knows, with the order in which it was looked at last."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table, types: dict[str, str]
    ) -> None:
        self.connection, self.name, self.types = connection, name, types
        self.rows = table.num_rows
        self.table = table
        self.number = _free("row", types)  # the column that holds the places of the rows in the table
        self._shapes: dict[str, Callable[[np.ndarray | None], Shape]] = {}
        self._words: dict[str, str] = {}
        self._texts = {name: Texts(table.column(name)) for name, type in types.items() if filtering.is_text(type)}
        self._seen: pa.Table = table.append_column(self.number, pa.array(np.arange(self.rows, dtype=np.int32)))
        connection.register(name, self._seen)
        self.filter: str | None = None
        self.kept: np.ndarray | None = None  # the rows that the filter leaves, None for all
        self.order: tuple[str, bool] = ("", False)
        self.sorted: np.ndarray | None = None  # all of them in that order
        self.head: np.ndarray | None = None  # the first of them
        self.tail: np.ndarray | None = None  # the last of them

    @property
    def count(self) -> int:
        return self.rows if self.kept is None else len(self.kept)

    def look(self, filter: str, sort: str, backwards: bool) -> None:
        """Turns to the rows that the filter leaves, in that order. Raises BadFilter, BadOption."""
        if filter != self.filter:
            condition = filtering.where(filter, self.types, self._word)
            kept = np.flatnonzero(self._holds(condition)) if condition else None
            self.filter, self.kept = filter, kept
            self.head = self.tail = self.sorted = None
        if sort and sort not in self.types:
            raise BadOption(f"there is no column {sort!r}")
        if (sort, backwards) != self.order:
            self.order = sort, backwards
            self.head = self.tail = self.sorted = None

    def finish(self) -> None:
        """Sorts all of them, where that is still to be done."""
        if self.order[0] and self.sorted is None:
            self.sorted = self._ids(self._by())

    def ahead(self) -> Iterator[Callable[[], None]]:
        """What will probably be asked next: all of them sorted, and texts in which a word can be looked for."""
        yield self.finish
        yield from (texts.prepare for texts in self._texts.values())

    def places(self, offset: int, limit: int) -> np.ndarray:
        """Which rows of the table stand there in the view."""
        count, end = self.count, min(self.count, offset + limit)
        if not self.order[0]:
            return np.arange(offset, end) if self.kept is None else self.kept[offset:end]
        if self.sorted is None and end <= ENDS:
            self.head = self._ids(self._by(), ENDS) if self.head is None else self.head
            return self.head[offset:end]
        if self.sorted is None and count - offset <= ENDS:
            self.tail = self._ids(self._by(turned=True), ENDS)[::-1] if self.tail is None else self.tail
            return self.tail[len(self.tail) - count + offset :][: end - offset]
        self.finish()
        assert self.sorted is not None
        return self.sorted[offset:end]

    def position(self, row: int) -> int | None:
        """Where that row of the table stands in the view."""
        self.finish()
        shown = self.kept if self.sorted is None else self.sorted
        if shown is None:
            return row if 0 <= row < self.rows else None
        found = np.flatnonzero(shown == row)
        return int(found[0]) if len(found) else None

    def shape(self, column: str) -> Shape:
        if column not in self._shapes:
            self._shapes[column] = shapes.shaper(column, self.table.column(column), self.types[column])
        return self._shapes[column](self.kept)

    def summary(self, column: str) -> Summary:
        name, type = sql.identifier(column), self.types[column]
        number = type in ("integer", "number")
        moment = type in filtering.MOMENTS
        figures = [f"count({name})", f"count(DISTINCT {name})"]
        figures += [f"min({name})", f"max({name})"] if number or moment else ["NULL", "NULL"]
        figures += [f"avg({name})", f"stddev_samp({name})"] if number else ["NULL", "NULL"]
        figures += [f"quantile_disc({name}, [0.05, 0.25, 0.5, 0.75, 0.95])"] if number or moment else ["NULL"]
        row = self.connection.execute(f"SELECT {', '.join(figures)} FROM {self._from()}").fetchone()
        assert row
        most = f"SELECT {name}, count(*) FROM {self._from(f'{name} IS NOT NULL')} GROUP BY 1 ORDER BY 2 DESC, 1"
        top = self.connection.execute(f"{most} LIMIT {TOP}").fetchall()
        low, high, mean, std, quantiles = map(tables.plain, row[2:])
        return Summary(
            column=column, type=type, rows=self.count, missing=self.count - row[0], distinct=row[1], min=low, max=high,
            mean=mean, std=std, quantiles=quantiles or [], shape=self.shape(column),
            top=[(tables.plain(value), count) for value, count in top],
        )  # fmt: skip

    def grouped(self, column: str) -> tuple[pa.Table, dict[str, str]]:
        """A row for each value of the column: how many rows have it, and the mean of each column of numbers there."""
        if column not in self.types:
            raise BadOption(f"there is no column {column!r}")
        columns = counting.counted(column, self.types)
        asked = ", ".join(f"{part} AS {sql.identifier(name)}" for name, (_, part) in columns.items())
        table = self.connection.sql(
            f"SELECT {asked} FROM {self._from()} GROUP BY 1 ORDER BY 2 DESC, 1"
        ).to_arrow_table()
        return table, {name: type for name, (type, _) in columns.items()}

    def close(self) -> None:
        self.connection.unregister(self.name)

    def _from(self, condition: str = "") -> str:
        """The rows that the filter leaves, as what stands behind FROM."""
        conditions = [filtering.where(self.filter or "", self.types, self._word), condition]
        wanted = " AND ".join(one for one in conditions if one)
        return f"{sql.identifier(self.name)}{f' WHERE {wanted}' if wanted else ''}"

    def _by(self, turned: bool = False) -> str:
        """The filter and the order; turned: the last come first. What is missing is last; equals as they come."""
        sort, backwards = self.order
        way = "DESC" if backwards != turned else "ASC"
        condition = filtering.where(self.filter or "", self.types, self._word)
        missing, ties = ("FIRST", "DESC") if turned else ("LAST", "ASC")
        order = f"ORDER BY {sql.identifier(sort)} {way} NULLS {missing}, {sql.identifier(self.number)} {ties}"
        return f"WHERE {condition} {order}" if condition else order

    def _ids(self, rest: str, limit: int | None = None) -> np.ndarray:
        most = "" if limit is None else f" LIMIT {limit}"
        query = f"SELECT {sql.identifier(self.number)} FROM {sql.identifier(self.name)} {rest}{most}"
        return np.asarray(self.connection.execute(query).fetchnumpy()[self.number])

    def _holds(self, condition: str) -> np.ndarray:
        """Whether it holds of each row, in their order, which DuckDB keeps."""
        query = f"SELECT {condition} AS held FROM {sql.identifier(self.name)}"
        return np.asarray(self.connection.execute(query).fetchnumpy()["held"])

    def _word(self, word: str) -> str:
        """That a row holds the word, as a column of its own: it is looked for once in each different text, not in each
        row."""
        if word not in self._words:
            found = np.zeros(self.rows, dtype=bool)
            for texts in self._texts.values():
                if (holding := texts.holding(word)) is not None:
                    found |= holding
            column = _free(f"word {len(self._words)}", self.types)
            self._words[word] = column
            self._seen = self._seen.append_column(column, pa.array(found))
            self.connection.register(self.name, self._seen)
        there = sql.identifier(self._words[word])
        return f"({' OR '.join([there, *filtering.is_value(word, self.types)])})"


class Grid:
    """A version that is looked at. Every method but `interrupt` is called from one thread."""

    def __init__(self, store: Store, version: DatasetVersion) -> None:
        config: dict[str, Any] = {"memory_limit": "2GB", "threads": min(4, os.cpu_count() or 1)}
        self.connection = duckdb.connect(":memory:", config=config)
        self.connection.execute("SET enable_progress_bar = false")  # it is on in interpreters that look interactive
        self.connection.execute("SET enable_external_access = false")
        types = {one.name: str(one.type) for one in version.columns}
        names = sql.sql_names(list(types))
        table = _read(store, version).rename_columns(names)
        self.total = version.rows
        self.names = list(types)
        self.rows = Held(self.connection, "rows", table, dict(zip(names, types.values(), strict=True)))
        self.groups: tuple[tuple[str, str], Held] | None = None
        self.held = self.rows

    def interrupt(self) -> None:
        """Makes what is being answered raise duckdb.InterruptException; called from another thread."""
        self.connection.interrupt()

    def look(self, view: View) -> Held:
        """Turns to a view."""
        if view.group:
            if self.groups is None or self.groups[0] != (view.group, view.within):
                self.rows.look(view.within, *self.rows.order)
                table, types = self.rows.grouped(self._sql(view.group))
                if self.groups:
                    self.groups[1].close()
                self.groups = (view.group, view.within), Held(self.connection, "groups", table, types)
            self.held = self.groups[1]
        else:
            self.held = self.rows
        self.held.look(view.filter, self._sql(view.sort) if view.sort else "", view.backwards)
        return self.held

    def page(self, view: View, offset: int, limit: int) -> Page:
        held = self.look(view)
        offset = max(0, min(offset, held.count))
        places = held.places(offset, limit)
        shown = tables.shown(held.table.take(pa.array(places)))
        return Page(
            count=held.count, total=self.total if held is self.rows else held.rows, offset=offset,
            numbers=[int(one) + 1 for one in places], rows=shown.rows,
            columns=self.names if held is self.rows else list(held.types), types=list(held.types.values()),
        )  # fmt: skip

    def shape(self, view: View, column: str) -> Shape:
        found = self.look(view).shape(self._sql(column))
        found.column = column
        return found

    def summary(self, view: View, column: str) -> Summary:
        return self.look(view).summary(self._sql(column))

    def find(self, view: View, row: int) -> int | None:
        """Where the row of that number (from 1) stands in the view; None where the filter leaves it out."""
        return self.look(view).position(row - 1)

    def row(self, number: int) -> list[Any]:
        """The values of a row by its number, texts in their whole length."""
        if not 1 <= number <= self.rows.rows:
            raise BadOption(f"there is no row {number:,}; there are {self.rows.rows:,}")
        taken = self.rows.table.slice(number - 1, 1).to_pylist()[0]
        return [value if isinstance(value, str) else tables.plain(value) for value in taken.values()]

    def ahead(self) -> Iterator[Callable[[], None]]:
        """What will probably be asked next, piece by piece."""
        yield from self.held.ahead()

    def _sql(self, column: str) -> str:
        """What SQL calls a column of the version."""
        names = list(self.rows.types)
        return names[self.names.index(column)] if column in self.names else column


def _read(store: Store, version: DatasetVersion) -> pa.Table:
    """The rows, or the first of them where they are too many to be held; texts by their different values."""
    path = records.data_path(store, version)
    if not path.exists():
        raise NotFound("the rows of this dataset are gone", where=str(path), hint="import it again")
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
    texts = [one.name for one in schema if pa.types.is_string(one.type) or pa.types.is_large_string(one.type)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        groups: list[int] = []
        size = 0
        for number in range(file.metadata.num_row_groups):
            size += file.metadata.row_group(number).total_byte_size
            if groups and size > HELD:
                break
            groups.append(number)
        table = file.read_row_groups(groups) if groups else file.read()
    table = table.unify_dictionaries().combine_chunks()
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_floating(field.type) and pc.any(pc.is_nan(column)).as_py():
            table = table.set_column(place, field.name, pc.if_else(pc.is_nan(column), None, column))
    return table


def _free(name: str, taken: dict[str, str]) -> str:
    """A name like this one that no column has."""
    return sql.sql_names([*taken, name])[-1]
