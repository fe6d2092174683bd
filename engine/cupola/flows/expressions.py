"""What people write in SQL: an expression of the columns of one row, or one SELECT; anything else is refused."""

from functools import lru_cache
from typing import Any

import msgspec

from cupola.errors import BadOption
from cupola.flows.sql import Table, known

REFUSED = {
    "SUBQUERY": "it has a SELECT in it",
    "WINDOW": "it looks at other rows (OVER)",
    "STAR": "it has a * in it",
    "PARAMETER": "it has a parameter in it",
    "DEFAULT": "it has DEFAULT in it",
}
LONGEST = 20_000


def checked(text: str, table: Table) -> str:
    """The text, if it is one expression of the columns of one row. Raises BadOption."""
    if not text.strip():
        raise BadOption("an SQL expression is needed", hint="distance / air_time * 60")
    tree = parsed(text)
    node = tree["statements"][0]["node"]
    listed = node.get("select_list", [])
    plain = (
        len(tree["statements"]) == 1
        and node["type"] == "SELECT_NODE"
        and len(listed) == 1
        and node["from_table"]["type"] == "EMPTY"
        and not any(
            node.get(one) for one in ("where_clause", "group_expressions", "having", "qualify", "sample", "modifiers")
        )
    )
    if not plain:
        raise BadOption(f"{text[:80]!r} is not one SQL expression")
    names: list[str] = []
    functions: list[str] = []
    classes: set[str] = set()
    _walk(listed[0], classes, names, functions)
    for one in classes & {*REFUSED}:
        raise BadOption(
            f"{text[:80]!r} is no expression of one row: {REFUSED[one]}", hint="the transform sql takes a SELECT"
        )
    if many := [one for one in functions if one in _aggregates()]:
        hint = "the transform group-by aggregates rows, and sql takes a SELECT"
        raise BadOption(f"{text[:80]!r} is no expression of one row: {many[0]}() is of many rows", hint=hint)
    if "LAMBDA" not in classes:  # whose own names stand among the columns
        known(table, _missing(names, table))
    return text


def columns(text: str, table: Table) -> list[str]:
    """The columns of the table that an expression takes."""
    names: list[str] = []
    _walk(parsed(text), set(), names, [])
    taken = {one.casefold() for one in names}
    return [one for one in table.columns if one.casefold() in taken]


def check_select(text: str) -> None:
    """Raises BadOption for what is not one SELECT."""
    import duckdb

    if len(text) > LONGEST:
        raise BadOption(f"the query is longer than {LONGEST} characters")
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise BadOption(_first(error)) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadOption("one SELECT is wanted", hint="select *, dep_delay > 15 as late from df")


@lru_cache(maxsize=64)
def parsed(text: str) -> Any:
    """An expression as the tree that DuckDB reads it as. Raises BadOption."""
    import duckdb

    if len(text) > LONGEST:
        raise BadOption(f"the expression is longer than {LONGEST} characters")
    with duckdb.connect(":memory:") as connection:
        said = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT ({text}\n)"]).fetchall()[0][0]
    try:
        tree = msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError):
        raise BadOption(f"{text[:80]!r} is nested too deeply") from None
    if tree["error"]:
        raise BadOption(f"{text[:80]!r} is no SQL expression: {tree['error_message']}")
    return tree


@lru_cache(maxsize=1)
def _aggregates() -> frozenset[str]:
    """The functions that make one value of many rows."""
    import duckdb

    asked = "SELECT function_name FROM duckdb_functions() GROUP BY 1 HAVING bool_and(function_type = 'aggregate')"
    with duckdb.connect(":memory:") as connection:
        return frozenset(name for [name] in connection.execute(asked).fetchall())


def _walk(node: Any, classes: set[str], names: list[str], functions: list[str]) -> None:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            if "class" in one:
                classes.add(one["class"])
            if one.get("class") == "COLUMN_REF":
                names.append(one["column_names"][0])
            if one.get("class") == "FUNCTION":
                functions.append(one["function_name"])
            waiting += one.values()


def _missing(names: list[str], table: Table) -> list[str]:
    there = {one.casefold() for one in table.columns}
    return [one for one in names if one.casefold() not in there]


def _first(error: Exception) -> str:
    return " ".join(str(error).partition("\n\n")[0].split())
