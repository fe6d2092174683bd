"""Records for the tests of digests: notes/ID/note.json, and what the tests do with them."""

import time

from cupola.errors import NotFound
from cupola.store import Store, digests, files, reading, records
from cupola.store.filesystem import Mount
from cupola.store.folding import Folder

COARSE = 5  # the clock that stamps files: it stands still for 1 to 10 ms, as the kernel is built
UNSETTLED = max(5_000_000, int(time.clock_getres(COARSE) * 1.5e9))  # less than by default, and more than one tick


class Note(records.Record, kw_only=True):
    text: str = ""
    open: bool = False


def path(place: str) -> str:
    return f"{place}/note.json"


def places(store: Store) -> list[str]:
    return [f"notes/{name}" for name in files.listing(store, "notes")]


def read(store: Store, place: str) -> Note | None:
    try:
        return records.read(store, path(place), Note)
    except NotFound:
        return None


NOTES = digests.Kind(
    name="run",  # a kind that is told of before it is written too
    type=Note,
    counted=True,
    places=places,
    read=read,
    revision=lambda note: note.revision,
    parts=lambda place, _: [path(place)],
    settled=lambda _: lambda note: not note.open,
)


def write(store: Store, name: str, text: str) -> None:
    records.write(store, path(f"notes/{name}"), Note(text=text), kind="run", ref=name)


def direct(store: Store) -> dict[str, Note]:
    """What is there, with no digest and no cache."""
    return {place: note for place in places(store) if (note := read(store, place))}


def listed(store: Store) -> dict[str, Note]:
    return reading.read(store, NOTES, places(store))


def host(store: Store, name: str, network: bool) -> Store:
    """The same workspace as another host sees it, on its disk or over an SSHFS without cache."""
    other = Store(store.root)
    other.__dict__.update(copy=name, writer=f"{name}-ana-{name}")
    if network:
        other.__dict__["mount"] = Mount("sshfs", str(store.root), {"dir_cache": "no"})
    return other


def fold(root: str) -> None:
    """One pass, for the tests of kills."""
    Folder(Store.open(root), NOTES).fold()
