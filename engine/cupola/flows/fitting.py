"""Fitting a flow, and applying what was fitted: on tables in memory, as a training and an endpoint do it."""

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from cupola.datasets.sql import identifier
from cupola.errors import BadInput
from cupola.flows import executing, records
from cupola.flows.executing import Execution
from cupola.flows.records import Fitted, Flow, FlowStep
from cupola.flows.sql import columns
from cupola.flows.transforms import catalogue

MEMORY = "2GB"


def fit(
    flow: Flow, tables: dict[str, pa.Table], *, target: str | None = None, lookups: Mapping[str, Any] | None = None
) -> Fitted:
    """What the flow learns from tables by the ids of its sources, all of whose rows train: hand in those that do.

    lookups: the rows that joins look up, by their steps; what leads to these is not done again. Steps that split are
    left out. Raises BadInput and BadOption that name the step.
    """
    steps, lookups = records.ordered(flow), lookups or {}
    aside = records.aside(steps, records.main_source(steps, [*flow.sources])) if lookups else set()
    steps = [one for one in steps if one.id not in aside]
    missing = [one for one in flow.sources if one not in tables and one not in aside]
    if missing:
        raise BadInput(f"the source {missing[0]!r} is not there", where=records.path(flow.name))
    with executing.connect([], memory=MEMORY) as connection:
        execution = Execution(connection, target=target, seed=flow.seed, where=f"flow {flow.name}")
        for id, table in tables.items():
            connection.register(f"table {id}", table)
            execution.source(id, identifier(f"table {id}"))
        first = {id: execution.tables[id].columns for id in tables}
        for step in steps:
            if step.id in lookups:
                execution.lookup(step.inputs[1], lookups[step.id])
        fitted = executing.fitted_steps(execution, steps, split=False)
        for done in fitted:
            done.state = lookups.get(done.id, done.state)
        last = fitted[-1].id if fitted else next(iter(flow.sources))
        return of(flow, execution, fitted, first, last, flow.sources)


def of(
    flow: Flow,
    execution: Execution,
    steps: list[records.FittedStep],
    sources: dict[str, dict[str, str]],
    last: str,
    versions: dict[str, str],
) -> Fitted:
    """The record of what was fitted. sources: the columns of each."""
    source = records.main_source(steps, [*flow.sources])
    return Fitted(
        flow=flow.name,
        sha256=records.flow_hash(flow, versions),
        seed=flow.seed,
        source=source,
        target=execution.target,
        columns=sources[source],
        result=execution.tables[last].columns,
        steps=steps,
    )


class Applied:
    """A fitted flow, made ready to be applied to tables again and again, in one thread."""

    def __init__(self, fitted: Fitted, *, training: bool = False) -> None:
        """training: the rows are those that it was fitted on, so that steps which drop, repeat or sort rows are done.

        Without, each row gives one row, in the same order. Raises BadOption for a flow that needs other rows.
        """
        self.fitted = fitted
        self.training = training
        self.steps = [FlowStep(id=one.id, type=one.type, inputs=one.inputs, params=one.params) for one in fitted.steps]
        if not training:
            catalogue.check_servable(self.steps, records.looked_up(fitted))
        self.connection = executing.connect([], memory=MEMORY)

    def __call__(self, table: pa.Table) -> pa.Table:
        """The rows as the flow makes them. Columns that the table has not are missing in each row.

        A target that is not there comes back neither. Raises BadInput that names the step.
        """
        fitted = self.fitted
        self.connection.register("given", table)
        there = {*table.column_names}
        listed = ", ".join(
            f"CAST({identifier(one) if one in there else 'NULL'} AS {type}) AS {identifier(one)}"
            for one, type in fitted.columns.items()
        )
        execution = Execution(self.connection, target=fitted.target, seed=fitted.seed, where=f"flow {fitted.flow}")
        try:
            execution.source(fitted.source, f"(SELECT {listed} FROM given)", trains=self.training)
            execution.alone = not self.training
            execution.lookups(fitted)
            for step, known in zip(self.steps, fitted.steps, strict=True):
                self._step(execution, step, known.state)
            last = self.steps[-1].id if self.steps else fitted.source
            result = execution.tables[last]
            kept = [one for one in result.columns if one != fitted.target or one in there]
            made: pa.Table = self.connection.sql(f"SELECT {columns(kept)} FROM {result.sql}").to_arrow_table()
        except duckdb.Error as error:
            raise executing.said(error, f"flow {fitted.flow}") from error
        return made

    def _step(self, execution: Execution, step: FlowStep, state: dict[str, object]) -> None:
        skipped = catalogue.find(step.type).serving == "skipped" and not self.training
        if skipped:
            execution.skip(step)
        else:
            execution.step(step, state, learn=False)


def apply(fitted: Fitted, table: pa.Table, *, training: bool = False) -> pa.Table:
    """The rows of a table as the fitted flow makes them; see `Applied`."""
    return Applied(fitted, training=training)(table)
