"""Formulas in plain Python: those parts of SQL's expressions of which it is known that DuckDB says the same."""

import math
import operator
from collections.abc import Callable
from typing import Any

from cupola.flows import expressions
from cupola.flows.byvalue import Column, Columns, Function, NotByValue, Otherwise, unless_missing
from cupola.flows.transforms.custom import Formula

LARGEST, EXACT = 2**63, 2**53
DECIMAL = "DECIMAL"  # a number with a point that was written down
NUMBERS = ("BIGINT", "DOUBLE", DECIMAL)
MOST_DIGITS = 15
ARITHMETIC: dict[str, Function] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
COMPARED: dict[str, Function] = {
    "COMPARE_EQUAL": operator.eq, "COMPARE_NOTEQUAL": operator.ne, "COMPARE_LESSTHAN": operator.lt,
    "COMPARE_GREATERTHAN": operator.gt, "COMPARE_LESSTHANOREQUALTO": operator.le,
    "COMPARE_GREATERTHANOREQUALTO": operator.ge,
}  # fmt: skip


def formula(columns: Columns, params: Formula, state: dict[str, Any]) -> None:
    """Adds or replaces the column that the formula makes. Raises NotByValue."""
    tree = expressions.parsed(params.expression)["statements"][0]["node"]["select_list"][0]
    found = _node(tree, columns)
    slot, type = found.slot, found.type
    if type == DECIMAL:
        type = "DOUBLE"
    columns.put(params.name, slot, type)


def _node(node: dict[str, Any], columns: Columns) -> Column:
    made = NODES.get(node["class"])
    if made is None:
        raise NotByValue(str(node["type"]))
    return made(node, columns)


def _column(node: dict[str, Any], columns: Columns) -> Column:
    name = node["column_names"][-1].casefold()
    found = [each for one, each in columns.there.items() if one.casefold() == name]
    if len(found) != 1 or len(node["column_names"]) > 1:
        raise NotByValue("a part of a column")
    return found[0]


def _constant(node: dict[str, Any], columns: Columns) -> Column:
    literal = node.get("literal") or {}
    kind, text = literal.get("kind"), literal.get("text", "")
    if kind == "INTEGER" and len(text) <= 9:
        value, type = int(text), "BIGINT"
    elif kind == "NUMERIC" and len(text) <= MOST_DIGITS and "e" not in text.lower():
        value, type = float(text), DECIMAL  # type: ignore[assignment]
    elif kind == "STRING":
        value, type = text, "VARCHAR"
    else:
        raise NotByValue("a constant")
    return Column(columns.of(lambda: value), type)


def _function(node: dict[str, Any], columns: Columns) -> Column:
    name = node["function_name"]
    given = [_node(one["expression"], columns) for one in node["arguments"]]
    types = [one.type for one in given]
    slots = [one.slot for one in given]
    if name in ARITHMETIC and len(given) == 2 and all(one in NUMBERS for one in types):
        return Column(columns.of(_reckoned(ARITHMETIC[name], _result(types)), *slots), _result(types))
    if name == "/" and len(given) == 2 and all(one in NUMBERS for one in types):
        _result(types)
        return Column(columns.of(_both(_divided), *slots), "DOUBLE")
    if name == "-" and types in (["BIGINT"], ["DOUBLE"]):
        return Column(columns.of(unless_missing(operator.neg), *slots), types[0])
    if name in OF_ONE and types == ["DOUBLE"]:
        return Column(columns.of(unless_missing(OF_ONE[name]), *slots), "DOUBLE")
    raise NotByValue(f"{name} of {', '.join(types)}")


def _result(types: list[str]) -> str:
    """The type of what is reckoned of numbers."""
    if DECIMAL in types and "DOUBLE" not in types:
        raise NotByValue("a number with a point beside whole ones")
    return "DOUBLE" if "DOUBLE" in types else "BIGINT"


def _both(function: Function) -> Function:
    return lambda one, other: None if one is None or other is None else function(one, other)


def _reckoned(function: Function, type: str) -> Function:
    if type == "DOUBLE":
        return _both(lambda one, other: function(float(one), float(other)))

    def whole(one: int, other: int) -> int:
        found: int = function(one, other)
        if not -LARGEST <= found < LARGEST:
            raise Otherwise
        return found

    return _both(whole)


def _divided(one: float, other: float) -> float:
    one, other = float(one), float(other)
    if other:
        return one / other
    return math.nan if one == 0 or one != one else math.copysign(math.inf, one) * math.copysign(1.0, other)


def _where(there: Callable[[float], bool], function: Function) -> Function:
    """A function of the numbers for which it is there; of others DuckDB says what is wrong."""

    def found(value: float) -> Any:
        if not there(value):
            raise Otherwise
        return function(value)

    return found


OF_ONE: dict[str, Function] = {
    "abs": abs,
    "sqrt": _where(lambda value: value >= 0, math.sqrt),
    "ln": _where(lambda value: 0 < value < math.inf, math.log),
    "exp": _where(lambda value: abs(value) < 700, math.exp),
}


def _comparison(node: dict[str, Any], columns: Columns) -> Column:
    left, right = _node(node["left"], columns), _node(node["right"], columns)
    function = COMPARED.get(node["type"])
    if function is None:
        raise NotByValue(str(node["type"]))
    if left.type in NUMBERS and right.type in NUMBERS:
        return Column(columns.of(_both(_compared(function)), left.slot, right.slot), "BOOLEAN")
    if left.type == right.type and left.type in ("VARCHAR", "BOOLEAN", "DATE"):
        return Column(columns.of(_both(function), left.slot, right.slot), "BOOLEAN")
    raise NotByValue(f"{left.type} compared with {right.type}")


def _compared(function: Function) -> Function:
    def compare(one: float, other: float) -> bool:
        if one != one or other != other or (type(one) is not type(other) and max(abs(one), abs(other)) > EXACT):
            raise Otherwise
        found: bool = function(one, other)
        return found

    return compare


def _conjunction(node: dict[str, Any], columns: Columns) -> Column:
    parts = [_node(one, columns) for one in node["children"]]
    if any(one.type != "BOOLEAN" for one in parts):
        raise NotByValue("what is not true or false")
    decides = node["type"] == "CONJUNCTION_OR"

    def decided(*values: bool | None) -> bool | None:
        return decides if decides in values else None if None in values else not decides

    return Column(columns.of(decided, *(one.slot for one in parts)), "BOOLEAN")


def _operator(node: dict[str, Any], columns: Columns) -> Column:
    parts = [_node(one, columns) for one in node["children"]]
    slots, types = [one.slot for one in parts], [one.type for one in parts]
    if node["type"] == "OPERATOR_IS_NULL":
        return Column(columns.of(lambda value: value is None, *slots), "BOOLEAN")
    if node["type"] == "OPERATOR_IS_NOT_NULL":
        return Column(columns.of(lambda value: value is not None, *slots), "BOOLEAN")
    if node["type"] == "OPERATOR_NOT" and types == ["BOOLEAN"]:
        return Column(columns.of(unless_missing(operator.not_), *slots), "BOOLEAN")
    if node["type"] == "OPERATOR_COALESCE" and len(set(types)) == 1 and types[0] != DECIMAL:
        first = lambda *values: next((one for one in values if one is not None), None)  # noqa: E731
        return Column(columns.of(first, *slots), types[0])
    raise NotByValue(str(node["type"]))


def _case(node: dict[str, Any], columns: Columns) -> Column:
    tests = [_node(one["when_expr"], columns) for one in node["case_checks"]]
    results = [_node(one["then_expr"], columns) for one in node["case_checks"]]
    results.append(_node(node["else_expr"], columns))
    types = {one.type for one in results}
    if len(types) > 1 or DECIMAL in types or any(one.type != "BOOLEAN" for one in tests):
        raise NotByValue("values of several types")

    def chosen(*values: Any) -> Any:
        found, others = values[: len(tests)], values[len(tests) :]
        return next((each for test, each in zip(found, others, strict=False) if test), others[-1])

    return Column(columns.of(chosen, *(one.slot for one in [*tests, *results])), types.pop())


NODES: dict[str, Callable[[dict[str, Any], Columns], Column]] = {
    "COLUMN_REF": _column, "CONSTANT": _constant, "FUNCTION": _function, "COMPARISON": _comparison,
    "CONJUNCTION": _conjunction, "OPERATOR": _operator, "CASE": _case,
}  # fmt: skip
