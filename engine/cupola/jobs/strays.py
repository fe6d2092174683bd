"""What an attempt has left running after its keeper was killed, and ending it, with no stranger touched.

The job's own process dies with its keeper; what it had started in turn may live on. It is known by a variable that
what it starts inherits, or (a mere fork of a warm job) by the job's session and the starter's command line.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from cupola.jobs.attempt import ATTEMPT_DIR
from cupola.jobs.attempts import Started
from cupola.store import runtime
from cupola.store.runtime import Process

STARTER = b"cupola.agent.starter"


def end(started: Started, attempt_dir: str) -> int:
    """Kills what is left of an attempt; how many processes that were."""
    if started.keeper.boot != runtime.boot():
        return 0
    return sum(runtime.send(process, signal.SIGKILL) for process in _left(started, attempt_dir))


def of(roots: list[Path]) -> list[Process]:
    """The processes of this user on this host that attempts in these workspaces have started, and that still run."""
    found = []
    for process, path in _own():
        with contextlib.suppress(OSError):
            marks = [one for one in _variables(path) if one.startswith(f"{ATTEMPT_DIR}=".encode())]
            if any(Path(os.fsdecode(one.partition(b"=")[2])).is_relative_to(root) for one in marks for root in roots):
                found.append(process)
    return found


def _left(started: Started, attempt_dir: str) -> list[Process]:
    mark = f"{ATTEMPT_DIR}={attempt_dir}".encode()
    found = []
    for process, path in _own():
        with contextlib.suppress(OSError):
            if mark in _variables(path) or _forked(process, started.process):
                found.append(process)
    return found


def _own() -> Iterator[tuple[Process, str]]:
    """The other processes of this user on this host, and where they are below /proc."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == os.getuid() and (process := runtime.of(int(entry.name))):
                yield process, entry.path


def _variables(path: str) -> list[bytes]:
    return Path(path, "environ").read_bytes().split(b"\0")


def _forked(process: Process, job: Process | None) -> bool:
    """Whether it is in the session of the job's process, and a fork of the starter as that was."""
    if job is None or process.start < job.start or STARTER not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
        return False
    leader = runtime.of(job.pid)
    return os.getsid(process.pid) == job.pid and (leader is None or leader == job)
