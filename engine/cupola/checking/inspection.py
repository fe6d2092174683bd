"""What all looks share: reading without patience and without tracebacks, and what is known of the whole workspace."""

import hashlib
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from cupola.checking.mending import Bench
from cupola.checking.records import Problem
from cupola.errors import BadName, Corrupt, CupolaError, NotFound
from cupola.store import Store, files, names, secret, toml
from cupola.store.content import patiently
from cupola.store.paths import open_file
from cupola.store.records import Record

CHUNK = 1 << 20

T = TypeVar("T", bound=msgspec.Struct)
Mend = Callable[[Bench], tuple[str, str | None]]  # what was done, and where what was moved away lies


@dataclass(frozen=True)
class Finding:
    """A problem as a look sees it, raw; believed when a second look, `wait` seconds later, sees exactly the same."""

    kind: str
    path: str
    message: str
    mend: Mend | None = field(default=None, compare=False)
    note: bool = False
    wait: float = field(default=0.0, compare=False)

    def problem(self) -> Problem:
        repairable = self.mend is not None
        return Problem(kind=self.kind, path=clean(self.path), message=clean(self.message), repairable=repairable)


Look = Generator[Finding, None, None]
Reading = Generator[Finding, None, T | None]


def clean(text: str) -> str:
    """The text as one line that can be encoded and shown, whatever a name on the disk holds."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def aside(path: str) -> Mend:
    """Mends by moving `path` away."""

    def mend(bench: Bench) -> tuple[str, str | None]:
        kept = bench.set_aside(path)
        return f"it now lies in {kept}", kept

    return mend


def emptied(path: str) -> Mend:
    """Mends by removing a directory that is empty."""

    def mend(bench: Bench) -> tuple[str, str | None]:
        bench.remove_empty(path)
        return "removed, there was nothing in it", None

    return mend


class Inspection:
    """One look over a workspace. `tell` hears what is being read; files and bytes count it."""

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        self.store = store
        self.tell = tell
        self.files = 0
        self.bytes = 0
        self.user, self.host = names.who()

    def refresh(self) -> None:
        """Forgets what is known of the whole, before a second look."""
        for known in ("jobs", "runs", "trash"):
            self.__dict__.pop(known, None)

    @cached_property
    def jobs(self) -> dict[str, str]:
        """Each job's directory by its id."""
        return {one: f"jobs/{month}/{one}" for month in self.names("jobs") for one in self.names(f"jobs/{month}")}

    @cached_property
    def runs(self) -> dict[str, str]:
        """Each run's directory by its id."""
        every = self.names("experiments")
        return {one: f"experiments/{name}/{one}" for name in every for one in self.names(f"experiments/{name}")}

    @cached_property
    def trash(self) -> list[str]:
        """The paths that lie in the trash."""
        found = []
        for token in self.names(files.TRASH):
            try:
                data = files.read_bytes(self.store, f"{files.TRASH}/{token}/what.json")
                found.append(msgspec.json.decode(data, type=files.Discarded).path)
            except (CupolaError, msgspec.MsgspecError, UnicodeDecodeError):
                continue
        return found

    def trashed(self, path: str) -> bool:
        """Whether somebody has removed it on purpose: itself, or what it lay in."""
        return any(path == one or path.startswith(f"{one}/") for one in self.trash)

    def names(self, path: str) -> list[str]:
        """The names in a directory; [] where there is none, or none that can be read (which the tree's look says)."""
        try:
            return files.listing(self.store, path)
        except CupolaError:
            return []

    def exists(self, path: str) -> bool:
        parent, _, name = path.rpartition("/")
        return name in self.names(parent)

    def is_mine(self, record: Any) -> bool:
        return (record.user, record.host) == (self.user, self.host)

    def verifies(self, payload: bytes, macs: list[str]) -> bool:
        """Whether this user has signed it; an own secret that cannot be read is a problem of its own, told once."""
        try:
            return any(secret.verify(payload, mac) for mac in macs)
        except CupolaError:
            return True

    def read(self, path: str, needed: bool = True) -> Generator[Finding, None, bytes | None]:
        """The whole file; None when it is not there or not readable."""
        try:
            data = files.read_bytes(self.store, path)
        except NotFound:
            if needed:
                yield Finding("missing", path, "this file is not there")
            return None
        except (Corrupt, BadName):  # a symlink that leads out, which the tree's look says
            return None
        except CupolaError as error:
            yield Finding("unreadable", path, error.message)
            return None
        self.files += 1
        self.bytes += len(data)
        return data

    def record(self, path: str, kind: type[T], needed: bool = True, mend: Mend | None = None) -> Reading[T]:
        """A JSON record; None when it cannot be had. `mend` is what helps when it is torn."""
        data = yield from self.read(path, needed)
        if data is None:
            return None
        try:
            raw = msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield Finding("torn", path, f"this record cannot be read: {error}", mend)
            return None
        if (yield from self._newer(path, raw, kind)):
            return None
        try:
            return msgspec.convert(raw, kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            yield Finding("torn", path, f"this record cannot be read: {error}", mend)
            return None

    def toml(self, path: str, kind: type[T], needed: bool = True) -> Reading[T]:
        """A record in a TOML file that people edit."""
        data = yield from self.read(path, needed)
        if data is None:
            return None
        try:
            raw = toml.parse(data, path)
            if not (yield from self._newer(path, raw, kind)):
                return toml.convert(raw, kind, data, path)
        except Corrupt as error:
            yield Finding("torn", path, error.message)
        return None

    def _newer(self, path: str, raw: Any, kind: type[msgspec.Struct]) -> Generator[Finding, None, bool]:
        """Whether only a newer Cupola can say what the record means."""
        given = raw.get("format", 1) if isinstance(raw, dict) else 1
        known = next((one.default for one in msgspec.structs.fields(kind) if one.name == "format"), None)
        newer = issubclass(kind, Record) and isinstance(given, int) and given > int(known or 1)
        if newer:
            yield Finding("newer", path, f"a newer Cupola wrote this record (format {given}); update Cupola")
        return newer

    def json(self, path: str) -> Look:
        """Any JSON that is there."""
        data = yield from self.read(path, needed=False)
        if data is not None:
            try:
                msgspec.json.decode(data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                yield Finding("torn", path, f"this is not JSON: {error}")

    def checksum(self, path: str, expected: str, what: str) -> Look:
        """Compares the sha256 of a file, read a piece at a time."""
        digest = hashlib.sha256()
        if not (yield from self.pieces(path, digest.update)):
            return
        if digest.hexdigest() != expected:
            yield Finding("checksum", path, f"it is not what {what}: its checksum differs")

    def pieces(self, path: str, take: Callable[[memoryview], None]) -> Generator[Finding, None, bool]:
        """Reads a file a piece at a time; False when that cannot be done to its end."""
        try:
            descriptor = self.open(path)
        except NotFound:
            yield Finding("missing", path, "this file is not there")
            return False
        except (Corrupt, BadName):
            return False
        except CupolaError as error:
            yield Finding("unreadable", path, error.message)
            return False
        self.files += 1
        buffer = memoryview(bytearray(CHUNK))
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            try:
                while count := file.readinto(buffer):
                    take(buffer[:count])
                    self.bytes += count
                    self.tell(path)
            except OSError as error:
                yield Finding("unreadable", path, error.strerror or str(error))
                return False
        return True

    def open(self, path: str) -> int:
        """A descriptor of the file. Raises as `files.read_bytes` does."""
        return patiently(self.store, path, lambda: open_file(self.store, path, os.O_RDONLY))
