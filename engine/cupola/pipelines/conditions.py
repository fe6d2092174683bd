"""Conditions, by the names that the hosted service gives them: {type = "GreaterThan", left = ..., right = ...}."""

from collections.abc import Callable
from typing import Any

import msgspec

from cupola.errors import BadInput
from cupola.pipelines.records import Compared

COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda left, right: bool(left == right),
    "GreaterThan": lambda left, right: bool(left > right),
    "GreaterThanOrEqualTo": lambda left, right: bool(left >= right),
    "LessThan": lambda left, right: bool(left < right),
    "LessThanOrEqualTo": lambda left, right: bool(left <= right),
    "In": lambda left, right: left in right,
}
WORDS = {
    "Equals": "=", "GreaterThan": ">", "GreaterThanOrEqualTo": "≥", "LessThan": "<", "LessThanOrEqualTo": "≤",
    "In": "in", "Or": "or", "And": "and",
}  # fmt: skip
FIELDS = {"Not": {"condition"}, "Or": {"conditions"}, "And": {"conditions"}}
TYPES = (*COMPARED, *FIELDS)


def wrong(said: Any) -> str:
    """What is wrong with the conditions of a step as they are written; "" where nothing is."""
    if not isinstance(said, list) or not said:
        return 'conditions is a list of tables: [{type = "GreaterThan", left = "${...}", right = 0.7}]'
    for one in said:
        if not isinstance(one, dict) or one.get("type") not in TYPES:
            return f"a condition has a type, one of {', '.join(TYPES)}"
        wanted = FIELDS.get(one["type"], {"left", "right"})
        if wanted != one.keys() - {"type"}:
            return f"{one['type']} takes {' and '.join(sorted(wanted))}"
        inner = [one["condition"]] if "condition" in one else one.get("conditions")
        if inner is not None and (why := wrong(inner)):
            return why
    return ""


def judged(said: dict[str, Any]) -> Compared:
    """What comes of one condition whose references are values by now. Raises BadInput."""
    kind = said["type"]
    if kind == "Not":
        inner = judged(said["condition"])
        return Compared(type=kind, left=f"not {_within(inner)}", result=not inner.result)
    if kind in ("Or", "And"):
        each = [judged(one) for one in said["conditions"]]
        result = any(one.result for one in each) if kind == "Or" else all(one.result for one in each)
        return Compared(type=kind, left=f" {WORDS[kind]} ".join(map(_within, each)), result=result)
    left, right = said["left"], said["right"]
    try:
        return Compared(type=kind, left=left, right=right, result=COMPARED[kind](left, right))
    except TypeError:
        raise BadInput(f"{kind}: {left!r} and {right!r} cannot be compared") from None


def told(one: Compared) -> str:
    """What was compared, in a line: "0.71 ≥ 0.7"."""
    if one.type in FIELDS:
        return _shown(one.left)
    return f"{_shown(one.left)} {WORDS.get(one.type, one.type)} {_shown(one.right)}"


def _within(one: Compared) -> str:
    return f"({told(one)})" if one.type in ("Or", "And") else told(one)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
