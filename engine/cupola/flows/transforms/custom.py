"""Custom transforms: formula, SQL and Python; and what is done on a pandas frame."""

from typing import Annotated, Any

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier
from cupola.errors import BadInput, BadOption
from cupola.flows import expressions
from cupola.flows.sql import TRAIN, Table, columns, new, select
from cupola.flows.transforms.transform import State, Target, Transform

CUSTOM, FORMULA, BALANCE = "Custom transform", "Custom formula", "Balance data"


class Formula(msgspec.Struct, kw_only=True, frozen=True):
    """Add or replace a column by what an SQL expression of each row gives."""

    name: Annotated[str, Arg(help="of the column: a new one, or one that is there", completes="column")]
    expression: Annotated[str, Arg(help="distance / air_time * 60")]


class Sql(msgspec.Struct, kw_only=True, frozen=True):
    """Make a table of what a SELECT gives. The input is called df, and other inputs as their steps or sources are."""

    query: Annotated[str, Arg(help="select *, dep_delay > 15 as late from df")]


class Python(msgspec.Struct, kw_only=True, frozen=True):
    """Run Python on all rows at once, as the pandas frame df; what df is at its end is the result."""

    code: Annotated[str, Arg(help="df['speed'] = df['distance'] / df['air_time']")]


class Smote(msgspec.Struct, kw_only=True, frozen=True):
    """Have as many training rows of each class, by new rows between neighbours of the rare ones (SMOTE, Chawla et al.,
    2002); numbers lie between, all else is as in the nearer one."""

    target: Target = ""
    neighbours: Annotated[int, Arg(help="so many nearest rows are chosen from")] = 5


def _formula(params: Formula, state: State, table: Table) -> str:
    expression = f"({expressions.checked(params.expression, table)}\n)"
    if params.name in table.columns:
        return select(table, {params.name: expression})
    return select(table, added={new(table, params.name): expression})


def _sql(params: Sql, state: State, table: Table, *others: Table) -> str:
    expressions.check_select(params.query)
    named = {"df": table, **{one.id: one for one in (table, *others)}}
    inputs = [f"{identifier(id)} AS (SELECT {columns(one.columns)} FROM {one.sql})" for id, one in named.items()]
    return f"WITH {', '.join(inputs)}\nSELECT * FROM (\n{params.query.strip().rstrip(';')}\n)"


def _python(params: Python, frame: Any, target: str | None, seed: int) -> Any:
    from cupola.flows import frames

    return frames.run_python(params.code, frame)


def _smote(params: Smote, frame: Any, target: str | None, seed: int) -> Any:
    from cupola.flows import neighbours

    try:
        return neighbours.smote(frame, smote_target(params, target), params.neighbours, seed, TRAIN)
    except ValueError as error:
        raise BadInput(str(error)) from None


def smote_target(params: Smote, target: str | None) -> str:
    """The target that is given, or the dataset's. Raises BadOption."""
    chosen = params.target or target
    if not chosen:
        raise BadOption("the dataset has no target", hint="say which column it is: target=late")
    return chosen


TRANSFORMS = [
    Transform(name="formula", group=FORMULA, params=Formula, select=_formula),
    Transform(name="sql", group=CUSTOM, params=Sql, select=_sql, inputs="many", memory="spills", serving="refused"),
    Transform(name="python", group=CUSTOM, params=Python, frame=_python, memory="holds"),
    Transform(name="smote", group=BALANCE, params=Smote, frame=_smote, memory="holds", serving="skipped"),
]
