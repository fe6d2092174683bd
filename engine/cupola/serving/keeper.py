"""The keeper of one endpoint: holds its sockets, starts and watches its server processes, and writes what it sees.

Forked by the warm starter, it has imported and never computed; each server process is forked from it and loads the
models itself. The listening sockets are the keeper's, so that requests wait in their queue while a server that died is
started again or a new one takes over. Nothing here starts a thread or an event loop.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from pathlib import Path

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.jobs import memory
from cupola.serving import listening, records, server
from cupola.serving.records import Endpoint, EndpointStatus, Variant
from cupola.serving.server import DRAIN, Word
from cupola.serving.tally import Window
from cupola.store import Store, files, names, runtime
from cupola.store import records as store_records
from cupola.store.paths import set_mode
from cupola.store.root import is_workspace

TICK = 0.5
LOOK = 1.0  # seconds between looks at the wish; a poke makes it look at once
CRASHES, CRASH_SPAN = 5, 30.0
DRAIN_LIMIT = 65.0
SILENCE = 180.0  # seconds without a word from a server; a prediction on the event loop may keep it silent for a while
BACKLOG = 1024
MESSAGE = 1 << 18


class Worker:
    """One server process and the line to it."""

    def __init__(self, pid: int, line: socket.socket, wish: Endpoint) -> None:
        self.pid = pid
        self.line = line
        self.wish = wish
        self.handle = os.pidfd_open(pid)
        self.ready = False
        self.failed: str | None = None
        self.drain_until: float | None = None
        self.heard = time.monotonic()
        self.ended: str | None = None

    def drain(self) -> None:
        """Tells it to answer what it has and to end."""
        self.drain_until = time.monotonic() + DRAIN_LIMIT
        with contextlib.suppress(OSError):  # it may be gone, and its handle will say so
            self.line.send(DRAIN)


class Keeper:
    """Compares the wish with what runs, does a step and writes it down, whenever something happens."""

    def __init__(self, store: Store, name: str, lock: runtime.Lock) -> None:
        self.store = store
        self.name = name
        self.lock = lock
        self.root = os.open(
            store.root, os.O_PATH | os.O_DIRECTORY
        )  # tells a workspace that was removed from a lost mount
        self.user, self.host = names.who()
        self.process = runtime.current()
        self.served: Endpoint | None = None
        self.coming: Endpoint | None = None
        self.seen = ""
        self.workers: list[Worker] = []
        self.listeners: list[socket.socket] = []
        self.port = 0
        self.crashes: deque[float] = deque(maxlen=CRASHES)
        self.restarts = 0
        self.status = "Creating"
        self.reason: str | None = None
        self.note: str | None = None
        self.update_failed = False
        self.started = names.now()
        self.window = Window()
        self.stopping = False
        self.gone = False
        self.written = ""
        self.told = 0
        self.next_look = self.next_memory = self.next_traffic = 0.0
        self.selector = selectors.DefaultSelector()
        self.pokes = listening.bound(records.local_path(store, name, "poke"), socket.SOCK_DGRAM)

    def keep(self) -> int:
        """Runs until the endpoint is no longer wished for here."""
        self._signals()
        self.selector.register(self.pokes, selectors.EVENT_READ, self._poked)
        try:
            while not self._finished():
                for key, _ in self.selector.select(TICK):
                    key.data()
                now = time.monotonic()
                if now >= self.next_look:
                    self.next_look = now + LOOK
                    self._look()
                self._watch(now)
                self._write(now)
        finally:
            for kind in ("poke", "sock", "json"):
                listening.remove(records.local_path(self.store, self.name, kind))
        return 0

    def _finished(self) -> bool:
        return self.stopping and not self.workers

    # the wish

    def _look(self) -> None:
        self.note = None
        try:
            wish = records.wish(self.store, self.name)
        except NotFound:
            if is_workspace(self.store.root) or os.fstat(self.root).st_nlink == 0:
                self._stop(None)
                self.gone = True
            else:
                self.note = "the workspace is not there: its mount is broken, or it was moved"
            return
        except CupolaError as error:
            self.note = str(error)
            return
        if (wish.user, wish.host) != (self.user, self.host):
            self._stop(f"it runs on {wish.host} as {wish.user} now")
        elif not records.signed(self.store, wish):
            self.note = f"endpoint.toml was edited; `cupola endpoint confirm {self.name}` signs it, and it takes effect"
        elif wish.digest() != self.seen:
            self.seen = wish.digest()
            self._take(wish)

    def _take(self, wish: Endpoint) -> None:
        """Goes after a wish that is new."""
        self.reason, self.update_failed = None, False
        self.crashes.clear()
        if wish.desired != "InService":
            self._stop(None)
            return
        for worker in self.workers:
            if self.coming is not None and worker.wish is self.coming:
                worker.drain()
        self.coming = wish
        self.status = "Updating" if self.served else "Creating"
        try:
            self._listen()
        except OSError as error:
            self._fail(wish, f"its socket cannot be had: {error.strerror}")
            return
        for _ in range(wish.workers):
            self._start(wish)

    def _stop(self, reason: str | None) -> None:
        """Lets all requests have their answer, and ends."""
        self.stopping = True
        self.status, self.reason = "OutOfService", reason
        self.served = self.coming = None
        self._drain_all()

    def _drain_all(self) -> None:
        for one in self.listeners:
            one.close()
        self.listeners = []
        for worker in self.workers:
            worker.drain()

    def _fail(self, wish: Endpoint, reason: str) -> None:
        """A wish cannot be had: what was served before goes on, else the endpoint is Failed until the next wish."""
        print(names.now(), f"failed: {reason}", flush=True)
        for worker in self.workers:
            if worker.wish is wish:
                worker.drain()
        if wish is self.coming:
            self.coming = None
        if wish is self.served:
            self.served = None
        if self.served is not None:
            self.status, self.update_failed = "InService", True
            self.reason = f"the update has failed, what was served before goes on: {reason}"
        elif self.coming is None:
            self.status, self.reason = "Failed", reason
            self._drain_all()

    # server processes

    def _listen(self) -> None:
        if self.listeners:
            return
        path = records.local_path(self.store, self.name, "sock")
        if not self.port:
            before = records.status(self.store, self.name)
            self.port = before.port if before and before.port and before.host == self.host else 0
        self.listeners = [listening.tcp(self.port), listening.bound(path, socket.SOCK_STREAM)]
        self.port = self.listeners[0].getsockname()[1]
        self.listeners[1].listen(listening.BACKLOG)

    def _start(self, wish: Endpoint) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sys.stdout.flush()
        keeper = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._let_go()
            ours.close()
            server.become(self.store, wish, self.listeners, theirs, keeper)
        theirs.close()
        ours.setblocking(False)
        worker = Worker(pid, ours, wish)
        self.workers.append(worker)
        self.selector.register(worker.line, selectors.EVENT_READ, lambda: self._hear(worker))
        self.selector.register(worker.handle, selectors.EVENT_READ, lambda: self._bury(worker))

    def _let_go(self) -> None:
        """In a fork: closes what is the keeper's alone."""
        signal.set_wakeup_fd(-1)
        self.selector.close()
        self.pokes.close()
        for one in (self.awake, self.waker):
            one.close()
        for worker in self.workers:
            worker.line.close()
            os.close(worker.handle)
        self.lock.release()

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
            if word.counts:
                self.window.add(word.counts)
            if word.failed is not None:
                worker.failed = word.failed
            if word.ready:
                worker.ready = True
                self._ready(worker)

    def _ready(self, worker: Worker) -> None:
        """When the last server of a new wish is ready, it takes over, and those of the old one drain."""
        print(names.now(), f"server {worker.pid} is ready", flush=True)
        coming = self.coming
        if coming is None or worker.wish is not coming or self._count(coming) < coming.workers:
            return
        for old in self.workers:
            if old.wish is not coming and old.drain_until is None:
                old.drain()
        self.served, self.coming = coming, None
        self.status, self.reason = "InService", None

    def _bury(self, worker: Worker) -> None:
        """A server process has ended: it was told to, or it could not load its models, or it died and is replaced."""
        self._hear(worker)
        _, status = os.waitpid(worker.pid, 0)
        self.workers.remove(worker)
        self.selector.unregister(worker.handle)
        if worker.line in self.selector.get_map():
            self.selector.unregister(worker.line)
        os.close(worker.handle)
        worker.line.close()
        if worker.drain_until is not None:
            return
        if worker.failed is not None:
            self._fail(worker.wish, worker.failed)
            return
        how = worker.ended or _how(status)
        print(names.now(), f"server {worker.pid} {how}", flush=True)
        now = time.monotonic()
        self.crashes.append(now)
        if len(self.crashes) == CRASHES and now - self.crashes[0] < CRASH_SPAN:
            span = now - self.crashes[0]
            self._fail(worker.wish, f"its server processes died {CRASHES} times within {span:.0f} s; the last {how}")
        elif worker.wish is self.served or worker.wish is self.coming:
            self.restarts += 1
            self._start(worker.wish)

    def _count(self, wish: Endpoint) -> int:
        return sum(one.ready and one.wish is wish and one.drain_until is None for one in self.workers)

    def _watch(self, now: float) -> None:
        """Ends servers that take too long to drain, that have been silent for too long, or that use too much memory."""
        for worker in self.workers:
            if worker.drain_until is not None and now > worker.drain_until:
                os.kill(worker.pid, signal.SIGKILL)
            elif worker.ready and worker.drain_until is None and now - worker.heard > SILENCE:
                self._end(worker, f"was ended: it gave no sign of life for {SILENCE:.0f} s")
        if now < self.next_memory:
            return
        self.next_memory = now + TICK
        for wish in {id(one.wish): one.wish for one in self.workers if one.wish.memory}.values():
            group = [one for one in self.workers if one.wish is wish]
            if memory.used([one.pid for one in group], wish.memory) > wish.memory:
                largest = max(group, key=lambda one: memory.resident(one.pid))
                self._end(largest, f"was ended: the endpoint was over its memory limit of {wish.memory:,} bytes")

    def _end(self, worker: Worker, why: str) -> None:
        worker.ended = why
        os.kill(worker.pid, signal.SIGKILL)

    # signals, pokes

    def _signals(self) -> None:
        self.awake, self.waker = socket.socketpair()
        for one in (self.awake, self.waker):
            one.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.selector.register(self.awake, selectors.EVENT_READ, self._signalled)

    def _signalled(self) -> None:
        if signal.SIGTERM in self.awake.recv(64):
            self._stop("its keeper was stopped")

    def _poked(self) -> None:
        self.pokes.recv(64)
        self.next_look = 0.0

    # what is written

    def _write(self, now: float) -> None:
        """Writes status.json when something in it has changed, and every second while there is traffic."""
        if self.gone:
            return
        status = self._status()
        content = msgspec.json.encode(status).decode()
        if content == self.written and (self.window.requests == self.told or now < self.next_traffic):
            return
        self.next_traffic = now + 1.0
        self.told = self.window.requests
        changed, self.written = content != self.written, content
        status.traffic = self.window.traffic()
        status.updated = names.now()
        try:
            if changed:
                self._tell_gateway(status)
            if "endpoint.toml" in files.listing(self.store, records.directory(self.name)):
                path = records.status_path(self.name)
                store_records.write(self.store, path, status, kind="endpoint", ref=self.name, durable=False)
        except CupolaError as error:
            self.written = ""
            print(names.now(), f"status.json cannot be written: {error}", flush=True)

    def _tell_gateway(self, status: EndpointStatus) -> None:
        """The same on this host's own disk, where the gateway looks at every request."""
        path = records.local_path(self.store, self.name, "json")
        draft = f"{path}.new"
        Path(draft).write_bytes(msgspec.json.encode(status))
        os.replace(draft, path)  # noqa: PTH105

    def _status(self) -> EndpointStatus:
        wish = self.served or self.coming
        return EndpointStatus(
            name=self.name,
            status=self.status,
            reason=self.reason or self.note,
            host=self.host,
            user=self.user,
            url=listening.url(self.port) if self.listeners else None,
            port=self.port or None,
            socket=records.local_path(self.store, self.name, "sock") if self.listeners else None,
            process=self.process,
            pids=[one.pid for one in self.workers if one.drain_until is None],
            workers=self._count(wish) if wish else 0,
            restarts=self.restarts,
            variants=[Variant(name=one.name, model=one.model, weight=one.weight) for one in wish.variants]
            if wish
            else [],
            wish=self.seen,
            update_failed=self.update_failed,
            started=self.started,
        )


def main(argv: list[str]) -> int:
    """Keeps an endpoint. argv: the workspace and the endpoint's name. Ends at once when another keeper has it."""
    root, name = argv
    store = Store.open(root)
    held = runtime.lock(records.local_path(store, name, "lock"), wait=False)
    if held is None:
        return 0
    path = files.absolute(store, records.log_path(name))
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    set_mode(log, path.parent.stat().st_mode & 0o666)  # a group that shares the workspace may read it
    os.dup2(log, 1)
    os.dup2(log, 2)
    return Keeper(store, name, held).keep()


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit status {os.waitstatus_to_exitcode(status)}"
