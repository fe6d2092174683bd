"""The search language: `metrics.validation_roc_auc > 0.8 and user = "ana" and not tags contains draft`.

Comparisons `= != > >= < <= contains exists in`, joined by `and or not` and brackets. A field may be shortened as long
as it is unambiguous. A word with no operator behind it looks for that text in the record. Nothing is evaluated: a query
becomes a tree of small functions. Errors point at the character.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from cupola.errors import BadOption

T = TypeVar("T")
Get = Callable[[Any], Any]
Test = Callable[[Any], bool]

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|==|=|<|>|\(|\)|\[|\]|,)|(?P<word>[^\s"'<>=!()\[\],]+))"""
)
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
}
SIGNS = {"=", "==", "!=", *ORDERED}
WORDS = {"true": True, "false": False, "none": None, "null": None}
CLOSING = {"(": ")", "[": "]"}


class Fields:
    """The fields of a kind of record: getters by full name ("metrics.test_rmse"), and the texts that a word looks in.

    open_ended: beginnings ("metrics.") under which a record may have fields that none of these has. in_full: beginnings
    of names that are never shortened.
    """

    def __init__(
        self,
        getters: Mapping[str, Get],
        text: Sequence[str] = (),
        open_ended: Sequence[str] = (),
        in_full: Sequence[str] = (),
    ) -> None:
        self.getters = getters
        self.text = [getters[name] for name in text if name in getters]
        self.open_ended = tuple(open_ended)
        self.in_full = tuple(in_full)

    def resolve(self, name: str) -> Get | None:
        """The getter of a field by its name, or by the end or beginning of it where that is unambiguous."""
        if name in self.getters:
            return self.getters[name]
        for fits in (_is_end, _is_beginning):
            found = [full for full in self.getters if fits(full, name) and not full.startswith(self.in_full)]
            if len(found) == 1:
                return self.getters[found[0]]
            if found:
                raise BadOption(f"{name!r} could be {', '.join(sorted(found)[:5])}")
        return _nothing if name.startswith(self.open_ended) else None


def select(query: str, records: Iterable[T], fields: Fields) -> list[T]:
    """The records that the query is true of, in their order. Raises BadOption."""
    test = parse(query, fields)
    return [record for record in records if test(record)]


def order(key: str, records: Iterable[T], fields: Fields) -> list[T]:
    """The records by a field, "FIELD" or "FIELD:desc"; those without it come last. Raises BadOption."""
    name, _, direction = key.partition(":")
    if direction not in ("", "asc", "desc"):
        raise BadOption(f"{direction!r} is no direction", where="--sort", hint="FIELD, FIELD:asc or FIELD:desc")
    listed = list(records)
    try:
        get = fields.resolve(name)
    except BadOption as error:
        raise BadOption(error.message, where="--sort") from None
    if get is None:
        if not listed:
            return []
        raise BadOption(f"there is no field {name!r}", where="--sort", hint=_near(name, fields))
    having = [one for one in listed if get(one) is not None]
    having.sort(key=lambda one: _rank(get(one)), reverse=direction == "desc")
    return having + [one for one in listed if get(one) is None]


def parse(query: str, fields: Fields) -> Test:
    """The query as a function of a record. Raises BadOption, which says at which character it stumbled."""
    return _Parser(query, fields).parse()


def fields(runs: Iterable[Any]) -> Fields:
    """The fields of runs: their own, and `params.`, `metrics.`, `metric_errors.`, `usage.`, `rows.` with every key."""
    listed = list(runs)
    own = _OWN if not listed else [one for one in listed[0].__struct_fields__ if one not in _NESTED]
    getters: dict[str, Get] = {name: _attribute(name) for name in own}
    for group in _NESTED:
        for key in dict.fromkeys(key for run in listed for key in getattr(run, group)):
            getters[f"{group}.{key}"] = _member(group, key)
    text = ("id", "name", "experiment", "estimator", "dataset", "target", "status", "user", "host", "tags")
    return Fields(getters, text, [f"{group}." for group in _NESTED], ["metric_errors."])


_NESTED = ("metrics", "params", "metric_errors", "usage", "rows")
_OWN = ("id", "name", "experiment", "status", "user", "host", "submitted", "started", "ended", "tags", "dataset",
        "target", "estimator", "task", "seed", "job", "reason")  # fmt: skip


class _Parser:
    def __init__(self, query: str, fields: Fields) -> None:
        self.query = query
        self.fields = fields
        self.tokens = _tokens(query)
        self.at = 0

    def parse(self) -> Test:
        if not self.tokens:
            return lambda record: True
        test = self.either()
        if self.at < len(self.tokens):
            raise self.trouble("nothing was expected here; `and` or `or` is missing")
        return test

    def either(self) -> Test:
        tests = [self.both()]
        while self.word("or"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda record: any(test(record) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.word("and"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda record: all(test(record) for test in tests)

    def one(self) -> Test:
        if self.word("not"):
            test = self.one()
            return lambda record: not test(record)
        if self.sign("("):
            test = self.either()
            if not self.sign(")"):
                raise self.trouble("a `)` is missing")
            return test
        return self.comparison()

    def comparison(self) -> Test:
        kind, name, start = self.take("a field")
        if kind == "sign":
            raise self.trouble("a field was expected", start)
        if (operator := self.operator()) is None:
            return self.anywhere(name)
        get = self.field(name, start)
        if operator == "exists":
            return lambda record: get(record) not in (None, "", [])
        if operator == "in":
            values = self.values()
            return lambda record: any(_equal(get(record), value) for value in values)
        value = self.value()
        if operator == "contains":
            return lambda record: _contains(get(record), value)
        if operator in ("=", "=="):
            return lambda record: _equal(get(record), value)
        if operator == "!=":
            return lambda record: not _equal(get(record), value)
        compare = ORDERED[operator]
        return lambda record: _ordered(compare, get(record), value)

    def operator(self) -> str | None:
        if self.at == len(self.tokens):
            return None
        kind, text, _ = self.tokens[self.at]
        chosen = text if kind == "sign" else text.lower()
        if (kind == "sign" and text in SIGNS) or (kind == "word" and chosen in ("contains", "exists", "in")):
            self.at += 1
            return chosen
        return None

    def anywhere(self, text: str) -> Test:
        wanted = text.lower()
        getters = self.fields.text
        return lambda record: any(_contains(get(record), wanted) for get in getters)

    def field(self, name: str, start: int) -> Get:
        try:
            found = self.fields.resolve(name)
        except BadOption as error:
            raise self.trouble(error.message, start) from None
        if found is None:
            raise self.trouble(f"there is no field {name!r}", start, _near(name, self.fields))
        return found

    def values(self) -> list[Any]:
        _, opening, start = self.take("a list such as (a, b)")
        if opening not in CLOSING:
            raise self.trouble("a list such as (a, b) was expected", start)
        found = [self.value()]
        while self.sign(","):
            found.append(self.value())
        if not self.sign(CLOSING[opening]):
            raise self.trouble(f"a `{CLOSING[opening]}` or a `,` is missing")
        return found

    def value(self) -> Any:
        kind, text, start = self.take("a value")
        if kind == "sign":
            raise self.trouble("a value was expected", start)
        return text if kind == "text" else _literal(text)

    def take(self, what: str) -> tuple[str, str, int]:
        if self.at == len(self.tokens):
            raise self.trouble(f"{what} is missing")
        self.at += 1
        return self.tokens[self.at - 1]

    def word(self, word: str) -> bool:
        return self._accept("word", word)

    def sign(self, sign: str) -> bool:
        return self._accept("sign", sign)

    def _accept(self, kind: str, text: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == kind and self.tokens[self.at][1].lower() == text:
            self.at += 1
            return True
        return False

    def trouble(self, message: str, start: int | None = None, hint: str | None = None) -> BadOption:
        if start is None:
            start = self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.query)
        return _trouble(self.query, start, message, hint)


def _near(name: str, fields: Fields) -> str | None:
    import difflib

    known = [full for full in fields.getters if not full.startswith(fields.in_full)]
    ends = {full.rpartition(".")[2]: full for full in known} | {full: full for full in known}
    near = [ends[one] for one in difflib.get_close_matches(name, ends, 3, 0.6)]
    return f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else None


def _rank(value: Any) -> tuple[int, Any]:
    """Numbers before texts, so that any two values have an order."""
    return (0, value) if isinstance(value, int | float) else (1, str(value))


def _trouble(query: str, start: int, message: str, hint: str | None = None) -> BadOption:
    shown = f"{query[:start]}⟶{query[start:]}"
    return BadOption(f"{message}, at character {start + 1} of the filter: {shown}", where="--filter", hint=hint)


def _tokens(query: str) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    at = 0
    while query[at:].strip():
        match = TOKEN.match(query, at)
        if match is None:
            start = at + len(query[at:]) - len(query[at:].lstrip())
            message = (
                "a quotation mark is not closed" if query[start] in "\"'" else f"{query[start]!r} means nothing here"
            )
            raise _trouble(query, start, message)
        kind = str(match.lastgroup)
        text = match.group(kind)
        found.append((kind, re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "text" else text, match.start(kind)))
        at = match.end()
    return found


def _literal(text: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right or (isinstance(right, bool) and str(left).lower() == str(right).lower())
    if isinstance(left, list):
        return any(_equal(one, right) for one in left)
    if isinstance(left, str) != isinstance(right, str):
        return str(left) == str(right)
    return bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return compare(left, right)
    return isinstance(left, str) and right is not None and compare(left, str(right))


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, list | tuple):
        return any(str(right).lower() in str(one).lower() for one in left)
    return left is not None and str(right).lower() in str(left).lower()


def _is_end(full: str, name: str) -> bool:
    return full.endswith(f".{name}")


def _is_beginning(full: str, name: str) -> bool:
    return full.startswith(name) or full.rpartition(".")[2].startswith(name)


def _nothing(record: Any) -> None:
    return None


def _attribute(name: str) -> Get:
    return lambda record: getattr(record, name)


def _member(group: str, key: str) -> Get:
    return lambda record: getattr(record, group).get(key)
