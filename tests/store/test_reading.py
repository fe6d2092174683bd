"""The reading of long lists: told of while it goes on, several at a time where each waits, and ended by an error."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.store import folded
from tests.store.folded import NOTES, host, write

from cupola.errors import DiskTrouble
from cupola.store import Store, digests, reading

MANY = 40


@pytest.fixture
def network(store: Store) -> Store:
    """A workspace of many records, as a host sees it over a network mount."""
    for number in range(MANY):
        write(store, f"n{number:03}", f"text {number}")
    return host(store, "reader", True)


def test_what_was_read_is_told_from_first_to_last(network: Store) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(store: Store, kind: digests.Kind[Any], found: Mapping[str, Any], of: int) -> None:
        told.append((kind.name, len(found), of))

    token = reading.on_reading.set(tell)
    try:
        found = reading.read(network, NOTES, folded.places(network))
    finally:
        reading.on_reading.reset(token)
    assert list(found) == folded.places(network)
    assert told == [("run", read, MANY) for read in range(MANY + 1)]


def test_what_the_feed_named_last_is_read_first(network: Store) -> None:
    first: list[str] = []

    def tell(store: Store, kind: digests.Kind[Any], found: Mapping[str, Any], of: int) -> None:
        first[:] = first or list(found)

    token = reading.on_reading.set(tell)
    try:
        reading.read(network, NOTES, folded.places(network))
    finally:
        reading.on_reading.reset(token)
    assert first == [f"notes/n{MANY - 1:03}"]


def test_an_error_ends_it(network: Store) -> None:
    asked: list[str] = []
    broken = threading.Event()

    def read(store: Store, place: str) -> folded.Note | None:
        asked.append(place)
        if len(asked) > 1:
            broken.wait(180)
            time.sleep(0.01)  # else all may be asked before the error has come through
            return None
        try:
            raise DiskTrouble("the link is cut", where=place)
        finally:
            broken.set()

    kind = digests.Kind(**vars(NOTES) | {"read": read})
    with pytest.raises(DiskTrouble):
        reading.read(network, kind, [f"notes/x{number}" for number in range(5000)])
    assert len(asked) < 5000


def test_several_read_at_once_over_a_network_only(network: Store, store: Store, tmp_path: Path) -> None:
    threads: set[int] = set()
    both = threading.Barrier(2, timeout=180)

    def read(at: Store, place: str) -> folded.Note | None:
        threads.add(threading.get_ident())
        if at.mount.network and place.endswith(("x0", "x1")):
            both.wait()  # comes back only when another is in it too
        return folded.Note(text=place)

    kind = digests.Kind(**vars(NOTES) | {"read": read})
    places = [f"notes/x{number}" for number in range(MANY)]
    assert len(reading.read(network, kind, places)) == MANY
    assert threading.get_ident() not in threads
    threads.clear()
    assert len(reading.read(store, kind, places)) == MANY
    assert threads == {threading.get_ident()}
