"""How an attempt ended, in a word and in a sentence."""

import os
import signal
from typing import NamedTuple

from cupola.errors import ErrorInfo


class Verdict(NamedTuple):
    status: str
    secondary_status: str
    cause: str
    reason: str
    exit_code: int | None = None
    signal: str | None = None


def natural(status: int, error: ErrorInfo | None) -> Verdict:
    """Of a process that ended by itself. `status` is what wait() gave."""
    if os.WIFSIGNALED(status):
        name = _name(os.WTERMSIG(status))
        reason = f"it was ended by signal {os.WTERMSIG(status)} ({name})"
        if name == "SIGKILL":
            reason += ", sent by another process or by the kernel when the host ran out of memory"
        return Verdict("Failed", "Failed", "signal", reason, None, name)
    code = os.WEXITSTATUS(status)
    if code == 0:
        return Verdict("Completed", "Completed", "end", "", 0)
    return Verdict("Failed", "Failed", "exit", error.message if error else f"it ended with exit status {code}", code)


def unread(why: str) -> Verdict:
    """Of one that ended well, and whose output cannot be read."""
    return Verdict("Failed", "Failed", "exit", f"what it has left cannot be read: {why}", 0)


def forced(cause: str, reason: str, status: int | None) -> Verdict:
    """Of one that its keeper has ended."""
    words = {
        "memory": ("Failed", "MemoryLimitExceeded"),
        "disk": ("Failed", "DiskFull"),
        "runtime": ("Stopped", "MaxRuntimeExceeded"),
        "stopped": ("Stopped", "Stopped"),
        "interrupted": ("Failed", "Interrupted"),
        "lost": ("Failed", "Interrupted"),
        "start": ("Failed", "Failed"),
    }
    ended, secondary = words[cause]
    if status is None:
        return Verdict(ended, secondary, cause, reason)
    if os.WIFSIGNALED(status):
        return Verdict(ended, secondary, cause, reason, None, _name(os.WTERMSIG(status)))
    return Verdict(ended, secondary, cause, reason, os.WEXITSTATUS(status))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
