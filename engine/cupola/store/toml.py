"""TOML that people edit: what is wrong with a file is said with the line and the column where it stands."""

import re
from typing import Any, TypeVar

import msgspec

from cupola.errors import Corrupt

DEEPEST = 100  # brackets within each other
_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([^\s=#\[\]][^=#]*?)\s*=\s*")
_EXPECTED = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_FIELD = re.compile(r"Object (contains unknown|missing required) field `([^`]+)`")
_WORDS = {
    "str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "a table", "null": "nothing",
}  # fmt: skip

T = TypeVar("T")


def parse(data: bytes, path: str) -> dict[str, Any]:
    """The content of a TOML file. Raises Corrupt, which names the file, the line and the column."""
    import tomllib

    text = data.decode("utf-8", "replace")
    try:
        _check_depth(text, path)
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        reason = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        raise _corrupt(reason, path, *_place(data[: error.start].decode())) from error
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        at = _AT.search(reason)
        place = (int(at[1]), int(at[2])) if at and at[1] else _place(text)
        raise _corrupt(f"this is not TOML: {_AT.sub('', reason)}", path, *place) from error


def convert(raw: dict[str, Any], type: type[T], data: bytes, path: str) -> T:
    """What was parsed of `data`, as a record. Raises Corrupt as `parse` does; the place is that of the value."""
    try:
        return msgspec.convert(raw, type)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at ")
        raise _corrupt(in_words(reason), path, *place_of(data.decode(), where.strip("`"))) from error


def in_words(reason: str) -> str:
    """What msgspec has found wrong with a value, in the words of who writes TOML."""
    if field := _FIELD.fullmatch(reason):
        return f"there is no {field[2]!r} here" if field[1] == "contains unknown" else f"{field[2]} is missing"
    if not (found := _EXPECTED.fullmatch(reason)):
        return reason
    kinds = [one for one in found[1].split(" | ") if one != "null"]
    wanted = [_WORDS.get(one, one) for one in kinds if one != "int" or "float" not in kinds]
    got = "a fraction" if found[2] == "float" else _WORDS.get(found[2], found[2])
    return f"it takes {' or '.join(wanted)}, and not {got}"


def _corrupt(reason: str, path: str, line: int, column: int) -> Corrupt:
    return Corrupt(f"line {line}, column {column}: {reason}", where=path, hint="mend it with an editor")


def _place(before: str) -> tuple[int, int]:
    """The line and the column of what follows this text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _check_depth(text: str, path: str) -> None:
    """Refuses brackets within brackets that no reader of TOML can follow."""
    depth = 0
    for bracket in re.finditer(r"[\[{]|[\]}]", text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEEPEST:
            raise _corrupt("it is nested too deeply to be read", path, *_place(text[: bracket.start()]))


def place_of(text: str, where: str) -> tuple[int, int]:
    """Where the value of a path such as $.variants[0].weight stands, or else the table that it belongs to.

    A line within a text of several lines may be taken for it: then the place is wrong, and nothing else is.
    """
    wanted = [name or int(number) for name, number in _STEP.findall(where)]
    best, place = 0, (1, 1)
    table: list[str | int] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        key = None if header else _KEY.match(line)
        if header:
            table = [*_names(header[2])]
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table.append(counts[header[2]])
            here, column = table, len(line) - len(line.lstrip()) + 1
        elif key:
            here, column = [*table, *_names(key[1])], key.end() + 1
        else:
            continue
        if here == wanted[: len(here)] and len(here) > best:
            best, place = len(here), (number, column)
    return place


def _names(dotted: str) -> list[str]:
    return [one.strip().strip("\"'") for one in dotted.split(".")]
