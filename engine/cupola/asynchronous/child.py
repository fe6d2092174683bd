"""The worker of a queue as the child of its endpoint's keeper."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable

from cupola.asynchronous import worker
from cupola.asynchronous.records import MODE
from cupola.jobs import agents
from cupola.serving.records import Endpoint
from cupola.store import Store, names

PATIENCE = 55.0  # seconds that a worker gets to end what it has begun
PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before one that has died is started again, doubled each time
STEADY = 30.0


class Child:
    """Keeps a worker running while there is an asynchronous wish. `let_go`: closes in a fork what is the keeper's."""

    def __init__(self, store: Store, let_go: Callable[[], None]) -> None:
        self._store, self._let_go = store, let_go
        self._pid = 0
        self._line: socket.socket | None = None
        self._begun = self._again = self._kill = 0.0
        self._pause = PAUSE
        self._died = False

    @property
    def running(self) -> bool:
        return self._pid > 0

    def look(self, wish: Endpoint | None) -> None:
        """Starts, ends or buries it, by what is served now."""
        now = time.monotonic()
        if self._pid and os.waitpid(self._pid, os.WNOHANG)[0]:
            self._pid = 0
            self._died = self._line is not None  # it was not told to end
            if self._died:
                agents.say(f"{names.now()} the worker of the queue died")
            self._pause = PAUSE if now - self._begun > STEADY else min(LONGEST_PAUSE, 2 * self._pause)
            self._again = now + self._pause
        wanted = wish is not None and wish.mode == MODE
        if wish is not None and wanted and not self._pid and now >= self._again:
            self._start(wish, now)
        elif not wanted and self._line:
            self._line.close()
            self._line, self._kill = None, now + PATIENCE
        elif self._pid and not self._line and now > self._kill:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def _start(self, wish: Endpoint, now: float) -> None:
        ours, theirs = socket.socketpair()
        keeper = os.getpid()
        self._begun = now
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            self._let_go()
            worker.become(self._store, wish, theirs, keeper, after_death=self._died)
        theirs.close()
        if self._line:
            self._line.close()
        self._line = ours
