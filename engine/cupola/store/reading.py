"""The reading of long lists: each record from where its newest revision is had most cheaply, and how far that is."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from cupola.store import cache, digests
from cupola.store.digests import Entry, Kind
from cupola.store.marks import Snapshot, Told, beginning, told
from cupola.store.root import Store

READERS = 16  # that read at once on a network mount, where each waits for answers: four times as fast as one

T = TypeVar("T")

# Called again and again with the kind, what has been read by now (by place), and how many there are.
on_reading: ContextVar[Callable[[Store, Kind[Any], Mapping[str, Any], int], None] | None] = ContextVar(
    "on_reading", default=None
)


def read(store: Store, kind: Kind[T], places: list[str]) -> dict[str, T]:
    """The records at those places, in their order, without those that are not there; raises as `kind.read`.

    What no digest and no cache holds is read itself, what the feed has named last first.
    """
    tell = on_reading.get()
    before = cache.load(store, kind)
    known = digests.held(store, kind, places, kept=before)
    found = {at: entry.record for at, entry in known.entries.items() if entry.record is not None}
    missing = [place for place in places if place not in found]
    if tell:
        tell(store, kind, found, len(places))
    fresh: list[Entry[T]] = []
    for entry in _anew(store, kind, _lately_named_first(kind, known.feed, missing)):
        found[entry.place] = entry.record
        fresh.append(entry)
        if tell:
            tell(store, kind, found, len(places))
    cache.keep(store, kind, before, known.feed, fresh, len(known.entries))
    return {place: found[place] for place in places if place in found}


def _anew(store: Store, kind: Kind[T], places: list[str]) -> Iterator[Entry[T]]:
    """Those records as they are on the disk; on a network mount several at a time."""

    def one(place: str) -> Entry[T] | None:
        begun = time.time_ns()
        record = kind.read(store, place)
        if record is None:
            return None
        revision = kind.revision(record)
        return Entry(place, revision, digests.sealed(store, kind.parts(place, revision), begun), record)

    if not store.mount.network or len(places) < READERS:
        yield from filter(None, map(one, places))
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(READERS)
    try:
        yield from filter(None, pool.map(one, places))
    finally:
        pool.shutdown(cancel_futures=True)


def _lately_named_first(kind: Kind[T], feed: Snapshot | None, places: list[str]) -> list[str]:
    if feed is None or len(places) < READERS:
        return places
    said = told(feed, beginning(feed), lenient=True) or Told()
    turn = {ref: number for number, (name, ref) in enumerate([*said.unsure, *said.newest]) if name == kind.name}
    return sorted(places, key=lambda place: -turn.get(place.rpartition("/")[2], -1))
