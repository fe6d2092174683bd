"""Files of this copy, made of what descriptors of the other one hold: whole, durable, and never through a symlink."""

import contextlib
import errno
import hashlib
import os
import stat

from cupola.merging import other
from cupola.store import Store
from cupola.store.content import CHUNK, write_all
from cupola.store.names import new_id
from cupola.store.paths import open_file, place, set_mode, sync_directory
from cupola.store.trouble import disk

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def exists(store: Store, path: str) -> bool:
    """Whether anything stands there. Raises CupolaError."""
    with disk(path):
        try:
            with place(store, path) as at:
                os.stat(at.name, dir_fd=at.directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
    return True


def put(here: Store, path: str, source: int, *, replace: bool) -> bool:
    """Makes a file of what a descriptor holds, whole and durable; False when there is one that `replace` forbids to."""
    with disk(path), place(here, path, make=True) as at:
        draft = f".tmp-{new_id()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(draft, flags, 0o600, dir_fd=at.directory)
        try:
            try:
                mode = os.fstat(at.directory).st_mode & 0o666
                if not other.is_ours(path) and os.fstat(source).st_mode & stat.S_IXUSR:  # a script of the user's own
                    mode |= (mode & 0o444) >> 2
                set_mode(descriptor, mode)
                copy(source, descriptor, end_of(path, source))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if replace:
                os.rename(draft, at.name, src_dir_fd=at.directory, dst_dir_fd=at.directory)
            elif not _link(at.directory, draft, at.name):
                return False
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=at.directory)
        sync_directory(at.directory)
    return True


def _link(directory: int, draft: str, name: str) -> bool:
    """Gives a draft its name unless there is one already."""
    try:
        os.link(draft, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        with contextlib.suppress(FileNotFoundError):
            os.stat(name, dir_fd=directory, follow_symlinks=False)
            return False
        os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
    return True


def extend(store: Store, path: str, more: bytes, size: int) -> bool:
    """Appends durably to a file of that size, all of it or nothing; False when it has another by now."""
    with disk(path):
        descriptor = open_file(store, path, os.O_RDWR | os.O_APPEND)
        try:
            if os.fstat(descriptor).st_size != size:
                return False
            try:
                write_all(descriptor, more)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return True


def end_of(path: str, descriptor: int) -> int:
    """Up to where a file is taken: of a journal the whole lines, the last of which may just be being written."""
    at = os.fstat(descriptor).st_size
    if not other.is_journal(path):
        return at
    while at and (end := os.pread(descriptor, CHUNK, max(0, at - CHUNK))[:at].rfind(b"\n")) < 0:
        at = max(0, at - CHUNK)
    return max(0, at - CHUNK) + end + 1 if at else 0


def copy(source: int, target: int, end: int) -> None:
    at = 0
    while at < end and (data := os.pread(source, min(CHUNK, end - at), at)):
        write_all(target, data)
        at += len(data)


def checksum(descriptor: int) -> str:
    digest, at = hashlib.sha256(), 0
    while data := os.pread(descriptor, CHUNK, at):
        digest.update(data)
        at += len(data)
    return digest.hexdigest()[:16]
