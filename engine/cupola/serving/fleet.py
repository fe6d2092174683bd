"""The server processes of an endpoint, as its keeper has them: started, adopted, told, watched, ended.

A server outlives a keeper that is killed: it goes on answering, and calls at the next keeper's socket, which gets the
listening sockets from it. Nobody is refused meanwhile. (Serverless endpoints, whose servers come and go by what they
count in memory that they share, end with their keeper.)
"""

import contextlib
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from cupola.jobs import agents, memory
from cupola.runtimes.records import Report
from cupola.serving import course, listening, records, server
from cupola.serving.course import Group
from cupola.serving.lineup import Placed
from cupola.serving.records import Variant
from cupola.serving.server import Hello, Order, Word
from cupola.serving.sleeping import Load
from cupola.store import Store, names, runtime
from cupola.store.runtime import Process

CRASHES, CRASH_SPAN = 5, 30.0
CRASHES_MOVING = 3  # while a change moves, its models are the first that are suspected
DRAIN_LIMIT = 65.0
SILENCE = 180.0  # seconds without a word from a server; a prediction on the event loop may keep it silent for a while
CALL_TIME, CALL_TICK = 15.0, 0.05  # seconds that servers of a keeper before this one get to call
TICK = 0.5
MESSAGE = 1 << 18


class Worker:
    """One server process and the line to it. holds: the models that it has, by their keys."""

    def __init__(self, process: Process, line: socket.socket, hello: Hello, slot: int) -> None:
        self.process = process
        self.pid = process.pid
        self.line = line
        self.base, self.generation, self.holds = hello.base, hello.generation, set(hello.holds)
        self.slot = slot
        self.handle = os.pidfd_open(process.pid)
        self.ready = hello.ready
        self.failed: str | None = None
        self.drain_until: float | None = None
        self.heard = time.monotonic()
        self.ended: str | None = None
        self.told: list[Placed] | None = None
        self.order = self.acknowledged = 0

    def fits(self, group: Group) -> bool:
        """Whether it can serve what the group is to serve, if it is told so."""
        alike = self.base == course.base(group.settings) and self.generation >= group.settings.generation
        return self.drain_until is None and alike and {course.key(one) for one in group.variants} <= self.holds

    def place(self, variants: list[Variant]) -> None:
        """Tells it how the requests are shared from now on; variants that are not named are held no more."""
        placed = [Placed(key=course.key(one), weight=one.weight, shadow=one.shadow) for one in variants]
        if placed != self.told:
            self.order += 1
            if self._send(Order(number=self.order, lineup=placed)):
                self.told, self.holds = placed, self.holds & {one.key for one in placed}

    def drain(self) -> None:
        """Tells it to answer what it has and to end."""
        self.drain_until = time.monotonic() + DRAIN_LIMIT
        self.order += 1
        self._send(Order(number=self.order, drain=True))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def _send(self, order: Order) -> bool:
        try:
            self.line.send(msgspec.json.encode(order))
        except OSError:  # it may be gone, and its handle will say so
            return False
        return True


class Fleet:
    """All server processes of one endpoint. `heard` is called with each word; `lost` when servers cannot be had, with
    one of them, and why."""

    def __init__(
        self,
        store: Store,
        name: str,
        selector: selectors.BaseSelector,
        heard: Callable[[Worker, Word], None],
        lost: Callable[[Worker, str], None],
        let_go: Callable[[], None],
    ) -> None:
        self.store, self.selector = store, selector
        self.heard, self.lost, self.let_go = heard, lost, let_go
        self.workers: list[Worker] = []
        self.load = Load()
        self.restarts = 0
        self.moving = False
        self.crashes: deque[float] = deque(maxlen=CRASHES)
        self.proven: set[str] = set()
        self.runtimes: dict[str, Report] = {}
        self.path = records.local_path(store, name, "calls")
        self.calls = listening.bound(self.path, socket.SOCK_SEQPACKET)
        self.calls.listen(64)
        self.selector.register(self.calls, selectors.EVENT_READ, self._called)
        self.listeners: list[socket.socket] = []
        self.next_memory = 0.0

    # which there are

    def serving(self) -> list[Worker]:
        """Those that are not about to end."""
        return [one for one in self.workers if one.drain_until is None]

    def reconcile(self, groups: list[Group], *, may_start: bool = True) -> bool:
        """One step towards the processes that there are to be; whether they are there, and know what they serve.

        What is there and not wanted goes only when all that is wanted is ready; it takes nothing new when this is true.
        """
        there = True
        kept: list[Worker] = []
        for group in groups:
            mine = [one for one in self.workers if one not in kept and one.fits(group)]
            mine.sort(key=lambda one: not one.ready)
            for _ in range(len(mine), group.count if may_start else 0):
                self.start(group)
            mine = mine[: group.count]
            kept += mine
            there = there and sum(one.ready for one in mine) == group.count
            for one in mine:
                if one.ready:
                    one.place(group.variants)
        if not there:
            return False
        for one in self.serving():
            if one not in kept:
                one.drain()
        return all(one.acknowledged == one.order for one in self.workers if one.ready)

    def start(self, group: Group) -> None:
        """Forks a server that holds what the group is to serve."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        keeper, slot = os.getpid(), self.load.take()
        wish = msgspec.structs.replace(group.settings, variants=group.variants)
        serverless = wish.serverless
        together = partial(self.load.one_more, slot, serverless.max_concurrency) if serverless else None
        hello = server.hello(wish)
        pid = os.fork()
        if pid == 0:
            self.let_go()
            ours.close()
            calls = None if serverless else self.path
            proven = set(hello.holds) <= self.proven
            server.become(self.store, wish, self.listeners, theirs, keeper, together, calls, proven=proven)
        theirs.close()
        process = runtime.of(pid) or Process(runtime.boot(), pid, 0)
        self._join(Worker(process, ours, hello, slot))

    def drain_all(self) -> None:
        for one in self.listeners:
            one.close()
        self.listeners = []
        for worker in self.serving():
            worker.drain()

    def close_in_fork(self) -> None:
        """In a fork: closes what is the keeper's alone."""
        self.calls.close()
        for one in self.workers:
            one.line.close()
            os.close(one.handle)

    # adoption

    def adopt(self, expected: list[Process]) -> None:
        """Waits for the servers of a keeper that was killed to call; one that does not call in time is ended."""
        left = round(CALL_TIME / CALL_TICK)  # turns, not seconds of a clock: where the host stood still, they did too
        while left and self._missing(expected):
            left -= 1
            for key, _ in self.selector.select(CALL_TICK):
                key.data()
        for one in self._missing(expected):
            agents.say(f"{names.now()} server {one.pid} was ended: it does not call")
            runtime.send(one, signal.SIGKILL)
            runtime.wait_end(one, CALL_TIME)

    def _missing(self, expected: list[Process]) -> list[Process]:
        here = [one.process for one in self.workers]
        return [one for one in expected if one not in here and runtime.alive(one)]

    def _called(self) -> None:
        """A server whose keeper is gone: it brings the listening sockets along."""
        line, _ = self.calls.accept()
        line.settimeout(1.0)
        descriptors: list[int] = []
        try:
            data, descriptors, _, _ = socket.recv_fds(line, MESSAGE, 8)
            hello = msgspec.json.decode(data, type=Hello)
            process = runtime.of(listening.peer(line))
        except (OSError, msgspec.MsgspecError):
            process = None
        brought = [socket.socket(fileno=one) for one in descriptors]
        if process is None:
            line.close()
        else:
            agents.say(f"{names.now()} server {process.pid} is taken over")
            self.runtimes |= hello.runtimes
            self._join(Worker(process, line, hello, self.load.take()))
            if not self.listeners:
                self.listeners, brought = brought, []
        for one in brought:
            one.close()

    def _join(self, worker: Worker) -> None:
        worker.line.setblocking(False)
        self.workers.append(worker)
        self.selector.register(worker.line, selectors.EVENT_READ, lambda: self._hear(worker))
        self.selector.register(worker.handle, selectors.EVENT_READ, lambda: self._bury(worker))

    # what they say, and their end

    def _hear(self, worker: Worker) -> None:
        while True:
            try:
                data = worker.line.recv(MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                if worker.line.fileno() >= 0 and worker.line in self.selector.get_map():
                    self.selector.unregister(worker.line)
                return
            worker.heard = time.monotonic()
            word = msgspec.json.decode(data, type=Word)
            if word.ready:
                worker.ready = True
                self.proven |= worker.holds
                self.runtimes |= word.runtimes
                agents.say(f"{names.now()} server {worker.pid} is ready")
            worker.failed = word.failed or worker.failed
            worker.acknowledged = max(worker.acknowledged, word.order)
            self.heard(worker, word)

    def _bury(self, worker: Worker) -> None:
        """A server process has ended: it was told to, or it could not load its models, or it died."""
        self._hear(worker)
        how = worker.ended or _how(worker.pid)
        self.workers.remove(worker)
        self.load.give_back(worker.slot)
        self.selector.unregister(worker.handle)
        if worker.line in self.selector.get_map():
            self.selector.unregister(worker.line)
        os.close(worker.handle)
        worker.line.close()
        if worker.drain_until is not None:
            return
        if worker.failed is not None:
            self.lost(worker, worker.failed)
            return
        agents.say(f"{names.now()} server {worker.pid} {how}")
        self.restarts += 1
        if worker.ready and worker.ended is None and how in ("ended", "was ended by SIGKILL"):
            return  # somebody has killed it; of itself no process dies so
        now = time.monotonic()
        self.crashes.append(now)
        most = CRASHES_MOVING if self.moving else CRASHES
        recent = [one for one in self.crashes if now - one < CRASH_SPAN]
        if len(recent) >= most:
            span = now - recent[0]
            self.crashes.clear()
            self.lost(worker, f"its server processes died {len(recent)} times within {span:.0f} s; the last {how}")

    def watch(self, now: float, limit: int) -> None:
        """Ends servers that take too long to drain, that have been silent for too long, or that use too much memory."""
        for worker in self.workers:
            if worker.drain_until is not None and now > worker.drain_until:
                worker.kill()
            elif worker.ready and worker.drain_until is None and now - worker.heard > SILENCE:
                worker.ended = f"was ended: it gave no sign of life for {SILENCE:.0f} s"
                worker.kill()
        if not limit or now < self.next_memory:
            return
        self.next_memory = now + TICK
        for kind in {(one.base, one.generation) for one in self.workers}:
            alike = [one for one in self.workers if (one.base, one.generation) == kind]
            if memory.used([one.pid for one in alike], limit) > limit:
                largest = max(alike, key=lambda one: memory.resident(one.pid))
                largest.ended = f"was ended: the endpoint was over its memory limit of {limit:,} bytes"
                largest.kill()


def _how(pid: int) -> str:
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:  # adopted: it is not for us to learn how
        return "ended"
    if os.WIFSIGNALED(status):
        return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit status {os.waitstatus_to_exitcode(status)}"
