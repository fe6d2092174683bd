"""Manage columns and vectors, and parse a value as a type."""

from typing import Annotated, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier, literal
from cupola.errors import BadInput, BadOption
from cupola.flows.sql import NUMBERS, Table, free, new, number, of_kind, select
from cupola.flows.transforms.transform import Ask, Column, Columns, State, Transform

COLUMNS, VECTORS, PARSE = "Manage columns", "Manage vectors", "Parse value as type"
WIDEST = 5000  # columns that a vector may become
Type = Literal["integer", "number", "boolean", "text", "date", "datetime"]
SQL_TYPES: dict[str, str] = {
    "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "text": "VARCHAR", "date": "DATE",
    "datetime": "TIMESTAMP",
}  # fmt: skip


class DropColumns(msgspec.Struct, kw_only=True, frozen=True):
    """Drop columns."""

    columns: Columns


class KeepColumns(msgspec.Struct, kw_only=True, frozen=True):
    """Keep these columns, in this order, and drop all others."""

    columns: Columns


class MoveColumn(msgspec.Struct, kw_only=True, frozen=True):
    """Move a column to another place."""

    column: Column
    place: Annotated[int, Arg(help="1 is the first")] = 1


class RenameColumn(msgspec.Struct, kw_only=True, frozen=True):
    """Give a column another name."""

    column: Column
    name: Annotated[str, Arg(help="the new name")]


class DuplicateColumn(msgspec.Struct, kw_only=True, frozen=True):
    """Add a copy of a column."""

    column: Column
    name: Annotated[str, Arg(help="of the copy")]


class ConcatenateColumns(msgspec.Struct, kw_only=True, frozen=True):
    """Add a column of the texts of several, one after the other."""

    columns: Columns
    name: Annotated[str, Arg(help="of the new column")]
    separator: Annotated[str, Arg(help="between them")] = " "


class AssembleVector(msgspec.Struct, kw_only=True, frozen=True):
    """Replace columns of numbers by one of vectors."""

    columns: Columns
    name: Annotated[str, Arg(help="of the new column")]


class ExpandVector(msgspec.Struct, kw_only=True, frozen=True):
    """Replace a column of vectors by one column for each of their places, as many as the training part has."""

    column: Column


class ParseType(msgspec.Struct, kw_only=True, frozen=True):
    """Read the values of columns as another type."""

    columns: Columns
    type: Annotated[Type, Arg(help="which")]
    format: Annotated[str, Arg(help="of dates and times in texts: %d.%m.%Y %H:%M")] = ""
    invalid: Annotated[
        Literal["missing", "fail"], Arg(help="what becomes of a value that is none: missing, or the flow fails")
    ] = "missing"


def _drop(params: DropColumns, state: State, table: Table) -> str:
    if {*table.columns} <= {*params.columns}:
        raise BadInput("no column would be left")
    return select(table, dropped=params.columns)


def _keep(params: KeepColumns, state: State, table: Table) -> str:
    return _in_order(table, list(dict.fromkeys(params.columns)))


def _move(params: MoveColumn, state: State, table: Table) -> str:
    others = [one for one in table.columns if one != params.column]
    if not 1 <= params.place <= len(table.columns):
        raise BadOption(f"place is from 1 to {len(table.columns)}, not {params.place}")
    others.insert(params.place - 1, params.column)
    return _in_order(table, others)


def _rename(params: RenameColumn, state: State, table: Table) -> str:
    others = {one: type for one, type in table.columns.items() if one != params.column}
    name = new(msgspec.structs.replace(table, columns=others), params.name)
    return _in_order(table, [*table.columns], {params.column: name})


def _in_order(table: Table, order: list[str], names: dict[str, str] | None = None) -> str:
    listed = {(names or {}).get(one, one): identifier(one) for one in order}
    return select(table, added=listed, dropped=[*table.columns])


def _duplicate(params: DuplicateColumn, state: State, table: Table) -> str:
    return select(table, added={new(table, params.name): identifier(params.column)})


def _concatenate(params: ConcatenateColumns, state: State, table: Table) -> str:
    texts = ", ".join(f"CAST({identifier(one)} AS VARCHAR)" for one in params.columns)
    return select(table, added={new(table, params.name): f"concat_ws({literal(params.separator)}, {texts})"})


def _assemble(params: AssembleVector, state: State, table: Table) -> str:
    of_kind(table, params.columns, NUMBERS, "make a vector")
    others = {one: type for one, type in table.columns.items() if one not in params.columns}
    name = new(msgspec.structs.replace(table, columns=others), params.name)
    numbers = ", ".join(f"CAST({identifier(one)} AS DOUBLE)" for one in params.columns)
    return select(table, added={name: f"[{numbers}]"}, dropped=params.columns)


def _learn_width(params: ExpandVector, table: Table, ask: Ask) -> State:
    of_kind(table, [params.column], ("vector",), "are expanded")
    width = ask(f"SELECT max(len({identifier(params.column)})) FROM {table.training}")[0][0]
    if not width:
        raise BadInput(f"{params.column} has no vector in the training part")
    if width > WIDEST:
        raise BadInput(f"{params.column} has vectors of {width} places", hint=f"at most {WIDEST} become columns")
    return {"width": width}


def _expand(params: ExpandVector, state: State, table: Table) -> str:
    added: dict[str, str] = {}
    for place in range(1, state["width"] + 1):
        added[free(table, f"{params.column}_{place}", added)] = f"{identifier(params.column)}[{place}]"
    return select(table, added=added, dropped=[params.column])


def _parse(params: ParseType, state: State, table: Table) -> str:
    type = SQL_TYPES[params.type]
    if params.format and params.type not in ("date", "datetime"):
        raise BadOption("format is for dates and times")
    changed = {one: _parsed(params, identifier(one), table.columns[one], type) for one in params.columns}
    return select(table, changed)


def _parsed(params: ParseType, name: str, before: str, type: str) -> str:
    cast = "TRY_CAST" if params.invalid == "missing" else "CAST"
    if before == "VARCHAR" and params.format:
        read = "try_strptime" if params.invalid == "missing" else "strptime"
        return f"CAST({read}(trim({name}), {literal(params.format)}) AS {type})"
    if before == "VARCHAR" and params.type == "boolean":
        words = f"lower(trim({name}))"
        known = f"CASE WHEN {words} IN ('yes', 'y', 'on') THEN 'true' WHEN {words} IN ('no', 'n', 'off') THEN 'false'"
        return f"{cast}({known} ELSE {words} END AS BOOLEAN)"
    if before == "VARCHAR" and params.type != "text":
        return f"{cast}(nullif(trim({name}), '') AS {type})"
    if before == "DOUBLE" and params.type == "integer":
        largest = number(2.0**63)
        whole = f"CASE WHEN abs({name}) < {largest} THEN {name} END" if cast == "TRY_CAST" else name
        return f"CAST({whole} AS BIGINT)"
    return f"{cast}({name} AS {type})"


TRANSFORMS = [
    Transform(name="drop-columns", group=COLUMNS, params=DropColumns, select=_drop),
    Transform(name="keep-columns", group=COLUMNS, params=KeepColumns, select=_keep),
    Transform(name="move-column", group=COLUMNS, params=MoveColumn, select=_move),
    Transform(name="rename-column", group=COLUMNS, params=RenameColumn, select=_rename),
    Transform(name="duplicate-column", group=COLUMNS, params=DuplicateColumn, select=_duplicate),
    Transform(name="concatenate-columns", group=COLUMNS, params=ConcatenateColumns, select=_concatenate),
    Transform(name="assemble-vector", group=VECTORS, params=AssembleVector, select=_assemble),
    Transform(name="expand-vector", group=VECTORS, params=ExpandVector, learn=_learn_width, select=_expand),
    Transform(name="parse-type", group=PARSE, params=ParseType, select=_parse),
]
