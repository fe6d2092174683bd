"""Bringing over: whole records by way of the staging area, files by a draft beside their name, lines by appending.

Nobody ever sees half of a record, nothing of this copy is lost, and whoever is killed leaves a merge that the next
completes. What is not taken because this copy has another is put aside: `.cupola/merged/PATH/CONTENT`.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cupola.errors import Conflict, NotFound
from cupola.merging import judging, other, writing
from cupola.merging.judging import Compared, Standing
from cupola.merging.records import Differs, Left, Merged
from cupola.store import Store, feed, files, journals
from cupola.store.content import CHUNK, patiently
from cupola.store.paths import open_file
from cupola.store.runtime import lock, runtime_dir
from cupola.store.trouble import disk

ASIDE = ".cupola/merged"
NO_FILE = "it is no plain file or directory, and nothing follows it"
TRIES = 5
KINDS = {
    "datasets": "dataset",
    "models": "model",
    "experiments": "run",
    "tunings": "tuning",
    "jobs": "job",
    "endpoints": "endpoint",
    "pipelines": "execution",
    "schedules": "schedule",
}


@dataclass
class Merge:
    """A merge under way: from where, to where, and what has come of it so far.

    heads: the files that say how far a record's writer is there, by path, as they were when it was judged.
    """

    here: Store
    there: Store
    merged: Merged
    heads: dict[str, bytes] = field(default_factory=dict)

    @property
    def dry(self) -> bool:
        return self.merged.dry_run

    def count(self, kind: str, number: int = 1) -> None:
        self.merged.taken[kind] = self.merged.taken.get(kind, 0) + number

    def differs(self, path: str, counts: Standing, kept: str) -> None:
        said = "what is here" if counts == Standing.OURS else "the other copy's"
        self.merged.differs.append(Differs(path=path, counts=said, kept=kept))

    def left(self, path: str, why: str) -> None:
        self.merged.left.append(Left(path=path, why=why))


def whole(work: Merge, path: str) -> bool:
    """Takes a record that is missing here, with all its files; False when one has appeared here meanwhile."""
    kind = KINDS[path.partition("/")[0]] if other.is_record(path) else "record"
    if work.dry:
        work.count(kind)
        return True
    with _staged(work, path) as staged:
        try:
            files.publish_dir(work.here, staged, path)
        except Conflict:
            return False
    work.count(kind)
    _announce(work, path)
    return True


def create(work: Merge, path: str) -> None:
    """Takes a file that is missing here; one that has appeared here meanwhile stays."""
    with _theirs(work, path) as theirs:
        if (work.dry or writing.put(work.here, path, theirs, replace=False)) and other.is_journal(path):
            work.count("line", judging.whole(theirs).count(b"\n"))
        else:
            work.count(_kind(path))
    _announce(work, path)


def replace(work: Merge, path: str) -> None:
    """Takes the newer state of a file, in the place of the one that is here."""
    _announce(work, path)  # before as well: no digest may go on believing the old one should this be killed next
    with _theirs(work, path) as theirs:
        if not work.dry:
            writing.put(work.here, path, theirs, replace=True)
    work.count(_kind(path))
    _announce(work, path)


def put(work: Merge, path: str, data: bytes) -> None:
    """Takes a state that was read before, in the place of the one that is here."""
    _announce(work, path)
    if not work.dry:
        files.write_bytes(work.here, path, data)
    work.count(_kind(path))
    _announce(work, path)


def lines(work: Merge, path: str) -> None:
    """Takes the lines that a journal lacks; what is here is never replaced by another's."""
    with contextlib.nullcontext() if work.dry else _turn(work):
        for _ in range(TRIES):
            with _theirs(work, path) as theirs, _ours(work, path) as ours:
                found = judging.compare(ours, theirs)
                if found.standing in (Standing.SAME, Standing.OURS):
                    return
                if found.standing == Standing.THEIRS:
                    done = _longer(work, path, theirs, found)
                else:
                    done = _union(work, path, ours, theirs)
            if done:
                return
    work.left(path, "it is being written to just now; merge again")


def _longer(work: Merge, path: str, theirs: int, found: Compared) -> bool:
    """Appends the lines of which the journal here is the beginning."""
    rest = os.pread(theirs, found.theirs - found.alike, found.alike)
    return _append(work, path, rest[: rest.rfind(b"\n") + 1], found.ours)


def _union(work: Merge, path: str, ours: int, theirs: int) -> bool:
    """Brings two journals together of which neither is the beginning of the other: one was torn or damaged."""
    mine = judging.whole(ours)
    union = judging.union(mine, judging.whole(theirs))
    if union is None:
        aside(work, path)
        return True
    if union.whole is None:
        gap = b"" if mine.endswith(b"\n") or not mine else b"\n"
        more = b"".join(line + b"\n" for line in union.more)
        return _append(work, path, gap + more if more else b"", len(mine))
    if other.stays_open(path):
        aside(work, path)
        return True
    if not work.dry:
        files.write_bytes(work.here, path, union.whole)
        if len(since := judging.whole(ours)) > len(mine):  # somebody had it open
            _append(work, path, since[len(mine) :], len(union.whole))
    work.count("line", len(union.more))
    _announce(work, path)
    return True


def _append(work: Merge, path: str, more: bytes, size: int) -> bool:
    """Appends to a file of that size; False when it has another by now."""
    if more and not work.dry and not writing.extend(work.here, path, more, size):
        return False
    if count := more.strip(b"\n").count(b"\n") + 1 if more else 0:
        work.count("line", count)
        _announce(work, path)
    return True


def log(work: Merge, path: str, standing: Standing) -> None:
    """Takes what was added to a log since."""
    with _theirs(work, path) as theirs, _ours(work, path) as ours:
        found = judging.compare(ours, theirs)
        if found.standing == Standing.THEIRS:
            at, end = found.ours, found.theirs
            while at < end and (more := os.pread(theirs, min(CHUNK, end - at), at)):
                if not work.dry and not writing.extend(work.here, path, more, at):
                    work.left(path, "it is being written to just now; merge again")
                    return
                at += len(more)
            work.count("record")
            _announce(work, path)
    if found.standing == Standing.APART:
        plain(work, path, standing)


def plain(work: Merge, path: str, standing: Standing) -> None:
    """Takes a file that is here too, as the record stands that it belongs to."""
    with _theirs(work, path) as theirs, _ours(work, path) as ours:
        same = judging.compare(ours, theirs).standing == Standing.SAME
    if same or standing == Standing.OURS:
        return
    if standing == Standing.THEIRS:
        replace(work, path)
    else:
        aside(work, path)


def aside(work: Merge, path: str) -> None:
    """What is here counts; the other copy's file is kept, once for each content."""
    with _theirs(work, path) as theirs:
        kept = f"{ASIDE}/{path}/{writing.checksum(theirs)}"
        if not work.dry:
            writing.put(work.here, kept, theirs, replace=False)
    work.differs(path, Standing.OURS, kept)


def aside_whole(work: Merge, path: str) -> None:
    """What is here counts; the other copy's record is kept with all its files, once for each content."""
    digest = hashlib.sha256()
    for one, kind in sorted(other.below(work.there, path)):
        digest.update(os.fsencode(f"{one}\0{kind}\0"))
        if kind == "file":
            with _theirs(work, one) as theirs:
                digest.update(writing.checksum(theirs).encode())
    kept = f"{ASIDE}/{path}/{digest.hexdigest()[:16]}"
    if not work.dry and not writing.exists(work.here, kept):
        with _staged(work, path) as staged, contextlib.suppress(Conflict):
            files.publish_dir(work.here, staged, kept)
    work.differs(path, Standing.OURS, kept)


@contextlib.contextmanager
def _theirs(work: Merge, path: str) -> Iterator[int]:
    descriptor = other.open_other(work.there, path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _ours(work: Merge, path: str) -> Iterator[int]:
    descriptor = patiently(work.here, path, lambda: open_file(work.here, path))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _turn(work: Merge) -> Iterator[None]:
    """Our own processes wait meanwhile before they append to journals."""
    held = lock(runtime_dir() / f"journals-{work.here.copy}.lock")
    assert held is not None
    with held:
        yield


@contextlib.contextmanager
def _staged(work: Merge, path: str) -> Iterator[Path]:
    """A copy of a directory of the other copy in the staging area; away again unless it is put in its place."""
    staged = files.staging(work.here)
    try:
        for one, kind in other.below(work.there, path):
            to = staged / one[len(path) + 1 :]
            if kind == "directory":
                with disk(path):
                    to.mkdir()
                continue
            if not kind:
                work.left(one, NO_FILE)
                continue
            with contextlib.suppress(NotFound), _theirs(work, one) as theirs, disk(path), to.open("xb") as file:
                writing.copy(theirs, file.fileno(), writing.end_of(one, theirs))
        yield staged
    finally:
        files.discard(staged)


def _kind(path: str) -> str:
    if path.startswith(f"{other.HISTORY}/"):
        return "history"
    if other.is_settings(path):
        return "settings"
    return "record" if other.is_ours(path) or other.is_unit(path) or other.is_result(path) else "file"


def _announce(work: Merge, path: str) -> None:
    """Tells open screens, and whoever believes a digest."""
    if work.dry or path.startswith(other.HISTORY):
        return
    if path.startswith(f"{other.NOTES}/"):
        kind = "activity" if path.startswith(f"{other.NOTES}/activity/") else "note"
        feed.announce(work.here, kind, "", journals.last(work.here, path), path)
    else:
        feed.announce(work.here, "file", path, 0)
