"""A look at the names in a directory: symlinks that lead out, what killed writers left, modes, what cannot be read."""

import contextlib
import os
import pwd
import stat
import time
from collections.abc import Generator

from cupola.checking.inspection import Finding, Inspection, Look, Mend, aside, emptied
from cupola.checking.mending import Bench
from cupola.errors import CupolaError
from cupola.store import files
from cupola.store.paths import open_directory, place
from cupola.store.trouble import trouble

DRAFT = ".tmp-"
PASSING = (".nfs", ".fuse_hidden")
FORGOTTEN = 24 * 3600.0  # seconds that a staging directory of another host is left alone


def look(of: Inspection, directory: str, *, deep: bool, only: tuple[str, ...] = ()) -> Look:
    """What is wrong with the entries of a directory; `deep`: and with all below. only: the names that are ours."""
    try:
        descriptor = open_directory(of.store, directory)
    except FileNotFoundError:
        return
    except CupolaError:  # a symlink that leads out, which the look at its parent says
        return
    except OSError as error:
        yield from _closed(of, directory, error)
        return
    below = []
    try:
        parent = os.fstat(descriptor)
        with os.scandir(descriptor) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.name.startswith(PASSING) or (only and not entry.name.startswith((DRAFT, *only))):
                    continue
                path = f"{directory}/{entry.name}" if directory else entry.name
                with contextlib.suppress(FileNotFoundError):
                    yield from _entry(of, path, entry, parent, descriptor)
                    if deep and entry.is_dir(follow_symlinks=False):
                        below.append(path)
    except OSError as error:
        yield Finding("unreadable", directory, error.strerror or str(error))
    finally:
        os.close(descriptor)
    for path in below:
        yield from look(of, path, deep=True)


def lacks(of: Inspection, directory: str, file: str, what: str) -> Generator[Finding, None, bool]:
    """Whether a directory has not the file that is written first: then it is a leftover, whatever else is in it."""
    there = of.names(directory)
    if file not in there:
        mend = aside(directory) if there else emptied(directory)
        yield Finding("leftover", directory, f"{what} without {file}: its writer died", mend)
    return file not in there


def _closed(of: Inspection, directory: str, error: OSError) -> Look:
    """A directory that cannot be listed; the look at its parent has said so where it is the mode's fault."""
    if not isinstance(error, PermissionError) and not isinstance(error, NotADirectoryError):
        yield Finding("unreadable", directory, trouble(error, directory).message)


def _entry(of: Inspection, path: str, entry: "os.DirEntry[str]", parent: os.stat_result, directory: int) -> Look:
    if entry.is_symlink():
        yield from _symlink(of, path)
        return
    found = entry.stat(follow_symlinks=False)
    is_directory = stat.S_ISDIR(found.st_mode)
    if entry.name.startswith(DRAFT):
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found.st_mtime))
        yield Finding("leftover", path, f"a writer died over it ({found.st_size} bytes, {when})", aside(path))
        return
    yield from _access(path, entry.name, found, directory, is_directory)
    if parent.st_mode & stat.S_ISGID:
        yield from _share(path, found, parent, is_directory)


def _symlink(of: Inspection, path: str) -> Look:
    """Symlinks are followed inside the workspace only."""
    try:
        with place(of.store, path) as at:
            os.stat(at.name, dir_fd=at.directory, follow_symlinks=False)
    except CupolaError as error:
        yield Finding("symlink", path, f"{error.message}; nothing follows it: copy what it points to, or remove it")
    except OSError as error:
        yield Finding("symlink", path, f"this symlink leads nowhere: {error.strerror}")


def _access(path: str, name: str, found: os.stat_result, directory: int, is_directory: bool) -> Look:
    wanted = os.R_OK | os.X_OK if is_directory else os.R_OK
    if os.access(name, wanted, dir_fd=directory, effective_ids=True):
        return
    message = f"it belongs to {_name(found.st_uid)} (mode {_mode(found)}), and you may not read it"
    missing = stat.S_IRWXU if is_directory else stat.S_IRUSR | stat.S_IWUSR
    own = found.st_uid == os.geteuid()
    yield Finding("unreadable", path, message, _modes(path, stat.S_IMODE(found.st_mode) | missing) if own else None)


def _share(path: str, found: os.stat_result, parent: os.stat_result, is_directory: bool) -> Look:
    """In a directory that a group shares, what lies there has to be the group's too."""
    wanted = parent.st_mode & 0o060
    if is_directory:
        wanted = parent.st_mode & (stat.S_ISGID | 0o070)
    missing = wanted & ~found.st_mode
    stranger = found.st_gid != parent.st_gid
    if not missing and not stranger:
        return
    why = []
    if missing & 0o070:
        why.append(f"the group may not use it as it may use the directory (mode {_mode(found)})")
    if missing & stat.S_ISGID:
        why.append("what is made in it will not be the group's (no setgid bit)")
    if stranger:
        why.append(f"it belongs to another group ({found.st_gid}, not {parent.st_gid})")
    may = os.geteuid() in (0, found.st_uid)
    group = parent.st_gid if stranger else None
    mend = _modes(path, stat.S_IMODE(found.st_mode) | missing, group) if may else None
    yield Finding("mode", path, " and ".join(why), mend)


def _modes(path: str, mode: int, group: int | None = None) -> Mend:
    def mend(bench: Bench) -> tuple[str, str | None]:
        bench.set_mode(path, mode, group)
        return f"its mode is now {mode:04o}" + ("" if group is None else f", its group {group}"), None

    return mend


def staging(of: Inspection, name: str) -> Look:
    """A directory in which a version was being made."""
    path = f"{files.STAGING}/{name}"
    if name in files.abandoned(of.store):
        yield Finding("leftover", path, "the process that was writing it is gone", aside(path))
    elif not name.startswith(f"{of.host}~"):
        seconds = time.time() - _newest(of, path)
        if seconds > FORGOTTEN:
            why = f"nobody has written to it for {seconds / 86400:.0f} days"
            yield Finding("leftover", path, why, aside(path))


def _newest(of: Inspection, path: str) -> float:
    """When something below was last written, by the clock of whoever has the disk."""
    newest = 0.0
    for below, _, names in os.walk(of.store.root / path):
        for one in (below, *(f"{below}/{name}" for name in names)):
            with contextlib.suppress(OSError):
                newest = max(newest, os.lstat(one).st_mtime)
    return newest or time.time()


def _mode(found: os.stat_result) -> str:
    return f"{stat.S_IMODE(found.st_mode):04o}"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
