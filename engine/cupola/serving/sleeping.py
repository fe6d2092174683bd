"""Serverless endpoints: when their servers may end, and the first connection, which wakes one.

The keeper holds the listening sockets. While no server runs it watches them: a connection that comes stays in their
queue, where a server that is forked for it accepts it. Nobody accepts and passes on, so there is nothing to lose.
"""

import mmap
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cupola.serving.http import Failure

SLOTS = 512  # server processes of an endpoint that can count at once: those that serve, and those that are replaced


class Sleep:
    """Whether an endpoint sleeps, and since when it could: `wake` is called when a connection comes while it does."""

    def __init__(self, selector: selectors.BaseSelector, wake: Callable[[], None]) -> None:
        self._selector = selector
        self._wake = wake
        self._watched: list[socket.socket] = []
        self._used = time.monotonic()

    @property
    def on(self) -> bool:
        return bool(self._watched)

    def used(self) -> None:
        """Somebody has just used the endpoint."""
        self._used = time.monotonic()

    def due(self, idle: float) -> bool:
        """Whether nobody has used it for so many seconds."""
        return time.monotonic() - self._used >= idle

    def begin(self, listeners: list[socket.socket]) -> None:
        self._watched = list(listeners)
        for one in self._watched:
            self._selector.register(one, selectors.EVENT_READ, self._called)

    def end(self) -> None:
        """Leaves the sockets to the servers."""
        for one in self._watched:
            self._selector.unregister(one)
        self._watched = []
        self.used()

    def _called(self) -> None:
        if self.on:  # both sockets may have been readable
            self.end()
            self._wake()


class Load:
    """How many requests each server process of an endpoint has in work: one number each, in memory they share."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * SLOTS)).cast("I")
        self._taken: set[int] = set()

    def total(self) -> int:
        return sum(self._counts)

    def take(self) -> int:
        """A slot for a server process that is to be started."""
        slot = next((one for one in range(SLOTS) if one not in self._taken), 0)
        self._taken.add(slot)
        return slot

    def give_back(self, slot: int) -> None:
        """Its process is gone, whatever it had in work."""
        self._taken.discard(slot)
        self._counts[slot] = 0

    @contextmanager
    def one_more(self, slot: int, most: int) -> Iterator[None]:
        """A request is in work while this is entered, one of at most `most`. Raises Failure 429.

        It is counted before it is compared, so that two processes that do so at once may both refuse, never both let
        in.
        """
        self._counts[slot] += 1
        try:
            if sum(self._counts) > most:
                message = f"the endpoint has its {most} requests at once in work; try again in a moment"
                raise Failure(429, message, (b"retry-after", b"1"))
            yield
        finally:
            self._counts[slot] -= 1
