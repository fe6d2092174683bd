"""What a script may log: names, numbers, parameters, and the lines that metrics become."""

import math
import time
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from cupola.errors import BadInput, BadName

LONGEST_NAME = 250
LONGEST_TEXT = 5000  # characters of a parameter; the rest is left out


# A value as it was logged: name, value, step, nanoseconds since 1970. A tuple: a hundred thousand a second may come.
Point = tuple[str, float, int, int]


class Line(msgspec.Struct):
    """A line of a file of metrics. JSON has no numbers for what is not finite: those are "NaN", "Infinity" and
    "-Infinity"."""

    seq: int
    time: str
    name: str
    value: float | str
    step: int


class Params(msgspec.Struct):
    """A line with parameters that were logged by a process whose own the run is not."""

    seq: int
    time: str
    params: dict[str, Any]


def lines(points: Iterable[Point]) -> list[Line]:
    """The lines of points; they are numbered where they are written."""
    found = []
    second, begin = -1, ""
    for name, value, step, moment in points:
        whole, rest = divmod(moment, 10**9)
        if whole != second:
            second, begin = whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        written = value if math.isfinite(value) else not_finite(value)
        found.append(Line(0, f"{begin}.{rest // 1000:06d}Z", name, written, step))
    return found


def not_finite(value: float) -> str:
    """How a value is written that JSON has no number for; float() reads it."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


@lru_cache(maxsize=4096)
def check_name(name: Any, what: str) -> str:
    """The name of a metric or a parameter. Raises BadName for what no name can be."""
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        hint = f"up to {LONGEST_NAME} printable characters"
        raise BadName(f"{str(name)[:60]!a} is not the name of a {what}", hint=hint)
    return name


def number(name: str, value: Any) -> float:
    """The value of a metric: whatever float() takes but text, arrays of one element included. Raises BadInput."""
    try:
        if isinstance(value, str):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        shown = f"{value!a}"[:60]
        raise BadInput(f"the metric {name!r} is a number, not {shown}", where="log_metric") from None


def step_of(name: str, step: Any) -> int:
    """A step, which is a whole number. Raises BadInput."""
    try:
        whole = int(step)
        if whole == step:
            return whole
    except (TypeError, ValueError, OverflowError):
        pass
    raise BadInput(f"a step of {name!r} is a whole number, not {step!a}", where="log_metric")


def moment_of(given: "float | datetime") -> int:
    """Nanoseconds since 1970, of seconds or of a datetime."""
    seconds = given.timestamp() if isinstance(given, datetime) else float(given)
    return int(seconds * 1e9)


def params_of(given: Any) -> dict[str, Any]:
    """Parameters as JSON can hold them. Raises BadInput, BadName."""
    try:
        pairs = dict(given).items()
    except (TypeError, ValueError):
        raise BadInput(f"parameters are names and values, not {given!a}"[:200], where="log_params") from None
    return {check_name(name, "parameter"): plain(value) for name, value in pairs}


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numbers, texts and collections of them stay what they are, all else is its text."""
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else not_finite(value)
    if isinstance(value, dict):
        return {text(str(name)): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if type(value).__module__.partition(".")[0] in ("numpy", "torch") and getattr(value, "ndim", None) == 0:
        return plain(value.item())
    return text(str(value))


def text(value: str) -> str:
    """A text that can be written: not too long, and Unicode."""
    kept = value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…"
    return kept.encode("utf-8", "replace").decode()
