"""Handle missing."""

from typing import Annotated, Any, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier
from cupola.errors import BadInput, BadOption
from cupola.flows import learning
from cupola.flows.sql import NUMBERS, ROW, Table, code, columns, free, of_kind, select, value
from cupola.flows.transforms.transform import Ask, By, Columns, Order, State, Transform

GROUP = "Handle missing"


class FillMissing(msgspec.Struct, kw_only=True, frozen=True):
    """Fill missing values with one that the training part has, or with a value that is given."""

    columns: Columns
    method: Annotated[Literal["mean", "median", "mode", "constant"], Arg(help="what is filled in")] = "median"
    value: Annotated[str, Arg(help="the constant")] = ""


class BlankValues(msgspec.Struct, kw_only=True, frozen=True):
    """Make the values that stand for a missing one missing."""

    columns: Columns
    values: Annotated[list[str], Arg(help="what stands for none: N/A, -999, 1970-01-01")]


class FillForward(msgspec.Struct, kw_only=True, frozen=True):
    """Fill missing values with the last one before them, or the first one after them."""

    columns: Columns
    method: Annotated[Literal["forward", "backward"], Arg(help="from which side")] = "forward"
    order: Order = ""
    by: By = []


class Impute(msgspec.Struct, kw_only=True, frozen=True):
    """Fill missing values with what rows like them have in the training part: the mean, median or mode of a group."""

    columns: Columns
    by: Annotated[list[str], Arg(help="the columns whose values make a group", completes="column")]
    method: Annotated[Literal["mean", "median", "mode"], Arg(help="what is filled in")] = "median"


class MissingIndicator(msgspec.Struct, kw_only=True, frozen=True):
    """Add a column that says where a value is missing."""

    columns: Columns
    suffix: Annotated[str, Arg(help="what its name ends in")] = "_missing"


class DropMissing(msgspec.Struct, kw_only=True, frozen=True):
    """Drop the rows in which values are missing."""

    columns: Annotated[list[str], Arg(help="the columns (default: all)", completes="column")] = []
    how: Annotated[Literal["any", "all"], Arg(help="where any of them is missing, or all are")] = "any"


class DropSparse(msgspec.Struct, kw_only=True, frozen=True):
    """Drop the columns in which more than a share of the training part is missing."""

    share: Annotated[float, Arg(help="the largest share that may be missing")] = 0.5


def _learn_fill(params: FillMissing, table: Table, ask: Ask) -> State:
    if params.method == "constant":
        if not params.value:
            raise BadOption("a constant is needed: value=0")
        for one in params.columns:
            ask(f"SELECT {value(params.value, table.columns[one])}")
        return {}
    if params.method != "mode":
        of_kind(table, params.columns, NUMBERS, "have a mean or a median")
    found = learning.middle_of_each(ask, table, params.columns, params.method)
    empty = [one for one, middle in found.items() if middle is None]
    if empty:
        raise BadInput(f"{empty[0]} has no value in the training part", hint="fill it with a constant, or drop it")
    return {"values": found}


def _fill(params: FillMissing, state: State, table: Table) -> str:
    changed = {}
    for one in params.columns:
        type = table.columns[one]
        if params.method in ("mean", "median"):
            changed[one] = f"coalesce(CAST({identifier(one)} AS DOUBLE), {value(float(state['values'][one]))})"
        else:
            filled = params.value if params.method == "constant" else state["values"][one]
            changed[one] = f"coalesce({identifier(one)}, {value(filled, type)})"
    return select(table, changed)


def _check_blank(params: BlankValues, table: Table, ask: Ask) -> State:
    for one in params.columns:
        ask(f"SELECT {', '.join(value(each, table.columns[one]) for each in params.values)}")
    return {}


def _blank(params: BlankValues, state: State, table: Table) -> str:
    changed = {}
    for one in params.columns:
        name, type = identifier(one), table.columns[one]
        changed[one] = (
            f"CASE WHEN {name} NOT IN ({', '.join(value(each, type) for each in params.values)}) THEN {name} END"
        )
    return select(table, changed)


def _fill_forward(params: FillForward, state: State, table: Table) -> str:
    function, frame = (
        ("last_value", "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW")
        if params.method == "forward"
        else ("first_value", "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING")
    )
    over = f"OVER ({window(params.by, params.order)} {frame})"
    changed = {one: f"{function}({identifier(one)} IGNORE NULLS) {over}" for one in params.columns}
    return select(table, changed, rest=f"ORDER BY {ROW}")


def window(by: list[str], order: str) -> str:
    """The parts and the order of a window; rows of one place stay in the order in which they are."""
    parts = f"PARTITION BY {columns(by)} " if by else ""
    return f"{parts}ORDER BY {f'{identifier(order)}, ' if order else ''}{ROW}"


def _learn_impute(params: Impute, table: Table, ask: Ask) -> State:
    if params.method != "mode":
        of_kind(table, params.columns, NUMBERS, "have a mean or a median")
    found: dict[str, Any] = {}
    for one in params.columns:
        groups = learning.middles(ask, table, one, params.method, params.by)
        overall = learning.middle(ask, table, one, params.method)
        if overall is None:
            raise BadInput(f"{one} has no value in the training part", hint="fill it with a constant, or drop it")
        found[one] = {"groups": [key for key, _ in groups], "values": [each for _, each in groups], "else": overall}
    return {"columns": found}


def _impute(params: Impute, state: State, table: Table) -> str:
    key = learning.key(params.by)
    changed = {}
    for one in params.columns:
        learned, type = state["columns"][one], table.columns[one]
        type = "DOUBLE" if params.method != "mode" else type
        listed = [value(each, type) for each in [*learned["values"]]]
        place = code(key, learned["groups"])
        group = f"list_extract([{', '.join(listed)}], {place} + 1)" if listed else f"CAST(NULL AS {type})"
        changed[one] = f"coalesce(CAST({identifier(one)} AS {type}), {group}, {value(learned['else'], type)})"
    return select(table, changed)


def _indicate(params: MissingIndicator, state: State, table: Table) -> str:
    added: dict[str, str] = {}
    for one in params.columns:
        added[free(table, one + params.suffix, added)] = f"{identifier(one)} IS NULL"
    return select(table, added=added)


def _drop_rows(params: DropMissing, state: State, table: Table) -> str:
    listed = params.columns or [*table.columns]
    there = [f"{identifier(one)} IS NOT NULL" for one in listed]
    return select(table, rest=f"WHERE {(' AND ' if params.how == 'any' else ' OR ').join(there)}")


def _learn_sparse(params: DropSparse, table: Table, ask: Ask) -> State:
    if not 0 <= params.share < 1:
        raise BadOption(f"share is from 0 to less than 1, not {params.share}")
    counts = ", ".join(f"count({identifier(one)})" for one in table.columns)
    total, *there = ask(f"SELECT count(*), {counts} FROM {table.training}")[0]
    sparse = [
        one for one, count in zip(table.columns, there, strict=True) if total and 1 - count / total > params.share
    ]
    if len(sparse) == len(table.columns):
        raise BadInput("no column would be left", hint="a larger share keeps some")
    return {"columns": sparse}


def _drop_sparse(params: DropSparse, state: State, table: Table) -> str:
    return select(table, dropped=state["columns"])


TRANSFORMS = [
    Transform(
        name="fill-missing",
        group=GROUP,
        params=FillMissing,
        learn=_learn_fill,
        select=_fill,
        learns=lambda params: params.method != "constant",
    ),
    Transform(
        name="blank-values",
        group=GROUP,
        params=BlankValues,
        learn=_check_blank,
        select=_blank,
        learns=lambda params: False,
    ),
    Transform(
        name="fill-forward", group=GROUP, params=FillForward, select=_fill_forward, memory="spills", serving="refused"
    ),
    Transform(name="impute", group=GROUP, params=Impute, learn=_learn_impute, select=_impute),
    Transform(name="missing-indicator", group=GROUP, params=MissingIndicator, select=_indicate),
    Transform(name="drop-missing", group=GROUP, params=DropMissing, select=_drop_rows, serving="skipped"),
    Transform(name="drop-sparse-columns", group=GROUP, params=DropSparse, learn=_learn_sparse, select=_drop_sparse),
]
