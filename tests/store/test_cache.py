"""A reader's own cache spares the next reader the records, and may be lost or wrong at any time."""

import shutil
import time
from pathlib import Path

import pytest
from tests.store import folded
from tests.store.folded import NOTES, direct, host, listed, write

from cupola.store import Store, cache, digests, feed, reading


@pytest.fixture(params=[False, True], ids=["local", "network"])
def reader(store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with twenty records that no digest holds."""
    monkeypatch.setattr(digests, "UNSETTLED", folded.UNSETTLED)
    for number in range(20):
        write(store, f"n{number:02d}", "text")
    time.sleep(folded.UNSETTLED / 1e9 + 0.005)
    return host(store, "reader", request.param)


def reads(reader: Store) -> tuple[dict[str, folded.Note], list[str]]:
    """What a new process lists, and which records it had to read for it."""
    read: list[str] = []

    def counting(at: Store, place: str) -> folded.Note | None:
        read.append(place)
        return folded.read(at, place)

    again = host(reader, reader.copy, reader.mount.network)
    kind = digests.Kind(**vars(NOTES) | {"read": counting})
    return reading.read(again, kind, folded.places(again)), read


def test_the_second_listing_reads_no_record(reader: Store) -> None:
    expected = listed(reader)
    assert reads(reader) == (expected, [])


def test_only_what_changed_is_read_again(reader: Store) -> None:
    listed(reader)
    write(reader, "n07", "new")
    time.sleep(folded.UNSETTLED / 1e9 + 0.005)
    assert reads(reader) == (direct(reader), ["notes/n07"])


@pytest.mark.parametrize("damage", [b"", b"{}", b"\0" * 100, b"half", b"other"])
def test_a_damaged_cache_is_not_believed(reader: Store, damage: bytes) -> None:
    expected = listed(reader)
    path = cache.path(reader, "run")
    data = path.read_bytes()
    path.write_bytes({b"half": data[: len(data) // 2], b"other": data.replace(b"text", b"tixt")}.get(damage, damage))
    assert reads(reader)[0] == expected
    assert reads(reader) == (expected, [])


def test_another_version_of_the_record_is_not_believed(reader: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(reader)
    monkeypatch.setattr(digests, "_schema", lambda kind: 1)
    assert len(reads(reader)[1]) == 20


def test_a_cache_that_cannot_be_written_stops_nobody(reader: Store, home: Path) -> None:
    shutil.rmtree(home / "cache", ignore_errors=True)
    (home / "cache").write_text("in the way")
    assert listed(reader) == direct(reader)


def test_on_a_network_mount_it_ages(reader: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(reader)
    later = time.time() + cache.LASTS
    monkeypatch.setattr(cache.time, "time", lambda: later)  # type: ignore[attr-defined]
    assert len(reads(reader)[1]) == (20 if reader.mount.network else 0)


def test_a_feed_that_is_gone_makes_it_worthless_where_only_the_feed_tells(reader: Store) -> None:
    listed(reader)
    for path in (reader.root / feed.FEED).iterdir():
        path.unlink()
    assert len(reads(reader)[1]) == (20 if reader.mount.network else 0)
