"""What is written is read again as the same, and selects what a naive reading of it selects."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as some
from tests.experiments.conftest import run

from cupola.search import evaluating, query
from cupola.search.fields import Fields
from cupola.search.query import All, Comparison, Exists, Not, OneOf, Query, Value, Word
from cupola.search.reading import read

TEXTS = some.text(max_size=12) | some.sampled_from(
    ["and", "none", "3", "1e5", "a b", "o'\"n\\e", "(", "true", "ümlaut"]
)
VALUES = some.builds(Value, TEXTS.filter(bool), some.booleans()) | some.builds(Value, some.integers().map(str))
NAMES = some.sampled_from(["user", "metrics.f1", "params.C", "tags", "seed", "params.and", "params.a b"])
LEAVES: Any = (
    some.builds(Comparison, NAMES, some.sampled_from(query.OPERATORS), VALUES)
    | some.builds(OneOf, NAMES, some.lists(VALUES, min_size=1, max_size=3).map(tuple))
    | some.builds(Exists, NAMES)
    | some.builds(Word, TEXTS)
)
QUERIES = some.recursive(
    LEAVES,
    lambda inner: (
        some.builds(Not, inner)
        | some.builds(All, some.lists(inner, min_size=2, max_size=4).map(tuple))
        | some.builds(query.Any, some.lists(inner, min_size=2, max_size=4).map(tuple))
    ),
    max_leaves=12,
)
NUMBERS = some.none() | some.integers(-3, 3) | some.sampled_from([0.5, 1e5, float("nan")])
RUNS = some.lists(
    some.builds(
        lambda number, user, f1, c, tags, seed: run(
            number,
            user=user,
            seed=seed,
            tags=tags,
            metrics={} if f1 is None else {"f1": f1},
            params={"C": c, "and": user, "a b": seed},
        ),
        some.integers(0, 50),
        some.sampled_from(["ana", "bo", "3", "", "true"]),
        NUMBERS,
        some.sampled_from([None, True, False, "x", "3", 3, 0.5, "none"]),
        some.lists(some.sampled_from(["good", "3", "A b"]), max_size=2),
        some.none() | some.integers(-3, 3),
    ),
    max_size=4,
)


def bare(one: Any) -> Any:
    """A query without the places at which its fields stood."""
    if isinstance(one, tuple):
        return tuple(map(bare, one))
    fields = {name: getattr(one, name) for name in getattr(one, "__struct_fields__", ())}
    return (type(one), {name: bare(value) for name, value in fields.items() if name != "at"}) if fields else one


@given(QUERIES)
def test_what_is_written_is_read_as_the_same_query(one: Query) -> None:
    text = query.write(one)
    assert bare(read(text)) == bare(normal(one))
    assert query.write(read(text)) == text


def normal(one: Any) -> Any:
    """Values that can only stand in quotation marks, in quotation marks."""
    if isinstance(one, tuple):
        return tuple(map(normal, one))
    if isinstance(one, Value):
        return Value(one.text, one.quoted or not query.BARE.fullmatch(one.text))
    fields = getattr(one, "__struct_fields__", ())
    return type(one)(*(normal(getattr(one, name)) for name in fields)) if fields else one


@given(QUERIES, RUNS)
def test_it_selects_what_a_naive_reading_selects(one: Query, runs: list[Any]) -> None:
    found = evaluating.select(query.write(one), runs, Fields(runs))
    assert [each.id for each in found] == [each.id for each in runs if naive(normal(one), each)]


@given(QUERIES, RUNS)
def test_it_selects_the_same_of_records_as_of_their_json(one: Query, runs: list[Any]) -> None:
    import msgspec

    plain = msgspec.json.decode(msgspec.json.encode(runs))
    for each, record in zip(runs, plain, strict=True):  # JSON has no NaN
        record["metrics"] = each.metrics
        record["seed"] = each.seed
    text = query.write(one)
    found = [each["id"] for each in evaluating.select(text, plain, Fields(plain))]
    assert found == [each.id for each in evaluating.select(text, runs, Fields(runs))]


def naive(one: Any, each: Any) -> bool:
    match one:
        case Not(inner):
            return not naive(inner, each)
        case All(parts):
            return all(naive(part, each) for part in parts)
        case query.Any(parts):
            return any(naive(part, each) for part in parts)
        case Word(text):
            names = ("id", "name", "dataset", "experiment", "estimator", "target", "user", "host", "status")
            texts = [*(getattr(each, name) for name in names), *each.tags]
            return any(text.casefold() in held.casefold() for held in texts)
        case Exists(field):
            return held_by(each, field) not in (None, "", [])
        case OneOf(field, values):
            return any(is_equal(held_by(each, field), value) for value in values)
        case Comparison(field, "=", value):
            return is_equal(held_by(each, field), value)
        case Comparison(field, "!=", value):
            return not is_equal(held_by(each, field), value)
        case Comparison(field, "contains", value):
            return any(value.text.casefold() in str(one).casefold() for one in several(held_by(each, field)))
        case Comparison(field, operator, value):
            return any(is_ordered(one, operator, value) for one in several(held_by(each, field)))
    raise AssertionError(one)


def held_by(each: Any, field: str) -> Any:
    group, dot, key = field.partition(".")
    return getattr(each, group).get(key) if dot else getattr(each, group)


def several(held: Any) -> list[Any]:
    return held if isinstance(held, list) else [] if held is None else [held]


def is_equal(held: Any, value: Value) -> bool:
    if isinstance(held, list):
        return any(is_equal(one, value) for one in held)
    if held is None:
        return not value.quoted and value.text.lower() in ("none", "null")
    if isinstance(held, bool):
        return str(held).lower() == value.text.lower()
    if isinstance(held, str) and not value.quoted and value.text.lower() in ("true", "false", "none", "null"):
        return held.lower() == value.text.lower()
    if isinstance(held, str) or value.number is None:
        return str(held) == value.text
    return bool(held == value.number)


def is_ordered(held: Any, operator: str, value: Value) -> bool:
    left, right = (held, value.text) if isinstance(held, str) else (held, value.number)
    if isinstance(held, str) and value.number is not None and query.NUMBER.fullmatch(held):
        left, right = float(held), value.number
    if right is None:
        return False
    return bool({">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator])
