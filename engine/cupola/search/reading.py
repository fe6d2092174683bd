"""Reads a text as a query: `metrics.validation_roc_auc > 0.8 and user = "ana" and not tags contains draft`.

Comparisons `= != > >= < <= contains exists in`, joined by `and or not` and brackets. A word with no operator behind it
looks for that text in the record. What stands in quotation marks is a name or a text, whatever it says.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from cupola.errors import BadFilter
from cupola.search.query import (
    OPERATORS,
    RESERVED,
    All,
    Any,
    Comparison,
    Exists,
    Not,
    OneOf,
    Operator,
    Query,
    Value,
    Word,
)  # fmt: skip

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|==|=|<|>|\(|\)|\[|\]|,)|(?P<word>[^\s"'<>=!()\[\],]+))""",
    re.DOTALL,
)
SPACE = re.compile(r"\s*")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
LONGEST = 10_000
DEEPEST = 50  # brackets, or times `not`, within each other
CLOSING = {"(": ")", "[": "]"}
COMPARING: dict[str, Operator] = {one: one for one in OPERATORS} | {"==": "="}


class Token(NamedTuple):
    """A piece of the text: kind is "text" (it was quoted), "sign" or "word"; it stands from `start` to `end`."""

    kind: str
    text: str
    start: int
    end: int


def read(text: str) -> Query:
    """The query that a text is; an empty one is true of every record. Raises BadFilter, which says where it fails."""
    if len(text) > LONGEST:
        raise BadFilter(
            f"a filter has at most {LONGEST:,} characters, and this one has {len(text):,}", where="--filter"
        )
    return _Reader(text).whole()


def tokens(text: str) -> list[Token]:
    """The pieces of a text. Raises BadFilter where a quotation mark is not closed, or a sign means nothing."""
    found: list[Token] = []
    at = 0
    while match := TOKEN.match(text, at):
        kind = str(match.lastgroup)
        piece = match.group(kind)
        if kind == "text":
            piece = ESCAPED.sub(r"\1", piece[1:-1])
        found.append(Token(kind, piece, match.start(kind), match.end()))
        at = match.end()
    at = SPACE.match(text, at).end()  # type: ignore[union-attr]
    if at < len(text):
        quoted = text[at] in "\"'"
        raise trouble("a quotation mark is not closed" if quoted else f"{text[at]!a} means nothing here", text, at)
    return found


def trouble(message: str, text: str, at: int, hint: str | None = None) -> BadFilter:
    """The error that points at a character of the text."""
    said = f"{message}, at character {at + 1} of the filter"
    return BadFilter(said, where="--filter", hint=hint, text=text, at=at)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.depth = 0

    def whole(self) -> Query:
        if not self.tokens:
            return All()
        query = self.either()
        if self.at < len(self.tokens):
            raise self.trouble("nothing was expected here; `and` or `or` is missing")
        return query

    def either(self) -> Query:
        parts = [self.both()]
        while self.word("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def both(self) -> Query:
        parts = [self.one()]
        while self.word("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self) -> Query:
        if self.word("not"):
            return Not(self.below(self.one))
        if self.sign("("):
            query = self.below(self.either)
            if not self.sign(")"):
                raise self.trouble("a `)` is missing")
            return query
        return self.comparison()

    def below(self, part: Callable[[], Query]) -> Query:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.trouble("this is nested too deeply")
        query = part()
        self.depth -= 1
        return query

    def comparison(self) -> Query:
        token = self.take("a field")
        if token.kind == "sign" or (token.kind == "word" and token.text.lower() in RESERVED):
            raise self.trouble("a field was expected", token.start)
        name, start = token.text, token.start
        if operator := self.operator():
            return Comparison(name, operator, self.value(), start)
        if self.word("exists"):
            return Exists(name, start)
        if self.word("in"):
            return OneOf(name, self.values(), start)
        return Word(name)

    def operator(self) -> Operator | None:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        found = COMPARING.get(token.text.lower()) if token and token.kind != "text" else None
        self.at += bool(found)
        return found

    def values(self) -> tuple[Value, ...]:
        opening = self.take("a list such as (a, b)")
        if opening.kind != "sign" or opening.text not in CLOSING:
            raise self.trouble("a list such as (a, b) was expected", opening.start)
        found = [self.value()]
        while self.sign(","):
            found.append(self.value())
        if not self.sign(CLOSING[opening.text]):
            raise self.trouble(f"a `{CLOSING[opening.text]}` or a `,` is missing")
        return tuple(found)

    def value(self) -> Value:
        token = self.take("a value")
        if token.kind == "sign":
            raise self.trouble("a value was expected", token.start)
        return Value(token.text, quoted=token.kind == "text")

    def take(self, what: str) -> Token:
        if self.at == len(self.tokens):
            raise self.trouble(f"{what} is missing")
        self.at += 1
        return self.tokens[self.at - 1]

    def word(self, word: str) -> bool:
        return self._accept("word", word)

    def sign(self, sign: str) -> bool:
        return self._accept("sign", sign)

    def _accept(self, kind: str, text: str) -> bool:
        if self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind == kind and token.text.lower() == text:
                self.at += 1
                return True
        return False

    def trouble(self, message: str, start: int | None = None) -> BadFilter:
        if start is None:
            start = self.tokens[self.at].start if self.at < len(self.tokens) else len(self.text)
        return trouble(message, self.text, start)
