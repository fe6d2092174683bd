"""A command that has to do with a network mount runs in a child, so that one can leave it while the mount is silent.

A process in a system call that a mount does not answer cannot be killed, and its shell does not get it back. So what
the shell waits for here only waits for the command, says how the mount stands, and ends at ctrl+c in any case. Where
there is no network mount, there is no child.
"""

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence

from cupola.store import filesystem

PROBED = 3.0  # seconds between two looks at the mount
SILENT = 2.0  # seconds that a look may take before it is said
LEFT = 2.0  # seconds that a command has to end by itself after ctrl+c
INTERRUPTED = 130


def watched(words: Sequence[str], directory: str, quiet: bool, work: Callable[[], int]) -> int:
    """The exit status of `work`, done in a child where `directory` or a path among `words` is on a network mount."""
    try:
        here = os.path.join(os.getcwd(), directory)  # noqa: PTH109, PTH118 - pathlib costs 8 ms here
    except FileNotFoundError:  # the directory was removed, as `work` will say
        return work()
    paths = [here, *(os.path.join(here, word) for word in words if "/" in word)]  # noqa: PTH118
    mount = next((one for one in map(filesystem.mount_at, map(os.path.normpath, paths)) if one.network), None)
    if mount is None:
        return work()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        threading.Thread(target=_end_with_parent, args=(reading,), daemon=True).start()
        return work()
    os.close(reading)
    return _wait(child, mount.point, quiet)


def _end_with_parent(pipe: int) -> None:
    """Ends the command when what waits for it is gone, as if it had been killed itself."""
    os.read(pipe, 1)
    os._exit(INTERRUPTED)


def _wait(child: int, point: str, quiet: bool) -> int:
    """Waits for the command, and says when the mount does not answer and when it answers again."""
    command = os.pidfd_open(child)
    try:
        while not _ended(command, PROBED):
            probe = os.fork()
            if probe == 0:
                with contextlib.suppress(OSError):
                    os.statvfs(point)
                os._exit(0)
            _look(command, probe, point, quiet)
    except KeyboardInterrupt:
        if not _ended(command, LEFT):
            _say(f"left while {point} does not answer; what was begun may still be done when it does", quiet=False)
            return INTERRUPTED
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 128 - status if status < 0 else status


def _look(command: int, probe: int, point: str, quiet: bool) -> None:
    """Waits for the answer of the mount, or for the end of the command if that comes first."""
    begun, answer, said = time.monotonic(), os.pidfd_open(probe), False
    while not _ended(answer, SILENT) and not _ended(command, 0):
        if not said:
            said = True
            _say(f"the mount {point} does not answer; this goes on by itself when it does, ctrl+c leaves", quiet)
    if _ended(answer, 0):
        os.waitpid(probe, 0)
        if said:
            _say(f"the mount {point} answers again, after {time.monotonic() - begun:.0f} s", quiet)
    os.close(answer)


def _ended(process: int, seconds: float) -> bool:
    """Whether a process has ended, or does so within some seconds."""
    return bool(select.select([process], [], [], seconds)[0])


def _say(words: str, quiet: bool) -> None:
    if not quiet:
        print(f"cupola: {words}", file=sys.stderr, flush=True)
