"""What only the whole version tells: rows that are there twice, and how many rows each warning is about.

DuckDB reads it, within MEMORY. Of very many rows the doubles are looked for among a part, chosen by what the rows hold,
so that equal rows stay together. Where few values tell rows apart many are equal by chance: as many pairs of them as
there would be if the columns had nothing to do with each other, or a few times more, are no sign of anything.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from cupola.datasets import querying
from cupola.datasets.records import DatasetVersion
from cupola.datasets.sql import identifier, literal, sql_names
from cupola.errors import WorkFailed
from cupola.insights import fixes
from cupola.insights.columns import names_rows
from cupola.insights.finding import Found, listed, plain, share
from cupola.insights.records import Severity
from cupola.insights.sampling import Feature, Sample
from cupola.store import Store

MEMORY = "1GB"
AT_ONCE = 40  # counts of one pass
CELLS = 60_000_000  # rows times columns that are compared for doubles; of more a part of the rows
MANY = 0.01  # of the rows
TIMES = 4  # that different rows are there on average
CHANCE = 10  # times as many equal pairs as chance makes of columns that have nothing to do with each other


class Again(NamedTuple):
    """Rows that are there already: how many, how many with those that they repeat, how often one is there at most;
    how many pairs of equal rows that makes."""

    more: int
    every: int
    most: int
    pairs: int
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

    def doubles(self, sample: Sample) -> list[Found]:
        """Rows that are there twice, and rows that only what names them tells apart."""
        if self.version.rows < 2:
            return []
        shapes = zip(sample.features, self.version.columns, strict=True)
        naming = [one.name for one, shape in shapes if names_rows(one, shape.distinct, sample.total - shape.missing)]
        others = [one for one in sample.features if one.name not in naming]
        exact = self._again(list(self.sql))
        found = [self._found("duplicate_rows", sample.features, [], exact)] if exact.more else []
        if naming and others:
            near = self._again([one.name for one in others])
            if near.more > exact.more and not self._is_chance(others, near):
                found.append(self._found("near_duplicate_rows", others, naming, near))
        return found

    def _is_chance(self, features: list[Feature], again: "Again") -> bool:
        """Whether rows of such columns would be equal now and then anyhow. Not where a column by itself tells most
        different rows apart, and each is there a few times: a table that was joined to itself."""
        different = self.version.rows - again.more
        values = max(one.distinct for one in self.version.columns if one.name in {each.name for each in features})
        if values >= different / 2 and self.version.rows <= TIMES * different:
            return False
        alike = 1.0
        for one in features:
            alike *= _alike(one)
            if not alike:
                return False
        return again.pairs <= CHANCE * alike * self.version.rows * (self.version.rows - 1) / 2

    def _again(self, names: list[str]) -> "Again":
        """How many rows are the same in these columns."""
        part = max(1, -(-self.version.rows * len(names) // CELLS))
        hashed = self._hash(names)
        where = f" WHERE {hashed} % {part} = 0" if part > 1 else ""
        groups = f"SELECT count(*) AS n FROM data{where} GROUP BY {hashed} HAVING count(*) > 1"
        sums = (f"coalesce({one}, 0)" for one in ("sum(n - 1)", "sum(n)", "max(n)", "sum(n * (n - 1) // 2)"))
        more, every, most, pairs = map(int, self._row(f"SELECT {', '.join(sums)} FROM ({groups})"))
        return Again(more * part, every * part, most, pairs * part, part > 1)

    def _hash(self, names: list[str]) -> str:
        return f"hash({', '.join(self.sql[name] for name in names)})"

    def _found(self, kind: str, features: list[Feature], naming: list[str], again: "Again") -> Found:
        names = [one.name for one in features]
        more, hashed, by_chance = again.more, self._hash(names), self._is_chance(features, again)
        about = "about " if again.estimated else ""
        but = f", but for {listed(naming)}" if naming else ""
        grave: Severity = "medium" if more >= MANY * self.version.rows and not by_chance else "low"
        so = (
            "so few different values tell rows apart that many are equal by chance"
            if by_chance
            else "what is in training may be in the test too"
        )
        words = plain(
            f"{about}{more:,} row{'s' * (more != 1)} ({share(more, self.version.rows)}) {'is' if more == 1 else 'are'} "
            f"there already{but} (one of them {again.most:,} times): {so}"
        )
        where = f"{hashed} IN (SELECT {hashed} FROM data GROUP BY 1 HAVING count(*) > 1)"
        fix = None if by_chance else fixes.drop_duplicates(names if naming else [])
        return Found(kind, naming, grave, words, where, fix, again.every)

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


def _alike(one: Feature) -> float:
    """How likely two rows are to have the same value."""
    counts, rows = np.bincount(one.coded[0] + 1), len(one.missing)
    return float((counts * (counts - 1)).sum() / max(1, rows * (rows - 1)))


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or 1)
