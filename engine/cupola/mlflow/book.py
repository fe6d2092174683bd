"""What MLflow's clients say of experiments and models, in one journal per writer (`.cupola/notes/mlflow-...`).

A line says what is new of one thing; the state is the fold of all lines. Journals there are carried by `cupola merge`
and looked over by `cupola check`, as notes are.
"""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from cupola.store import Store, feed, files, journals
from cupola.team.notes import DIRECTORY

S = TypeVar("S")


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is new of one thing; its time is in milliseconds since 1970. A tag that is None was taken away."""

    of: str
    at: int
    name: str | None = None
    made: bool = False
    version: str = ""
    deleted: bool | None = None
    tags: dict[str, str | None] = {}
    params: dict[str, str] = {}
    about: str | None = None
    status: str | None = None
    kind: str | None = None
    experiment: str | None = None
    run: str | None = None
    link: str | None = None
    source: str | None = None
    model: str | None = None
    location: str | None = None
    runs: list[str] = []


class Book(Generic[S]):
    """One collection: reads on in its journals, and folds them again when there is something new.

    fold: makes the state of the lines in the order that every reader sees.
    """

    def __init__(self, store: Store, collection: str, fold: Callable[[list[Line]], S]) -> None:
        self.lock = threading.RLock()
        self._store = store
        self._directory = f"{DIRECTORY}/{collection}"
        self._collection = collection
        self._fold = fold
        self._read: dict[str, list[dict[str, Any]]] = {}
        self._offsets: dict[str, journals.Offset] = {}
        self._state: S | None = None

    def state(self) -> S:
        """How it stands now. Raises DiskTrouble."""
        with self.lock:
            new = self._state is None
            for name in files.listing(self._store, self._directory):
                if name.endswith(journals.SUFFIX):
                    new |= self._go_on(name)
            if new or self._state is None:
                self._state = self._fold([line for entry in journals.fold(self._read) if (line := _line(entry))])
            return self._state

    def write(self, *lines: Line) -> None:
        """Adds lines; they are durable when it returns. Raises DiskTrouble."""
        with self.lock:
            path = f"{self._directory}/{self._store.writer}{journals.SUFFIX}"
            last = journals.append(self._store, path, [msgspec.to_builtins(line) for line in lines])
        for ref in {line.of for line in lines}:
            feed.announce(self._store, "note", f"{self._collection}/{ref}", last, path)

    def _go_on(self, name: str) -> bool:
        before = self._offsets.get(name, journals.START)
        entries, after = journals.read(self._store, f"{self._directory}/{name}", before)
        self._offsets[name] = after
        self._read.setdefault(name.removesuffix(journals.SUFFIX), []).extend(entries)
        return bool(entries)


def _line(entry: dict[str, Any]) -> Line | None:
    try:
        return msgspec.convert(entry, Line)
    except msgspec.ValidationError:
        return None


def retag(tags: dict[str, str], said: dict[str, str | None]) -> None:
    """Sets tags, and takes away those that are None."""
    for key, value in said.items():
        if value is None:
            tags.pop(key, None)
        else:
            tags[key] = value
