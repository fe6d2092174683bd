"""What a step does to a sample of the data, before and after, quickly enough to follow what is typed.

A companion (`python -m cupola.flows preview`) keeps the sample and what each step has made of it, so that only what has
changed is done again. A sample is at most 5,000 rows: what is learned from it is near what the training part says.
"""

import time
from collections import OrderedDict

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cupola.datasets import records as datasets
from cupola.datasets import sql, tables
from cupola.datasets.records import DatasetVersion
from cupola.datasets.sql import identifier
from cupola.errors import BadOption, NotFound
from cupola.flows import executing, records
from cupola.flows.asked import FlowPreview
from cupola.flows.executing import Execution
from cupola.flows.records import Flow, FlowStep
from cupola.flows.sql import ORIGIN, ROW, columns
from cupola.flows.transforms import catalogue
from cupola.store import Store
from cupola.store.records import content_name

SAMPLE, BESIDE = 5_000, 200_000  # rows of the source that the steps begin with, and of those that are joined to it
CELLS = 1_000_000  # of a sample: of many columns it has fewer rows
FEWEST = 500  # rows, however many columns there are
GROUPS = 4  # row groups that a sample is taken from
MEMORY = "1GB"
FULL = 400 << 20  # bytes of it, above which only tables are kept that the last preview used
KEPT = 200  # tables of steps
ANEW = ("group-by", "resample", "concatenate", "sql", "python")  # whose rows are no rows that were there before


class Previews:
    """The samples of a workspace's datasets, and what steps have made of them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.connection = executing.connect([], memory=MEMORY)
        self.made: OrderedDict[str, Execution] = OrderedDict()  # tables by what identifies them, the newest last
        self.samples: dict[str, tuple[pa.Table, DatasetVersion]] = {}

    def preview(self, flow: Flow, step: str | None, rows: int, python: bool) -> FlowPreview:
        """The first rows of the sample that the step changes, and others between them.

        step: none is the last. python: whether steps of Python may run. Raises CupolaErrors that name the step.
        """
        begun = time.monotonic()
        steps = records.ordered(flow, step)
        if not steps:
            raise BadOption(f"the flow {flow.name} has no steps yet", hint="`cupola flow edit --add` adds one")
        names: dict[str, str] = {}
        try:
            execution = self._executed(flow, steps, python, names)
        finally:
            self._forget({*names.values()})
        found = _Difference(execution, steps[-1], names, flow.name).preview(rows)
        found.milliseconds = round((time.monotonic() - begun) * 1000, 1)
        return found

    def _executed(self, flow: Flow, steps: list[FlowStep], python: bool, names: dict[str, str]) -> Execution:
        """The tables of the steps. names: is told how each step and source is called among them."""
        inputs = {one for step in steps for one in step.inputs} & {*flow.sources}
        first = records.main_source(steps, [*flow.sources])
        target = self._version(flow.sources[first]).target if first in flow.sources else None
        execution = Execution(self.connection, target=target, seed=flow.seed, where=f"flow {flow.name}")
        execution.previewing = True
        for id in inputs:
            names[id] = self._source(execution, id, flow.sources[id], id == first, flow.seed)
        for step in steps:
            if step.type == "python" and not python:
                hint = "--python, or p in the editor, runs it in a process of its own"
                raise BadOption("a step of Python runs only where you say so", where=f"step {step.id}", hint=hint)
            names[step.id] = self._step(execution, step, names, target)
        return execution

    def _step(self, execution: Execution, step: FlowStep, names: dict[str, str], target: str | None) -> str:
        known = msgspec.json.encode(
            [step.type, step.params, [names[one] for one in step.inputs], target, execution.seed, step.id]
        )
        name = f"{step.id} {content_name(known)}"
        if name in self.made:
            execution.adopt(name, self.made[name])
            self.made.move_to_end(name)
            return name
        execution.step(msgspec.structs.replace(step, id=name, inputs=[names[one] for one in step.inputs]))
        execution.rename(name, step.id)
        self.made[name] = execution
        return name

    def _forget(self, used: set[str]) -> None:
        """Drops the oldest tables, but those that are used, while there are many or they take much memory."""
        for old in [one for one in self.made if one not in used]:
            held = self.connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()[0][0]
            if len(self.made) <= KEPT and held <= FULL:
                return
            del self.made[old]
            self.connection.execute(f"DROP VIEW IF EXISTS {identifier(f'step {old}')}")
            self.connection.execute(f"DROP TABLE IF EXISTS {identifier(executing.origins(old))}")

    def _source(self, execution: Execution, id: str, ref: str, main: bool, seed: int) -> str:
        version = self._version(ref)
        name = f"{id} {version.ref} {main} {seed}"
        if name not in self.made:
            given = f"sample {name}"
            self.connection.register(given, sample(self.store, version, SAMPLE if main else BESIDE, seed))
            execution.source(name, identifier(given))
            self.made[name] = execution
        else:
            execution.adopt(name, self.made[name])
            self.made.move_to_end(name)
        execution.rename(name, id)
        return name

    def _version(self, ref: str) -> DatasetVersion:
        return datasets.find(self.store, ref)


def sample(store: Store, version: DatasetVersion, most: int, seed: int) -> pa.Table:
    """Rows of a version by chance, in their order, from a few row groups that lie evenly in it. Raises NotFound.

    most: rows; of a table of many columns they are fewer.
    """
    path = datasets.data_path(store, version)
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise NotFound("the rows of this dataset are gone", where=str(path), hint="import it again") from None
    with file:
        count = file.metadata.num_row_groups
        chosen = sorted({count * one // min(GROUPS, count) for one in range(min(GROUPS, count))})
        found: pa.Table = file.read_row_groups(chosen, use_threads=False)
    most = min(most, max(FEWEST, CELLS // max(1, found.num_columns)))
    if found.num_rows > most:
        random = np.random.default_rng(seed)
        found = found.take(pa.array(np.sort(random.choice(found.num_rows, most, replace=False))))
    return found.rename_columns(sql.sql_names(found.column_names))


class _Difference:
    """What the last step has changed."""

    def __init__(self, execution: Execution, step: FlowStep, names: dict[str, str], flow: str) -> None:
        self.execution = execution
        self.step = step
        self.flow = flow
        self.before = execution.tables[names[step.inputs[0]]]
        self.after = execution.tables[names[step.id]]
        self.made = identifier(executing.origins(names[step.id]))
        self.kept = [one for one in self.after.columns if one in self.before.columns]

    def preview(self, rows: int) -> FlowPreview:
        sample, left = (
            self.execution.ask(f"SELECT count(*) FROM {one.sql}")[0][0] for one in (self.before, self.after)
        )
        related = self.step.type not in ANEW or (self.step.type in ("sql", "python") and sample == left)
        flags = self._flags() if related else []
        shown = self._after(rows, flags, related)
        places = shown["__origin__"].to_pylist() if related else None
        before, at = self._before(rows, places)
        removed = self._removed(at) if related else [True] * before.num_rows
        changed = self._mask(shown, flags, related)
        plain = tables.shown(shown.select([f"a{place}" for place in range(len(self.after.columns))]))
        old = tables.shown(before.drop_columns([ROW]))
        return FlowPreview(
            flow=self.flow, step=self.step.id, type=self.step.type, sample=sample, left=left,
            columns_before=[*self.before.columns], types_before=old.types, before=old.rows, removed=removed,
            columns=[*self.after.columns], types=plain.types, after=plain.rows, changed=changed,
            came_from=[at.index(one) if one in at else None for one in places or [None] * shown.num_rows],
            added=[one for one in self.after.columns if one not in self.before.columns],
            dropped=[one for one in self.before.columns if one not in self.after.columns],
            cells=self._cells(flags) if related else {},
            notes=[f"learned from {sample:,} rows"] if catalogue.find(self.step.type).learn else [],
        )  # fmt: skip

    def _joined(self) -> str:
        """Each row after the step beside the row that it came from."""
        return f"{self.made} AS a LEFT JOIN {self.before.sql} AS b ON a.{ORIGIN} = b.{ROW}"

    def _flags(self) -> list[str]:
        """Whether a cell is another than before, for each column that was there."""
        found = []
        for one in self.kept:
            name, (old, new) = identifier(one), (self.before.columns[one], self.after.columns[one])
            cast = "" if old == new else "DOUBLE" if {old, new} <= {"BIGINT", "DOUBLE"} else "VARCHAR"
            here, there = (f"CAST({side}.{name} AS {cast})" if cast else f"{side}.{name}" for side in "ab")
            found.append(f"(b.{ROW} IS NULL OR {here} IS DISTINCT FROM {there})")
        return found

    def _after(self, rows: int, flags: list[str], related: bool) -> pa.Table:
        values = ", ".join(f"a.{identifier(one)} AS a{place}" for place, one in enumerate(self.after.columns))
        if not related:
            return self._table(f"SELECT {values} FROM {self.after.sql} AS a ORDER BY a.{ROW} LIMIT {rows}")
        marks = "".join(f", {flag} AS f{place}" for place, flag in enumerate(flags))
        changed = " OR ".join(f"f{place}" for place in range(len(flags))) or "false"
        numbered = f"SELECT {values}{marks}, b.{ROW} AS __origin__, a.{ROW} AS __at__ FROM {self._joined()}"
        # Half of what is shown is changed rows, as far as there are any; the first ones of both.
        place = f"row_number() OVER (PARTITION BY ({changed}) ORDER BY __at__)"
        ranked = f"SELECT *, 2 * {place} - CASE WHEN {changed} THEN 1 ELSE 0 END AS __rank__ FROM ({numbered})"
        return self._table(f"SELECT * FROM (SELECT * FROM ({ranked}) ORDER BY __rank__ LIMIT {rows}) ORDER BY __at__")

    def _before(self, rows: int, places: list[int] | None) -> tuple[pa.Table, list[int]]:
        """The rows before: those that the shown ones came from, and the first that are gone."""
        listed, where = columns(self.before.columns), ""
        if places is not None:
            left = f"SELECT {ORIGIN} FROM {self.made} WHERE {ORIGIN} IS NOT NULL"
            gone = f"SELECT {ROW} FROM {self.before.sql} WHERE {ROW} NOT IN ({left}) LIMIT {rows}"
            there = ", ".join(str(one) for one in places if one is not None) or "-1"
            where = f"WHERE {ROW} IN ({there}) OR {ROW} IN ({gone})"
        found = self._table(f"SELECT {ROW}, {listed} FROM {self.before.sql} {where} ORDER BY {ROW} LIMIT {2 * rows}")
        return found, found[ROW].to_pylist()

    def _removed(self, at: list[int]) -> list[bool]:
        listed = ", ".join(map(str, at)) or "-1"
        there = {row for (row,) in self.execution.ask(f"SELECT {ORIGIN} FROM {self.made} WHERE {ORIGIN} IN ({listed})")}
        return [one not in there for one in at]

    def _mask(self, shown: pa.Table, flags: list[str], related: bool) -> list[list[bool]]:
        if not related:
            return [[True] * len(self.after.columns) for _ in range(shown.num_rows)]
        of = {one: shown[f"f{place}"].to_pylist() for place, one in enumerate(self.kept)}
        new = [True] * shown.num_rows
        return [list(row) for row in zip(*(of.get(one, new) for one in self.after.columns), strict=True)]

    def _cells(self, flags: list[str]) -> dict[str, int]:
        if not flags:
            return {}
        counts = ", ".join(f"count(*) FILTER ({flag})" for flag in flags)
        found = self.execution.ask(f"SELECT {counts} FROM {self._joined()}")[0]
        return {one: count for one, count in zip(self.kept, found, strict=True) if count}

    def _table(self, query: str) -> pa.Table:
        try:
            return self.execution.connection.sql(query).to_arrow_table()
        except duckdb.Error as error:
            raise executing.said(error, f"flow {self.flow}, step {self.step.id}") from error
