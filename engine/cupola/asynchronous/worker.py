"""The process that answers an endpoint's asynchronous requests: forked by its keeper, it asks the endpoint's servers.

It takes the oldest requests first, as many at a time as the endpoint's `max_concurrency` says, in threads that wait for
the servers and the disk. What it holds in memory is lost with it, and nothing is missed: the queue is on the disk.
"""

import contextlib
import select
import socket
import sys
import threading
import time
import traceback
from typing import NoReturn

import msgspec

from cupola.asynchronous import accepting, draft, notifying, records
from cupola.asynchronous.answering import Left, Work, patient
from cupola.asynchronous.asking import Line
from cupola.asynchronous.records import Asynchronous, Backlog
from cupola.errors import CupolaError, NotFound
from cupola.serving import forked, listening
from cupola.serving.records import Endpoint, local_path, signed, wish
from cupola.store import Store, feed, files, names

LOOK = 1.0  # seconds between looks that nobody asked for
AGAIN = 1.0  # seconds until a request that was left is taken again
LATER = 30.0  # the same, where its work has met trouble
SWEEP = 30.0  # seconds between looks for answers that are too old
LAST_WORK = 50.0  # seconds in which what is under way is ended when the endpoint stops


class Worker:
    """Takes requests from the queue of an endpoint until `line` to the keeper is closed.

    after_death: the worker before has died by itself, over one of the requests that it had in hand. Each of those is
    taken when nothing else is in work, so that only the one that kills is tried in vain.
    """

    def __init__(self, store: Store, wished: Endpoint, line: socket.socket, *, after_death: bool = False) -> None:
        self._store, self._name, self._line = store, wished.name, line
        self._after_death = after_death
        self._deaths: dict[str, int] = {}
        self._wished = wished
        self._poked = listening.bound(local_path(store, wished.name, "queue"), socket.SOCK_DGRAM)
        self._working: dict[str, threading.Thread] = {}
        self._left: dict[str, float] = {}  # when to take them again
        self._ages: dict[str, int] = {}
        self._lines: list[Line] = []
        self._counts = {records.COMPLETED: 0, records.FAILED: 0}
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._written: Backlog | None = None
        self._stopping = False
        self._next_sweep = 0.0
        self._notifier = notifying.Notifier(store, wished.name)

    def work(self) -> int:
        """Recovers what a worker before has left, then answers what comes."""
        before = records.said(self._store, self._name)
        self._counts = {records.COMPLETED: before.completed, records.FAILED: before.failed}
        self._deaths = before.deaths
        self._recover()
        self._notifier.start(self._settings().notify)
        while not self._stopping:
            try:
                if not self._look():
                    break
            except CupolaError as error:
                print(names.now(), f"queue: {error}", file=sys.stderr, flush=True)
            self._wait()
        deadline = time.monotonic() + LAST_WORK
        for thread in list(self._working.values()):
            thread.join(max(0.0, deadline - time.monotonic()))
        return 0

    def _wait(self) -> None:
        """Until somebody pokes, or it is time."""
        ready, _, _ = select.select([self._poked, self._line], [], [], LOOK)
        if self._poked in ready:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._poked.recv(64)
        if self._line in ready:
            self._stopping = True

    def _settings(self) -> Asynchronous:
        return self._wished.asynchronous or Asynchronous()

    def _look(self) -> bool:
        """Takes what can be taken, and writes down how it goes; False when the endpoint is gone."""
        try:
            found = wish(self._store, self._name)
        except NotFound:
            return False
        if found.digest() != self._wished.digest() and signed(self._store, found):
            self._wished = found
            self._notifier.where = self._settings().notify
        queue = records.by_age(self._store, records.queue(self._name), self._ages)
        self._ages = {key: made for made, key in queue}
        self._left = {key: when for key, when in self._left.items() if key in self._ages}
        self._deaths = {key: count for key, count in self._deaths.items() if key in self._ages}
        moment = time.monotonic()
        for _, key in queue:
            if len(self._working) >= self._settings().max_concurrency:
                break
            if key in self._working or self._left.get(key, 0.0) > moment:
                continue
            if self._working and self._deaths.keys() & {key, *self._working}:
                break
            thread = threading.Thread(target=self._do, args=(key,), daemon=True)
            self._working[key] = thread
            thread.start()
        self._say(queue)
        if self._settings().keep and moment >= self._next_sweep:
            self._next_sweep = moment + SWEEP
            sweep(self._store, self._name, self._settings().keep)
        return True

    def _do(self, key: str) -> None:
        """A thread's work: one request."""
        with self._lock:
            line = self._lines.pop() if self._lines else Line(self._store, self._name)
        room = patient(lambda: self._stopping, self._tell)
        try:
            work = Work(self._store, self._name, key, line, room, self._deaths.get(key, 0))
            answered = work.do(bool(self._settings().notify))
            if answered is not None:
                with self._lock:
                    self._counts[answered.status] += 1
                self._notifier.wake()
        except Left:
            self._left[key] = time.monotonic() + AGAIN
        except CupolaError as error:
            print(names.now(), f"request {key}: {error}", file=sys.stderr, flush=True)
            self._left[key] = time.monotonic() + LATER
        except Exception:  # noqa: BLE001  a bug that one request finds must not stop the others
            traceback.print_exc()
            self._left[key] = time.monotonic() + LATER
        finally:
            with self._lock:
                self._lines.append(line)
                del self._working[key]
            accepting.poke(self._store, self._name)

    def _recover(self) -> None:
        """Ends what a worker before had decided, and removes what it had begun."""
        decided = set(records.keys_in(self._store, records.answered(self._name)))
        line = Line(self._store, self._name)
        for key in records.keys_in(self._store, records.queue(self._name)):
            if key in decided:
                room = patient(lambda: self._stopping, self._tell)
                Work(self._store, self._name, key, line, room).do(bool(self._settings().notify))
        in_hand = draft.sweep(self._store, self._name)
        if self._after_death:
            waiting = in_hand & set(records.keys_in(self._store, records.queue(self._name)))
            self._deaths |= {key: self._deaths.get(key, 0) + 1 for key in waiting}
            self._say(records.by_age(self._store, records.queue(self._name)))  # before the next can die of it

    def _tell(self, reason: str | None) -> None:
        self._reason = reason

    def _say(self, queue: list[tuple[int, str]]) -> None:
        with self._lock:
            working = [key for _, key in queue if key in self._working]
            now = Backlog(
                queued=len(queue) - len(working),
                working=working,
                completed=self._counts[records.COMPLETED],
                failed=self._counts[records.FAILED],
                reason=self._reason,
                deaths=self._deaths,
            )
        if now == self._written or (self._written is None and not queue):
            return
        self._written = now
        path = records.backlog_path(self._name)
        files.write_bytes(self._store, path, msgspec.json.encode(now), durable=False)
        feed.announce(self._store, "endpoint", self._name, 0)


def sweep(store: Store, endpoint: str, keep: int) -> None:
    """Removes answers that are older than `keep` seconds: first what was answered, then that it was."""
    latest = time.time_ns() - keep * 10**9
    for made, key in records.by_age(store, records.answered(endpoint)):
        if made > latest:
            return
        decided = records.outcome(store, endpoint, key)
        if decided is not None and key not in records.keys_in(store, records.queue(endpoint)):
            for path in (decided.output, decided.failure, records.answered_path(endpoint, key)):
                with contextlib.suppress(NotFound):
                    files.remove(store, path)


def become(store: Store, wished: Endpoint, line: socket.socket, keeper: int, *, after_death: bool) -> NoReturn:
    """Turns this process, just forked by `keeper`, into the worker of an endpoint's queue; it dies with its keeper."""
    forked.run(keeper, lambda: Worker(store, wished, line, after_death=after_death).work())
