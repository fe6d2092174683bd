"""One server process of an endpoint: forked by its keeper, it loads the models, says so, and answers requests."""

import asyncio
import contextlib
import gc
import secrets
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import NoReturn

import msgspec
import threadpoolctl
import uvloop
from uvicorn.server import ServerState

from cupola.errors import CupolaError
from cupola.jobs import warm
from cupola.registry import records as registry
from cupola.runtimes import choosing
from cupola.runtimes.records import Report
from cupola.serving import connection, course, forked, handshakes, listening, network, records, wishing
from cupola.serving.app import Application, Together
from cupola.serving.connection import Connection
from cupola.serving.guard import Guard
from cupola.serving.lineup import Placed
from cupola.serving.records import Endpoint
from cupola.serving.scoring import Variant
from cupola.serving.shadows import Compared
from cupola.serving.shelf import Shelf
from cupola.serving.tally import Counts
from cupola.store import Store, secret
from cupola.store.root import is_workspace
from cupola.tokens import records as tokens
from cupola.workspace import Workspace

DRAIN_TIME = 60.0
SIGN_OF_LIFE = 10.0  # seconds between words to the keeper when there is nothing to tell
ALONE = 600.0  # seconds that a server goes on without a keeper
LOOK = 5.0  # seconds between its looks whether its endpoint is still there, meanwhile


class Word(msgspec.Struct, omit_defaults=True):
    """What a server process tells its keeper: that it is ready, how it runs each model, and whether it joins requests;
    why it is not; what it has served, what its shadows said, and the number of the last order that it has carried out.
    """

    ready: bool = False
    runtimes: dict[str, Report] = {}
    joins: bool = False
    failed: str | None = None
    counts: Counts | None = None
    shadows: dict[str, Compared] = {}
    order: int = 0


class Order(msgspec.Struct, omit_defaults=True):
    """What a keeper tells a server: how the requests are shared from now on, or to answer what it has and to end."""

    number: int = 0
    lineup: list[Placed] | None = None
    drain: bool = False


class Hello(msgspec.Struct, kw_only=True):
    """What a server process is, as it tells a keeper that did not start it; its listening sockets come along.

    base, generation: of the settings that it was started with. holds: the models that it has, by their keys; runtimes:
    how it runs them.
    """

    base: str
    generation: int
    holds: list[str]
    runtimes: dict[str, Report] = {}
    ready: bool = False


def become(
    store: Store,
    wish: Endpoint,
    listeners: Sequence[socket.socket],
    line: socket.socket,
    keeper: int,
    together: Together | None = None,
    calls: str | None = None,
    *,
    proven: bool = False,
) -> NoReturn:
    """Turns this process, just forked by `keeper`, into a server of the endpoint.

    together: as of `Application`. calls: the socket of the next keeper, for when this one is killed; without, the
    server dies with it. proven: another server has answered the models' samples before.
    """

    def serve() -> int:
        listening.allow_many()
        warm.reseed(secrets.randbits(32))
        threadpoolctl.threadpool_limits(1)
        return _serve(store, wish, listeners, line, together, calls, proven)

    forked.run(keeper, serve)


def _serve(
    store: Store,
    wish: Endpoint,
    listeners: Sequence[socket.socket],
    line: socket.socket,
    together: Together | None,
    calls: str | None,
    proven: bool,
) -> int:
    try:
        variants = load(store, wish, rehearse=not proven)
        tls = network.context(wish.network) if wish.network else None
    except CupolaError as error:
        line.send(msgspec.json.encode(Word(failed=str(error)[:4000])))
        return 0
    gc.collect()
    gc.freeze()
    version = {"version": metadata.version("cupola"), "endpoint": wish.name, "models": [one.label for one in variants]}
    guard = Guard(secret.token, partial(tokens.find, store), network.hosts(wish.network) if wish.network else ())
    app = Application(variants, guard, version, together, _shelf(store, wish), wish.batch_rows)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        removed = partial(_removed, store, wish.name)
        return runner.run(Server(app, line, listeners, hello(wish), calls, removed, tls).run())


def _removed(store: Store, name: str) -> bool:
    """Whether the endpoint was removed: not merely out of sight with its mount."""
    return is_workspace(store.root) and not (store.root / records.wish_path(name)).exists()


def _shelf(store: Store, wish: Endpoint) -> Shelf | None:
    """The models that requests may name; each is as deployable as one that is deployed has to be."""
    if wish.targets is None:
        return None
    name = wish.variants[0].name

    def load(version: registry.ModelState) -> Variant:
        runtime, report = choosing.chosen(store, version, wish.runtime)
        found = Variant(name, version.ref, 1.0, runtime, 0.0, report)
        found.rehearse()
        return found

    return Shelf(store.root, wish.targets, lambda target: wishing.deployable(Workspace.open(store.root), target), load)


def hello(wish: Endpoint) -> Hello:
    """What a server process is that was started for a wish."""
    return Hello(base=course.base(wish), generation=wish.generation, holds=course.keys(wish))


def load(store: Store, wish: Endpoint, *, rehearse: bool = True) -> list[Variant]:
    """The models of an endpoint, checked byte by byte, each having predicted its sample. Raises CupolaError."""
    found = []
    for one in wish.variants:
        version = registry.find(store, one.model)
        runtime, report = choosing.chosen(store, version, wish.runtime)
        variant = Variant(one.name, version.ref, one.weight, runtime, one.shadow, report)
        if rehearse:
            variant.rehearse()
        found.append(variant)
    return found


class Server:
    """The event loop's side: accepts, tells the keeper each second how it goes, and does what it is told."""

    def __init__(
        self,
        app: Application,
        line: socket.socket,
        listeners: Sequence[socket.socket],
        hello: Hello,
        calls: str | None,
        removed: Callable[[], bool],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._app = app
        self._tls = tls
        self._line = line
        self._listeners = listeners
        self._hello = hello
        self._calls = calls
        self._removed = removed
        self._state = ServerState()
        self._ended = asyncio.Event()
        self._next_word = 0.0
        self._last_order = 0
        self._calling: asyncio.Task[None] | None = None
        self._doors: list[handshakes.Door] = []

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        settings = connection.config(self._app)

        def connect() -> Connection:
            return Connection(settings, self._state, loop, self._app.at_once)

        servers: list[asyncio.AbstractServer] = []
        for one in self._listeners:
            if self._tls and network.is_beyond(one):
                one.listen(listening.BACKLOG)
                self._doors.append(handshakes.Door(one, self._tls, connect, connection.HEAD_TIME))
                continue
            listen = loop.create_unix_server if one.family == socket.AF_UNIX else loop.create_server
            servers.append(await listen(connect, sock=one, backlog=listening.BACKLOG))
        self._line.setblocking(False)
        loop.add_reader(self._line, self._told)
        loop.add_signal_handler(signal.SIGTERM, self._ended.set)
        ready = Word(ready=True, runtimes=self._app.lineup.runtimes(), joins=self._app.joins)
        self._line.send(msgspec.json.encode(ready))
        if self._calls is not None:
            forked.outlive()
        while not self._ended.is_set():
            self._second(loop.time())
            try:
                await asyncio.wait_for(self._ended.wait(), 1.0)
            except TimeoutError:
                continue
        self._app.draining = True
        for server in servers:
            server.close()
        for door in self._doors:
            door.close()
        self._say(Word(order=self._last_order))
        await self._drain(loop.time() + DRAIN_TIME)
        return 0

    def _told(self) -> None:
        try:
            data = self._line.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._left()
            return
        order = msgspec.json.decode(data, type=Order)
        if order.lineup is not None:
            self._app.place(order.lineup)
            self._say(Word(order=order.number))
        if order.drain:
            self._last_order = order.number
            self._ended.set()

    def _left(self) -> None:
        """The keeper is gone: goes on, and calls the next one, where that knows what to do with it."""
        asyncio.get_running_loop().remove_reader(self._line)
        self._line.close()
        if self._calls is None:
            self._ended.set()
        elif not self._ended.is_set():
            self._calling = asyncio.create_task(self._call(self._calls))

    async def _call(self, calls: str) -> None:
        """Calls at the socket of the next keeper until that is there; not for ever, nor when there will be none."""
        loop = asyncio.get_running_loop()
        deadline, look = loop.time() + ALONE, loop.time() + LOOK
        lineup = self._app.lineup
        hello = msgspec.structs.replace(self._hello, holds=lineup.held(), runtimes=lineup.runtimes(), ready=True)
        while loop.time() < deadline and Path(calls).parent.exists():
            line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
            try:
                line.connect(calls)
                socket.send_fds(line, [msgspec.json.encode(hello)], [one.fileno() for one in self._listeners])
            except OSError:
                line.close()
                await asyncio.sleep(0.1)
                if loop.time() > look:
                    look = loop.time() + LOOK
                    if await loop.run_in_executor(None, self._removed):
                        break
                continue
            self._line = line
            loop.add_reader(line, self._told)
            return
        self._ended.set()

    def _second(self, now: float) -> None:
        connection.tend(self._state.connections, now, self._app.draining)
        shadows = self._app.shadows
        if self._app.counts.requests or shadows.found or now >= self._next_word:
            self._next_word = now + SIGN_OF_LIFE
            counts, self._app.counts = self._app.counts, Counts()
            found = shadows.take()
            if not self._say(Word(counts=counts, shadows=found)):  # it is told with the next
                self._app.counts.merge(counts)
                shadows.put_back(found)

    def _say(self, word: Word) -> bool:
        with contextlib.suppress(OSError):  # the line is full, or nobody is at its end
            self._line.send(msgspec.json.encode(word))
            return True
        return False

    async def _drain(self, deadline: float) -> None:
        """Lets every connection have the answer it waits for, and one more; those that stay idle are closed."""
        loop = asyncio.get_running_loop()
        there = True  # those too that were accepted just now, and are not among the connections yet
        while there and loop.time() < deadline:
            self._second(loop.time())
            await asyncio.sleep(0.05)
            there = bool(self._state.connections) or any(door.under_way for door in self._doors)
        self._second(loop.time())
