"""The watcher: what has changed in a workspace, as it happens, whoever changed it and from whichever host."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.store.content import NOT_RECORDS, PATIENCE, listing, make_dir, patiently, read_all, read_bytes
from cupola.store.feed import FEED, Line
from cupola.store.journals import last
from cupola.store.paths import open_file
from cupola.store.root import Store

EVERY = 0.25  # seconds between two looks on a network mount
SWEEP = 5.0  # seconds between two looks at files that people edit, where nothing else tells of them
SMALL = 64 * 1024  # bytes of a file whose content is compared


class Change(msgspec.Struct, frozen=True):
    """A record that has changed, or a journal at `path` that has got the line `revision`; kind "file" and its path as
    `ref` when all that is known is that a file has changed."""

    kind: str
    ref: str
    revision: int = 0
    path: str = ""


def watch(store: Store, stop: threading.Event, extra: Callable[[], list[str]] = list) -> Iterator[set[Change]]:
    """Gives what has changed since this call, a set at a time (the first may be empty), until `stop` is set.

    `extra` names the directories whose files people may edit by hand just now; it is asked again and again. Raises
    DiskTrouble when the mount breaks: call it again, and read again what is on the screen.
    """
    feed = _Feed(store)
    edits = _Edits(store, extra)
    return _watch(store, stop, feed, edits)


def _watch(store: Store, stop: threading.Event, feed: "_Feed", edits: "_Edits") -> Iterator[set[Change]]:
    waits = _polls(stop) if store.mount.network else _wakes(store, stop, edits)
    first = True
    for touched in waits:
        changes = feed.read() | (edits.sweep() if touched is None else edits.look_at(touched))
        if changes or first:
            first = False
            yield changes


def _polls(stop: threading.Event) -> Iterator[set[str] | None]:
    """Wakes up every 250 ms; every few seconds with None: whatever is watched may have changed."""
    swept = time.monotonic()
    while not stop.wait(EVERY):
        late = time.monotonic() - swept > SWEEP
        swept = time.monotonic() if late else swept
        yield None if late else set()


def _wakes(store: Store, stop: threading.Event, edits: "_Edits") -> Iterator[set[str] | None]:
    """Wakes up when the kernel says what was touched, and once a second; with None when it may have missed some."""
    from watchfiles._rust_notify import RustNotify

    with contextlib.suppress(CupolaError):
        make_dir(store, FEED)
    while not stop.is_set():
        paths = _there(store, edits)
        try:
            with RustNotify(paths, False, False, 0, False, True) as kernel:
                yield None
                while _there(store, edits) == paths:
                    touched = kernel.watch(100, 20, 1000, stop)
                    if touched == "stop":
                        return
                    if touched == "signal":
                        raise KeyboardInterrupt
                    yield _relative(store, touched)
        except (OSError, RuntimeError):  # a directory went, or the kernel has no watches left: look once a second
            stop.wait(1.0)
            yield None


def _there(store: Store, edits: "_Edits") -> list[str]:
    return [str(path) for one in (FEED, *edits.directories()) if (path := store.root / one).is_dir()]


def _relative(store: Store, touched: "set[tuple[int, str]] | str") -> set[str]:
    return set() if isinstance(touched, str) else {os.path.relpath(path, store.root) for _, path in touched}


class _Feed:
    """Follows the lines of all feed files from the moment it was made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ends: dict[str, int] = {}
        self._late: dict[Change, float] = {}
        self._odd: dict[str, float] = {}
        for name in listing(store, FEED):
            self._ends[name] = self._rest(name, 0).rfind(b"\n") + 1

    def read(self) -> set[Change]:
        """What the feed told since the last call, as far as this host can see the records themselves by now."""
        names = listing(self._store, FEED)
        for gone in self._ends.keys() - set(names):
            del self._ends[gone]
        told = {change for name in names for change in self._lines(name)}
        if not self._store.mount.network:
            return told
        for change in told:
            self._late.setdefault(change, time.monotonic() + PATIENCE)
        ready = {one for one, deadline in self._late.items() if time.monotonic() > deadline or self._seen(one)}
        for one in ready:
            del self._late[one]
        return ready

    def _lines(self, name: str) -> list[Change]:
        found = []
        start = self._ends.get(name, 0)
        for line in self._rest(name, start).splitlines(keepends=True):
            if not line.endswith(b"\n") or (b"\0" in line and self._may_change(name)):
                break
            start += len(line)
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                one = msgspec.json.decode(line, type=Line)
                found.append(Change(one.kind, one.ref, one.revision, one.path))
        self._ends[name] = start
        return found

    def _may_change(self, name: str) -> bool:
        """Zeros on a network mount may yet become a line; for two seconds."""
        since = self._odd.setdefault(name, time.monotonic())
        if self._store.mount.network and time.monotonic() - since < PATIENCE:
            return True
        del self._odd[name]
        return False

    def _rest(self, name: str, start: int) -> bytes:
        def once() -> bytes:
            descriptor = open_file(self._store, f"{FEED}/{name}")
            try:
                os.lseek(descriptor, start, os.SEEK_SET)
                return read_all(descriptor)
            finally:
                os.close(descriptor)

        try:
            return patiently(self._store, f"{FEED}/{name}", once)
        except CupolaError:
            return b""

    def _seen(self, change: Change) -> bool:
        """Whether the record, or the journal with that line, is by now what was named, as this host sees it."""
        if not change.path.endswith((".json", ".jsonl")):
            return True
        try:
            if change.path.endswith(".jsonl"):
                return last(self._store, change.path) >= change.revision
            found = msgspec.json.decode(read_bytes(self._store, change.path), type=_Revision)
        except (CupolaError, msgspec.MsgspecError, UnicodeDecodeError):
            return False
        return found.revision >= change.revision


class _Revision(msgspec.Struct):
    revision: int = 1


class _Edits:
    """Finds files that were changed with no line in the feed."""

    def __init__(self, store: Store, extra: Callable[[], list[str]]) -> None:
        self._store = store
        self._extra = extra
        self._marks: dict[str, dict[str, object]] = {}
        self.sweep()

    def directories(self) -> list[str]:
        return sorted(set(self._extra()))

    def look_at(self, touched: set[str]) -> set[Change]:
        """Those of the touched files that lie in the watched directories."""
        watched = set(self.directories()) if touched else set()
        found = set()
        for path in touched:
            directory, _, name = path.rpartition("/")
            if directory in watched and not name.startswith(NOT_RECORDS):
                self._marks.setdefault(directory, {})[name] = self._mark(path)
                found.add(Change("file", path))
        return found

    def sweep(self) -> set[Change]:
        """Looks at all files of the watched directories."""
        found = set()
        before, self._marks = self._marks, {}
        for directory in self.directories():
            prefix = f"{directory}/" if directory else ""
            known = before.get(directory)
            try:
                marks = {name: self._mark(prefix + name) for name in listing(self._store, directory)}
            except CupolaError:
                marks = known or {}
            self._marks[directory] = marks
            if known is not None:
                names = {name for name in known.keys() | marks.keys() if known.get(name) != marks.get(name)}
                found |= {Change("file", prefix + name) for name in names}
        return found

    def _mark(self, path: str) -> object:
        """What tells one state of a file from another: on a network mount, where times are coarse, its content."""
        try:
            descriptor = open_file(self._store, path)
        except NotFound:
            return None
        except (OSError, CupolaError) as error:
            return "directory" if isinstance(error, OSError) and error.errno == errno.EISDIR else None
        try:
            state = os.fstat(descriptor)
            if self._store.mount.network and state.st_size <= SMALL:
                return read_all(descriptor)
            return state.st_size, state.st_mtime_ns
        except OSError:
            return None
        finally:
            os.close(descriptor)
