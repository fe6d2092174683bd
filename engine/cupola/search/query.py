"""What a query says, as a tree, and the text that says it."""

import re
from typing import Literal

import msgspec

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "contains"]
OPERATORS: tuple[Operator, ...] = ("=", "!=", ">", ">=", "<", "<=", "contains")
RESERVED = frozenset({"and", "or", "not", "contains", "exists", "in"})
BARE = re.compile(r"""[^\s"'<>=!()\[\],]+""")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LONGEST_NUMBER = 300  # digits: what is longer is a text


class Value(msgspec.Struct, frozen=True):
    """What a field is compared with. `quoted`: it stood in quotation marks, so that it is a text whatever it says."""

    text: str
    quoted: bool = False

    @property
    def number(self) -> int | float | None:
        """The number that it is, if it is one."""
        if self.quoted or len(self.text) > LONGEST_NUMBER or not NUMBER.fullmatch(self.text):
            return None
        return int(self.text) if self.text.lstrip("+-").isdigit() else float(self.text)


class Comparison(msgspec.Struct, frozen=True):
    """`field operator value`; `at`: where in the text the field stands."""

    field: str
    operator: Operator
    value: Value
    at: int = 0


class OneOf(msgspec.Struct, frozen=True):
    """`field in (values)`."""

    field: str
    values: tuple[Value, ...]
    at: int = 0


class Exists(msgspec.Struct, frozen=True):
    """`field exists`: it has a value that is not empty."""

    field: str
    at: int = 0


class Word(msgspec.Struct, frozen=True):
    """A text that stands anywhere in the record."""

    text: str


class Not(msgspec.Struct, frozen=True):
    inner: "Query"


class All(msgspec.Struct, frozen=True):
    """Parts joined by `and`; without parts it is true of every record."""

    parts: tuple["Query", ...] = ()


class Any(msgspec.Struct, frozen=True):
    """Parts joined by `or`."""

    parts: tuple["Query", ...]


Query = Comparison | OneOf | Exists | Word | Not | All | Any


def write(query: Query) -> str:
    """The text of a query, which is read as the same query again."""
    match query:
        case Comparison(field, operator, value):
            return f"{write_word(field)} {operator} {write_value(value)}"
        case OneOf(field, values):
            return f"{write_word(field)} in ({', '.join(map(write_value, values))})"
        case Exists(field):
            return f"{write_word(field)} exists"
        case Word(text):
            return write_word(text)
        case Not(inner):
            return f"not {_inner(inner)}"
        case All(parts):
            return " and ".join(map(_inner, parts))
        case Any(parts):
            return " or ".join(map(_inner, parts))


def write_word(text: str) -> str:
    """The name of a field, or a word: in quotation marks where it would be read as something else."""
    return text if BARE.fullmatch(text) and text.lower() not in RESERVED else quote(text)


def write_value(value: Value) -> str:
    bare = not value.quoted and BARE.fullmatch(value.text)
    return value.text if bare else quote(value.text)


def quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _inner(query: Query) -> str:
    """A part of a larger query, in brackets where these are needed."""
    return f"({write(query)})" if isinstance(query, All | Any) else write(query)


def fields(query: Query) -> list[tuple[str, int]]:
    """Every field that a query names, and where."""
    match query:
        case Comparison(field=field, at=at) | OneOf(field=field, at=at) | Exists(field=field, at=at):
            return [(field, at)]
        case Not(inner):
            return fields(inner)
        case All(parts) | Any(parts):
            return [one for part in parts for one in fields(part)]
    return []
