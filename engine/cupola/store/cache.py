"""A reader's own cache of records, on its own disk: what it had to read itself, kept for the next time.

`$XDG_CACHE_HOME/cupola/records/COPY/KIND.jsonl`, a segment as those of digests are, one for each copy of a workspace
and kind. It may be lost or damaged at any time: then the records are read anew.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import TypeVar

from cupola.store.digests import Entry, Head, Kind, Segment, decode, doubtful, encode
from cupola.store.marks import Snapshot, marks, told
from cupola.store.names import new_id
from cupola.store.root import Store

MANY = 16  # records that were read anew before the cache is written again
LASTS = 3600.0  # seconds that it is believed on a network mount, where a change by hand tells nobody

T = TypeVar("T")


def load(store: Store, kind: Kind[T]) -> Segment[T] | None:
    """What this user has kept of records of that kind here; None when there is nothing to be believed."""
    try:
        data = path(store, kind.name).read_bytes()
    except OSError:
        return None
    found = decode(kind, data, kind.type)
    if found and (found[0].sealed == store.mount.network or (store.mount.network and _aged(found[0]))):
        return None
    return found


def keep(
    store: Store, kind: Kind[T], before: Segment[T] | None, feed: Snapshot | None, fresh: list[Entry[T]], held: int
) -> None:
    """Adds what was read anew to what was kept `before`, if it is much beside the `held` ones; an error is none.

    feed: how it stood before they were read, None where it could not be had.
    """
    network = store.mount.network
    if len(fresh) < max(MANY, held // 100) or (network and not feed):
        return
    settled = kind.settled(store)
    chosen = [
        entry for entry in fresh if entry.record is not None and (network or entry.seal) and settled(entry.record)
    ]
    if len(chosen) < MANY:
        return
    entries = {}
    made = time.time()
    if before is not None:
        head, kept = before
        since = told(feed or {}, head.marks) if network else None
        if since is not None:
            kept = {at: one for at, one in kept.items() if not doubtful(kind, at, one.revision, since)}
            made = min(made, head.made)
        if since is not None or not network:
            entries.update(kept)
    entries.update({entry.place: entry for entry in chosen})
    data = encode(kind, entries.values(), marks(feed or {}), is_sealed=not network, made=made)
    if decode(kind, data, kind.type) is not None:
        with contextlib.suppress(OSError):
            _write(path(store, kind.name), data)


def path(store: Store, kind: str) -> Path:
    """Where it lies."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "cupola" / "records" / store.copy / f"{kind}.jsonl"


def _aged(head: Head) -> bool:
    return not 0 <= time.time() - head.made < LASTS


def _write(to: Path, data: bytes) -> None:
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = to.with_name(f".tmp-{new_id()}")
    try:
        draft.write_bytes(data)
        draft.replace(to)
    finally:
        draft.unlink(missing_ok=True)
