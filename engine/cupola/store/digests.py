"""Digests: many records that have ended in few files, so that ten thousand records are not ten thousand opens.

`.cupola/digests/WRITER/KIND.NUMBER.jsonl`: segments, each written whole and never changed. A later one overrides an
earlier one; it names the one that it follows, and says up to where the feed had been read before its records were. All
of it is derived and may be thrown away (`cupola.store.folding` writes it, `cupola.store.reading` reads lists with it).

On a local disk a record is taken from a digest when its files are still those that were read (their seal: inode, size
and times in nanoseconds); on a network mount, where these prove nothing, when the feed has told nothing of it since.
What is not certain is read itself. A record that was changed on a network mount with no line in the feed (by an editor,
by a copy of a part of the workspace) is seen once the writer of the digest has looked it over again.
"""

import contextlib
import gc
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from cupola.errors import CupolaError
from cupola.store.content import listing, read_bytes
from cupola.store.marks import Marks, Snapshot, Told, snapshot, told
from cupola.store.records import Record, showable
from cupola.store.root import Store

DIRECTORY = ".cupola/digests"
FORMAT = 1
UNSETTLED = 50_000_000  # nanoseconds: what was changed so lately may change again and keep its times
TRIES = 3

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """Records of one kind, as digests see them; the place of one is its directory, whose last name is its id.

    name: what the feed calls them. counted: whether its lines name the revision that `revision` gives. parts: what the
    record of a place and revision was read from, its own file first. settled: given the store, what says whether a
    record has ended and is worth a place in a digest.
    """

    name: str
    type: type[T]
    counted: bool
    places: Callable[[Store], list[str]]
    read: Callable[[Store, str], T | None]
    revision: Callable[[T], int]
    parts: Callable[[str, int], list[str]]
    settled: Callable[[Store], Callable[[T], bool]]


class Entry(msgspec.Struct, Generic[T], frozen=True, array_like=True):
    """A record in a digest; the record is None when it is not to be taken from there any more."""

    place: str
    revision: int
    seal: list[int]
    record: T


class Head(msgspec.Struct, kw_only=True):
    """The first line of a segment. after: the number of the one it follows, 0 for none; checksum: that of the rest."""

    format: int = FORMAT
    schema: int
    after: int = 0
    sealed: bool
    marks: Marks
    made: float
    checksum: int


Segment = tuple[Head, dict[str, Entry[T]]]


@dataclass
class Source(Generic[T]):
    """What one writer has put together: entries by place, and what the feed has told since."""

    entries: dict[str, Entry[T]]
    told: Told = field(default_factory=Told)


@dataclass
class Held(Generic[T]):
    """Entries by place that are as new as the records; `feed` is how it stood when that was judged."""

    entries: dict[str, Entry[T]]
    feed: Snapshot | None = None


def held(
    store: Store, kind: Kind[T], places: Iterable[str], *, without: str | None = None, kept: Segment[T] | None = None
) -> Held[T]:
    """What digests, and the segment `kept`, hold of those places and is still so.

    without: a writer, whose digest does not count.
    """
    network = store.mount.network
    tips = [(writer, tip) for writer in writers(store) if writer != without and (tip := _tip(store, kind, writer))]
    feed = snapshot(store) if network else None  # after the marks that it is compared with
    if network and feed is None:
        return Held({})
    sources = []
    for writer, tip in tips:
        since = told(feed, tip[1].marks) if feed is not None else Told()
        if since is None or tip[1].sealed < (not network):
            continue
        if (entries := _chain(store, kind, writer, *tip)) is not None:
            sources.append(Source(entries, since))
    if kept is not None:
        since = told(feed, kept[0].marks) if feed is not None else Told()
        if since is not None:
            sources.append(Source(kept[1], since))
    found = _by_feed(store, kind, places, sources) if network else _by_seal(store, kind, places, sources)
    return Held(found, feed)


def writers(store: Store) -> list[str]:
    """Those who have written digests here."""
    try:
        return listing(store, DIRECTORY)
    except CupolaError:
        return []


def numbers(store: Store, kind: str, writer: str) -> list[int]:
    """The numbers of a writer's segments of a kind, in order."""
    try:
        names = listing(store, f"{DIRECTORY}/{writer}")
    except CupolaError:
        return []
    parts = [name.split(".") for name in names]
    return sorted(
        int(one[1]) for one in parts if len(one) == 3 and one[0] == kind and one[1].isascii() and one[1].isdigit()
    )


def segment(kind: str, writer: str, number: int) -> str:
    """Where a segment lies."""
    return f"{DIRECTORY}/{writer}/{kind}.{number}.jsonl"


def encode(
    kind: Kind[Any],
    entries: Iterable[Entry[Any]],
    marks: Marks,
    *,
    after: int = 0,
    is_sealed: bool,
    made: float | None = None,
) -> bytes:
    """A segment as it lies on the disk."""
    body = _ENCODER.encode_lines(entries)
    head = Head(
        schema=_schema(kind),
        after=after,
        sealed=is_sealed,
        marks=marks,
        made=made or time.time(),
        checksum=zlib.crc32(body),
    )
    return _ENCODER.encode(head) + b"\n" + body


def decode(kind: Kind[Any], data: bytes, type: Any) -> Segment[Any] | None:
    """A segment's head and its entries by place, the records as `type`; None for one that is not whole or not ours."""
    first, _, body = data.partition(b"\n")
    try:
        head = _HEAD.decode(first)
        if head.format != FORMAT or head.schema != _schema(kind) or head.checksum != zlib.crc32(body):
            return None
        with _uncollected():
            return head, {entry.place: entry for entry in _decoder(type).decode_lines(body)}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def load(store: Store, kind: Kind[Any], writer: str, number: int, type: Any) -> Segment[Any] | None:
    """A segment as `decode` gives it; None when it cannot be had."""
    try:
        return decode(kind, read_bytes(store, segment(kind.name, writer, number)), type)
    except CupolaError:
        return None


def sealed(store: Store, parts: list[str], begun: int | None = None) -> list[int]:
    """What tells the state of these files from any other on a local disk; [] where nothing does.

    begun: when they began to be read (nanoseconds); one that was changed just before, or since, has no seal.
    """
    seal: list[int] = []
    if store.mount.network:
        return seal
    for part in parts:
        try:
            state = os.stat(f"{store.root}/{part}", follow_symlinks=False)  # noqa: PTH116
        except OSError:
            return []
        latest = max(state.st_ctime_ns, state.st_mtime_ns)
        if stat.S_ISLNK(state.st_mode) or (begun is not None and latest > begun - UNSETTLED):
            return []
        seal += (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return seal


Tip = tuple[int, Head, dict[str, Entry[T]]]


def _tip(store: Store, kind: Kind[T], writer: str) -> Tip[T] | None:
    """A writer's newest segment."""
    for _ in range(TRIES):  # it may be merged into another just now
        made = numbers(store, kind.name, writer)
        if not made:
            return None
        if found := load(store, kind, writer, made[-1], kind.type):
            return made[-1], *found
    return None


def _chain(
    store: Store, kind: Kind[T], writer: str, number: int, head: Head, newest: dict[str, Entry[T]]
) -> dict[str, Entry[T]] | None:
    """The entries of a writer's segments, from the newest back to the first; None when one is missing."""
    layers = [newest]
    while head.after:
        if head.after >= number:
            return None
        number = head.after
        before = load(store, kind, writer, number, kind.type)
        if before is None:
            return None
        head = before[0]
        layers.append(before[1])
    if len(layers) == 1:
        return newest
    return {place: entry for layer in reversed(layers) for place, entry in layer.items()}


def _by_seal(store: Store, kind: Kind[T], places: Iterable[str], sources: list[Source[T]]) -> dict[str, Entry[T]]:
    found = {}
    for place in places:
        for source in sources:
            entry = source.entries.get(place)
            if entry is None or entry.record is None or not entry.seal:
                continue
            if entry.seal == sealed(store, kind.parts(place, entry.revision)):
                found[place] = entry
                break
    return found


def _by_feed(store: Store, kind: Kind[T], places: Iterable[str], sources: list[Source[T]]) -> dict[str, Entry[T]]:
    found = {}
    for place in places:
        entries = [(one, entry) for one in sources if (entry := one.entries.get(place))]
        if not entries:
            continue
        newest = max(entry.revision for _, entry in entries)
        for source, entry in entries:
            if (
                entry.record is None
                or entry.revision < newest
                or doubtful(kind, entry.place, entry.revision, source.told)
            ):
                continue
            if isinstance(entry.record, Record) and not showable(
                store, kind.parts(place, entry.revision)[0], entry.record
            ):
                break
            found[place] = entry
            break
    return found


def doubtful(kind: Kind[Any], place: str, revision: int, since: Told) -> bool:
    """Whether what was told leaves it open that the record at `place` is newer than that revision."""
    key = (kind.name, place.rpartition("/")[2])
    newest = since.newest.get(key, 0)
    if key in since.unsure or newest > (revision if kind.counted else 0):
        return True
    return bool(since.places) and any(one in since.places for one in _prefixes(place))


def _prefixes(place: str) -> list[str]:
    names = place.split("/")
    return ["/".join(names[: end + 1]) for end in range(len(names))]


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps the garbage collector from going through what is being decoded again and again: half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@lru_cache(maxsize=64)
def _decoder(type: Any) -> Any:
    return msgspec.json.Decoder(Entry[type] if type is msgspec.Raw else Entry[type | None])


@lru_cache(maxsize=64)
def _schema(kind: Kind[Any]) -> int:
    return zlib.crc32(",".join(kind.type.__struct_fields__).encode())


_HEAD = msgspec.json.Decoder(Head)
_ENCODER = msgspec.json.Encoder()
