"""How far the feed had been read when something was written down, and what it has told since: what may be newer."""

import zlib
from collections.abc import Iterable

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.store.content import listing, read_bytes
from cupola.store.feed import FEED, Line
from cupola.store.root import Store

PROOF = 256  # bytes before a mark that prove that the file is still the one that was read
TRIES = 5
SUFFIX = ".jsonl"

Snapshot = dict[str, bytes]  # the whole lines of each file of the feed, at one moment


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A place in a file of the feed, and the checksum of what stands before it."""

    offset: int
    proof: int


Marks = dict[str, Mark]


class Told(msgspec.Struct):
    """What the feed told after the marks. `newest`: by (kind, ref) the highest revision that was named; `asked` only
    those named by a line with no path, of the record as a whole. `unsure`: lines that name no revision or a file."""

    newest: dict[tuple[str, str], int] = {}
    asked: dict[tuple[str, str], int] = {}
    unsure: set[tuple[str, str]] = set()
    places: set[str] = set()


def snapshot(store: Store) -> Snapshot | None:
    """The feed as it stands; None when it cannot be had whole (just being rotated, or a mount in trouble)."""
    for _ in range(TRIES):
        found = {}
        try:
            for name in listing(store, FEED):
                data = read_bytes(store, f"{FEED}/{name}")
                found[name] = data[: data.rfind(b"\n") + 1]
            return found
        except NotFound:
            continue
        except CupolaError:
            return None
    return None


def marks(feed: Snapshot) -> Marks:
    """The marks at the end of a snapshot."""
    return {name: Mark(len(data), _proof(data, len(data))) for name, data in feed.items()}


def beginning(feed: Snapshot) -> Marks:
    """The marks at the beginning of what is there of the feed."""
    return {f"{writer}.{min(numbers)}{SUFFIX}": Mark(0, 0) for writer, numbers in _by_writer(feed).items()}


def told(feed: Snapshot, since: Marks, lenient: bool = False) -> Told | None:
    """What the feed told after those marks; None when some of it is missing, so that anything may be newer.

    lenient: lines that cannot be understood are passed over.
    """
    found = Told()
    before, now = _by_writer(since), _by_writer(feed)
    if before.keys() - now.keys():
        return None
    for writer, numbers in now.items():
        first, last = max(before.get(writer, [1])), max(numbers)
        for number in range(first, last + 1):
            name = f"{writer}.{number}{SUFFIX}"
            data = feed.get(name)
            mark = since.get(name, Mark(0, 0))
            if data is None or len(data) < mark.offset or _proof(data, mark.offset) != mark.proof:
                return None
            if not _hear(data[mark.offset :], found) and not lenient:
                return None
    return found


def _proof(data: bytes, end: int) -> int:
    return zlib.crc32(data[max(0, end - PROOF) : end])


def _by_writer(names: Iterable[str]) -> dict[str, list[int]]:
    """The numbers of each writer's files; names that no writer gives are passed over."""
    found: dict[str, list[int]] = {}
    for name in names:
        writer, _, number = name.removesuffix(SUFFIX).rpartition(".")
        if name.endswith(SUFFIX) and number.isascii() and number.isdigit():
            found.setdefault(writer, []).append(int(number))
    return found


def _hear(data: bytes, found: Told) -> bool:
    """Adds what the lines tell; False when one of them cannot be understood (a late view of it may be zeros)."""
    try:
        lines, whole = _LINE.decode_lines(data), True
    except (msgspec.MsgspecError, UnicodeDecodeError):
        lines, whole = [line for one in data.splitlines() if (line := _line(one))], False
    for line in lines:
        key = (line.kind, line.ref)
        if line.kind == "file":
            found.places.update((line.ref, "/".join(line.ref.split("/")[:3])))
        elif line.revision <= 0:
            found.unsure.add(key)
        else:
            found.newest[key] = max(line.revision, found.newest.get(key, 0))
            if not line.path:
                found.asked[key] = max(line.revision, found.asked.get(key, 0))
    return whole


def _line(data: bytes) -> Line | None:
    try:
        return _LINE.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


_LINE = msgspec.json.Decoder(Line)
