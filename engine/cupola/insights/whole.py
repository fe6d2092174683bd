"""What only the whole version tells: rows that are there twice, and how many rows each warning is about.

DuckDB reads it, within MEMORY. Of very many rows the doubles are looked for among a part, chosen by what the rows hold,
so that equal rows stay together.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import duckdb

from cupola.datasets import querying
from cupola.datasets.records import Column, DatasetVersion
from cupola.datasets.sql import identifier, literal, sql_names
from cupola.errors import WorkFailed
from cupola.insights import fixes
from cupola.insights.finding import Found, listed, plain, share
from cupola.insights.records import Severity
from cupola.store import Store

MEMORY = "1GB"
AT_ONCE = 40  # counts of one pass
CELLS = 60_000_000  # rows times columns that are compared for doubles; of more a part of the rows
UNIQUE = 0.98
MANY = 0.01  # of the rows


class Again(NamedTuple):
    """Rows that are there already: how many, how many with those that they repeat, how often one is there at most."""

    more: int
    every: int
    most: int
    estimated: bool


class Whole:
    """The rows of a version as the table `data`, as `dataset preview --filter` sees it."""

    def __init__(self, store: Store, version: DatasetVersion, spill: Path) -> None:
        self.version = version
        self._connection = duckdb.connect(":memory:", config={"memory_limit": MEMORY, "threads": _threads()})
        self._connection.execute(f"SET temp_directory = {literal(str(spill))}")
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.execute(f"CREATE VIEW data AS {querying.rows_of(store, version)}")
        names = [one.name for one in version.columns]
        self.sql = dict(zip(names, map(identifier, sql_names(names)), strict=True))

    def count(self, found: list[Found]) -> None:
        """Puts in how many rows each filter selects."""
        open_ = [one for one in found if one.rows is None and one.filter]
        for begin in range(0, len(open_), AT_ONCE):
            some = open_[begin : begin + AT_ONCE]
            counts = ", ".join(f"count(*) FILTER (WHERE {one.filter})" for one in some)
            for one, count in zip(some, self._row(f"SELECT {counts} FROM data"), strict=True):
                one.rows = int(count)

    def doubles(self) -> list[Found]:
        """Rows that are there twice, and rows that only what names them tells apart."""
        if self.version.rows < 2:
            return []
        every = [one.name for one in self.version.columns]
        naming = [one.name for one in self.version.columns if self._names_rows(one)]
        others = [name for name in every if name not in naming]
        exact = self._again(every)
        found = [self._found("duplicate_rows", every, [], exact)] if exact.more else []
        if naming and others:
            near = self._again(others)
            found += [self._found("near_duplicate_rows", others, naming, near)] if near.more > exact.more else []
        return found

    def _names_rows(self, one: Column) -> bool:
        """Whether a column is an id: by its role, or as it is different in nearly every row."""
        there = self.version.rows - one.missing
        unique = there > 1 and one.distinct >= UNIQUE * there
        return one.role == "id" or (one.role == "feature" and one.type in ("text", "integer") and unique)

    def _again(self, names: list[str]) -> "Again":
        """How many rows are the same in these columns."""
        part = max(1, -(-self.version.rows * len(names) // CELLS))
        hashed = self._hash(names)
        where = f" WHERE {hashed} % {part} = 0" if part > 1 else ""
        groups = f"SELECT count(*) AS n FROM data{where} GROUP BY {hashed} HAVING count(*) > 1"
        query = f"SELECT coalesce(sum(n - 1), 0), coalesce(sum(n), 0), coalesce(max(n), 0) FROM ({groups})"
        more, every, most = map(int, self._row(query))
        return Again(more * part, every * part, most, part > 1)

    def _hash(self, names: list[str]) -> str:
        return f"hash({', '.join(self.sql[name] for name in names)})"

    def _found(self, kind: str, names: list[str], naming: list[str], again: "Again") -> Found:
        more, hashed = again.more, self._hash(names)
        about = "about " if again.estimated else ""
        but = f", but for {listed(naming)}," if naming else ""
        grave: Severity = "medium" if more >= MANY * self.version.rows else "low"
        words = plain(
            f"{about}{more:,} row{'s' * (more != 1)} ({share(more, self.version.rows)}) {'is' if more == 1 else 'are'} "
            f"there already{but} (one of them {again.most:,} times): what is in training may be in the test too"
        )
        where = f"{hashed} IN (SELECT {hashed} FROM data GROUP BY 1 HAVING count(*) > 1)"
        return Found(kind, naming, grave, words, where, fixes.drop_duplicates(names if naming else []), again.every)

    def _row(self, query: str) -> tuple[float, ...]:
        try:
            found = self._connection.execute(query).fetchone()
        except duckdb.OutOfMemoryException as error:
            raise WorkFailed(f"the report needs more than {MEMORY} of memory for its counts") from error
        assert found is not None
        return tuple(found)

    def close(self) -> None:
        with contextlib.suppress(duckdb.Error):
            self._connection.close()


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or 1)
