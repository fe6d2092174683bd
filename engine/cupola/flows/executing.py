"""A flow on a connection of DuckDB: each step becomes a view, or a table where rows are sorted or made anew."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from cupola.datasets.sql import identifier, literal
from cupola.errors import BadInput, CupolaError, DiskFull, WorkFailed, from_info
from cupola.flows.records import JOIN, Fitted, FittedStep, FlowStep
from cupola.flows.sql import HIDDEN, KINDS, ORIGIN, ROW, TRAIN, Table, columns, free, known
from cupola.flows.transforms import catalogue
from cupola.flows.transforms.transform import State, Transform

CLOSED = ("enable_external_access", "autoinstall_known_extensions", "autoload_known_extensions")
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
MOMENTS = ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
LOOKUP = "lookup "  # begins the names of tables whose rows are known beforehand
SPLIT = "split"  # the transform that says which rows train


def connect(
    readable: list[Path], *, memory: str, threads: int = 1, database: Path | None = None, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that can read these files and reach nothing else, whatever SQL it is given.

    memory: such as "1GB". database: a file for tables that are made on the way; spill: a directory for what does not
    fit into memory (none: it does not leave memory, and an error says so).
    """
    connection = duckdb.connect(str(database or ":memory:"), config={"memory_limit": memory, "threads": threads})
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET temp_directory = {literal(str(spill or ''))}")
    connection.execute(f"SET allowed_paths = [{', '.join(literal(str(path)) for path in readable)}]")
    for setting in CLOSED:
        connection.execute(f"SET {setting} = false")
    connection.execute("SET lock_configuration = true")
    return connection


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done for a step or source. frame: what `sql` selects goes through pandas, as these parameters say."""

    id: str
    sql: str
    frame: Any = None


class Execution:
    """The tables of a flow's sources and steps so far, by id."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, target: str | None, seed: int, where: str) -> None:
        self.connection = connection
        self.target = target
        self.seed = seed
        self.where = where
        self.tables: dict[str, Table] = {}
        self.unknown: dict[str, str] = {}  # tables of which it is not known which rows train, and the step that is why
        self.done: list[Done] = []
        self.alone = False  # rows come by themselves: nothing is made before they are there
        self.previewing = False  # each step's rows are made, and say which row before them they came from

    def source(self, id: str, relation: str, numbered: str = "", *, trains: bool = True) -> None:
        """Makes a source of what can be selected from `relation`. numbered: its column of row numbers from 0 on.

        trains: whether its rows are of those that train, as long as no step splits them.
        """
        types = self.types(f"SELECT * FROM {relation}")
        types.pop(numbered, None)
        for name in (*HIDDEN, ORIGIN):
            if name in types:
                raise BadInput(f"a column is called {name!r}, which flows use themselves", where=id)
        place = identifier(numbered) if numbered else "row_number() OVER () - 1"
        listed = ", ".join(f"{_present(one, type)} AS {identifier(one)}" for one, type in types.items())
        name = f"source {id}"
        self._do(
            id,
            f"CREATE OR REPLACE VIEW {identifier(name)} AS\n"
            f"SELECT {place} AS {ROW}, {str(trains).lower()} AS {TRAIN}, {listed}\n"
            f"FROM {relation}",
        )
        self._put(id, name, "")

    def lookups(self, fitted: Fitted) -> None:
        """Makes the tables that the joins of a fitted flow look up."""
        for step in fitted.steps:
            if step.type == JOIN and step.state:
                self.lookup(step.inputs[1], step.state)

    def lookup(self, id: str, state: State) -> None:
        """Makes a table of rows that are known beforehand. state: their `columns` (SQL types) and `rows`."""
        import pyarrow as pa

        types: dict[str, str] = state["columns"]
        numbers = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_()}
        values = zip(*state["rows"], strict=True) if state["rows"] else ([] for _ in types)
        arrays = [
            pa.array(column, numbers.get(type, pa.string()))
            for column, type in zip(values, types.values(), strict=True)
        ]
        self.connection.register("__lookup__", pa.table(arrays, [*types]))
        listed = ", ".join(f"CAST({identifier(one)} AS {type}) AS {identifier(one)}" for one, type in types.items())
        name = f"{LOOKUP}{id}"
        self._do(
            id,
            f"CREATE OR REPLACE TABLE {identifier(name)} AS\n"
            f"SELECT row_number() OVER () - 1 AS {ROW}, true AS {TRAIN}, {listed} FROM __lookup__",
        )
        self.connection.unregister("__lookup__")
        self._put(id, name, "")

    def aim_at(self, target: str | None) -> None:
        """Says what models are to learn, where that shows only once the sources are there."""
        self.target = target
        self.tables = {id: msgspec.structs.replace(one, target=target) for id, one in self.tables.items()}

    def step(self, step: FlowStep, state: State | None = None, *, learn: bool = True) -> State:
        """Does a step on what its inputs gave; gives what it has learned, or was given.

        Raises CupolaErrors that name the step.
        """
        with self._said(step):
            transform, params = catalogue.find(step.type), catalogue.params_of(step)
            tables = self._inputs(step, transform)
            known(tables[0], catalogue.columns_named(transform, params))
            if transform.learn and learn:
                if transform.learns(params) and (why := self.unknown.get(step.inputs[0])):
                    raise BadInput(
                        f"which rows train is not known after step {why}", hint="keep its column of the split"
                    )
                state = transform.learn(params, self._counted(tables[0]), self.ask)
                if not _is_finite(state):
                    hint = "clip-outliers with bounds of your own, before it, brings them back"
                    raise BadInput(
                        "it would learn numbers without end: a column has values that are too large", hint=hint
                    )
                state = msgspec.json.decode(msgspec.json.encode(state))
            if transform.frame:
                self._frame(step, transform, params, tables[0])
            else:
                assert transform.select
                self._select(
                    step,
                    transform.select(params, state or {}, *tables),
                    tables,
                    transform.memory == "spills" and not self.alone,
                )
            if transform.name == SPLIT:
                self.tables[step.id] = msgspec.structs.replace(self.tables[step.id], split=params.name)
                self.unknown.pop(step.id, None)
        return state or {}

    def skip(self, step: FlowStep) -> None:
        """Has a step give what it takes."""
        self.tables[step.id] = self.tables[step.inputs[0]]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def types(self, query: str) -> dict[str, str]:
        """The columns that a query gives, with their SQL types."""
        return {row[0]: row[1] for row in self.ask(f"DESCRIBE {query}")}

    def result(self, id: str) -> str:
        """A SELECT of what a step or source gave, in order, without the hidden columns."""
        table = self.tables[id]
        return f"SELECT {columns(table.columns)} FROM {table.sql}"

    def adopt(self, id: str, other: "Execution") -> None:
        """Takes over what another execution on this connection has made."""
        self.tables[id] = other.tables[id]
        if id in other.unknown:
            self.unknown[id] = other.unknown[id]

    def rename(self, id: str, shown: str) -> None:
        """Has SQL of the user's own know a table by another id."""
        self.tables[id] = msgspec.structs.replace(self.tables[id], id=shown)

    def _inputs(self, step: FlowStep, transform: Transform) -> list[Table]:
        wanted = {"one": 1, "two": 2}.get(transform.inputs)
        if wanted and len(step.inputs) != wanted:
            number = "one input" if wanted == 1 else "two inputs"
            raise BadInput(f"{transform.name} takes {number}, not {len(step.inputs)}", hint="inputs = ['a', 'b']")
        if transform.name == "concatenate" and len(step.inputs) < 2:
            raise BadInput("concatenate takes two inputs or more", hint="inputs = ['a', 'b']")
        return [self.tables[one] for one in step.inputs]

    def _counted(self, table: Table) -> Table:
        return msgspec.structs.replace(table, rows=self.ask(f"SELECT count(*) FROM {table.sql}")[0][0])

    def _select(self, step: FlowStep, query: str, tables: list[Table], made: bool) -> None:
        split = tables[0].split
        types = self.types(query)
        plain = {one: type for one, type in types.items() if one not in HIDDEN}
        if not plain:
            raise BadInput("no column is left")
        if ROW not in types:  # a SELECT of the user's own
            self._check_names(plain)
            here = split if split in plain else ""
            train = f"{identifier(here)} = 'train'" if here else str(not self.alone).lower()
            query = f"SELECT row_number() OVER () - 1 AS {ROW}, {train} AS {TRAIN}, * FROM ({query})"
            if split and not here:
                self.unknown[step.id] = step.id
        elif made:
            before = f"{ROW} AS {ORIGIN}, " if self.previewing else ""
            query = f"SELECT row_number() OVER () - 1 AS {ROW}, {before}* EXCLUDE ({ROW}) FROM ({query})"
        casts = {one: cast for one, type in plain.items() if (cast := _usual(one, type)) is not None}
        if casts:
            listed = ", ".join(f"{cast} AS {identifier(one)}" for one, cast in casts.items())
            query = f"SELECT * REPLACE ({listed}) FROM ({query})"
        if self.previewing and (ROW not in types or not made):
            query = f"SELECT *, {ROW} AS {ORIGIN} FROM ({query})"
        name = f"step {step.id}"
        if self.previewing:
            self.connection.execute(f"CREATE OR REPLACE TABLE {identifier(origins(step.id))} AS {query}")
            query, made = f"SELECT * EXCLUDE ({ORIGIN}) FROM {identifier(origins(step.id))}", False
        self._do(step.id, f"CREATE OR REPLACE {'TABLE' if made else 'VIEW'} {identifier(name)} AS\n{query}")
        self._put(step.id, name, split if split in plain else "", step.inputs[0])

    def _frame(self, step: FlowStep, transform: Transform, params: Any, table: Table) -> None:
        import pandas as pd
        import pyarrow as pa

        assert transform.frame
        query = f"SELECT {TRAIN}, {columns(table.columns)} FROM {table.sql} ORDER BY {ROW}"
        frame = self.connection.execute(query).df()
        self.done.append(Done(id=step.id, sql=query, frame=params))
        made = transform.frame(params, frame, self.target, self.seed)
        self._check_names([*made.columns])
        if not len(made.columns):
            raise BadInput("no column is left")
        for name in made.columns:
            if isinstance(made[name].dtype, pd.CategoricalDtype | pd.PeriodDtype):
                made[name] = made[name].astype(str)
        try:
            arrow = pa.Table.from_pandas(made, preserve_index=False)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise BadInput(f"the frame holds values of several kinds: {str(error)[:200]}") from None
        self.connection.register("__made__", arrow)
        hidden = f"row_number() OVER () - 1 AS {ROW}, {TRAIN}, " if TRAIN in made.columns else ""
        days = [one for one, type in table.columns.items() if type == "DATE" and _holds(frame[one], made.get(one))]
        listed = ", ".join(
            f"CAST({identifier(one)} AS DATE) AS {identifier(one)}" if one in days else identifier(one)
            for one in made.columns
            if one != TRAIN
        )
        query = f"SELECT {hidden}{listed} FROM __made__"
        self._select(step, query, [table], made=True)
        self.connection.unregister("__made__")

    def _do(self, id: str, statement: str) -> None:
        self.connection.execute(statement)
        self.done.append(Done(id=id, sql=statement))

    def _check_names(self, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for one in names:
            if not one or not one.isprintable() or one.casefold() in seen:
                raise BadInput(f"{one!r} is no name for a column, or there twice", hint="name it: avg(x) as mean")
            seen.add(one.casefold())

    def _put(self, id: str, name: str, split: str, above: str = "") -> None:
        types = self.types(f"SELECT * FROM {identifier(name)}")
        plain = {one: type for one, type in types.items() if one not in HIDDEN}
        if above in self.unknown:
            self.unknown.setdefault(id, self.unknown[above])
        self.tables[id] = Table(name=name, columns=plain, id=id, split=split, target=self.target, seed=self.seed)

    @contextmanager
    def _said(self, step: FlowStep) -> Iterator[None]:
        """Errors with the step in which they arise."""
        where = f"{self.where}, step {step.id.partition(' ')[0]}"  # behind it a preview says which of its versions
        try:
            yield
        except CupolaError as error:
            info = error.info()
            info.where = where
            raise from_info(info) from error
        except duckdb.Error as error:
            raise said(error, where) from error


def fitted_steps(
    execution: Execution, steps: list[FlowStep], *, split: bool, tell: Callable[[str], None] = lambda id: None
) -> list[FittedStep]:
    """Fits the steps one after the other, and gives them with what they have learned.

    split: whether steps split, and where none has before the first that learns, one is put there by itself; without,
    all rows train and no step splits. tell: hears of each step before it is done.
    """
    found: list[FittedStep] = []
    names: dict[str, str] = {}
    for step in steps:
        step = msgspec.structs.replace(step, inputs=[names.get(one, one) for one in step.inputs])
        if step.type == SPLIT and not split:
            names[step.id] = step.inputs[0]
            continue
        tell(step.id)
        learns = catalogue.learns(step)
        table = execution.tables.get(step.inputs[0])
        if learns and split and table and not table.split and step.inputs[0] not in execution.unknown:
            _check_split(steps, step)
            added = _implicit(execution, step, table, found)
            names[step.inputs[0]] = added.id
            step = msgspec.structs.replace(step, inputs=[added.id, *step.inputs[1:]])
        state = execution.step(step)
        found.append(FittedStep(id=step.id, type=step.type, inputs=step.inputs, params=step.params, state=state))
    return found


def _check_split(steps: list[FlowStep], learns: FlowStep) -> None:
    """Raises BadInput where the flow splits only after a step that learns."""
    ids = [one.id for one in steps]
    for step in steps[ids.index(learns.id) :]:
        if step.type == SPLIT:
            raise BadInput(
                f"step {learns.id} learns before step {step.id} splits the rows, and so from those that test it",
                hint=f"`cupola flow edit --move '{step.id} before={learns.id}'`",
            )


def _implicit(execution: Execution, step: FlowStep, table: Table, found: list[FittedStep]) -> FlowStep:
    """A split before the first step that learns, where the flow has none."""
    taken = {*execution.tables, *(one.id for one in found)}
    id = next(name for number in range(len(taken) + 1) if (name := f"split{number or ''}") not in taken)
    added = FlowStep(id=id, type=SPLIT, inputs=step.inputs[:1], params={"name": free(table, "split")})
    state = execution.step(added)
    found.append(FittedStep(id=added.id, type=added.type, inputs=added.inputs, params=added.params, state=state))
    return added


def origins(id: str) -> str:
    """The table of a step in a preview, in which each row says from which row before it came."""
    return f"origins {id}"


def _holds(before: Any, after: Any) -> bool:
    """Whether a column of a frame has only moments that it had: pandas has no other type for days."""
    return after is not None and after.dtype == before.dtype and bool(after.isin(before).all())


def _is_finite(state: Any) -> bool:
    """Whether all numbers of a state can be written as JSON."""
    if isinstance(state, dict | list | tuple):
        return all(map(_is_finite, state.values() if isinstance(state, dict) else state))
    return not isinstance(state, float) or math.isfinite(state)


def sentence(error: Exception) -> str:
    """What DuckDB says, in one line."""
    return " ".join(str(error).partition("\n\n")[0].split())[:400]


def said(error: Exception, where: str) -> CupolaError:
    """What DuckDB says, as an error of ours."""
    text = sentence(error)
    if isinstance(error, duckdb.InterruptException):
        hint = "a filter or a sample before it leaves fewer rows; `cupola flow run` has no limit"
        return WorkFailed("it takes too long to be shown on a sample", where=where, hint=hint)
    if "No space left" in text:
        return DiskFull("the disk is full", where=where, hint="free some space and try again")
    if "INT64" in text and text.startswith(("Out of Range", "Conversion Error: Type")):
        return BadInput(text, where=where, hint="CAST(... AS DOUBLE) of what it is made of holds larger numbers")
    if text.startswith("Out of Memory"):
        return WorkFailed("it needs more memory than it has", where=where, hint="a larger --memory gives it more")
    return BadInput(text, where=where)


def _present(name: str, type: str) -> str:
    """A column of a source in one of the usual types; what is not a number is missing."""
    if type in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN NOT isnan({identifier(name)}) THEN CAST({identifier(name)} AS DOUBLE) END"
    return _usual(name, type) or identifier(name)


def _usual(name: str, type: str) -> str | None:
    """What brings a column to one of the types that flows tell apart; None where it has one, or is a list of them."""
    if type in KINDS or (type.endswith("[]") and type.removesuffix("[]") in KINDS):
        return None
    column = identifier(name)
    if type in WHOLE:
        return f"CAST({column} AS BIGINT)"
    if type == "FLOAT" or type.startswith("DECIMAL"):
        return f"CAST({column} AS DOUBLE)"
    if type in MOMENTS:
        return f"CAST({column} AS TIMESTAMP)"
    if type.endswith("]"):
        inner = type.rpartition("[")[0]
        whole = inner in WHOLE or inner in ("FLOAT", "DOUBLE") or inner.startswith("DECIMAL")
        return f"CAST({column} AS {'DOUBLE' if whole else 'VARCHAR'}[])"
    return (
        f"CAST({column} AS VARCHAR)"
        if not type.startswith(("STRUCT", "MAP", "UNION"))
        else f"to_json({column})::VARCHAR"
    )
