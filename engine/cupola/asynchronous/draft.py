"""The file in which an answer is made, until it is decided that it counts."""

import os
import tempfile
from collections.abc import Callable
from typing import IO

from cupola.asynchronous import records
from cupola.store import Store, files, names
from cupola.store.paths import place, set_mode
from cupola.store.trouble import disk

Room = Callable[[Callable[[], None]], None]  # does it; on a full disk anew, when there is room


class Draft:
    """A new file in endpoints/NAME/drafts, of this host and nobody else."""

    def __init__(self, store: Store, endpoint: str, key: str, room: Room) -> None:
        self.path = f"{records.drafts(endpoint)}/{names.host()}~{names.new_id()}~{key}"
        self.size = 0
        self._store, self._room = store, room
        self._descriptor = -1
        room(self._make)

    def write(self, data: bytes) -> None:
        """Adds to it."""
        self._room(lambda: self._put(self._descriptor, data, self.size))
        self.size += len(data)

    def clear(self) -> None:
        """Makes it empty again."""
        os.ftruncate(self._descriptor, 0)
        self.size = 0

    def another(self) -> IO[bytes]:
        """A file without a name on the same disk."""
        with disk(self.path):
            return tempfile.TemporaryFile(dir=files.absolute(self._store, self.path).parent)

    def beside(self, file: IO[bytes], data: bytes) -> None:
        """Adds to such a file."""
        file.seek(0, os.SEEK_END)
        at = file.tell()
        self._room(lambda: self._put(file.fileno(), data, at))

    def settle(self) -> None:
        """Makes it durable, its name included."""

        def sync() -> None:
            with disk(self.path), place(self._store, self.path):
                os.fsync(self._descriptor)
            files.sync_names(self._store, self.path.rpartition("/")[0])

        self._room(sync)

    def close(self, keep: bool) -> None:
        """Lets it go, and removes it unless it is to be kept."""
        os.close(self._descriptor)
        if not keep:
            files.remove(self._store, self.path)

    def _make(self) -> None:
        with disk(self.path), place(self._store, self.path, make=True) as at:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(at.name, flags, 0o600, dir_fd=at.directory)
            set_mode(self._descriptor, os.fstat(at.directory).st_mode & 0o666)

    def _put(self, descriptor: int, data: bytes, at: int) -> None:
        with disk(self.path):
            done = 0
            while done < len(data):
                done += os.pwrite(descriptor, data[done:], at + done)


def publish(store: Store, path: str, target: str) -> None:
    """Puts a draft in its place, durably; one that is there already stays."""
    with disk(target), place(store, path, make=True) as at, place(store, target, make=True) as to:
        try:
            os.rename(at.name, to.name, src_dir_fd=at.directory, dst_dir_fd=to.directory)
        except FileNotFoundError:
            os.stat(to.name, dir_fd=to.directory)  # whoever was killed behind the rename had done it
    files.sync_names(store, target.rpartition("/")[0])


def sweep(store: Store, endpoint: str) -> set[str]:
    """Removes what dead workers of this host have left; of which requests. Whoever calls it is the only worker here."""
    found = set()
    for name in files.listing(store, records.drafts(endpoint)):
        if name.startswith(f"{names.host()}~"):
            files.remove(store, f"{records.drafts(endpoint)}/{name}")
            found.add(name.split("~", 2)[2])
    return found
