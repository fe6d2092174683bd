"""Journals: one file of JSON lines per writer, only ever appended to; what several people change is their fold.

A line carries the writer's sequence number and a Lamport clock, so that every reader orders the lines of all writers
alike without trusting anybody's wall clock.
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from cupola.errors import NotFound
from cupola.store.content import PATIENCE, listing, patiently, read_all, write_all
from cupola.store.names import filed, now
from cupola.store.paths import open_file, place, set_mode, sync_directory
from cupola.store.root import Store
from cupola.store.runtime import lock, runtime_dir
from cupola.store.trouble import disk, trouble

SUFFIX = ".jsonl"
SYNC_EVERY = 1.0  # seconds that lines of an Appender may wait for their fsync
TAIL = 64 * 1024
AGAIN = {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EBADF, errno.ECONNABORTED}  # final for the descriptor only

Entry = dict[str, Any]


class Numbered(Protocol):
    """A line as a struct, which the journal numbers."""

    seq: int


class OfHost(Protocol):
    """What was found out on one host."""

    host: str


T = TypeVar("T", bound=OfHost)


class Offset(NamedTuple):
    """How far a journal has been read."""

    bytes: int = 0
    seq: int = 0


START = Offset()


def newest(entries: list[Entry], key: str, kind: type[T], host: str) -> T | None:
    """The newest of what entries say under a key, with the host that it is of: of this host, else of any."""
    found = []
    for entry in entries:
        try:
            found.append(msgspec.convert(entry[key], kind))
        except (KeyError, msgspec.ValidationError):
            continue  # a line of another kind, or of a newer Cupola
    return next((one for one in reversed(found) if one.host == host), found[-1] if found else None)


def append(store: Store, path: str, entries: Iterable[Entry]) -> int:
    """Appends entries to this writer's journal at `path` and makes them durable; gives each `seq`, `clock` and `time`,
    and `filed` where the action is filed under something.

    Returns the last `seq`, which the feed names so that others wait until they see that line.
    `path` ends in `{store.writer}.jsonl`: processes of one writer take turns under a lock of this host. The clock is
    one more than any in the journals beside it. Raises ReadOnly, DiskTrouble.
    """
    store.check_writable()
    held = lock(runtime_dir() / f"journals-{store.copy}.lock")
    assert held is not None
    with held:
        seq, clock = _last(store, path)
        directory = path.rpartition("/")[0]
        for name in listing(store, directory):
            other = f"{directory}/{name}"
            if name.endswith(SUFFIX) and other != path:
                clock = max(clock, _last(store, other)[1])
        lines = b""
        under = {"filed": filed()} if filed() else {}
        for entry in entries:
            seq, clock = seq + 1, clock + 1
            stamped = {"seq": seq, "clock": clock, "time": now()} | under | entry | {"seq": seq, "clock": clock}
            lines += msgspec.json.encode(stamped) + b"\n"
        _append(store, path, lines)
    return seq


def last(store: Store, path: str) -> int:
    """The sequence number of the last line of a journal, 0 when there is none."""
    return _last(store, path)[0]


def read(store: Store, path: str, after: Offset = START) -> tuple[list[Entry], Offset]:
    """The entries after `after`, each once and in order, and where to go on; a torn line is passed over.

    A missing journal has no entries. On a network mount, zeros where a line should be are read again before they are
    believed.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            data, start = _from(store, path, after.bytes)
        except NotFound:
            return [], after
        found, offset, zeros = _entries(data, start, after.seq)
        believed = f"zeros {path}"
        if not store.mount.network or zeros <= store.shown.get(believed, 0):
            return found, offset
        if time.monotonic() >= deadline:
            store.shown[believed] = zeros
        time.sleep(0.02)


def fold(journals: dict[str, list[Entry]]) -> list[Entry]:
    """All entries of all writers in one order, that of (clock, writer, seq), whatever order they came in."""
    each: dict[tuple[int, str, int], Entry] = {}
    for writer, entries in journals.items():
        for entry in entries:
            key = (_number(entry, "clock"), writer, _number(entry, "seq"))
            each.setdefault(key, entry)
    return [each[key] for key in sorted(each)]


def folded(store: Store, directory: str) -> list[Entry]:
    """The fold of the journals in a directory; each entry also says its `writer`."""
    journals = {}
    for name in listing(store, directory):
        if name.endswith(SUFFIX):
            writer = name.removesuffix(SUFFIX)
            journals[writer] = [{**entry, "writer": writer} for entry in read(store, f"{directory}/{name}")[0]]
    return fold(journals)


def tail(store: Store, path: str, after_bytes: int = 0, limit: int = 1 << 20) -> tuple[bytes, int]:
    """What was appended to a file after a position (at most `limit` bytes), and the new position; b"" when missing."""

    def once() -> bytes:
        descriptor = open_file(store, path)
        try:
            return os.pread(descriptor, limit, after_bytes)
        finally:
            os.close(descriptor)

    try:
        data = patiently(store, path, once)
    except NotFound:
        return b"", after_bytes
    return data, after_bytes + len(data)


class Appender:
    """One writer's own journal kept open, for lines that come often (metrics, events).

    Lines are durable after `append(..., durable=True)`, `flush` or `close`, and within about a second anyway. After an
    error the file is opened anew by its name, and what was not yet durable is written again on a new line. Not
    `settled`: the names of the file and of the directories above it, where it makes them, are left to `settling`.
    """

    def __init__(self, store: Store, path: str, *, settled: bool = True) -> None:
        store.check_writable()
        self._store = store
        self._path = path
        self._settled = settled
        self._descriptor = -1
        self._waiting: list[bytes] = []  # written perhaps, not durable for certain
        self._written = 0  # how many of them this descriptor has taken
        self._synced = time.monotonic()
        self._seq = _last(store, path)[0]

    def append(self, entry: Entry, durable: bool = False) -> None:
        """Adds a line, with `seq` and (unless given) `time`. Raises DiskTrouble; the next call then writes it too."""
        self._seq += 1
        stamped = {"seq": self._seq, "time": now()} | entry | {"seq": self._seq}
        self._waiting.append(msgspec.json.encode(stamped) + b"\n")
        self.flush(durable or time.monotonic() - self._synced >= SYNC_EVERY)

    def extend(self, lines: Sequence[Numbered]) -> None:
        """Adds many lines at once, whose `seq` is set here; they wait for a `flush`, which alone touches the disk."""
        for line in lines:
            self._seq += 1
            line.seq = self._seq
        self._waiting.append(_ENCODER.encode_lines(lines))

    def flush(self, durable: bool = True) -> None:
        """Writes what waits, and makes it durable."""
        if not self._waiting:
            return
        try:
            self._write(durable)
        except OSError as error:
            if error.errno not in AGAIN:
                raise trouble(error, self._path) from error
            self._drop()
            with disk(self._path):
                self._write(durable)

    def close(self) -> None:
        """Makes all lines durable and lets the file go."""
        try:
            self.flush()
        finally:
            self._drop()

    @property
    def written(self) -> int:
        """How much of what is not durable for certain this file has taken."""
        return self._written

    def settled(self, count: int) -> None:
        """So much of it was made durable by other means (`settling`)."""
        del self._waiting[:count]
        self._written = max(0, self._written - count)

    def again(self) -> None:
        """What could not be made durable is written once more with the next `flush`, by a file that is opened anew."""
        self._drop()

    def let_go(self) -> None:
        """Lets the file go; all its lines were made durable by other means (`settling`), or are another process's."""
        self._waiting.clear()
        self._drop()

    def _write(self, durable: bool) -> None:
        if self._descriptor < 0:
            self._descriptor = _open(self._store, self._path, self._settled)
        _whole(self._descriptor, b"".join(self._waiting[self._written :]))
        self._written = len(self._waiting)
        if durable:
            try:
                os.fsync(self._descriptor)
            except OSError:
                self._drop()
                raise
            self._waiting.clear()
            self._written = 0
            self._synced = time.monotonic()

    def _drop(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1
        self._written = 0

    def __enter__(self) -> "Appender":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _append(store: Store, path: str, lines: bytes) -> None:
    """Appends and syncs; a descriptor whose fsync failed is given up, and all is written again by a new one."""
    for last in (False, True):
        try:
            descriptor = _open(store, path)
            try:
                _whole(descriptor, lines)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            return
        except OSError as error:
            if last or error.errno not in AGAIN:
                raise trouble(error, path) from error


def _open(store: Store, path: str, settled: bool = True) -> int:
    """Opens a journal for appending, making it when it is missing, and ends a torn line that a dead writer left."""
    with place(store, path, make=True, durable=settled) as at:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(at.name, flags, dir_fd=at.directory)
        except FileNotFoundError:
            descriptor = os.open(at.name, flags | os.O_CREAT, 0o600, dir_fd=at.directory)
            set_mode(descriptor, os.fstat(at.directory).st_mode & 0o666)
            if settled:
                sync_directory(at.directory)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            write_all(descriptor, b"\n")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _whole(descriptor: int, lines: bytes) -> None:
    """Writes all the lines or, when the disk is full, none."""
    size = os.fstat(descriptor).st_size
    try:
        write_all(descriptor, lines)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _from(store: Store, path: str, position: int) -> tuple[bytes, int]:
    """What follows a position, and the position: 0 when the file is shorter, since it is then another one."""

    def once() -> tuple[bytes, int]:
        descriptor = open_file(store, path)
        try:
            start = position if os.fstat(descriptor).st_size >= position else 0
            os.lseek(descriptor, start, os.SEEK_SET)
            return read_all(descriptor), start
        finally:
            os.close(descriptor)

    return patiently(store, path, once)


def _entries(data: bytes, start: int, seq: int) -> tuple[list[Entry], Offset, int]:
    """The entries after `seq` in the whole lines of `data`, where these end, and where the last with zeros ends."""
    end, position, zeros, found = data.rfind(b"\n") + 1, start, 0, []
    for line in data[:end].splitlines(keepends=True):
        position += len(line)
        entry = _entry(line)
        if entry is None:
            zeros = position if b"\0" in line else zeros
        elif _number(entry, "seq") > seq or "seq" not in entry:
            seq = max(seq, _number(entry, "seq"))
            found.append(entry)
    return found, Offset(start + end, seq), zeros


def _entry(line: bytes) -> Entry | None:
    try:
        entry = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and type(entry.get("seq", 0)) is int else None


def _number(entry: Entry, name: str) -> int:
    value = entry.get(name, 0)
    return value if isinstance(value, int) else 0


_ENCODER = msgspec.json.Encoder()


def _last(store: Store, path: str) -> tuple[int, int]:
    """The last sequence number and the last clock in a journal: those of its last whole line."""
    try:
        position = max(0, _size(store, path) - TAIL)
    except NotFound:
        return 0, 0
    while True:
        data, position = _from(store, path, position)
        lines = data.split(b"\n")
        for line in reversed(lines[1:] if position else lines):
            entry = _entry(line)
            if entry is not None and "seq" in entry:
                return _number(entry, "seq"), _number(entry, "clock")
        if position == 0:
            return 0, 0
        position = max(0, position - 16 * TAIL)


def _size(store: Store, path: str) -> int:
    def once() -> int:
        descriptor = open_file(store, path)
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    return patiently(store, path, once)
