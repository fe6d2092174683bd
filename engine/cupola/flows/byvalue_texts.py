"""Transforms of texts, and values read as other types, as plain Python does them."""

import datetime
import math
import re
from collections.abc import Callable
from typing import Any

from cupola.flows.byvalue import Columns, Function, NotByValue, Otherwise, unless_missing
from cupola.flows.transforms import columns as managing
from cupola.flows.transforms import strings, text

State = dict[str, Any]
WHOLE = re.compile(r"-?[0-9]{1,18}")
NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?")
WORD, SPACE = re.compile(r"[a-z0-9_]{2,}"), " \t\n\f\r"
TRUTHS = {"true": True, "t": True, "1": True, "yes": True, "y": True, "on": True} | {
    "false": False, "f": False, "0": False, "no": False, "n": False, "off": False
}  # fmt: skip


def text_of(type: str) -> Function:
    """How a value is written; a DOUBLE as Python writes it, with which categories have to be brought in line."""
    if type == "VARCHAR":
        return lambda value: value
    if type == "BIGINT":
        return str
    if type == "BOOLEAN":
        return lambda value: "true" if value else "false"
    if type == "DATE":
        return lambda value: value.isoformat()
    if type == "DOUBLE":
        return repr
    raise NotByValue(f"values of the type {type} as text")


def _parse(columns: Columns, params: managing.ParseType, state: State) -> None:
    if params.format:
        raise NotByValue("a format")
    for one in params.columns:
        columns.change(one, _parser(columns.type(one), params.type), managing.SQL_TYPES[params.type])


def _parser(before: str, wanted: str) -> Function:
    """How a value is read as another type; what is not plain is left to DuckDB."""
    if managing.SQL_TYPES[wanted] == before:
        return lambda value: value
    if before == "VARCHAR" and wanted in READ:
        return READ[wanted]
    if before == "BIGINT" and wanted == "number":
        return float
    if before in ("BIGINT", "BOOLEAN", "DATE") and wanted == "text":
        return text_of(before)
    if before == "DOUBLE" and wanted == "integer":
        return _rounded
    raise NotByValue(f"{before} as {wanted}")


def _rounded(value: float) -> int:
    if not abs(value) < 2.0**62:
        raise Otherwise
    return round(value)


def _plain(form: re.Pattern[str], read: Function) -> Function:
    def parse(value: str) -> Any:
        found = form.fullmatch(value.strip(" "))
        if found is None:
            raise Otherwise
        return read(found)

    return parse


def _date(found: re.Match[str]) -> datetime.date | None:
    try:
        return datetime.date(*map(int, found.groups()))
    except ValueError:
        raise Otherwise from None


def _moment(found: re.Match[str]) -> datetime.datetime:
    *whole, part = found.groups()
    try:
        year, month, day, hour, minute, second = map(int, whole)
        return datetime.datetime(year, month, day, hour, minute, second, int((part or "").ljust(6, "0")))
    except ValueError:
        raise Otherwise from None


def _truth(value: str) -> bool:
    found = TRUTHS.get(value.strip(" ").lower())
    if found is None:
        raise Otherwise
    return found


READ: dict[str, Function] = {
    "integer": _plain(WHOLE, lambda found: int(found[0])),
    "number": _plain(NUMBER, lambda found: float(found[0])),
    "boolean": _truth,
    "date": _plain(DATE, _date),
    "datetime": _plain(MOMENT, _moment),
}


def _ascii(function: Function) -> Function:
    """A function of texts of which it is known here what DuckDB says where all their letters are plain."""

    def known(value: str) -> Any:
        if not value.isascii():
            raise Otherwise
        return function(value)

    return known


def _format(columns: Columns, params: strings.FormatString, state: State) -> None:
    done: dict[str, Function] = {
        "lower": _ascii(str.lower),
        "upper": _ascii(str.upper),
        "strip": lambda value: value.strip(" "),
        "left-strip": lambda value: value.lstrip(" "),
        "right-strip": lambda value: value.rstrip(" "),
        "add-prefix": lambda value: params.text + value,
        "add-suffix": lambda value: value + params.text,
    }
    if params.operation not in done:
        raise NotByValue(params.operation)
    for one in params.columns:
        columns.change(one, done[params.operation], "VARCHAR")


def _find_replace(columns: Columns, params: strings.FindReplace, state: State) -> None:
    if params.pattern:
        raise NotByValue("a pattern")
    for one in params.columns:
        columns.change(one, lambda value: value.replace(params.find, params.replace), "VARCHAR")


def _contains(columns: Columns, params: strings.Contains, state: State) -> None:
    if params.pattern:
        raise NotByValue("a pattern")
    name = params.name or columns.free(f"{params.column}_found")
    columns.put(name, columns.make(unless_missing(lambda value: params.find in value), params.column), "BOOLEAN")


def _split(columns: Columns, params: strings.SplitText, state: State) -> None:
    pieces = unless_missing(lambda value: value.split(params.delimiter))
    slot = columns.make(pieces, params.column)
    added: dict[str, int] = {}
    for place in range(params.parts):
        last = place == params.parts - 1
        piece = _rest(place, params.delimiter) if last else _piece(place)
        added[columns.free(f"{params.column}_{place + 1}", [*added])] = columns.of(unless_missing(piece), slot)
    if params.drop:
        columns.drop([params.column])
    for name, made in added.items():
        columns.put(name, made, "VARCHAR")


def _piece(place: int) -> Function:
    return lambda pieces: pieces[place] if place < len(pieces) else None


def _rest(place: int, delimiter: str) -> Function:
    return lambda pieces: delimiter.join(pieces[place:]) or None


COUNTED: dict[str, Function] = {
    "characters": len,
    "words": lambda value: len(re.findall(f"[^{SPACE}]+", value)),
    "digits": lambda value: sum(one.isdigit() for one in value),
    "capitals": lambda value: sum(one.isupper() for one in value),
    "special": lambda value: sum(not one.isalnum() and one not in SPACE for one in value),
    "spaces": lambda value: sum(one in SPACE for one in value),
}


def _statistics(columns: Columns, params: text.TextStatistics, state: State) -> None:
    wanted: list[tuple[str, str, Function, str]] = [
        (one, f"{one}_{each}", unless_missing(_ascii(COUNTED[each])), "BIGINT")
        for one in params.columns
        for each in params.statistics or ("characters", "words", *text.COUNTED)
    ]
    columns.add(wanted)


def _vectorize(columns: Columns, params: text.VectorizeText, state: State) -> None:
    if params.output == "vector":
        raise NotByValue("a vector")
    words, idf = state["words"], [float(one) for one in state["idf"]]
    weights = columns.make(_weights(words, idf), params.column)
    hidden = ["__words__", "__weights__", "__length__"]
    if any(columns.free(one) != one for one in hidden):
        raise NotByValue("a column of one of its own names")
    added: dict[str, int] = {}
    for place, word in enumerate(words):
        name = columns.free(f"{params.column}_{word}", [*added, *hidden])
        added[name] = columns.of(lambda found, place=place: found[place], weights)
    columns.drop([params.column])
    for name, slot in added.items():
        columns.put(name, slot, "DOUBLE")


def _weights(words: list[str], idf: list[float]) -> Function:
    def weigh(value: str | None) -> list[float]:
        said = _ascii(str.lower)(value) if value is not None else ""
        counts: dict[str, int] = {}
        for one in WORD.findall(said):
            counts[one] = counts.get(one, 0) + 1
        found = [counts.get(word, 0) * weight for word, weight in zip(words, idf, strict=True)]
        length = math.sqrt(sum(one * one for one in found)) or 1.0
        return [one / length for one in found]

    return weigh


STEPS: dict[str, Callable[[Columns, Any, State], None]] = {
    "parse-type": _parse, "format-string": _format, "find-replace": _find_replace, "contains": _contains,
    "split-text": _split, "text-statistics": _statistics, "vectorize-text": _vectorize,
}  # fmt: skip
