"""The processes below a process: who they are, and how they are ended."""

import contextlib
import signal
from pathlib import Path

from cupola.store import runtime
from cupola.store.runtime import Process


def descendants(pid: int) -> list[Process]:
    """All that are below a process now, parents before children."""
    found = []
    todo = children(pid)
    while todo:
        child = todo.pop(0)
        if process := runtime.of(child):
            found.append(process)
        todo += children(child)
    return found


def children(pid: int) -> list[int]:
    """The pids of its direct children (of all its threads)."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(one) for one in (task / "children").read_text().split()]
    return found


def signal_all(pid: int, number: signal.Signals) -> int:
    """Sends a signal to all below a process; to how many."""
    return sum(runtime.send(process, number) for process in descendants(pid))
