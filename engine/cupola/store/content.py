"""Whole files and directories: read patiently, written so that nobody ever sees half of one."""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cupola.errors import DiskTrouble, NotFound
from cupola.store.names import private_name
from cupola.store.paths import (
    LIST,
    Place,
    make_directory,
    open_directory,
    open_file,
    place,
    set_mode,
    split,
    sync_directory,
)
from cupola.store.root import Store
from cupola.store.trouble import disk, trouble

PATIENCE = 2.0  # seconds that a network mount gets before a failure is believed
FLEETING = {errno.ENOENT, errno.ESTALE, errno.EPERM, errno.EIO}  # EIO: what was open when the link was cut
MISSING = {errno.ENOENT, errno.ESTALE}
NOT_RECORDS = (".tmp-", ".nfs", ".fuse_hidden")
CHUNK = 1 << 20

T = TypeVar("T")


def read_bytes(store: Store, path: str) -> bytes:
    """The whole file. Raises NotFound, DiskTrouble; on a network mount only after it was tried for two seconds."""

    def once() -> bytes:
        descriptor = open_file(store, path)
        try:
            return read_all(descriptor)
        finally:
            os.close(descriptor)

    return patiently(store, path, once)


def read_all(descriptor: int) -> bytes:
    """All that follows in an open file."""
    chunks = []
    while chunk := os.read(descriptor, CHUNK):
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def listing(store: Store, path: str) -> list[str]:
    """The names in a directory, sorted, without what is never a record; [] when it is missing."""

    def once() -> list[str]:
        descriptor = open_directory(store, path)
        try:
            return os.listdir(descriptor)  # noqa: PTH208
        finally:
            os.close(descriptor)

    try:
        names = patiently(store, path, once)
    except NotFound:
        return []
    return sorted(name for name in names if not name.startswith(NOT_RECORDS))


def patiently(store: Store, path: str, once: Callable[[], T]) -> T:
    """What `once` gives; on a network mount, tried for two seconds before ENOENT, ESTALE, EPERM or EIO is believed.

    A name that no listing shows is believed to be missing at once. (NFS says ESTALE of what another host removed with
    its directory, for as long as it keeps that directory's name: a minute.)
    """
    deadline = 0.0
    while True:
        try:
            return once()
        except OSError as error:
            if error.errno not in FLEETING or not store.mount.network:
                raise trouble(error, path) from error
            deadline = deadline or time.monotonic() + PATIENCE
            if time.monotonic() > deadline:
                raise trouble(error, path) from error
            if error.errno in MISSING and not _listed(store, path):
                with contextlib.suppress(OSError):
                    return once()
                raise trouble(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)), path) from error
        time.sleep(0.01)


def _listed(store: Store, path: str) -> bool:
    """Whether a listing shows it. Opening each directory for that makes the mount look its name up anew."""
    parent, _, name = path.rpartition("/")
    try:
        descriptor = open_directory(store, parent)
    except OSError as error:
        if not parent:
            return error.errno != errno.ENOENT
        return error.errno not in MISSING or _listed(store, parent)
    try:
        return not name or name in os.listdir(descriptor)  # noqa: PTH208
    except OSError:
        return True
    finally:
        os.close(descriptor)


def write_bytes(store: Store, path: str, data: bytes, *, durable: bool = True) -> None:
    """Makes `data` the whole content of the file: the old or the new, never half. Raises ReadOnly, DiskTrouble.

    Directories on the way are made; modes follow the directory that it lies in. Not `durable`: what a power cut takes
    away is not missed, or is made to last later (`cupola.store.settling`).
    """
    store.check_writable()
    with disk(path), place(store, path, make=True, durable=durable) as at:
        draft = _draft(at, data, durable)
        try:
            os.rename(draft, at.name, src_dir_fd=at.directory, dst_dir_fd=at.directory)
        except FileNotFoundError:  # NFS asks twice when an answer is late, and the second finds the work done
            if not store.mount.network or read_bytes(store, path) != data:
                raise
        except BaseException:
            _remove(at.directory, draft)
            raise
        if durable:
            sync_directory(at.directory)


def create_bytes(store: Store, path: str, data: bytes, *, durable: bool = True) -> bool:
    """Makes the file with `data` unless there is one; False when somebody else's is there. `durable` as `write_bytes`.

    A hard link of a private file to the name, proved by reading it back: what the link call itself says proves nothing
    on a network mount. Two writers must not bring the same bytes (put an id in them).
    """
    store.check_writable()
    with disk(path), place(store, path, make=True, durable=durable) as at:
        draft = _draft(at, data, durable)
        try:
            said = _link(at, draft)
            mine = _read_back(store, path, said) == data
        finally:
            _remove(at.directory, draft)
        if durable:
            sync_directory(at.directory)
    return mine


def _link(at: Place, draft: str) -> OSError | None:
    try:
        os.link(draft, at.name, src_dir_fd=at.directory, dst_dir_fd=at.directory, follow_symlinks=False)
    except OSError as error:
        return error
    return None


def _read_back(store: Store, path: str, said: OSError | None) -> bytes:
    deadline = time.monotonic() + (PATIENCE if store.mount.network else 0)
    while True:
        with contextlib.suppress(NotFound):
            return read_bytes(store, path)
        if time.monotonic() < deadline:
            time.sleep(0.02)
            continue
        if said is None:
            raise DiskTrouble("a file that was just made is not there", where=path)
        if said.errno in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
            hint = "claims need hard links; on SSHFS the server must offer hardlink@openssh.com"
            raise DiskTrouble("this file system makes no hard links", where=path, hint=hint) from said
        raise said


def _draft(at: Place, data: bytes, durable: bool) -> str:
    """Writes `data` to a private name beside the file that it is to become."""
    name = private_name()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o600, dir_fd=at.directory)
    try:
        try:
            set_mode(descriptor, os.fstat(at.directory).st_mode & 0o666)
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        _remove(at.directory, name)
        raise
    return name


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all of it, however little the system takes at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _remove(directory: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=directory)


def remove(store: Store, path: str) -> None:
    """Removes a file; one that is gone already is no error."""
    store.check_writable()
    with disk(path), contextlib.suppress(FileNotFoundError), place(store, path) as at:
        os.unlink(at.name, dir_fd=at.directory)
        sync_directory(at.directory)


def absolute(store: Store, path: str) -> Path:
    """Where `path` is on this host, for those who open files themselves; checked to lie in the workspace."""
    if not path:
        return store.root
    with disk(path):
        try:
            with place(store, path) as at:
                return Path(os.readlink(f"/proc/self/fd/{at.directory}")) / at.name  # noqa: PTH115
        except FileNotFoundError:
            return store.root.joinpath(*split(path))


def make_dir(store: Store, path: str) -> Path:
    """The directory, made (with those on the way) when it is missing."""
    store.check_writable()
    with disk(path), place(store, path, make=True) as at:
        with contextlib.suppress(FileExistsError):
            make_directory(at.directory, at.name)
        os.close(os.open(at.name, LIST, dir_fd=at.directory))
    return absolute(store, path)
