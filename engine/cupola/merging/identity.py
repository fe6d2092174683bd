"""Whether a directory is another copy of this very workspace."""

import os
import re
from pathlib import Path

from cupola.errors import BadInput, Corrupt, CupolaError, NewerFormat
from cupola.settings import Settings
from cupola.store import Store, toml
from cupola.store.content import listing, read_bytes
from cupola.store.root import MARK, has_mark
from cupola.store.trouble import disk

RANDOM = re.compile("([0-9]+-)?[a-z2-7]{4,10}")
RECORDS = ("datasets", "models", "experiments", "jobs")  # whose records have random ids, two levels down


def other_copy(here: Store, directory: Path) -> Store:
    """The other copy, to be read only. Raises BadInput for what is none, NewerFormat, DiskTrouble."""
    with disk(str(directory)):
        if not directory.is_dir():
            hint = "bring a copy over from another host with rsync, into a directory beside the workspace"
            raise BadInput("this is not a directory on this host", where=str(directory), hint=hint)
        there = Store(Path(os.path.realpath(directory)), readonly=True)
        if not has_mark(there.root) and not (there.root / MARK).exists():
            raise BadInput(f"this is not a workspace (no {MARK})", where=str(directory))
        one, other = here.root.stat(), there.root.stat()
    if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino):
        raise BadInput("this is the workspace itself", where=str(directory), hint="name the directory of another copy")
    ours, theirs = _settings(here), _settings(there)
    given = theirs.get("format", 1)
    if isinstance(given, int) and given > Settings().format:
        hint = "update Cupola to merge it"
        raise NewerFormat("a newer Cupola wrote that copy of the workspace", where=str(directory), hint=hint)
    _check_same(here, there, ours.get("id"), theirs.get("id"), str(directory))
    return there


def _check_same(here: Store, there: Store, ours: object, theirs: object, where: str) -> None:
    """By the id that `init` gives; where one has none (it was made before there were ids), by a record of both."""
    if ours and theirs:
        if ours != theirs:
            raise BadInput("this is another workspace, and no copy of this one", where=where)
    elif not _records(here) & _records(there):
        hint = f"if it is a copy, write the same `id` into the {MARK} of both"
        raise BadInput(
            "this has no record in common with this workspace, so it is no copy of it", where=where, hint=hint
        )


def _settings(store: Store) -> dict[str, object]:
    try:
        return toml.parse(read_bytes(store, MARK), MARK)
    except Corrupt:
        return {}
    except CupolaError as error:
        error.where = str(store.root / MARK)
        raise


def _records(store: Store) -> set[str]:
    names = {f"{kind}/{name}" for kind in RECORDS for name in _names(store, kind)}
    return {f"{name}/{one}" for name in names for one in _names(store, name) if RANDOM.fullmatch(one)}


def _names(store: Store, path: str) -> list[str]:
    try:
        return listing(store, path)
    except CupolaError:
        return []
