"""Handle structured columns: explode and unnest."""

from typing import Annotated

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier, literal
from cupola.errors import BadInput
from cupola.flows.sql import ROW, Table, free, of_kind, select
from cupola.flows.transforms.transform import Ask, Column, State, Transform

GROUP = "Handle structured column"
FIELDS = 500


class Explode(msgspec.Struct, kw_only=True, frozen=True):
    """Make a row of each element of a list: of a JSON array, of a text with delimiters, or of a vector."""

    column: Column
    delimiter: Annotated[str, Arg(help="between the elements of a text (default: it is a JSON array)")] = ""


class Unnest(msgspec.Struct, kw_only=True, frozen=True):
    """Make a column of each field of a JSON object, with the types that the training part has."""

    column: Column
    fields: Annotated[list[str], Arg(help="which (default: all that the training part has)")] = []
    drop: Annotated[bool, Arg(help="drop the column itself")] = True


def _explode(params: Explode, state: State, table: Table) -> str:
    of_kind(table, [params.column], ("text", "vector"), "have elements")
    name = identifier(params.column)
    if table.kind(params.column) == "vector":
        listed = name
    elif params.delimiter:
        listed = f"list_transform(string_split({name}, {literal(params.delimiter)}), lambda one: trim(one))"
    else:
        array = f"json_valid({name}) AND json_type({name}) = 'ARRAY'"
        listed = f"CASE WHEN {array} THEN json_extract_string({name}, '$[*]') ELSE [{name}] END"
    elements, place = free(table, "__elements__"), free(table, "__place__", ["__elements__"])
    first = f"(SELECT *, {listed} AS {identifier(elements)} FROM {table.sql})"
    count = f"greatest(coalesce(len({identifier(elements)}), 0), 1)"  # a row without elements stays, with a missing one
    second = f"(SELECT *, unnest(range(1, {count} + 1)) AS {identifier(place)} FROM {first})"
    changed = {params.column: f"{identifier(elements)}[{identifier(place)}]"}
    return select(table, changed, source=second, rest=f"ORDER BY {ROW}, {identifier(place)}")


def _learn_fields(params: Unnest, table: Table, ask: Ask) -> State:
    of_kind(table, [params.column], ("text",), "hold JSON")
    rows = ask(
        f"SELECT k, list_sort(list_distinct(list(json_type(j, concat('$.\"', replace(k, '\"', '\\\"'), '\"'))))) FROM "
        f"(SELECT j, unnest(json_keys(j)) AS k FROM (SELECT {_object(params.column)} AS j FROM {table.training})) "
        "GROUP BY k ORDER BY k"
    )
    types = {name: _type(set(found)) for name, found in rows}
    wanted = {name: types.get(name, "VARCHAR") for name in params.fields} if params.fields else types
    if not wanted:
        raise BadInput(f"{params.column} has no JSON objects in the training part")
    if len(wanted) > FIELDS:
        raise BadInput(f"{params.column} has {len(wanted)} fields", hint="say which are wanted: fields=a,b")
    return {"fields": wanted}


def _type(found: set[str | None]) -> str:
    found -= {"NULL", None}
    if found and found <= {"BIGINT", "UBIGINT"}:
        return "BIGINT"
    if found and found <= {"BIGINT", "UBIGINT", "DOUBLE"}:
        return "DOUBLE"
    return "BOOLEAN" if found == {"BOOLEAN"} else "VARCHAR"


def _object(column: str) -> str:
    name = identifier(column)
    return f"CASE WHEN json_valid({name}) AND json_type({name}) = 'OBJECT' THEN {name} END"


def _unnest(params: Unnest, state: State, table: Table) -> str:
    added: dict[str, str] = {}
    for field, type in state["fields"].items():
        escaped = field.replace("\\", "\\\\").replace('"', '\\"')
        path = literal(f'$."{escaped}"')
        found = f"json_extract_string({_object(params.column)}, {path})"
        added[free(table, f"{params.column}_{field}", added)] = f"TRY_CAST({found} AS {type})"
    return select(table, added=added, dropped=[params.column] if params.drop else [])


TRANSFORMS = [
    Transform(name="explode", group=GROUP, params=Explode, select=_explode, memory="spills", serving="refused"),
    Transform(name="unnest", group=GROUP, params=Unnest, learn=_learn_fields, select=_unnest),
]
