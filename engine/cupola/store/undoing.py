"""Taking changes of a file back: what it has been, from the versions that the history keeps, and what was undone.

The history needs no marks for that: a version that says what the one before its predecessor said is an undoing.
"""

from collections.abc import Callable, Iterable
from typing import Any

from cupola.errors import NotFound
from cupola.store import files
from cupola.store.records import HISTORY
from cupola.store.root import Store

WALKED = 200  # versions of a file that undoing walks back


def changes(store: Store, path: str, says: Callable[[bytes], Any]) -> tuple[list[bytes], list[bytes]]:
    """What a file has been, the oldest first, and is; and what was undone and can be done again, the next one last.

    Of a long history the newest changes. says: what of a version makes it another one.
    """
    return _walked([(says(data), data) for data in [*_kept(store, path), *_present(store, path)]])


def _walked(versions: Iterable[tuple[Any, bytes]]) -> tuple[list[bytes], list[bytes]]:
    done: list[tuple[Any, bytes]] = []
    back: list[tuple[Any, bytes]] = []
    for said, data in versions:
        if done and done[-1][0] == said:
            continue
        if len(done) > 1 and done[-2][0] == said:
            back.append(done.pop())
        else:
            if back and back[-1][0] == said:
                back.pop()
            else:
                back.clear()
            done.append((said, data))
    return [data for _, data in done], [data for _, data in back]


def _present(store: Store, path: str) -> list[bytes]:
    try:
        return [files.read_bytes(store, path)]
    except NotFound:
        return []


def _kept(store: Store, path: str) -> list[bytes]:
    directory = f"{HISTORY}/{path}"
    kept = [one.split("-") for one in files.listing(store, directory) if one.partition("-")[0].isdigit()]
    return [files.read_bytes(store, f"{directory}/{'-'.join(one)}") for one in _in_order(kept)[-WALKED:]]


def _in_order(kept: list[list[str]]) -> list[list[str]]:
    """Versions (REVISION, CONTENT, what it was before) as they followed each other, also those of one revision."""
    found: list[list[str]] = []
    for one in sorted(kept, key=lambda parts: (int(parts[0]), len(parts))):
        place = next((at + 1 for at, other in enumerate(found) if one[2:] == other[1:2]), len(found))
        later = [at for at, other in enumerate(found) if at >= place and int(other[0]) > int(one[0])]
        found.insert(min(later, default=len(found)), one)
    return found
