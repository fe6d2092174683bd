"""What a query is true of. No code is run: it becomes a tree of small functions, made once and called per record."""

from collections.abc import Callable, Iterable
from operator import ge, gt, le, lt
from typing import Any, TypeVar

from cupola.errors import BadFilter, BadOption
from cupola.search import query as said
from cupola.search.fields import Fields, Get
from cupola.search.query import (
    LONGEST_NUMBER,
    NUMBER,
    All,
    Comparison,
    Exists,
    Not,
    OneOf,
    Operator,
    Query,
    Value,
    Word,
)
from cupola.search.reading import read, trouble

T = TypeVar("T")
Test = Callable[[Any], bool]
Holds = Callable[[Any], bool]

ORDERED: dict[str, Callable[[Any, Any], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}
WORDS = {"true": True, "false": False, "none": None, "null": None}
EMPTY: tuple[Any, ...] = (None, "", [], {})


def select(text: str, records: Iterable[T], fields: Fields) -> list[T]:
    """The records that the query is true of, in their order. Raises BadFilter."""
    test = compiled(text, fields)
    return [record for record in records if test(record)]


def compiled(text: str, fields: Fields, *, lenient: bool = False) -> Test:
    """The query as a function of a record; lenient: a field that no record has is one without a value.

    Raises BadFilter, which points at the character where it stumbled.
    """
    return _Compiler(text, fields, lenient).test(read(text))


def chosen(records: list[T], filter: str | None, sort: str | None, limit: int | None = None) -> list[T]:
    """What an `ls` shows of its records. Raises BadFilter, BadOption."""
    if limit is not None and limit < 0:
        raise BadOption(f"--limit is 0 or more, not {limit}")
    if filter or sort:
        fields = Fields(records)
        records = select(filter, records, fields) if filter else records
        records = order(sort, records, fields) if sort else records
    return records[:limit]


def order(key: str, records: Iterable[T], fields: Fields) -> list[T]:
    """The records by a field, "FIELD" or "FIELD:desc"; those without it come last. Raises BadOption."""
    name, _, direction = key.partition(":")
    if direction not in ("", "asc", "desc"):
        raise BadOption(f"{direction!r} is no direction", where="--sort", hint="FIELD, FIELD:asc or FIELD:desc")
    listed = list(records)
    try:
        get = fields.find(name)
    except BadFilter as error:
        raise BadOption(error.message, where="--sort") from None
    if get is None:
        if not fields.records:
            return listed
        raise BadOption(f"there is no field {name!r}", where="--sort", hint=fields.near(name))
    ranked = [(_rank(get(one)), one) for one in listed]
    having = [pair for pair in ranked if pair[0] is not None]
    having.sort(key=lambda pair: pair[0], reverse=direction == "desc")  # type: ignore[arg-type, return-value]
    return [one for _, one in having] + [one for rank, one in ranked if rank is None]


def _rank(value: Any) -> tuple[int, Any] | None:
    """Numbers before texts, so that any two values have an order; None for what has none."""
    if value is None or value != value:
        return None
    return (0, value) if isinstance(value, int | float) else (1, str(value))


class _Compiler:
    def __init__(self, text: str, fields: Fields, lenient: bool) -> None:
        self.text, self.fields, self.lenient = text, fields, lenient

    def test(self, query: Query) -> Test:
        match query:
            case Comparison(field, operator, value, at):
                return _compared(self.getter(field, at), operator, value)
            case OneOf(field, values, at):
                tests = [equals(value) for value in values]
                return _of(self.getter(field, at), lambda value: any(test(value) for test in tests))
            case Exists(field, at):
                return _of(self.getter(field, at), lambda value: value not in EMPTY)
            case Word(text):
                return self.word(text)
            case Not(inner):
                test = self.test(inner)
                return lambda record: not test(record)
            case All(parts):
                return _all([self.test(part) for part in parts])
            case said.Any(parts):
                return _any([self.test(part) for part in parts])

    def word(self, text: str) -> Test:
        wanted, contains, getters = text.casefold(), contains_text(text), self.fields.texts

        def test(record: Any) -> bool:
            for get in getters:
                held = get(record)
                if wanted in held.casefold() if held.__class__ is str else held and contains(held):
                    return True
            return False

        return test

    def getter(self, name: str, at: int) -> Get:
        try:
            found = self.fields.find(name)
        except BadFilter as error:
            raise trouble(error.message, self.text, at) from None
        if found is None and self.fields.records and not self.lenient:
            raise trouble(f"there is no field {name[:100]!r}", self.text, at, self.fields.near(name))
        return found or (lambda record: None)


def _compared(get: Get, operator: Operator, value: Value) -> Test:
    """A comparison; what most are, of numbers by size and of texts as equal, takes one call less per record."""
    test, number, text = holds(operator, value), value.number, value.text
    if operator == "=" and not _is_word(value):

        def is_equal(record: Any) -> bool:
            held = get(record)
            return held == text or (held.__class__ is not str and test(held))

        return is_equal
    if operator in ORDERED and number is not None:
        compare = ORDERED[operator]

        def is_ordered(record: Any) -> bool:
            held = get(record)
            return compare(held, number) if held.__class__ is float or held.__class__ is int else test(held)

        return is_ordered
    return _of(get, test)


def _of(get: Get, holds: Holds) -> Test:
    return lambda record: holds(get(record))


def _all(tests: list[Test]) -> Test:
    """Whether all are true, as a tree of pairs: a generator for each of 10,000 records would cost 5 ms."""
    if len(tests) < 2:
        return tests[0] if tests else lambda record: True
    first, second = _all(tests[: len(tests) // 2]), _all(tests[len(tests) // 2 :])
    return lambda record: first(record) and second(record)


def _any(tests: list[Test]) -> Test:
    if len(tests) < 2:
        return tests[0]
    first, second = _any(tests[: len(tests) // 2]), _any(tests[len(tests) // 2 :])
    return lambda record: first(record) or second(record)


def holds(operator: Operator, value: Value) -> Holds:
    """Whether a field's value stands in that relation to `value`."""
    if operator == "contains":
        return contains_text(value.text)
    if operator == "=":
        return equals(value)
    if operator == "!=":
        equal = equals(value)
        return lambda held: not equal(held)
    return ordered(operator, value)


def equals(value: Value) -> Holds:
    """Equal as what it looks like, number, truth or text; a list equals what is in it; `none` is what is absent."""
    text, number = value.text, value.number
    word = text.lower() if _is_word(value) else None

    def holds(held: Any) -> bool:
        if isinstance(held, str):
            return held == text or (word is not None and held.lower() == word)
        if isinstance(held, bool) or held is None:
            return held is WORDS[word] if word else held is not None and str(held).lower() == text.lower()
        if isinstance(held, int | float):
            return bool(held == number) if number is not None else str(held) == text
        if isinstance(held, list | tuple):
            return any(map(holds, held))
        return str(held) == text

    return holds


def _is_word(value: Value) -> bool:
    """Whether it is true, false or none, as people and other tools write them."""
    return not value.quoted and value.text.lower() in WORDS


def ordered(operator: str, value: Value) -> Holds:
    """Numbers are ordered as numbers, also those in texts (as MLflow's are); other texts, and moments, as texts."""
    text, number, compare = value.text, value.number, ORDERED[operator]

    def holds(held: Any) -> bool:
        if isinstance(held, int | float):
            return number is not None and compare(held, number)
        if isinstance(held, str):
            is_number = number is not None and len(held) < LONGEST_NUMBER and NUMBER.fullmatch(held)
            return compare(float(held), number) if is_number else compare(held, text)
        return isinstance(held, list | tuple) and any(map(holds, held))

    return holds


def contains_text(text: str) -> Holds:
    """The text stands somewhere in it, or in an item of it, large or small letters alike."""
    wanted = text.casefold()

    def holds(held: Any) -> bool:
        if held.__class__ is str:
            return wanted in held.casefold()
        if isinstance(held, list | tuple):
            return any(map(holds, held))
        return held is not None and wanted in str(held).casefold()

    return holds
