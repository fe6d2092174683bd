"""MLflow's language of filters and orders: comparisons joined by AND, over metrics, parameters, tags and attributes.

Source: mlflow.utils.search_utils of MLflow 3.17 and what its database makes of it: a missing value meets no condition
but IS NULL; in an order NaN come after numbers and missing values last, whichever way it goes.
"""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

from cupola.mlflow.wire import Trouble

KINDS = {
    "metric": "metric", "metrics": "metric", "parameter": "param", "parameters": "param", "param": "param",
    "params": "param", "tag": "tag", "tags": "tag", "attribute": "attribute", "attributes": "attribute",
    "attr": "attribute", "run": "attribute", "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
SAID = {"metric": "metric", "param": "parameter", "tag": "tag", "attribute": "attribute", "dataset": "dataset"}
TOKEN = re.compile(
    r"""\s*(?:
      (?P<name>[A-Za-z_]\w*\.(?:`[^`]*`|"[^"]*"|'[^']*'|[\w/\-.:]+)|`[^`]*`|[A-Za-z_]\w*)
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.|'')*')
    | (?P<sign><=|>=|!=|<>|=|<|>)
    | (?P<list>\((?:[^()'"]|'[^']*'|"[^"]*")*\))
    )""",
    re.VERBOSE,
)
ITEM = re.compile(r"""\s*(?:'((?:[^'\\]|\\.|'')*)'|"((?:[^"\\]|\\.)*)")\s*(?:,|$)""")
LONGEST = 100_000
NUMERIC = ("=", "!=", ">", ">=", "<", "<=")
TEXTUAL = ("=", "!=", "LIKE", "ILIKE")
LISTED = ("IN", "NOT IN")
NULLS = ("IS NULL", "IS NOT NULL")


class Grammar(NamedTuple):
    """What can be asked of one kind of record: its attributes that are texts and numbers, and whether it has the rest.

    lists: attributes that can be compared with a list; None: all. aliases: other names of attributes. orders: what else
    it can be ordered by.
    """

    texts: frozenset[str]
    numbers: frozenset[str]
    metrics: bool = False
    params: bool = False
    tags: bool = False
    datasets: bool = False
    nulls: bool = True
    lists: frozenset[str] | None = None
    aliases: Mapping[str, str] = MappingProxyType({})

    def field(self, word: str) -> tuple[str, str]:
        """Kind and key of a field as it was written. Raises Trouble."""
        first, dot, rest = word.partition(".")
        first, rest = first.strip(), rest.strip()
        if not dot or word[:1] == "`":
            kind, key = "attribute", _unquoted(word)
        else:
            if first not in KINDS or not self._has(KINDS[first]):
                known = [name for kind, name in SAID.items() if self._has(kind)]
                raise Trouble(f"Invalid entity type '{first[:60]}'. Valid values are {known}")
            kind, key = KINDS[first], _unquoted(rest)
        if kind == "attribute":
            key = self.aliases.get(key, key)
            if key not in self.texts | self.numbers:
                raise Trouble(f"Invalid attribute key '{key[:60]}' specified. Valid keys are '{self._attributes()}'")
        if kind == "dataset" and key not in ("name", "digest", "context"):
            raise Trouble(f"Invalid dataset key '{key[:60]}' specified. Valid keys are 'name', 'digest', 'context'")
        return kind, key

    def _has(self, kind: str) -> bool:
        has = {"metric": self.metrics, "param": self.params, "tag": self.tags, "dataset": self.datasets}
        return has.get(kind, True)

    def _attributes(self) -> list[str]:
        return sorted(self.texts | self.numbers)

    def is_number(self, kind: str, key: str) -> bool:
        return kind == "metric" or (kind == "attribute" and key in self.numbers)


class Subject(Protocol):
    """What filters look at: `field` gives a value or None, of a dataset the values of all of them."""

    def field(self, kind: str, key: str) -> Any: ...


S = TypeVar("S", bound=Subject)


class Clause(NamedTuple):
    kind: str
    key: str
    sign: str
    value: Any


class Filter:
    """A filter, read. Raises Trouble for one that is wrong."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self.clauses = _read(text, grammar) if text.strip() else []

    def takes(self, one: Subject) -> bool:
        return all(_meets(one.field(clause.kind, clause.key), clause) for clause in self.clauses)


class Order:
    """What a list is ordered by, read. The order in which the list is given decides where all else is equal."""

    def __init__(self, texts: Sequence[str], grammar: Grammar) -> None:
        self.keys: list[tuple[str, str, bool]] = []
        for text in texts:
            self.keys.append((*self._key(text, grammar),))
        if len({key[:2] for key in self.keys}) < len(self.keys):
            raise Trouble(f"`order_by` contains duplicate fields: {list(texts)}", "INTERNAL_ERROR")

    def _key(self, text: str, grammar: Grammar) -> tuple[str, str, bool]:
        tokens = _tokens(text)
        if not tokens or len(tokens) > 2 or tokens[0][0] != "name":
            raise Trouble(f"Invalid order_by clause '{text[:200]}'. Could not be parsed.")
        way = tokens[1][1].lower() if len(tokens) == 2 else "asc"
        if way not in ("asc", "desc"):
            raise Trouble(f"Invalid ordering key in order_by clause '{text[:200]}'.")
        kind, key = grammar.field(tokens[0][1])
        if kind == "dataset":
            raise Trouble(f"Invalid identifier type '{kind}'")
        return kind, key, way == "asc"

    def has(self, kind: str, key: str) -> bool:
        return any(one[:2] == (kind, key) for one in self.keys)

    def sort(self, found: Sequence[S]) -> list[S]:
        ordered = list(found)
        for kind, key, ascending in reversed(self.keys):
            values = [(one, one.field(kind, key)) for one in ordered]
            there = [pair for pair in values if pair[1] is not None and pair[1] == pair[1]]
            there.sort(key=_of_pair, reverse=not ascending)
            odd = [pair for pair in values if pair[1] is not None and pair[1] != pair[1]]
            ordered = [one for one, _ in (*there, *odd, *(pair for pair in values if pair[1] is None))]
        return ordered


def _of_pair(pair: tuple[Any, Any]) -> Any:
    return pair[1]


def _read(text: str, grammar: Grammar) -> list[Clause]:
    tokens = _tokens(text)
    found, at = [], 0
    while at < len(tokens):
        clause, at = _clause(tokens, at, grammar)
        found.append(clause)
        if at < len(tokens):
            if tokens[at][1].upper() != "AND" or at + 1 == len(tokens):
                raise Trouble(f"Invalid clause(s) in filter string: '{tokens[at][1][:200]}'")
            at += 1
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    if len(text) > LONGEST:
        raise Trouble("this filter is too long")
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None or match.end() == at:
            raise Trouble(f"Invalid clause(s) in filter string: '{text[at : at + 200].strip()}'")
        found.append((match.lastgroup or "", match[0].strip()))
        at = match.end()
    return found


def _clause(tokens: list[tuple[str, str]], at: int, grammar: Grammar) -> tuple[Clause, int]:
    words = [word.upper() for _, word in tokens[at + 1 : at + 4]]
    if tokens[at][0] != "name" or not words:
        raise Trouble(f"Invalid clause(s) in filter string: '{tokens[at][1][:200]}'")
    kind, key = grammar.field(tokens[at][1])
    if words[0] == "IS":
        sign = "IS NULL" if words[1:2] == ["NULL"] else "IS NOT NULL" if words[1:3] == ["NOT", "NULL"] else ""
        if not sign or kind not in ("tag", "param") or not grammar.nulls:
            raise Trouble(f"IS NULL / IS NOT NULL is only supported for tags and params, not for '{kind}' '{key}'")
        return Clause(kind, key, sign, None), at + 1 + sign.count(" ") + 1
    sign = "NOT IN" if words[:2] == ["NOT", "IN"] else "!=" if words[0] == "<>" else words[0]
    place = at + (3 if sign == "NOT IN" else 2)
    if place >= len(tokens):
        raise Trouble("Invalid comparison clause. Expected 3 tokens found 2")
    numeric = grammar.is_number(kind, key)
    listable = kind in ("attribute", "dataset") and not numeric
    allowed = NUMERIC if numeric else (*TEXTUAL, *LISTED) if listable else TEXTUAL
    if sign not in allowed:
        raise Trouble(f"Invalid comparator '{sign[:60]}' not one of '{list(allowed)}'")
    return Clause(kind, key, sign, _value(tokens[place], kind, key, sign, numeric, grammar)), place + 1


def _value(token: tuple[str, str], kind: str, key: str, sign: str, numeric: bool, grammar: Grammar) -> Any:
    sort, text = token
    if numeric:
        if sort != "number":
            what = "metric" if kind == "metric" else f"numeric attribute: {key}"
            raise Trouble(f"Expected numeric value type for {what}. Found {text[:200]}")
        return float(text) if kind == "metric" or not text.lstrip("+-").isdigit() else int(text)
    if sign in LISTED:
        if sort != "list":
            raise Trouble(f"Expected a list of quoted string values. Got value {text[:200]}")
        if kind == "attribute" and grammar.lists is not None and key not in grammar.lists:
            only = sorted(grammar.lists)
            raise Trouble(f"Only {only} attributes support comparison with a list of quoted string values.")
        return _items(text[1:-1])
    if sort != "text" and not (sort == "name" and text[:1] in "`\"'"):
        raise Trouble(f"Expected a quoted string value for {SAID[kind]} (e.g. 'my-value'). Got value {text[:200]}")
    return _unquoted(text)


def _items(text: str) -> list[str]:
    found, at = [], 0
    while match := ITEM.match(text, at):
        found.append(match[1] if match[1] is not None else match[2])
        at = match.end()
    if not found or text[at:].strip():
        raise Trouble("While parsing a list in the query, expected a non-empty list of string values")
    return found


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "`\"'" else text


@lru_cache(maxsize=256)
def _like(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """SQL's LIKE: % for any text, _ for any character. Atomic groups, so that no pattern takes for ever."""
    first, *rest = (re.escape(part).replace("_", ".") for part in pattern.split("%"))
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(first + middle + (f".*{rest[-1]}" if rest else ""), flags | re.DOTALL)


def _meets(value: Any, clause: Clause) -> bool:
    if clause.kind == "dataset":
        return any(_compare(one, clause) for one in value)
    if clause.sign in NULLS:
        return (value is None) == (clause.sign == "IS NULL")
    return value is not None and _compare(value, clause)


def _compare(value: Any, clause: Clause) -> bool:
    sign, wanted = clause.sign, clause.value
    if isinstance(value, float) and math.isnan(value):
        return sign == "!="
    if sign == "=":
        return bool(value == wanted)
    if sign == "!=":
        return bool(value != wanted)
    if sign in LISTED:
        return (value in wanted) == (sign == "IN")
    if sign == "LIKE":
        return _like(wanted).fullmatch(value) is not None
    if sign == "ILIKE":
        return _like(wanted, re.IGNORECASE).fullmatch(value) is not None
    less, equal = value < wanted, value == wanted
    return bool({"<": less, "<=": less or equal, ">": not less and not equal, ">=": not less}[sign])
