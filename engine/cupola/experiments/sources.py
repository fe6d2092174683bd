"""The code of a run: its commit, what was changed and not committed, and the files that its job has copied."""

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from cupola.errors import CupolaError
from cupola.experiments.records import Run
from cupola.store import Store, files
from cupola.training import code

LARGEST = 1 << 20  # bytes of a file whose lines are compared
SHORT = 12  # letters of a hash
COMMIT = re.compile("[0-9a-f]{7,64}")
SECTION = re.compile(r"^diff --git ", re.M)


class Source(msgspec.Struct, kw_only=True):
    """commit: None outside a repository. patch: what was changed and not committed; None where there is nothing, or it
    was too large to be kept. dirty: whether there was. files: sha256 by path of what the job has copied, which lies in
    `directory`."""

    commit: str | None = None
    dirty: bool = False
    patch: str | None = None
    files: dict[str, str] = {}
    directory: str = ""

    def hashes(self) -> dict[str, str]:
        """What there is of it by name, each short enough for a cell."""
        changed = _hash(self.patch) if self.patch else "too large to be kept" if self.dirty else ""
        found = {"commit": (self.commit or "")[:SHORT], "uncommitted": changed}
        found |= {path: digest[:SHORT] for path, digest in self.files.items()}
        return {name: value for name, value in found.items() if value}


class CodeChange(msgspec.Struct, kw_only=True):
    """A file that differs. where: "commit", "uncommitted" or "job"; diff: the lines, as `diff -u` has them."""

    where: str
    path: str
    diff: str


def of_run(store: Store, run: Run) -> Source:
    """The code of a run; what cannot be read of it is left out."""
    found = Source(commit=run.code.commit, dirty=run.code.dirty)
    place = f"{run.directory}/{run.code.patch}" if run.code.patch else ""
    if run.tuning and run.code.dirty and not place:  # its patch is kept once, with the tuning
        place = f"tunings/{run.tuning}/code.patch"
    if place and (text := _text(store, place)):
        found.patch = text
    if run.job:
        _copied(store, run.job, found)
    return found


def changes(store: Store, one: Source, other: Source, places: Iterable[Path]) -> list[CodeChange]:
    """What differs from one to the other: between the commits, in the uncommitted changes, in what jobs have copied.

    places: where the repository may be; where it is not there, or has forgotten a commit, nothing is said of commits.
    """
    found = [CodeChange(where="commit", path=path, diff=diff) for path, diff in _between(one, other, places)]
    mine, yours = (_sections(source.patch or "") for source in (one, other))
    for path in sorted({*mine, *yours}):
        if mine.get(path) != yours.get(path):
            diff = _unified(mine.get(path, ""), yours.get(path, ""), f"changes of {path}")
            found.append(CodeChange(where="uncommitted", path=path, diff=diff))
    for path in sorted({*one.files, *other.files}):
        if one.files.get(path) != other.files.get(path):
            before, after = (
                _text(store, f"{source.directory}/{path}") if path in source.files else "" for source in (one, other)
            )
            found.append(CodeChange(where="job", path=path, diff=_unified(before, after, path)))
    return found


def _between(one: Source, other: Source, places: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """The files that git says differ between the two commits, with their diffs."""
    commits = [source.commit for source in (one, other) if source.commit and COMMIT.fullmatch(source.commit)]
    if len(commits) < 2 or commits[0] == commits[1]:
        return
    for place in places:
        said = code.git(place, "diff", "--no-ext-diff", "--no-textconv", "--no-color", *commits, "--")
        if said is not None:
            yield from _sections(said[:LARGEST].decode(errors="replace")).items()
            return


def _sections(patch: str) -> dict[str, str]:
    """A patch by the file that each of its parts is about."""
    found = {}
    for part in SECTION.split(patch)[1:]:
        first, _, body = part.partition("\n")
        found[first.rpartition(" b/")[2].strip('"')] = body
    return found


def _unified(one: str | None, other: str | None, path: str) -> str:
    if one is None or other is None:
        return "it is no text, or too large, or gone\n"
    lines = difflib.unified_diff(one.splitlines(), other.splitlines(), f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _copied(store: Store, job: str, found: Source) -> None:
    from cupola.jobs import wish

    try:
        filed = wish.find(store, job)
    except CupolaError:
        return
    if filed.code:
        found.files, found.directory = filed.code.files, f"{filed.directory_in_store}/code"


def _text(store: Store, path: str) -> str | None:
    """A file as text; None where it is none, is large or cannot be read."""
    try:
        data = files.read_bytes(store, path)
    except CupolaError:
        return None
    return data.decode(errors="replace") if len(data) <= LARGEST and b"\0" not in data else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:SHORT]
