"""The feed: a file per user, host and copy that says which record has changed; all works without it, only later."""

import contextlib
import os

import msgspec

from cupola.errors import CupolaError
from cupola.store.content import listing, remove, write_all
from cupola.store.paths import place, set_mode
from cupola.store.root import Store
from cupola.store.runtime import lock, runtime_dir

FEED = ".cupola/feed"
ROTATE = 256 * 1024  # bytes


class Line(msgspec.Struct, kw_only=True):
    """A line of the feed: record `ref` of that kind, at `path`, has got that revision; a journal, that line."""

    kind: str
    ref: str
    revision: int = 0
    path: str = ""


def announce(store: Store, kind: str, ref: str, revision: int, path: str = "") -> None:
    """Tells watchers that a record has changed; what keeps it from being told is not an error."""
    with contextlib.suppress(OSError, CupolaError, UnicodeEncodeError):  # a name that is no text
        line = msgspec.json.encode(Line(kind=kind, ref=ref, revision=revision, path=path)) + b"\n"
        held = lock(runtime_dir() / f"feed-{store.copy}.lock")
        assert held is not None
        with held:
            number = _current(store)
            if _append(store, number, line) > ROTATE:
                _append(store, number + 1, b"")
                remove(store, _name(store, number - 1))


def _name(store: Store, number: int) -> str:
    return f"{FEED}/{store.writer}.{number}.jsonl"


def _current(store: Store) -> int:
    before, after = f"{store.writer}.", ".jsonl"
    mine = [name[len(before) : -len(after)] for name in listing(store, FEED) if name.startswith(before)]
    return max((int(number) for number in mine if number.isascii() and number.isdigit()), default=1)


def _append(store: Store, number: int, line: bytes) -> int:
    """Appends a whole line (a torn one before it ends where it is), and gives the size of the file."""
    with place(store, _name(store, number), make=True) as at:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(at.name, flags, 0o600, dir_fd=at.directory)
        try:
            size = os.fstat(descriptor).st_size
            if size == 0:
                set_mode(descriptor, os.fstat(at.directory).st_mode & 0o666)
            elif os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            write_all(descriptor, line)
            return size + len(line)
        finally:
            os.close(descriptor)
