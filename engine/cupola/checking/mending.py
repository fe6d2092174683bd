"""What --repair can do: move away and keep, close a torn line, give modes back, give a dead owner's claim back."""

import contextlib
import os
import stat

from cupola.errors import CupolaError
from cupola.store import Store, claims, files, names
from cupola.store.paths import open_file, place, sync_directory
from cupola.store.trouble import disk

REPAIRED = ".cupola/repaired"


class Bench:
    """One repair: all that it moves away lies under `kept`, each at the path that it had."""

    def __init__(self, store: Store) -> None:
        self.store = store
        moment = names.now()[:19].replace(":", "").replace("-", "")
        self.kept = f"{REPAIRED}/{moment}-{names.new_id(4)}"

    def set_aside(self, path: str) -> str:
        """Moves a file or a directory away; gives where it lies now."""
        target = f"{self.kept}/{path}"
        with disk(path), place(self.store, path) as at, place(self.store, target, make=True) as to:
            try:
                os.stat(to.name, dir_fd=to.directory, follow_symlinks=False)
            except FileNotFoundError:
                name = to.name
            else:
                name = f"{to.name}~{names.new_id(4)}"
            os.rename(at.name, name, src_dir_fd=at.directory, dst_dir_fd=to.directory)
            sync_directory(to.directory)
            sync_directory(at.directory)
        return f"{target.rpartition('/')[0]}/{name}"

    def remove_empty(self, path: str) -> None:
        """Removes a directory that is empty: never moved, since somebody may be about to put something into it."""
        with disk(path), place(self.store, path) as at:
            os.rmdir(at.name, dir_fd=at.directory)
            sync_directory(at.directory)

    def close_line(self, path: str) -> None:
        """Ends the torn last line of a journal, as its next writer would."""
        with disk(path):
            descriptor = open_file(self.store, path, os.O_RDWR | os.O_APPEND)
            try:
                size = os.fstat(descriptor).st_size
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    os.write(descriptor, b"\n")
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def set_mode(self, path: str, mode: int, group: int | None = None) -> None:
        """Gives a file or directory a mode (and a group), through a descriptor that no symlink can turn elsewhere."""
        with disk(path), place(self.store, path) as at:
            flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(at.name, flags, dir_fd=at.directory)
            try:
                if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
                    if group is not None:
                        os.chown(f"/proc/self/fd/{descriptor}", -1, group)
                    os.chmod(f"/proc/self/fd/{descriptor}", mode)  # noqa: PTH101
            finally:
                os.close(descriptor)

    def give_back(self, claim: str) -> None:
        """Takes a dead owner's claim over, and gives it back."""
        mine = claims.take(self.store, claim)
        if mine is not None:
            claims.release(self.store, mine)

    def replace_claim(self, claim: str, torn: str) -> str:
        """Puts a claim that cannot be read away, and takes and gives back the next."""
        kept = self.set_aside(torn)
        with contextlib.suppress(CupolaError):  # another may be torn too, and is looked at next
            self.give_back(claim)
        return kept

    def queue(self, wish: str, directory: str) -> None:
        """Writes a job's wish into the queue again."""
        files.write_bytes(self.store, wish, directory.encode())
