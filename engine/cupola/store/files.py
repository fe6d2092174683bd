"""Files and directories of a workspace: read and written whole, made in private and renamed into place, trashed."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cupola.errors import Conflict, Corrupt, NotFound
from cupola.store import runtime
from cupola.store.content import absolute, create_bytes, listing, make_dir, read_bytes, remove, write_bytes
from cupola.store.feed import announce
from cupola.store.names import check_name, new_id, now, plain, who
from cupola.store.paths import open_directory, place, set_mode, sync_directory
from cupola.store.root import Store
from cupola.store.trouble import disk

__all__ = [
    "abandoned",
    "absolute",
    "create_bytes",
    "discard",
    "discarded",
    "listing",
    "make_dir",
    "publish_dir",
    "published",
    "read_bytes",
    "remove",
    "staged",
    "staging",
    "sync_names",
    "trash",
    "untrash",
    "write_bytes",
]

STAGING = ".cupola/staging"
TRASH = ".cupola/trash"


class Discarded(msgspec.Struct, kw_only=True):
    """What lies in the trash under a token. emptied: when it was removed from there for good; its path stays known."""

    path: str
    user: str
    host: str
    time: str
    emptied: str = ""


def staging(store: Store) -> Path:
    """A new private directory for what is being made; `publish_dir` puts it in its place.

    It belongs to this process: the next one to ask on this host removes it when this one has died.
    """
    store.check_writable()
    _sweep(store)
    process = runtime.current()
    host = plain(who()[1])
    name = f"{host}~{_boot(process)}~{process.pid}~{process.start}~{new_id()}"
    return make_dir(store, f"{STAGING}/{name}")


def _boot(process: runtime.Process) -> str:
    return plain(process.boot.replace("-", ""))


def _sweep(store: Store) -> None:
    """Removes what dead processes of this host left in the staging area."""
    for name in abandoned(store):
        discard(store.root / STAGING / name)


def abandoned(store: Store) -> list[str]:
    """The names in the staging area that belong to processes of this host which have died."""
    host = plain(who()[1])
    found = []
    for name in listing(store, STAGING):
        owner, _, rest = name.partition("~")
        boot, *fields = rest.split("~")
        if owner != host or len(fields) != 3 or not (rest.isascii() and fields[0].isdigit() and fields[1].isdigit()):
            continue
        process = runtime.of(int(fields[0]))
        same = process is not None and process.start == int(fields[1]) and _boot(process) == boot
        if not same and _mine(boot):
            found.append(name)
    return found


def _mine(boot: str) -> bool:
    """Whether a process of that boot would be seen here: the same container, or a boot of this host that is over."""
    here = plain(runtime.boot().replace("-", ""))
    return boot == here or boot.partition("_")[0] != here.partition("_")[0]


@contextlib.contextmanager
def staged(store: Store, path: str) -> Iterator[Path]:
    """A staging directory for what is to be at `path`: `publish_dir` puts it there, else it is gone after the block.

    What the disk says inside is said of `path`: raises DiskTrouble.
    """
    found = staging(store)
    try:
        with disk(path):
            yield found
    finally:
        discard(found)


@contextlib.contextmanager
def published(store: Store, path: str) -> Iterator[Path]:
    """A directory to write to; after the block it is at `path`, whole, or after an error not at all.

    Raises Conflict when something is there, DiskTrouble.
    """
    with staged(store, path) as found:
        yield found
        publish_dir(store, found, path)


def discard(staged: Path) -> None:
    """Removes a staging directory that is not wanted."""
    import shutil

    shutil.rmtree(staged, ignore_errors=True)


def publish_dir(store: Store, staged: Path, path: str) -> None:
    """Puts a staged directory in its place, whole and durable. Raises Conflict when something is there, DiskTrouble."""
    store.check_writable()
    with disk(path), place(store, path, make=True) as at:
        mode = stat.S_IMODE(os.fstat(at.directory).st_mode)
        _settle(staged, mode)
        if _exists(at.directory, at.name):
            raise Conflict("something is there already", where=path)
        try:
            os.rename(staged, at.name, dst_dir_fd=at.directory)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise Conflict("something is there already", where=path) from error
            raise
        try:
            sync_directory(at.directory)
            _sync(staged.parent)
        except OSError:  # whoever is told that it failed does not find it there later
            with contextlib.suppress(OSError):
                os.rename(at.name, staged, src_dir_fd=at.directory)
            raise


def sync_names(store: Store, path: str) -> None:
    """Makes the names in a directory durable, whoever has made them. Raises NotFound, DiskTrouble."""
    with disk(path):
        descriptor = open_directory(store, path)
        try:
            sync_directory(descriptor)
        finally:
            os.close(descriptor)


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _settle(directory: Path, mode: int) -> None:
    """Gives all below a directory the modes of the place it goes to, and makes it durable."""
    for below, names, files in os.walk(directory):
        for name in (*names, *files):
            if (Path(below) / name).is_symlink():
                raise Conflict("a symlink does not belong into a record", where=str(Path(below) / name))
        for name in files:
            _sync(Path(below) / name, mode & 0o666)
    for below, _, _ in os.walk(directory, topdown=False):
        _sync(Path(below), mode)


def _sync(path: Path, mode: int | None = None) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if mode is not None:
            set_mode(descriptor, mode)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            sync_directory(descriptor)
        else:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def trash(store: Store, path: str) -> str:
    """Moves a file or a directory to the trash; gives the token with which `untrash` brings it back."""
    store.check_writable()
    token = f"{now()[:19].replace(':', '').replace('-', '')}-{new_id()}"
    with disk(path), place(store, path) as at:
        if not _exists(at.directory, at.name):
            raise NotFound("there is nothing to remove", where=path)
        user, host = who()
        what = Discarded(path=path, user=user, host=host, time=now())
        try:
            write_bytes(store, f"{TRASH}/{token}/what.json", msgspec.json.encode(what))
            with place(store, f"{TRASH}/{token}/content") as to:
                os.rename(at.name, to.name, src_dir_fd=at.directory, dst_dir_fd=to.directory)
        except BaseException:
            discard(store.root / TRASH / token)
            raise
        with place(store, f"{TRASH}/{token}/content") as to:
            sync_directory(to.directory)
        sync_directory(at.directory)
    announce(store, "file", path, 0)
    return token


def untrash(store: Store, token: str, below: str = "") -> str:
    """Puts it back where it was, and gives its path.

    below: the directory that it must be from, as a token of another kind of record is not meant.
    Raises NotFound, Conflict when something new is there.
    """
    store.check_writable()
    check_name(token, "token of the trash")
    try:
        what = msgspec.json.decode(read_bytes(store, f"{TRASH}/{token}/what.json"), type=Discarded)
    except NotFound:
        raise NotFound(f"the trash holds nothing called {token!r}") from None
    except msgspec.MsgspecError as error:
        raise Corrupt(f"what the trash holds cannot be told: {error}", where=f"{TRASH}/{token}/what.json") from None
    if below and not what.path.startswith(f"{below}/"):
        hint = "the `restore` of its own kind brings it back"
        raise NotFound(f"{token} is the token of {what.path}, which is not in {below}/", hint=hint)
    with disk(what.path), place(store, f"{TRASH}/{token}/content") as at, place(store, what.path, make=True) as to:
        if not _exists(at.directory, at.name):
            raise NotFound("the trash does not hold it any more", where=what.path)
        if _exists(to.directory, to.name):
            raise Conflict("something new is there", where=what.path)
        os.rename(at.name, to.name, src_dir_fd=at.directory, dst_dir_fd=to.directory)
        sync_directory(to.directory)
        sync_directory(at.directory)
    discard(absolute(store, f"{TRASH}/{token}"))
    announce(store, "file", what.path, 0)
    return what.path


def discarded(store: Store) -> dict[str, Discarded]:
    """What the trash holds, by token, the oldest first."""
    found = {}
    for token in listing(store, TRASH):
        with contextlib.suppress(NotFound, msgspec.MsgspecError):
            if "content" in listing(store, f"{TRASH}/{token}"):
                what = read_bytes(store, f"{TRASH}/{token}/what.json")
                found[token] = msgspec.json.decode(what, type=Discarded)
    return found
