"""Which of two states of the same thing is the newer one, by what they say and never by the times of files."""

import os
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from cupola.store.content import CHUNK, read_all


class Standing(Enum):
    """How a record stands in the two copies. APART: both have made it what the other's does not follow from."""

    OURS = "ours is newer"
    THEIRS = "theirs is newer"
    SAME = "it is the same"
    APART = "each has another"


class Compared(NamedTuple):
    """Two files: how long each is, and for how many bytes they are alike."""

    ours: int
    theirs: int
    alike: int

    @property
    def standing(self) -> Standing:
        """As of files that are only ever appended to."""
        if self.alike == self.theirs:
            return Standing.SAME if self.ours == self.theirs else Standing.OURS
        return Standing.THEIRS if self.alike == self.ours else Standing.APART


class Union(NamedTuple):
    """What a journal lacks: lines that follow what it has, or, where some belong between, all its lines anew."""

    more: list[bytes]
    whole: bytes | None


def compare(ours: int, theirs: int) -> Compared:
    """Compares what two descriptors hold, from their beginning, up to the first chunk that differs."""
    other = os.fstat(theirs).st_size  # first: what is here and grows meanwhile is then no shorter
    mine = os.fstat(ours).st_size
    alike, both = 0, min(mine, other)
    while alike < both:
        count = min(CHUNK, both - alike)
        if os.pread(ours, count, alike) != os.pread(theirs, count, alike):
            break
        alike += count
    return Compared(mine, other, alike)


def union(ours: bytes, theirs: bytes) -> Union | None:
    """What the journal `ours` lacks of `theirs`, by the numbers of lines; None where one number has two lines.

    Lines that cannot be read, and those that no reader shows since their number comes late, are passed over.
    """
    mine, other = _lines(ours), _lines(theirs)
    if any(mine.get(seq, line) != line for seq, line in other.items()):
        return None
    missing = sorted(other.keys() - mine.keys())
    more = [other[seq] for seq in missing]
    if not missing or missing[0] > max(mine, default=0):
        return Union(more, None)
    both = mine | other
    return Union(more, b"".join(both[seq] + b"\n" for seq in sorted(both)))


def _lines(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    last = 0
    for line in data[: data.rfind(b"\n") + 1].split(b"\n"):
        seq = as_object(line).get("seq")
        if type(seq) is int and seq > last:
            last = seq
            found[seq] = line
    return found


def record(ours: bytes, theirs: bytes) -> Standing:
    """Of a record that its one writer counts: the higher `revision`; what can be read, where only one can."""
    if ours == theirs:
        return Standing.SAME
    mine, other = _revision(ours), _revision(theirs)
    if mine == other:
        return Standing.APART
    return Standing.THEIRS if other > mine else Standing.OURS


def result(ours: bytes, theirs: bytes) -> Standing:
    """Of what a step of a pipeline has come to: the later one."""
    mine, other = (_ended(one) for one in (ours, theirs))
    if ours == theirs or mine == other:
        return Standing.SAME if ours == theirs else Standing.APART
    return Standing.THEIRS if other > mine else Standing.OURS


def _ended(data: bytes) -> str:
    state = as_object(data).get("state")
    return str(state.get("ended") or "") if isinstance(state, dict) else ""


def immutable(ours: bytes, theirs: bytes) -> Standing:
    """Of a record that is written once."""
    return Standing.SAME if ours == theirs else Standing.APART


def settings(ours: bytes, theirs: bytes, *, revisions: tuple[int, int], known: tuple[bool, bool]) -> Standing:
    """Of a file that people edit. known: whether the history here holds theirs, and the history there ours.

    Whoever knows the other's has gone on from it. Else the higher revision counts; else, where each knows the other's
    (both have merged), the same one on both sides; and APART where nothing tells.
    """
    if known[0] != known[1]:
        return Standing.OURS if known[0] else Standing.THEIRS
    if revisions[0] != revisions[1]:
        return Standing.OURS if revisions[0] > revisions[1] else Standing.THEIRS
    if all(known):
        return Standing.OURS if ours > theirs else Standing.THEIRS
    return Standing.APART


def as_object(data: bytes) -> dict[str, Any]:
    """The JSON object that the bytes hold, or an empty one."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def whole(descriptor: int) -> bytes:
    """All that a descriptor holds."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return read_all(descriptor)


def _revision(data: bytes) -> int:
    """-1 for what is no record."""
    found = as_object(data)
    given = found.get("revision", 1)
    return given if found and type(given) is int else -1
