"""Names beneath the workspace's root, resolved a step at a time from its descriptor: no symlink leads out of it.

A symlink inside that leads to something inside is followed. What comes back is a descriptor of the parent directory and
the last name, so that what is done next happens there, whatever is renamed meanwhile.
"""

import contextlib
import errno
import os
import stat

from cupola.errors import BadName, Corrupt
from cupola.store.root import Store

DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_LINKS = 40


class Place:
    """A name in a directory that is held open; closes it at the end of the `with` block."""

    __slots__ = ("directory", "name")

    def __init__(self, directory: int, name: str) -> None:
        self.directory = directory
        self.name = name

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.directory)


def split(path: str) -> list[str]:
    """The names that make up a path of the workspace. Raises BadName for one that could lead out of it."""
    names = path.split("/")
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise BadName(f"{path!a} is not a path inside the workspace")
    return names


def place(store: Store, path: str, *, make: bool = False, durable: bool = True) -> Place:
    """Where `path` is, symlinks resolved; with `make`, directories on the way are made (`durable`: to last).

    Raises BadName, Corrupt for a symlink that leads out of the workspace, OSError.
    """
    names = split(path)
    for _ in range(MAX_LINKS):
        here, index = _descend(store, names, make, durable)
        try:
            target = _link(here, names[index], path)
        except BaseException:
            os.close(here)
            raise
        if target is None and index == len(names) - 1:
            return Place(here, names[index])
        os.close(here)
        if target is None:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        names = [*_follow(store, names[:index], target, path), *names[index + 1 :]]
        if not names:
            raise Corrupt("a symlink leads to the workspace itself", where=path)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def open_file(store: Store, path: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the plain file at `path`; raises as `place` does."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    names = split(path)
    here, index = _descend(store, names)
    try:
        if index == len(names) - 1:
            return _plain(os.open(names[index], flags, dir_fd=here), path)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    finally:
        os.close(here)
    with place(store, path) as at:
        return _plain(os.open(at.name, flags, dir_fd=at.directory), path)


def open_directory(store: Store, path: str) -> int:
    """A descriptor of the directory at `path` ("" is the root), for listing and syncing; raises as `place` does."""
    if not path:
        return os.open(store.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with place(store, path) as at:
        return os.open(at.name, LIST, dir_fd=at.directory)


def sync_directory(descriptor: int) -> None:
    """Makes the names in a directory durable (the descriptor may be one that only stands for a path)."""
    real = os.open(".", LIST, dir_fd=descriptor)
    try:
        os.fsync(real)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without it
            raise
    finally:
        os.close(real)


def make_directory(parent: int, name: str, durable: bool = True) -> None:
    """A directory with its parent's mode, the setgid bit included, whatever the umask."""
    mode = stat.S_IMODE(os.fstat(parent).st_mode)
    os.mkdir(name, mode, dir_fd=parent)
    made = os.open(name, LIST, dir_fd=parent)
    try:
        set_mode(made, mode)
    finally:
        os.close(made)
    if durable:
        sync_directory(parent)


def set_mode(descriptor: int, mode: int) -> None:
    """chmod, where the file system knows modes."""
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, mode)


def _descend(store: Store, names: list[str], make: bool = False, durable: bool = True) -> tuple[int, int]:
    """Goes down `names` till the parent of the last, or till something that is no directory: (descriptor, index)."""
    here = os.open(store.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    last = len(names) - 1
    try:
        for index in range(last):
            try:
                below = _step(here, names[index], make, durable)
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP):
                    return here, index
                raise
            os.close(here)
            here = below
    except BaseException:
        os.close(here)
        raise
    return here, last


def _step(here: int, name: str, make: bool, durable: bool) -> int:
    if make:
        try:
            return os.open(name, DIRECTORY, dir_fd=here)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                make_directory(here, name, durable)
    return os.open(name, DIRECTORY, dir_fd=here)


def _link(directory: int, name: str, path: str) -> str | None:
    """Where a symlink leads; None for a name that is none. SSHFS itself refuses one that leads out of the mount."""
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        if error.errno == errno.EPERM and _is_link(directory, name):
            raise Corrupt("a symlink leads out of the workspace and of its mount", where=path) from error
        raise


def _is_link(directory: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode)
    except OSError:
        return False


def _follow(store: Store, before: list[str], target: str, path: str) -> list[str]:
    """The names that a symlink below `before` leads to; `before` holds no symlink, so that `..` means what it says."""
    if target.startswith("/"):
        root = str(store.root)
        if target != root and not target.startswith(root + "/"):
            raise Corrupt(f"a symlink leads out of the workspace, to {target!a}", where=path)
        before, target = [], target[len(root) :]
    names = list(before)
    for name in target.split("/"):
        if name == "..":
            if not names:
                raise Corrupt(f"a symlink leads out of the workspace, to {target!a}", where=path)
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    return names


def _plain(descriptor: int, path: str) -> int:
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    code = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
    raise OSError(code, "it is not a plain file" if code == errno.EINVAL else os.strerror(code), path)
