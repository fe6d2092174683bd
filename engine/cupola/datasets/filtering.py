"""The search language over the columns of a table, as a condition in SQL."""

import re
from collections.abc import Callable, Mapping

from cupola.datasets.sql import identifier, literal
from cupola.errors import BadFilter
from cupola.search.fields import Fields
from cupola.search.query import All, Any, Comparison, Exists, Not, OneOf, Query, Value, Word
from cupola.search.reading import read, trouble

NUMBERS, MOMENTS = ("integer", "number", "boolean"), ("date", "datetime")
PART = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")  # of a date: a year, a month, a day
WHOLE = "0000-01-01"
SPANS = {4: "YEAR", 7: "MONTH", 10: "DAY"}  # what a date of so many characters stands for
TRUTHS = {"true": "true", "false": "false"}
MISSING = ("none", "null")


def where(text: str, types: Mapping[str, str], word: Callable[[str], str] | None = None) -> str:
    """The condition that a text of the search language is, "" for an empty one.

    types: of the columns, by name. word: the condition that a row holds a word anywhere, where there is a faster way
    than to look through its texts. A condition is never NULL. Raises BadFilter, which points at the character.
    """
    query = read(text)
    if query == All():
        return ""
    return _Writer(text, types, word).condition(query)


def holds_word(text: str, types: Mapping[str, str]) -> str:
    """That a row holds a word: in one of its texts, or as one of its numbers or (the beginning of) one of its dates."""
    return _any([*(_contains(name, text) for name, type in types.items() if is_text(type)), *is_value(text, types)])


def is_value(text: str, types: Mapping[str, str]) -> list[str]:
    """The conditions that a column which holds no texts has this value."""
    value = Value(text)
    found = [
        f"{identifier(name)} = {value.number}"
        for name, type in types.items()
        if value.number is not None and type in ("integer", "number")
    ]
    if PART.fullmatch(text):
        found += [_equal(name, type, value) for name, type in types.items() if type in MOMENTS]
    return found


def is_text(type: str) -> bool:
    """Whether a column of that type holds texts: no numbers, truths, or moments."""
    return type not in (*NUMBERS, *MOMENTS)


class _Writer:
    def __init__(self, text: str, types: Mapping[str, str], word: Callable[[str], str] | None) -> None:
        self.text, self.types = text, types
        self.word = word or (lambda one: holds_word(one, types))
        self.names = {name: name for name in types}  # a record whose every field says its own name
        self.fields = Fields([self.names])

    def condition(self, query: Query) -> str:
        match query:
            case Comparison(field, operator, value, at):
                return _sure(self.compared(self.column(field, at), operator, value))
            case OneOf(field, values, at):
                column = self.column(field, at)
                return _sure(_any([_equal(column, self.types[column], value) for value in values]))
            case Exists(field, at):
                column = self.column(field, at)
                empty = f" AND {identifier(column)} <> ''" if is_text(self.types[column]) else ""
                return f"({identifier(column)} IS NOT NULL{empty})"
            case Word(text):
                return _sure(self.word(text))
            case Not(inner):
                return f"(NOT {self.condition(inner)})"
            case All(parts):
                return f"({' AND '.join(map(self.condition, parts))})"
            case Any(parts):
                return f"({' OR '.join(map(self.condition, parts))})"

    def column(self, name: str, at: int) -> str:
        try:
            get = self.fields.find(name)
        except BadFilter as error:
            raise trouble(error.message, self.text, at) from None
        if get is None:
            raise trouble(f"there is no column {name[:100]!r}", self.text, at, self.fields.near(name))
        return str(get(self.names))

    def compared(self, column: str, operator: str, value: Value) -> str:
        type = self.types[column]
        if operator == "contains":
            return _contains(column, value.text, cast=not is_text(type))
        if operator == "=":
            return _equal(column, type, value)
        if operator == "!=":
            return f"NOT {_sure(_equal(column, type, value))}"
        return _ordered(column, type, operator, value)


def _equal(column: str, type: str, value: Value) -> str:
    name, word = identifier(column), "" if value.quoted else value.text.lower()
    if word in MISSING:
        return f"({name} IS NULL OR lower({name}) = '{word}')" if is_text(type) else f"{name} IS NULL"
    if type == "boolean":
        truth = TRUTHS.get(value.text.lower())
        return f"{name} = {truth}" if truth else "false"
    if type in NUMBERS:
        as_text = f"CAST({name} AS VARCHAR) = {literal(value.text)}"
        return as_text if value.number is None else f"{name} = {value.number}"
    if type in MOMENTS:
        moment = f"TRY_CAST({literal(_whole(value.text))} AS TIMESTAMP)"
        if PART.fullmatch(value.text):
            return f"({name} >= {moment} AND {name} < {moment} + INTERVAL 1 {SPANS[len(value.text)]})"
        return f"{name} = {moment}"
    if word in TRUTHS:
        return f"lower({name}) = '{word}'"
    return f"{name} = {literal(value.text)}"


def _ordered(column: str, type: str, operator: str, value: Value) -> str:
    """Numbers by size, also those in texts; moments in time, a year standing for its first day; else as texts."""
    name, number = identifier(column), value.number
    if type in NUMBERS:
        held = f"CAST({name} AS INTEGER)" if type == "boolean" else name
        return "false" if number is None else f"{held} {operator} {number}"
    if type in MOMENTS:
        return f"{name} {operator} TRY_CAST({literal(_whole(value.text))} AS TIMESTAMP)"
    as_text = f"{name} {operator} {literal(value.text)}"
    return as_text if number is None else f"coalesce(TRY_CAST({name} AS DOUBLE) {operator} {number}, {as_text})"


def _whole(text: str) -> str:
    """The first day of a year or of a month; anything else as it is."""
    return text + WHOLE[len(text) :] if PART.fullmatch(text) else text


def _contains(column: str, text: str, cast: bool = False) -> str:
    held = f"CAST({identifier(column)} AS VARCHAR)" if cast else identifier(column)
    return f"contains(lower({held}), {literal(text.lower())})"


def _sure(condition: str) -> str:
    """Of a value that is missing nothing is true."""
    return f"coalesce({condition}, false)"


def _any(conditions: list[str]) -> str:
    return f"({' OR '.join(conditions)})" if conditions else "false"
