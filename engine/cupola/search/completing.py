"""What may stand at the cursor of a query that is being typed: fields, operators, values that records have, joiners."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from cupola.errors import BadFilter
from cupola.search.fields import APART, FOREMOST, TEXTS, Fields
from cupola.search.query import BARE, NUMBER, RESERVED, quote, write_word
from cupola.search.reading import CLOSING, COMPARING, Token, tokens

MOST = 100
LISTED_NUMBERS = 20  # of a field with more different numbers than that none is offered
BOOKKEEPING = ("format", "revision", "mac")
ON_TEXTS = ("=", "!=", "contains", "in", "exists")
ON_NUMBERS = (">", ">=", "<", "<=", "=", "!=", "exists")


class Completion(msgspec.Struct):
    """What may stand in the text from `start` to `end`, the likeliest first."""

    start: int
    end: int
    candidates: list[str]


def complete(text: str, at: int, fields: Fields) -> Completion:
    """What may stand at the place `at` of the text, as a continuation of the word that is typed there."""
    before = text[:at]
    try:
        found = tokens(before)
        quoted = ""
    except BadFilter as error:
        quoted = before[error.at]
        if quoted not in "\"'":
            return Completion(at, at, [])
        found = [*tokens(before[: error.at]), Token("text", before[error.at + 1 :], error.at, at)]
    typed = found[-1] if found and found[-1].end == at and found[-1].kind != "sign" else None
    done = found[:-1] if typed else found
    word, start = (typed.text, typed.start) if typed else ("", at)
    known = _expected(done, fields)
    if typed and typed.kind == "text" and not quoted:
        return Completion(at, at, [])  # it is closed already
    return Completion(
        start, at, list(dict.fromkeys(one for one in _fitting(word, known) if one != before[start:]))[:MOST]
    )


def _expected(done: list[Token], fields: Fields) -> list[str]:
    """Everything that may follow these pieces."""
    last, before = (done[-1] if done else None), done[-2] if len(done) > 1 else None
    if last is None or (_is(last, "(", "and", "or", "not") and not _is(before, "in")):
        return [*_names(fields), "not"] if not _is(last, "not") else _names(fields)
    if last.kind != "text" and last.text.lower() in COMPARING:
        return _values(_field(done[:-1]), fields)
    if _is(last, "in"):
        return ["("]
    place = _list(done)
    if place is not None:
        return _values(_field(done[:place]), fields) if _is(last, ",", *CLOSING) else [",", ")"]
    if _is(last, "exists", ")", "]") or (before and before.kind != "text" and before.text.lower() in COMPARING):
        return ["and", "or"]
    numbers = any(isinstance(value, int | float) for value in _sample(last.text, fields))
    return [*(ON_NUMBERS if numbers else ON_TEXTS), "and", "or"]


def _is(token: Token | None, *texts: str) -> bool:
    return token is not None and token.kind != "text" and token.text.lower() in texts


def _list(done: list[Token]) -> int | None:
    """Where the `in` of a list stands that is not closed yet."""
    for place in range(len(done) - 1, 0, -1):
        if _is(done[place], *CLOSING.values()):
            return None
        if _is(done[place], *CLOSING):
            return place - 1 if _is(done[place - 1], "in") else None
    return None


def _field(done: list[Token]) -> str:
    return done[-1].text if done else ""


def _names(fields: Fields) -> list[str]:
    """The fields: what people call records by, metrics and parameters, then what else is in a record and within it."""
    first = {name: place for place, name in enumerate((*TEXTS, *FOREMOST))}

    def rank(name: str) -> int:
        group, dot, _ = name.partition(".")
        if name in fields.more:
            return len(TEXTS) - 1
        return first.get(group, 200 if name in BOOKKEEPING or group in APART else 100 + bool(dot))

    return [write_word(name) for name in sorted(fields.names, key=rank)]


def _values(name: str, fields: Fields) -> list[str]:
    """The values that the records have in a field, the most frequent first."""
    counts = Counter(one for value in _sample(name, fields) for one in _single(value))
    numbers = [one for one in counts if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) > LISTED_NUMBERS:
        for one in numbers:
            del counts[one]
    return [_written(value) for value, _ in counts.most_common(MOST * 10)]


def _sample(name: str, fields: Fields) -> Iterable[Any]:
    try:
        get = fields.find(name)
    except BadFilter:
        get = None
    return map(get, fields.records) if get else ()


def _single(value: Any) -> Iterable[Any]:
    if isinstance(value, list | tuple):
        return (one for item in value for one in _single(item))
    return (value,) if isinstance(value, str | int | float) and value != "" else ()


def _written(value: Any) -> str:
    """A value as it is typed; a text that looks like something else in quotation marks."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    plain = not isinstance(value, str) or (text.lower() not in RESERVED and not NUMBER.fullmatch(text))
    return text if plain and BARE.fullmatch(text) else quote(text)


def _fitting(word: str, known: list[str]) -> list[str]:
    """Those that begin with the word, then those a part of whose name does, then those that hold it."""
    wanted = word.casefold()
    if not wanted:
        return known
    folded = [(one.casefold().lstrip('"'), one) for one in known]
    begin = [one for text, one in folded if text.startswith(wanted)]
    part = [one for text, one in folded if text.rpartition(".")[2].startswith(wanted)]
    within = [one for text, one in folded if wanted in text]
    return [*begin, *part, *within]
