"""A look at a journal: torn lines, and entries that are lost."""

import os
from collections.abc import Callable

import msgspec

from cupola.checking.inspection import Finding, Inspection, Look, Mend
from cupola.checking.mending import Bench
from cupola.errors import BadName, Corrupt, CupolaError, NotFound

REMEMBERED = 10_000  # entries; one that is written again after a failed fsync follows soon


def journal(of: Inspection, path: str, can_be_read: Callable[[bytes], bool] = lambda line: True) -> Look:
    """What is wrong with the lines of a journal, if it is there.

    A line that a dying writer left unfinished was never acknowledged: it is closed, and then only noted. A gap in the
    numbers is an entry that was there and is lost; so is an entry that `can_be_read` refuses.
    """
    try:
        descriptor = of.open(path)
    except (NotFound, Corrupt, BadName):
        return
    except CupolaError as error:
        yield Finding("unreadable", path, error.message)
        return
    of.files += 1
    lines = Lines(path, can_be_read)
    with os.fdopen(descriptor, "rb") as file:
        try:
            of.bytes += os.fstat(descriptor).st_size
            for line in file:
                lines.take(line)
        except OSError as error:
            yield Finding("unreadable", path, error.strerror or str(error))
            return
    yield from lines.found()


def journals(of: Inspection, directory: str) -> Look:
    """The journals of all writers in a directory that holds nothing else."""
    there = of.names(directory)
    for name in there:
        if name.endswith(".jsonl"):
            yield from journal(of, f"{directory}/{name}")
    if not there and of.exists(directory):
        yield Finding("journal", directory, "there is no journal in it: all are lost, or a writer died", note=True)


class Lines:
    """The lines of one journal, one after the other."""

    def __init__(self, path: str, can_be_read: Callable[[bytes], bool]) -> None:
        self.path = path
        self.can_be_read = can_be_read
        self.last = 0
        self.recent: dict[int, int] = {}
        self.lost: list[str] = []
        self.unfinished = 0
        self.broken_end = False
        self.torn = 0

    def take(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            self.torn = len(line)
            return
        if not line.strip():
            return
        seq = _seq(line)
        self.broken_end = seq is None and line.rstrip().endswith(b"}")
        if seq is not None and not self.can_be_read(line):
            self.lost.append(f"{seq}")
        if seq is None:
            self.unfinished += 1
        elif seq > self.last:
            if seq > self.last + 1:
                self.lost.append(f"{self.last + 1}" if seq == self.last + 2 else f"{self.last + 1} to {seq - 1}")
            self.last = seq
            self._remember(seq, line)
        elif seq and self.recent.get(seq, hash(line)) != hash(line):
            self.lost.append(f"one that is written over number {seq}")

    def _remember(self, seq: int, line: bytes) -> None:
        self.recent[seq] = hash(line)
        if len(self.recent) > REMEMBERED:
            del self.recent[next(iter(self.recent))]

    def found(self) -> Look:
        if not (self.last or self.lost or self.torn or self.unfinished):
            yield Finding("journal", self.path, "there is no entry in it: all are lost, or its writer died", note=True)
        if self.torn:
            yield Finding("journal", self.path, f"its last line is torn ({self.torn} bytes)", _close(self.path))
        if self.lost or self.broken_end:
            which = ", ".join([*self.lost[:10], *(["the last one"] if self.broken_end else [])])
            yield Finding("journal", self.path, f"entries are lost or cannot be read: {which}")
        elif self.unfinished:
            why = f"lines that a dying writer left unfinished, and that are passed over: {self.unfinished}"
            yield Finding("journal", self.path, why, note=True)


def _close(path: str) -> Mend:
    def mend(bench: Bench) -> tuple[str, str | None]:
        bench.close_line(path)
        return "the line is closed, and will be passed over", None

    return mend


def _seq(line: bytes) -> int | None:
    """The number of an entry (0 for one without), or None for what is no entry."""
    try:
        entry = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(entry, dict) or type(entry.get("seq", 0)) is not int:
        return None
    seq: int = entry.get("seq", 0)
    return seq
