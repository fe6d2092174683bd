"""The merge as a whole: what is looked at in which order, and how each record stands in the two copies."""

from collections.abc import Callable
from pathlib import Path

from cupola.checking.inspection import clean
from cupola.errors import CupolaError, DiskFull, NotFound, ReadOnly
from cupola.merging import identity, judging, other, settings, taking, writing
from cupola.merging.judging import Standing
from cupola.merging.records import Differs, Left, Merged
from cupola.merging.taking import Merge
from cupola.store import Store, files
from cupola.store.root import MARK
from cupola.store.trouble import disk

COUNTED = ("run.json", "job.json", "tuning.json")  # heads of records whose writer counts them
# What comes when all else of a record has: the count by which it is the newer one (should this be killed before, the
# next merge sees that it still is), and by what an attempt is somebody's.
LAST = (*COUNTED, "started.json")
STRAY = "it stands where directories of records are"
Progress = Callable[[float, str], None]


def merge(here: Store, directory: Path, *, dry_run: bool, tell: Progress) -> Merged:
    """Takes over what the copy in `directory` has and `here` lacks. Raises BadInput, NewerFormat, DiskFull, ReadOnly.

    What else goes wrong with a file is said of it (`left`), and the others are taken.
    """
    there = identity.other_copy(here, directory)
    work = Merge(here, there, Merged(source=clean(str(directory)), dry_run=dry_run))
    paths = _order(work)
    for number, (path, kind) in enumerate(paths):
        tell(number / len(paths), clean(path))
        _take(work, path, kind)
    merged = work.merged
    merged.differs = [Differs(path=clean(one.path), counts=one.counts, kept=clean(one.kept)) for one in merged.differs]
    merged.left = [Left(path=clean(one.path), why=clean(one.why)) for one in merged.left]
    merged.ok = not merged.left
    return merged


def _order(work: Merge) -> list[tuple[str, str]]:
    """What is looked at, one after the other, each with what it is: what others refer to first, and history, by which
    settings are judged, last."""
    top = dict(_below(work, ""))
    found = []
    for room in other.ROOMS:
        if top.get(room, "directory") != "directory":
            work.left(room, STRAY)
            continue
        for path, kind in _below(work, room):
            if kind == "file":
                work.left(path, STRAY)
            elif kind == "directory" and not other.is_unit(path):
                found += _below(work, path)
            else:
                found.append((path, kind))
    said = dict(_below(work, ".cupola"))
    history = [(other.HISTORY, said.pop(other.HISTORY))] if other.HISTORY in said else []
    own = [(path, kind) for path, kind in top.items() if not other.is_ours(path)]
    return [*found, *said.items(), *own, (MARK, top.get(MARK, "")), *history]


def _below(work: Merge, path: str) -> list[tuple[str, str]]:
    try:
        return other.entries(work.there, path)
    except NotFound:
        return []
    except CupolaError as error:
        work.left(path, error.message)
        return []


def _take(work: Merge, path: str, kind: str) -> None:
    """Takes a file, or a directory with all below."""
    waiting = [(path, kind, Standing.SAME)]
    while waiting:
        path, kind, standing = waiting.pop()
        try:
            with disk(path):
                if kind == "file":
                    _file(work, path, standing)
                elif kind == "directory":
                    waiting += reversed(_directory(work, path, standing))
                elif not other.is_same_link(work.here, work.there, path):
                    work.left(path, taking.NO_FILE)
        except (DiskFull, ReadOnly):
            raise
        except NotFound:
            continue  # it has gone there meanwhile
        except CupolaError as error:
            work.left(error.where or path, error.message)


def _directory(work: Merge, path: str, standing: Standing) -> list[tuple[str, str, Standing]]:
    """What of a directory is to be looked at next, if it is not taken or put aside as a whole."""
    if other.is_unit(path):
        if not writing.exists(work.here, path) and taking.whole(work, path):
            return []
        standing = _stands(work, path, standing)
        if standing == Standing.APART:
            taking.aside_whole(work, path)
            return []
    found = other.entries(work.there, path)
    found.sort(key=lambda one: one[0].rpartition("/")[2] in LAST)
    return [(one, kind, standing) for one, kind in found]


def _stands(work: Merge, path: str, above: Standing) -> Standing:
    """How a record that both copies have stands, by what its writer says; what lies in one stands as that does."""
    head = other.head(path)
    ours, theirs = (_existing(store, f"{path}/{head}") if head else None for store in (work.here, work.there))
    if ours is None or theirs is None:
        return above
    if head in COUNTED:
        standing = judging.record(ours, theirs)
        if standing == Standing.THEIRS:
            work.heads[f"{path}/{head}"] = theirs
        return standing
    same = judging.immutable(ours, theirs)
    if head == "execution.json" and same == Standing.SAME:
        return _execution(work, path)
    return _attempt(work, path) if head == "started.json" and same == Standing.SAME else same


def _attempt(work: Merge, path: str) -> Standing:
    """An attempt that both copies know: the one that has its end, else the one in which it has lived for longer."""
    ends = [_existing(store, f"{path}/result.json") for store in (work.here, work.there)]
    if ends[0] is not None and ends[1] is not None:
        return judging.immutable(ends[0], ends[1])
    if ends[0] is not None or ends[1] is not None:
        return Standing.OURS if ends[0] is not None else Standing.THEIRS
    ours, theirs = (_beat(store, path) for store in (work.here, work.there))
    if ours == theirs:
        return Standing.SAME
    return Standing.OURS if ours > theirs else Standing.THEIRS


def _execution(work: Merge, path: str) -> Standing:
    """An execution that both copies know: the one of which more is written down."""
    ours, theirs = (_written(store, f"{path}/steps") for store in (work.here, work.there))
    if ours == theirs:
        return Standing.SAME
    return Standing.OURS if ours > theirs else Standing.THEIRS


def _written(store: Store, path: str) -> int:
    return sum(len(_existing(store, f"{path}/{one}") or b"") for one in files.listing(store, path))


def _beat(store: Store, path: str) -> int:
    counter = judging.as_object(_existing(store, f"{path}/beat.json") or b"").get("counter", 0)
    return counter if type(counter) is int else 0


def _judged(work: Merge, path: str, judge: Callable[[bytes, bytes], Standing]) -> None:
    """Takes a record by itself where it is the newer one there."""
    ours, theirs = _existing(work.here, path), files.read_bytes(work.there, path)
    standing = judge(ours or b"", theirs)
    if standing == Standing.THEIRS:
        taking.put(work, path, theirs)
    elif standing == Standing.APART:
        taking.aside(work, path)


def _existing(store: Store, path: str) -> bytes | None:
    try:
        return files.read_bytes(store, path)
    except NotFound:
        return None


def _file(work: Merge, path: str, standing: Standing) -> None:
    if other.is_settings(path):
        settings.take(work, path)
    elif path.rpartition("/")[2] == other.SIGNED.get(path.partition("/")[0]):
        return  # goes with what it signs
    elif not writing.exists(work.here, path):
        taking.create(work, path)
    elif path.startswith(f"{other.HISTORY}/"):
        return  # its name is its content
    elif other.is_journal(path):
        taking.lines(work, path)
    elif other.is_log(path):
        taking.log(work, path, standing)
    elif other.is_counted(path):
        _judged(work, path, judging.record)
    elif other.is_result(path):
        _judged(work, path, judging.result)
    elif path in work.heads:
        taking.put(work, path, work.heads.pop(path))
    elif path.rpartition("/")[2] in COUNTED and other.is_record(path.rpartition("/")[0]):
        return  # what is here is as new, or newer
    else:
        taking.plain(work, path, standing)
