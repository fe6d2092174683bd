"""Group by, join and concatenate."""

import re
from typing import Annotated, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier
from cupola.errors import BadInput, BadOption, meant
from cupola.flows.sql import NUMBERS, ROW, TRAIN, Table, columns, free, known, of_kind
from cupola.flows.transforms.transform import State, Transform

GROUP, JOIN, CONCATENATE = "Group by", "Join", "Concatenate"
AGGREGATE = re.compile(r"(\w+)\((.*)\)")
FUNCTIONS: dict[str, str] = {
    "count": "count({})", "distinct": "count(DISTINCT {})", "sum": "sum({})", "mean": "avg(CAST({} AS DOUBLE))",
    "median": "median(CAST({} AS DOUBLE))", "min": "min({})", "max": "max({})",
    "std": "stddev_samp(CAST({} AS DOUBLE))",
    "first": f"first({{}} ORDER BY {ROW})", "last": f"last({{}} ORDER BY {ROW})",
}  # fmt: skip
OF_NUMBERS = ("sum", "mean", "median", "std")


class GroupBy(msgspec.Struct, kw_only=True, frozen=True):
    """Make one row of all that have the same values, with aggregates of the other columns."""

    by: Annotated[list[str], Arg(help="the columns that make a group", completes="column")]
    aggregates: Annotated[list[str], Arg(help=f"mean(dep_delay), count(); there are {', '.join(FUNCTIONS)}")]


class Join(msgspec.Struct, kw_only=True, frozen=True):
    """Put the columns of another step or source beside those of this one, where the values of keys are the same."""

    on: Annotated[list[str], Arg(help="the columns of the key", completes="column")]
    right_on: Annotated[list[str], Arg(help="what they are called on the right (default: the same)")] = []
    how: Annotated[Literal["left", "inner", "right", "outer"], Arg(help="which rows without a partner stay")] = "left"
    suffix: Annotated[str, Arg(help="of columns of the right that are called as one of the left")] = "_right"


class Concatenate(msgspec.Struct, kw_only=True, frozen=True):
    """Put the rows of other steps or sources below those of this one; columns are matched by their names."""

    source: Annotated[str, Arg(help="the name of a column that says from which input a row is (default: none)")] = ""


def aggregate(text: str, table: Table) -> tuple[str, str]:
    """The name and the SQL of an aggregate such as mean(dep_delay). Raises BadOption, BadInput."""
    match = AGGREGATE.fullmatch(text.strip())
    if match is None or match[1] not in FUNCTIONS:
        hint = f"there are {', '.join(FUNCTIONS)}"
        if match:
            hint = meant(match[1], FUNCTIONS, hint)
        raise BadOption(f"{text!r} is no aggregate such as mean(dep_delay)", hint=hint)
    function, column = match[1], match[2].strip()
    if not column or column == "*":
        if function != "count":
            raise BadOption(f"{function}() needs a column")
        return "count", "count(*)"
    known(table, [column])
    if function in OF_NUMBERS:
        of_kind(table, [column], NUMBERS, f"have a {function}")
    name = identifier(column)
    if function == "sum" and table.kind(column) == "boolean":
        name = f"CAST({name} AS BIGINT)"
    return f"{column}_{function}", FUNCTIONS[function].format(name)


def _group(params: GroupBy, state: State, table: Table) -> str:
    if not params.aggregates:
        raise BadOption("an aggregate is needed: aggregates=mean(dep_delay)")
    keys = msgspec.structs.replace(table, columns={one: table.columns[one] for one in params.by})
    made: dict[str, str] = {}
    for one in params.aggregates:
        name, expression = aggregate(one, table)
        made[free(keys, name, made)] = expression
    listed = ", ".join([columns(params.by), *(f"{one} AS {identifier(name)}" for name, one in made.items())])
    hidden = f"min({ROW}) AS {ROW}, bool_and({TRAIN}) AS {TRAIN}"
    return f"SELECT {hidden}, {listed} FROM {table.sql} GROUP BY {columns(params.by)} ORDER BY {ROW}"


def _join(params: Join, state: State, table: Table, right: Table) -> str:
    others = params.right_on or params.on
    if len(others) != len(params.on):
        raise BadOption(f"on has {len(params.on)} columns, and right_on {len(others)}")
    known(right, others, "column on the right:")
    for one, other in zip(params.on, others, strict=True):
        _check_keys(table, one, right, other)
    same = " AND ".join(f"l.{identifier(a)} = r.{identifier(b)}" for a, b in zip(params.on, others, strict=True))
    shown: list[str] = []
    for one in table.columns:
        key = dict(zip(params.on, others, strict=True)).get(one)
        both = key is not None and params.how in ("right", "outer")
        shown.append(f"coalesce(l.{identifier(one)}, r.{identifier(str(key))})" if both else f"l.{identifier(one)}")
        shown[-1] += f" AS {identifier(one)}"
    names: dict[str, str] = {}
    for one in right.columns:
        if one in others:
            continue
        taken = {each.casefold() for each in table.columns}
        names[free(table, one + (params.suffix if one.casefold() in taken else ""), names)] = one
    shown += [f"r.{identifier(one)} AS {identifier(name)}" for name, one in names.items()]
    kind = {"left": "LEFT", "inner": "INNER", "right": "RIGHT", "outer": "FULL"}[params.how]
    hidden = f"coalesce(l.{ROW}, 9223372036854775807) AS {ROW}, coalesce(l.{TRAIN}, r.{TRAIN}) AS {TRAIN}"
    return (
        f"SELECT {hidden}, {', '.join(shown)}\nFROM {table.sql} AS l {kind} JOIN {right.sql} AS r ON {same}\n"
        f"ORDER BY l.{ROW} NULLS LAST, r.{ROW}"
    )


def _check_keys(left: Table, one: str, right: Table, other: str) -> None:
    kinds = left.kind(one), right.kind(other)
    if kinds[0] != kinds[1] and not {*kinds} <= {"integer", "number"} and not {*kinds} <= {"date", "datetime"}:
        raise BadInput(
            f"{one} is {kinds[0]} and {other} on the right is {kinds[1]}: they have no values in common",
            hint="the transform parse-type makes another type of a column",
        )


def _concatenate(params: Concatenate, state: State, table: Table, *others: Table) -> str:
    tables = (table, *others)
    types: dict[str, str] = {}
    for one in tables:
        for name, type in one.columns.items():
            types[name] = _common(name, types.get(name, type), type)
    if len({name.casefold() for name in types}) != len(types):
        raise BadInput("the inputs have columns whose names differ only in capital letters", hint="rename-column")
    added = f", {{}} AS {identifier(_source(params, types))}" if params.source else ""
    parts = []
    for place, one in enumerate(tables):
        listed = ", ".join(
            f"CAST({identifier(name) if name in one.columns else 'NULL'} AS {type}) AS {identifier(name)}"
            for name, type in types.items()
        )
        parts.append(f"SELECT {place} AS __input__, {ROW}, {TRAIN}, {listed}{added.format(place + 1)} FROM {one.sql}")
    union = "\nUNION ALL ".join(parts)
    shown = columns([*types, *([params.source] if params.source else [])])
    return f"SELECT {ROW}, {TRAIN}, {shown} FROM ({union}) ORDER BY __input__, {ROW}"


def _source(params: Concatenate, types: dict[str, str]) -> str:
    from cupola.flows.sql import new

    return new(Table(name="", columns=types), params.source)


def _common(name: str, one: str, other: str) -> str:
    if one == other:
        return one
    if {one, other} == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    if {one, other} == {"DATE", "TIMESTAMP"}:
        return "TIMESTAMP"
    hint = "parse-type makes one of them the other, before"
    raise BadInput(f"{name} is {one} in one input and {other} in another", hint=hint)


TRANSFORMS = [
    Transform(name="group-by", group=GROUP, params=GroupBy, select=_group, memory="spills", serving="refused"),
    Transform(name="join", group=JOIN, params=Join, select=_join, inputs="two", memory="spills", serving="refused"),
    Transform(
        name="concatenate", group=CONCATENATE, params=Concatenate, select=_concatenate, inputs="many",
        memory="spills", serving="refused",
    ),
]  # fmt: skip
