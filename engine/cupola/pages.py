"""A long list while it is read: how far that is, and its first page, before the rest is there."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cupola.store import Store
from cupola.store.digests import Kind
from cupola.store.reading import on_reading

PAGE = 200
EVERY = 0.3

Tell = Callable[[dict[str, Any]], None]


@contextmanager
def told(kind: str | None, tell: Tell) -> Iterator[None]:
    """While this lasts, the reading of more than a page of records of that kind ("run", "job") is told of.

    {"read", "of"}, and once "page": the newest of what is there by then, as the list shows them.
    """
    token = on_reading.set(_Pages(kind, tell))
    try:
        yield
    finally:
        on_reading.reset(token)


class _Pages:
    def __init__(self, kind: str | None, tell: Tell) -> None:
        self.kind = kind
        self.tell = tell
        self.paged = False
        self.next = 0.0

    def __call__(self, store: Store, kind: Kind[Any], found: Mapping[str, Any], of: int) -> None:
        first = not self.paged and len(found) >= PAGE
        if kind.name != self.kind or of <= PAGE or (time.monotonic() < self.next and not first):
            return
        said: dict[str, Any] = {"read": len(found), "of": of}
        if first:
            self.paged = True
            said["page"] = _page(store, kind.name, found)
        self.tell(said)
        self.next = time.monotonic() + EVERY


def _page(store: Store, kind: str, found: Mapping[str, Any]) -> list[Any]:
    if kind == "run":
        from cupola.experiments import records as experiments

        return experiments.page(store, found.values(), PAGE)
    return sorted(found.values(), key=lambda job: job.submitted, reverse=True)[:PAGE]
