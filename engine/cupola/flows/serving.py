"""A fitted flow as models take it: raw rows, each by itself, become the columns that a model was fitted on.

What decides which rows there are (filters, samples, balancing) has done its work in training and is skipped; what needs
other rows beside a row cannot be part of a model. DuckDB does it, by the same SQL as everywhere; a few rows go through
plain Python that says the same (`byvalue`), in a fraction of the time.
"""

import builtins
import contextlib
import datetime
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from cupola.datasets.sql import identifier
from cupola.errors import BadInput
from cupola.flows import byvalue, deploying, executing, fitting, records
from cupola.flows.byvalue import NotByValue, Otherwise
from cupola.flows.executing import Execution
from cupola.flows.records import Fitted, FlowStep
from cupola.flows.sql import ROW
from cupola.flows.transforms import catalogue

GIVEN = "given"
MEMORY = "2GB"
FEW = 256  # rows up to which plain Python is faster
ODD = object()
EXACT = 2**53  # up to which a float is as good as a whole number
PLAIN: dict[str, type[Any]] = {
    "DOUBLE": float, "BIGINT": int, "BOOLEAN": bool, "VARCHAR": str, "DATE": datetime.date,
}  # fmt: skip


class Served:
    """A fitted flow that is applied to raw rows.

    wanted: the columns that are asked of it (default: all). takes: the columns of the data that these are made of; the
    others need not be there. by_row: what becomes of a row does not hang on the rows beside it; of Python that is not
    known. Raises BadInput, BadOption where a step cannot be done to a row by itself, and where what
    is wanted is made of the target.
    """

    def __init__(self, fitted: Fitted, wanted: Sequence[str] | None = None) -> None:
        self.fitted = fitted
        self.wanted = list(fitted.result if wanted is None else wanted)
        self._steps = [FlowStep(id=one.id, type=one.type, inputs=one.inputs, params=one.params) for one in fitted.steps]
        catalogue.check_servable(self._steps, records.looked_up(fitted))
        self._lock = threading.Lock()
        self._program: byvalue.Program | None = None
        if deploying.brings_python(fitted):  # of which nobody knows what it takes
            self.by_row, self._applied = False, fitting.Applied(fitted)
            self.takes = [one for one in fitted.columns if one not in (fitted.target, *fitted.made_of)]
            return
        self.by_row = True
        self._connection = executing.connect([], memory=MEMORY)
        self._query = self._prepared()
        self.takes = self._read()
        if fitted.target in self.takes:
            raise BadInput(
                f"the flow {fitted.flow} makes columns of the target {fitted.target}, which new rows do not have",
                hint="leave the target out of what its steps take",
            )
        if known := [one for one in fitted.made_of if one in self.takes]:
            raise BadInput(
                f"the flow {fitted.flow} makes columns of {known[0]}, of which it makes the target {fitted.target}: "
                "they would give it away",
                hint=f"leave {known[0]} out of what its other steps take, or --exclude what they make",
            )
        with contextlib.suppress(NotByValue):
            self._program = byvalue.program(fitted, self.takes, self.wanted)

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The wanted columns of raw rows, one row for each. Raises BadInput for a value that no step can use."""
        missing = [one for one in self.takes if one not in rows.columns]
        if missing:
            raise BadInput(f"the column {missing[0]!r} is missing")
        if self._program and len(rows) <= FEW:
            return self._by_value(self._program, rows)
        return self.by_sql(rows)

    def _by_value(self, program: byvalue.Program, rows: pd.DataFrame) -> pd.DataFrame:
        found = self.of_each(program, rows)
        if odd := [place for place, one in enumerate(found) if one is None]:
            said = self.by_sql(rows.iloc[odd])
            if len(odd) == len(found):
                return said
            told = zip(*(plain(said[name], type) for name, type in program.types.items()), strict=True)
            for place, one in zip(odd, told, strict=True):
                found[place] = one
        columns = zip(*(one for one in found if one is not None), strict=True)
        made = {name: _array(each, type) for each, (name, type) in zip(columns, program.types.items(), strict=True)}
        return pd.DataFrame(made, index=rows.index, copy=False)

    def of_each(self, program: byvalue.Program, rows: pd.DataFrame) -> list[Sequence[Any] | None]:
        """What plain Python makes of each row; None of one that it leaves to DuckDB."""
        columns = [plain(rows[one], self.fitted.columns[one]) for one in self.takes]
        given = zip(*columns, strict=True) if columns else [()] * len(rows)
        return [self._of_one(program, row) for row in given]

    def _of_one(self, program: byvalue.Program, row: Sequence[Any]) -> Sequence[Any] | None:
        if any(one is ODD for one in row):
            return None
        try:
            return program.run(row)
        except Otherwise:
            return None

    def by_sql(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The same by DuckDB, however few rows there are."""
        with self._lock:
            table = _table(rows[self.takes])
            if not self.by_row:
                return self._by_python(table, rows.index)
            self._given(table)
            try:
                found: pd.DataFrame = self._connection.execute(self._query).df()
            except duckdb.Error as error:
                said = f"the flow {self.fitted.flow} cannot use these values: {executing.sentence(error)}"
                raise BadInput(said) from error
        return found.set_axis(rows.index)

    def _by_python(self, table: pa.Table, index: Any) -> pd.DataFrame:
        found: pd.DataFrame = self._applied(table).to_pandas()
        if len(found) != len(index):
            raise BadInput(f"the Python of the flow {self.fitted.flow} makes {len(found)} rows of {len(index)}")
        if lost := [one for one in self.wanted if one not in found]:
            raise BadInput(
                f"the Python of the flow {self.fitted.flow} does not make the column {lost[0]!r} of these rows"
            )
        made: pd.DataFrame = found[self.wanted]
        return made.set_axis(index)

    def _given(self, table: pa.Table) -> None:
        """Lets the flow take these rows; columns that they lack are missing in each."""
        for name in self.fitted.columns:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(len(table)))
        self._connection.register(GIVEN, table)

    def _prepared(self) -> str:
        """Makes a view of each step, and the query for what is wanted of the last."""
        fitted = self.fitted
        self._given(pa.table({name: pa.nulls(1) for name in fitted.columns}))
        execution = Execution(self._connection, target=fitted.target, seed=fitted.seed, where=f"flow {fitted.flow}")
        listed = ", ".join(
            f"CAST({identifier(one)} AS {type}) AS {identifier(one)}" for one, type in fitted.columns.items()
        )
        execution.source(fitted.source, f"(SELECT {listed} FROM {GIVEN})", trains=False)
        execution.alone = True
        execution.lookups(fitted)
        for step, learned in zip(self._steps, fitted.steps, strict=True):
            if catalogue.find(step.type).serving == "skipped":
                execution.skip(step)
            else:
                execution.step(step, learned.state, learn=False)
        last = execution.tables[self._steps[-1].id if self._steps else fitted.source]
        wanted = ", ".join(map(identifier, self.wanted)) or ROW
        return f"SELECT {wanted} FROM {last.sql} ORDER BY {ROW}"

    def _read(self) -> list[str]:
        """The columns of the data that DuckDB reads to make what is wanted."""
        [[_, plan]] = self._connection.execute(f"EXPLAIN (FORMAT json) {self._query}").fetchall()
        read = set(_scanned(json.loads(plan)))
        return [one for one in self.fitted.columns if one in read]


def plain(column: "pd.Series[Any]", type: str) -> list[Any]:
    """The values of a column as plain ones of its SQL type, None where one is missing, ODD where it is of another."""
    found = column.tolist()
    if column.dtype.kind == "M" and type in ("TIMESTAMP", "DATE"):
        moments = [None if one is pd.NaT else one.to_pydatetime(warn=False) for one in found]
        return moments if type == "TIMESTAMP" else [one and one.date() for one in moments]
    expected = PLAIN.get(type)
    if expected is None:
        return [ODD] * len(found)
    return [_value(one, expected, type) for one in found]


def _value(one: Any, expected: builtins.type[Any], type: str) -> Any:
    if one is None or one is pd.NaT or one is pd.NA or one != one:
        return None
    if builtins.type(one) is expected:
        return one
    if type == "DOUBLE" and builtins.type(one) is int:
        return float(one)
    if type == "BIGINT" and isinstance(one, float) and one.is_integer() and abs(one) < EXACT:
        return int(one)
    return ODD


def _array(values: tuple[Any, ...], type: str) -> Any:
    """Values as DuckDB gives them in a frame."""
    if type in ("DATE", "TIMESTAMP"):
        return np.array(values, dtype="datetime64[us]")
    if type == "DOUBLE" or (type == "BIGINT" and None in values):
        return np.array(values, dtype=np.float64)  # None becomes NaN
    if type == "BIGINT":
        return np.array(values, dtype=np.int64)
    if type == "BOOLEAN" and None not in values:
        return np.array(values, dtype=bool)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _table(rows: pd.DataFrame) -> pa.Table:
    """A frame as a table, in which what is not a number is missing. Raises BadInput for a column of mixed values."""
    try:
        return pa.Table.from_pandas(rows, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"a column holds values of several kinds: {str(error)[:200]}") from None


def _scanned(plan: Any) -> Iterator[str]:
    """The columns that the scans of a plan read, but for those of what joins look up."""
    for node in plan:
        if "SCAN" in node["name"] and executing.LOOKUP not in str(node["extra_info"].get("Table", "")):
            read = node["extra_info"].get("Projections", [])
            yield from [read] if isinstance(read, str) else read
        yield from _scanned(node["children"])
