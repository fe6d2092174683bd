"""The steps of a fitted flow as plain Python on the values of one row: what DuckDB says of it, a hundred times as fast.

A program is a list of operations, each of which makes one value of earlier ones; those that nothing wanted is made of
are left out. What is not known here to be the same as in DuckDB is left to DuckDB: a whole flow (`program` gives None),
or a value (`Otherwise`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cupola.flows.records import Fitted
from cupola.flows.sql import Table, free
from cupola.flows.transforms import catalogue

Function = Callable[..., Any]


class Otherwise(Exception):
    """A value that DuckDB alone knows what to make of."""


class NotByValue(Exception):
    """A step that is left to DuckDB, and why in a few words."""


class Column(msgspec.Struct, frozen=True):
    """A column after some steps: the slot that its value lies in, and its SQL type."""

    slot: int
    type: str


class Operation(msgspec.Struct, frozen=True):
    """function(values of `slots`) is the value of the slot `into`."""

    function: Function
    slots: tuple[int, ...]
    into: int


class Columns:
    """The columns as they are after the steps so far, and the operations that have made them."""

    def __init__(self, fitted: Fitted) -> None:
        self.seed, self.target = fitted.seed, fitted.target
        self.there = {name: Column(slot, type) for slot, (name, type) in enumerate(fitted.columns.items())}
        self.operations: list[Operation] = []
        self._first = len(self.there)

    def type(self, name: str) -> str:
        return self.there[name].type

    def make(self, function: Function, *names: str) -> int:
        """The slot of what a function makes of columns, as they are now."""
        return self.of(function, *(self.there[one].slot for one in names))

    def of(self, function: Function, *slots: int) -> int:
        into = self._first + len(self.operations)
        self.operations.append(Operation(function, slots, into))
        return into

    def change(self, name: str, function: Function, type: str) -> None:
        """Lets a column become what a function makes of its values that are there; missing ones stay missing."""
        self.there[name] = Column(self.make(unless_missing(function), name), type)

    def put(self, name: str, slot: int, type: str) -> None:
        self.there[name] = Column(slot, type)

    def drop(self, names: Sequence[str]) -> None:
        for one in names:
            self.there.pop(one, None)

    def add(self, wanted: Sequence[tuple[str, str, Function, str]], drop: Sequence[str] = ()) -> None:
        """New columns, each of one that is there: (column, name, function, type)."""
        added: dict[str, tuple[int, str]] = {}
        for column, name, function, type in wanted:
            added[self.free(name, [*added])] = (self.make(function, column), type)
        self.drop(drop)
        for name, (slot, type) in added.items():
            self.put(name, slot, type)

    def free(self, wanted: str, taken: Sequence[str] = ()) -> str:
        """A name for a new column, as SQL has chosen it."""
        return free(Table(name="", columns={name: one.type for name, one in self.there.items()}), wanted, taken)


def unless_missing(function: Function) -> Function:
    return lambda value: None if value is None else function(value)


class Program:
    """What is wanted of a row, made of the values of `takes`. types: SQL types of what it gives."""

    def __init__(self, columns: Columns, fitted: Fitted, takes: Sequence[str], wanted: Sequence[str]) -> None:
        names = [*fitted.columns]
        self.types = {name: columns.there[name].type for name in wanted}
        self._wanted = [columns.there[name].slot for name in wanted]
        self._size = len(names) + len(columns.operations)
        self._places = [(names.index(name), place) for place, name in enumerate(takes)]
        needed, kept = set(self._wanted), []
        for one in reversed(columns.operations):
            if one.into in needed:
                needed.update(one.slots)
                kept.append((one.function, one.slots, one.into))
        self._operations = kept[::-1]

    def run(self, row: Sequence[Any]) -> list[Any]:
        """The wanted values of one row, in their order. Raises Otherwise."""
        values: list[Any] = [None] * self._size
        for slot, place in self._places:
            values[slot] = row[place]
        for function, slots, into in self._operations:
            values[into] = function(values[slots[0]]) if len(slots) == 1 else function(*[values[one] for one in slots])
        return [values[slot] for slot in self._wanted]


def program(fitted: Fitted, takes: Sequence[str], wanted: Sequence[str]) -> Program:
    """The program of a flow. Raises NotByValue with one sentence on what is left to DuckDB."""
    from cupola.flows import byvalue_steps

    columns = Columns(fitted)
    for step in fitted.steps:
        if catalogue.find(step.type).serving == "skipped":
            continue
        known: Mapping[str, Any] = byvalue_steps.STEPS
        if step.type not in known:
            raise NotByValue(f"the step {step.id} ({step.type}) is done by DuckDB alone")
        transform = catalogue.find(step.type)
        try:
            known[step.type](columns, msgspec.convert(step.params, transform.params), step.state)
        except NotByValue as why:
            raise NotByValue(f"the step {step.id} ({step.type}) is done by DuckDB alone: {why}") from None
    found = Program(columns, fitted, takes, wanted)
    if other := [name for name in wanted if found.types[name] != fitted.result[name]]:
        raise NotByValue(f"the column {other[0]} is of another type there")
    return found
