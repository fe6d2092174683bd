"""What belongs to this host and not to the workspace: its runtime directory, its locks, its processes."""

import contextlib
import errno
import fcntl
import os
import select
import signal
import stat
from functools import lru_cache
from pathlib import Path

import msgspec

from cupola.errors import DiskTrouble
from cupola.store.names import host
from cupola.store.trouble import disk


def runtime_dir() -> Path:
    """Where this user's sockets, pids and locks live: $CUPOLA_RUNTIME_DIR, else /tmp/cupola-UID/HOST-BOOT (mode 0700).

    Of this host as it was booted: /tmp may be shared by several, or outlive a reboot. Raises DiskTrouble when it
    belongs to somebody else or others may write it.
    """
    given = os.environ.get("CUPOLA_RUNTIME_DIR")
    if given:
        return _own(given)
    return _own(_own(f"/tmp/cupola-{os.getuid()}") / f"{host()[:30]}-{boot()[:8]}")


def _own(path: str | Path) -> Path:
    """The directory of this user alone, made when it is missing."""
    with disk(str(path)):
        with contextlib.suppress(FileExistsError):
            os.makedirs(path, 0o700)  # noqa: PTH103
        found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        hint = "remove it, or set CUPOLA_RUNTIME_DIR"
        raise DiskTrouble("the runtime directory is not a directory of your own", where=str(path), hint=hint)
    return Path(path)


def slots_dir() -> Path:
    """Where all users of this host lock its slots: $CUPOLA_SLOTS_DIR, else /tmp/cupola-slots-BOOT (sticky, for all)."""
    path = os.environ.get("CUPOLA_SLOTS_DIR") or f"/tmp/cupola-slots-{boot()[:8]}"
    with disk(path):
        with contextlib.suppress(FileExistsError):
            os.makedirs(path)  # noqa: PTH103
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) != 0o1777:
            os.chmod(path, 0o1777)  # noqa: PTH101
    return Path(path)


class Lock:
    """A lock that is held; it ends with `release`, with the `with` block or with the process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def release(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def lock(path: Path | str, *, wait: bool = True, mode: int = 0o600) -> Lock | None:
    """Takes the lock of that name on this host; without `wait`, None when another process holds it.

    The file is only ever opened with O_CREAT when it is missing (fs.protected_regular refuses it otherwise), and what
    was locked is checked to be still the file of that name.
    """
    with disk(str(path)):
        while True:
            descriptor = _open_lock(path, mode)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_named(descriptor, path):
                    return Lock(descriptor)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


def _open_lock(path: Path | str, mode: int) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
            os.fchmod(descriptor, mode)
            return descriptor


def _is_named(descriptor: int, path: Path | str) -> bool:
    mine = os.fstat(descriptor)
    try:
        named = os.lstat(path)
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)


class Process(msgspec.Struct, frozen=True):
    """A process for certain: the boot (and the container) it runs in, its pid, and its start in clock ticks."""

    boot: str
    pid: int
    start: int


@lru_cache(maxsize=1)
def boot() -> str:
    """This boot of this host, and the pid namespace (container) that this process sees."""
    with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
        return f"{file.read().strip()}/{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116


def same_kernel(process: Process) -> bool:
    """Whether it runs, or ran, since this host was booted, be it in another container."""
    return process.boot.partition("/")[0] == boot().partition("/")[0]


def current() -> Process:
    """This process."""
    found = of(os.getpid())
    if found is None:
        raise DiskTrouble("this process is not listed there", where="/proc", hint="mount /proc")
    return found


def of(pid: int) -> Process | None:
    """The process that has this pid now, or None; one that has ended and waits to be reaped counts as gone.

    While other threads of one whose first has ended are still ending, it holds its locks and sockets: it is there.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    threads = int(fields[17])
    ended = fields[0] == b"X" or (fields[0] == b"Z" and threads <= 1)
    return None if ended else Process(boot(), pid, int(fields[19]))


def alive(process: Process) -> bool:
    """Whether it runs now, on this host."""
    return of(process.pid) == process


def send(process: Process, number: signal.Signals | int) -> bool:
    """Sends it a signal; False when it is gone. A stranger who has got its pid since is never signalled."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(process):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def wait_end(process: Process, timeout: float | None = None) -> bool:
    """Waits until it has ended (it need not be a child of ours); False when it still runs after `timeout` seconds."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        if not alive(process):
            return True
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        return bool(waiting.poll(None if timeout is None else timeout * 1000))
    finally:
        os.close(handle)
