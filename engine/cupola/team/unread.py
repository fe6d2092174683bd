"""Which comments name whom, and which of them they have read.

What a user has read is remembered on this host's own disk, `$XDG_STATE_HOME/cupola/read/COPY-USER.json`: the comments
themselves, not a moment, so that one that comes late from another copy of the workspace is new all the same.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from cupola.store import Store, runtime
from cupola.store.copies import state_dir
from cupola.store.names import new_id, who
from cupola.store.trouble import disk
from cupola.team import deeds, notes
from cupola.team.deeds import Act


def comments(store: Store) -> list[Act]:
    """The comments that name this process's user and that they have not read, in no particular order."""
    mark = marker(store)
    return [one for kind in notes.COLLECTIONS for act in deeds.of_notes(store, kind) if (one := mark(act)).unread]


def marker(store: Store) -> Callable[[Act], Act]:
    """What says of an act whether it is a comment that its reader has still to read. Nobody has to read their own."""
    me, known = who()[0], _read(_path(store))

    def mark(act: Act) -> Act:
        if me in act.mentions and act.user != me and act.said not in known:
            return msgspec.structs.replace(act, unread=True)
        return act

    return mark


def forget(store: Store, acts: Iterable[Act]) -> None:
    """Remembers that this process's user has read these comments: they are not new any more. Raises DiskTrouble."""
    path = _path(store)
    held = runtime.lock(runtime.runtime_dir() / f"read-{store.copy}.lock")
    assert held is not None
    with held, disk(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".tmp-{new_id()}")
        draft.write_bytes(msgspec.json.encode(sorted(_read(path) | {one.said for one in acts})))
        os.replace(draft, path)  # noqa: PTH105


def _path(store: Store) -> Path:
    return state_dir() / "read" / f"{store.copy}-{who()[0]}.json"


def _read(path: Path) -> set[str]:
    try:
        return set(msgspec.json.decode(path.read_bytes(), type=list[str]))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return set()
