"""The writing of digests: one writer folds records that have ended into segments, and keeps them right.

A pass is cheap when the feed has told nothing. Segments are merged as they grow, so that there are few; what was folded
and is not certain any more is taken back, or folded anew, before the marks move past the line that says so.
"""

import contextlib
import threading
import time
import zlib
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from cupola.errors import CupolaError
from cupola.store import digests
from cupola.store.content import listing, remove, write_bytes
from cupola.store.digests import Entry, Head, Kind, doubtful, sealed, segment
from cupola.store.feed import announce
from cupola.store.marks import Marks, Snapshot, Told, beginning, marks, snapshot, told
from cupola.store.root import Store
from cupola.store.runtime import lock, runtime_dir

BATCH = 500  # records folded into one segment at a time
LOOKED_OVER = 200  # records that a sweep reads again on a network mount
SMALL = 16
GROWTH = 8  # a segment is merged into the next one unless it is so many times larger
LAG = 64 * 1024  # bytes of a writer's feed after which new marks are worth a segment
FEW, REST = 20, 0.01  # after so many records it lets others have the processor for that many seconds
ASK_AGAIN = 600.0  # seconds until it looks again whether others still hold what it left to them
GONE = 30 * 86400.0  # seconds without a new segment after which anybody may remove a digest

T = TypeVar("T")

NOTHING = msgspec.Raw(b"null")


class Damaged(Exception):
    """A segment that is to be merged cannot be read any more."""


class Known(NamedTuple):
    """What the writer remembers of a record that it has folded."""

    revision: int
    seal: list[int]
    checksum: int


class Folder(Generic[T]):
    """Writes this writer's digest of one kind; `fold` is called again and again."""

    def __init__(self, store: Store, kind: Kind[T]) -> None:
        self.store = store
        self.kind = kind
        self.index: dict[str, Known] = {}
        self.segments: list[tuple[int, int]] = []  # number and entries of each, the oldest first
        self.written: Marks = {}  # those on the disk
        self.judged: Marks = {}  # up to where all that is folded has been judged
        self.elsewhere: set[str] = set()  # held by the digests of others
        self.seen: set[str] = set()
        self.turn = 0
        self.ask_again = 0.0

    def fold(self, *, sweep: bool = False, stop: threading.Event | None = None) -> int:
        """One pass; the number of entries that it wrote. `sweep`: also finds what was changed with no line in the feed.

        Raises ReadOnly, DiskTrouble; what it was about is then done by the next pass.
        """
        held = lock(runtime_dir() / f"digests-{self.store.copy}-{self.kind.name}.lock", wait=False)
        if held is None:
            return 0
        with held:
            on_disk = digests.numbers(self.store, self.kind.name, self.store.writer)
            if on_disk != [number for number, _ in self.segments]:
                self._load(on_disk)
            feed = self._feed()
            try:
                return self._pass(feed, sweep, stop or threading.Event()) if feed else 0
            except Damaged:  # the next pass finds nothing whole, and begins anew
                self._forget()
                return 0

    def _feed(self) -> Snapshot | None:
        """The feed, with something in it: where there is nothing, nobody could see that it has been removed."""
        feed = snapshot(self.store)
        if feed is not None and not any(feed.values()):
            announce(self.store, "digest", self.store.writer, 1)
            feed = snapshot(self.store)
        return feed

    def _pass(self, feed: Snapshot, sweep: bool, stop: threading.Event) -> int:
        since = told(feed, self.judged) if self.segments else None
        if since is None:
            self._start_again()
        places = self.kind.places(self.store)
        named = told(feed, beginning(feed), lenient=True) or Told()
        settled = self.kind.settled(self.store)
        changes = {gone: _taken_back(gone) for gone in self.index.keys() - set(places)}
        for place in self._doubtful(since, sweep):
            entry = self._entry(place, named, settled)
            if place not in changes and (entry is None or _known(entry) != self.index[place]):
                changes[place] = entry or _taken_back(place)
        self.judged = marks(feed)
        count = 0
        for number, place in enumerate(self._new(places)):
            if stop.wait(REST if number % FEW == FEW - 1 else 0):
                break
            if entry := self._entry(place, named, settled):
                changes[place] = entry
            if len(changes) >= BATCH:
                count += self._write(changes)
                changes = {}
        if changes or self._lags():
            count += self._write(changes)
        return count

    def _start_again(self) -> None:
        """The feed does not tell what has changed: only seals prove that what was folded is still so."""
        self.written, self.elsewhere, self.seen = {}, set(), set()
        if self.store.mount.network:
            self.index, self.segments = {}, []

    def _doubtful(self, since: Told | None, sweep: bool) -> list[str]:
        """What was folded and may be newer by now."""
        index = self.index
        if not self.store.mount.network and (sweep or since is None):
            return [at for at, one in index.items() if one.seal != sealed(self.store, self._parts(at, one.revision))]
        found = []
        if since is not None:
            found = [at for at, one in index.items() if doubtful(self.kind, at, one.revision, since)]
        if sweep and index:
            in_order = sorted(index)
            first = self.turn % len(in_order)
            self.turn = first + LOOKED_OVER
            found += in_order[first : self.turn]
        return list(dict.fromkeys(found))

    def _parts(self, place: str, revision: int) -> list[str]:
        return self.kind.parts(place, revision)

    def _new(self, places: list[str]) -> list[str]:
        """What no digest holds."""
        if time.monotonic() > self.ask_again:
            self._bury()
            self.elsewhere, self.seen = set(), set()
            self.ask_again = time.monotonic() + ASK_AGAIN
        new = [place for place in places if place not in self.index and place not in self.elsewhere]
        unseen = [place for place in new if place not in self.seen]
        if unseen:
            self.seen.update(unseen)
            self.elsewhere.update(digests.held(self.store, self.kind, unseen, without=self.store.writer).entries)
        return [place for place in new if place not in self.elsewhere]

    def _bury(self) -> None:
        """Removes the digests of writers that have long written none, by the times of the disk: they may be gone.

        Whoever is not goes on with a new one; meanwhile what it held is folded by others.
        """
        root = self.store.root / digests.DIRECTORY
        written = {}
        for writer in digests.writers(self.store):
            with contextlib.suppress(OSError):
                written[writer] = (root / writer).stat().st_mtime
        for writer, moment in written.items():
            if writer != self.store.writer and max(written.values()) - moment > GONE:
                with contextlib.suppress(CupolaError, OSError):
                    for name in listing(self.store, f"{digests.DIRECTORY}/{writer}"):
                        remove(self.store, f"{digests.DIRECTORY}/{writer}/{name}")
                    (root / writer).rmdir()

    def _entry(self, place: str, named: Told, settled: Callable[[T], bool]) -> Entry[msgspec.Raw] | None:
        """The record as it is now; None when it is not to be folded: it has not ended, or is about to change."""
        begun = time.time_ns()
        try:
            record = self.kind.read(self.store, place)
            if record is None or not settled(record):
                return None
        except CupolaError:
            return None
        revision = self.kind.revision(record)
        awaited = named.newest if self.kind.counted else named.asked
        if awaited.get((self.kind.name, place.rpartition("/")[2]), 0) > revision:
            return None
        seal = sealed(self.store, self._parts(place, revision), begun)
        if not seal and not self.store.mount.network:
            return None
        raw = msgspec.json.encode(record)
        try:
            if msgspec.json.decode(raw, type=self.kind.type) != record:
                return None
        except msgspec.MsgspecError:
            return None
        return Entry(place, revision, seal, msgspec.Raw(raw))

    def _lags(self) -> bool:
        return any(
            name not in self.written or not 0 <= mark.offset - self.written[name].offset <= LAG
            for name, mark in self.judged.items()
        )

    def _write(self, changes: dict[str, Entry[msgspec.Raw]]) -> int:
        """Writes a segment, into which those before it that are not much larger are merged."""
        kept, count, merged = list(self.segments), len(changes), []
        while kept and kept[-1][1] <= GROWTH * max(count, SMALL):
            merged.append(kept[-1][0])
            count += kept.pop()[1]
        entries: dict[str, Entry[msgspec.Raw]] = {}
        for number in reversed(merged):
            found = self._segment(number)
            if found is None:
                raise Damaged
            entries |= found[1]
        entries |= changes
        if not kept:
            entries = {place: entry for place, entry in entries.items() if entry.record != NOTHING}
        on_disk = digests.numbers(self.store, self.kind.name, self.store.writer)
        number = max(on_disk, default=0) + 1
        after = kept[-1][0] if kept else 0
        local = not self.store.mount.network
        data = digests.encode(self.kind, entries.values(), self.judged, after=after, is_sealed=local)
        write_bytes(self.store, segment(self.kind.name, self.store.writer, number), data, durable=False)
        for place, entry in changes.items():
            if entry.record == NOTHING:
                self.index.pop(place, None)
            else:
                self.index[place] = _known(entry)
        self.segments, self.written = [*kept, (number, len(entries))], self.judged
        self._clear_away(on_disk)
        return len(changes)

    def _load(self, on_disk: list[int]) -> None:
        """Takes over what this writer has left on the disk; where that is not whole, it is begun anew."""
        self._forget()
        layers: list[dict[str, Entry[msgspec.Raw]]] = []
        number = max(on_disk, default=0)
        while number:
            found = self._segment(number)
            if found is None or found[0].after >= number or found[0].sealed == self.store.mount.network:
                self._forget()
                break
            self.written = self.written or found[0].marks
            self.segments.insert(0, (number, len(found[1])))
            layers.append(found[1])
            number = found[0].after
        else:
            self.judged = self.written
            whole = {place: entry for layer in reversed(layers) for place, entry in layer.items()}
            self.index = {place: _known(entry) for place, entry in whole.items() if entry.record != NOTHING}
        self._clear_away(on_disk)

    def _segment(self, number: int) -> tuple[Head, dict[str, Entry[msgspec.Raw]]] | None:
        return digests.load(self.store, self.kind, self.store.writer, number, msgspec.Raw)

    def _clear_away(self, on_disk: list[int]) -> None:
        """Removes the segments that are not, or not any more, part of the digest."""
        for old in set(on_disk) - {one for one, _ in self.segments}:
            remove(self.store, segment(self.kind.name, self.store.writer, old))

    def _forget(self) -> None:
        self.index, self.segments, self.written, self.judged = {}, [], {}, {}
        self.elsewhere, self.seen = set(), set()


def _known(entry: Entry[msgspec.Raw]) -> Known:
    return Known(entry.revision, entry.seal, zlib.crc32(entry.record))


def _taken_back(place: str) -> Entry[msgspec.Raw]:
    return Entry(place, 0, [], NOTHING)
