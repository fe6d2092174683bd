"""The processes below a process: who they are, what memory they use, and how they are ended."""

import contextlib
import os
import signal
from pathlib import Path

from cupola.store import runtime
from cupola.store.runtime import Process

PAGE = os.sysconf("SC_PAGE_SIZE")


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


def memory(pid: int, limit: int | None) -> int:
    """Bytes that all below a process use: resident pages, and near the limit the exact share of the shared ones."""
    processes = [process.pid for process in descendants(pid)]
    resident = sum(_resident(one) for one in processes)
    if limit is None or resident < limit * 0.8:
        return resident
    return sum(_share(one) for one in processes)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _share(pid: int) -> int:
    """Its proportional share (PSS): a page that four processes share counts a quarter in each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
