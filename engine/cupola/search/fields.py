"""The fields that records of a kind have: their own, and what lies in them ("metrics.test_rmse", "columns.name").

Works alike on structs and on the dicts that they are as JSON.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from cupola.errors import BadFilter

Get = Callable[[Any], Any]

# The fields that a word looks in, of whatever kind.
TEXTS = (
    "id", "name", "kind", "dataset", "experiment", "estimator", "target", "task", "status", "user", "host", "tags",
    "aliases", "description", "model", "run", "source", "ref", "verb", "text", "bad", "pipeline", "execution", "reason",
)  # fmt: skip
FOREMOST = ("metrics", "params")  # what a shortened name means before it means anything else that lies in a record
APART = ("metric_errors",)  # a metric that is named without its group is its value, not its error
SAMPLED = 50  # records at either end that show what the fields of a kind are


class Fields:
    """The fields of these records. more: getters of what has other names; texts: of what a word also looks in."""

    def __init__(
        self, records: Iterable[Any], more: Mapping[str, Get] | None = None, texts: Sequence[Get] = ()
    ) -> None:
        self.records = records if isinstance(records, list) else list(records)
        self.plain: dict[str, Get] = {}
        self.groups: dict[str, Get] = {}
        for name, values in self._sampled().items():
            held = [value for value in values if value is not None and value != []]
            if any(map(_has_parts, held)):
                self.groups[name] = self._own(name)
            if not held or not all(map(_has_parts, held)):
                self.plain[name] = self._own(name)
        self.more = {name: get for name, get in (more or {}).items() if name not in self.plain}
        self.texts = [*(self.plain[name] for name in TEXTS if name in self.plain), *texts]

    def _sampled(self) -> dict[str, list[Any]]:
        sample = self.records[:SAMPLED] + self.records[SAMPLED:][-SAMPLED:]
        if sample and not isinstance(sample[0], dict):
            kinds: set[Any] = {type(one) for one in sample}
            names = list(dict.fromkeys(name for kind in kinds for name in kind.__struct_fields__))
            return {name: [getattr(one, name, None) for one in sample] for name in names}
        names = list(dict.fromkeys(name for one in sample for name in one))
        return {name: [one.get(name) for one in sample] for name in names}

    def _own(self, name: str) -> Get:
        if self.records and isinstance(self.records[0], dict):
            return lambda record: record.get(name)
        return attrgetter(name)

    @cached_property
    def inner(self) -> dict[str, list[str]]:
        """What lies in each group."""
        return {group: _keys(map(get, self.records)) for group, get in self.groups.items()}

    @cached_property
    def names(self) -> list[str]:
        """The full name of every field."""
        return [*self.plain, *self.more, *(f"{group}.{key}" for group, keys in self.inner.items() for key in keys)]

    def find(self, name: str) -> Get | None:
        """The getter of a field by its name, or by the end or the beginning of it where that is unambiguous.

        A name within a group is one whether a record has it or not; None where no field is called so. Raises BadFilter
        for a name that could be several, without a place.
        """
        if name in self.plain:
            return self.plain[name]
        full = self._exact(name)
        if full is None and name in self.more:
            return self.more[name]
        full = full or self._shortened(name)
        if full is None or full in self.plain:
            return self.plain.get(full or "")
        group, _, key = full.partition(".")
        return _member(self.groups[group], key) if group in self.groups else _nothing

    def _exact(self, name: str) -> str | None:
        """The whole name of what lies under exactly that name in a group."""
        group, dot, _ = name.partition(".")
        if dot and (group in self.groups or (group in FOREMOST and not self.records)):
            return name
        for groups in (FOREMOST, self._others):
            if found := [f"{group}.{name}" for group in groups if self._has(group, name)]:
                return _only(name, found)
        return None

    def _shortened(self, name: str) -> str | None:
        """The whole name of a field that ends or begins so."""
        inner = [f"{group}.{key}" for group in (*FOREMOST, *self._others) for key in self.inner.get(group, ())]
        for found in (
            [one for one in inner if one.endswith(f".{name}")],
            [one for one in (*self.plain, *inner) if _begins(one, name)],
        ):
            if found:
                return _only(name, found)
        return None

    @property
    def _others(self) -> list[str]:
        return [one for one in self.groups if one not in FOREMOST and one not in APART]

    def _has(self, group: str, key: str) -> bool:
        """Whether that lies in the group of any record; it is mostly found at once, where `inner` reads them all."""
        if "inner" in self.__dict__ or group not in self.groups:
            return key in self.inner.get(group, ())
        return any(_holds(held, key) for held in map(self.groups[group], self.records))

    def near(self, name: str) -> str | None:
        """A hint that names the fields which were probably meant."""
        import difflib

        known = [one for one in self.names if one.partition(".")[0] not in APART]
        if within := [one for one in known if len(name) > 1 and name.casefold() in one.casefold()][:3]:
            return f"did you mean {' or '.join(within)}?"
        ends = {one.rpartition(".")[2]: one for one in known} | {one: one for one in known}
        found = [ends[one] for one in difflib.get_close_matches(name[:100], ends, 3, 0.6)]
        return f"did you mean {' or '.join(dict.fromkeys(found))}?" if found else None


def _only(name: str, found: list[str]) -> str:
    if len(found) > 1:
        raise BadFilter(f"{name!r} could be {', '.join(sorted(found)[:5])}")
    return found[0]


def _nothing(record: Any) -> None:
    return None


def _has_parts(value: Any) -> bool:
    """Whether there are fields in it: a dict, a struct, or a list of such."""
    if isinstance(value, list | tuple):
        return bool(value) and _has_parts(value[0])
    return isinstance(value, dict) or hasattr(value, "__struct_fields__")


def _keys(values: Iterable[Any]) -> list[str]:
    found: dict[str, None] = {}
    dicts = []
    for value in values:
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, dict):
                dicts.append(one)
            else:
                found.update(dict.fromkeys(getattr(one, "__struct_fields__", ())))
    every = set(found).union(*dicts)
    first = [key for one in dicts[:1] for key in one]
    return [str(key) for key in [*found, *first, *sorted(every - {*found, *first}, key=str)]]


def _member(get: Get, key: str) -> Get:
    """What lies under `key` in what `get` gives; of a list, what lies in each of its items."""

    def member(record: Any) -> Any:
        held = get(record)
        if held.__class__ is dict:
            return held.get(key)
        if isinstance(held, list | tuple):
            return [_part(one, key) for one in held]
        return _part(held, key)

    return member


def _part(held: Any, key: str) -> Any:
    return held.get(key) if isinstance(held, dict) else getattr(held, key, None)


def _holds(held: Any, key: str) -> bool:
    if held.__class__ is dict:
        return key in held
    return any(_holds(one, key) for one in held) if isinstance(held, list | tuple) else hasattr(held, key)


def _begins(full: str, name: str) -> bool:
    return full.startswith(name) or full.rpartition(".")[2].startswith(name)
