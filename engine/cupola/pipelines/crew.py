"""The workers of one execution: who is at which step, and hearing what they have to say."""

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from cupola.errors import ErrorInfo
from cupola.pipelines import workers
from cupola.pipelines.causes import CAUSES
from cupola.pipelines.workers import Do, Outcome, Said, Task, Worker


class Crew:
    """busy: by step the worker that is at it. wake: a descriptor that interrupts the waiting; `woken` once it did."""

    def __init__(self, do: Do, root: Path, wake: tuple[int, int]) -> None:
        self.do, self.root, self.wake = do, root, wake
        self.busy: dict[str, Worker] = {}
        self.idle: list[Worker] = []

    def give(self, name: str, task: Task, timeout: float | None = None) -> None:
        """Has a worker do a step: one that is idle, else a new one."""
        worker = self.idle.pop() if self.idle else self._hire()
        self.busy[name] = worker
        worker.give(task, timeout)

    def _hire(self) -> Worker:
        private = [*self.wake, *(one.line.fileno() for one in (*self.busy.values(), *self.idle))]
        return workers.hire(self.do, self.root, private)

    def hear(self, until: float | None) -> tuple[list[tuple[str, Said]], bool]:
        """What workers say, waiting for it until a moment (of the monotonic clock); and whether it was woken.

        The last word of a worker on its step holds an outcome, also where it has died or was ended.
        """
        due = [one.deadline for one in self.busy.values() if one.deadline is not None and not one.timed_out]
        moments = [*due, *([] if until is None else [until])]
        wait = max(0.0, min(moments) - time.monotonic()) * 1000 if moments else None
        poll = select.poll()
        for descriptor in (self.wake[0], *(one.line.fileno() for one in self.busy.values())):
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(wait)}
        found = []
        for name, worker in list(self.busy.items()):
            worker.overdue()
            if worker.line.fileno() in ready:
                found += [(name, one) for one in self._said(name, worker)]
        woken = self.wake[0] in ready
        if woken:
            os.read(self.wake[0], 256)
        return found, woken

    def _said(self, name: str, worker: Worker) -> list[Said]:
        said, there = worker.read()
        if not there:
            del self.busy[name]
            said.append(_death(worker))
        elif any(one.outcome for one in said):
            del self.busy[name]
            worker.deadline = None
            self.idle.append(worker)
        return said

    def kill(self) -> None:
        """Ends all that are at a step; what they have come to is heard as ever."""
        for worker in self.busy.values():
            worker.kill()

    def dismiss(self) -> None:
        """Lets those go that are idle: they end when nobody can ask them any more."""
        for worker in self.idle:
            worker.line.close()
        for worker in self.idle:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(worker.pid, 0)
        self.idle = []


def _death(worker: Worker) -> Said:
    """Of a worker that has ended without a last word."""
    status = worker.end()
    killed = os.WIFSIGNALED(status) and not worker.timed_out
    if worker.timed_out:
        said, cause = f"it took longer than {worker.timeout or 0:g} s", "runtime"
    elif os.WIFSIGNALED(status):
        said, cause = f"its process was ended by {signal.Signals(os.WTERMSIG(status)).name}", "signal"
    else:
        said, cause = f"its process ended with exit status {os.WEXITSTATUS(status)}", "exit"
    outcome = Outcome(error=ErrorInfo(kind="WorkFailed", message=said), causes=CAUSES[cause])
    return Said(outcome=outcome, killed=killed)
