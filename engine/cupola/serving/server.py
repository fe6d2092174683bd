"""One server process of an endpoint: forked by its keeper, it loads the models, says so, and answers requests."""

import asyncio
import ctypes
import gc
import os
import secrets
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from importlib import metadata
from typing import NoReturn

import msgspec
import threadpoolctl
import uvloop
from uvicorn.server import ServerState

from cupola.errors import CupolaError
from cupola.jobs import warm
from cupola.registry import models
from cupola.registry import records as registry
from cupola.serving import connection, listening
from cupola.serving.app import Application
from cupola.serving.connection import Connection
from cupola.serving.guard import Guard
from cupola.serving.records import Endpoint
from cupola.serving.scoring import Variant
from cupola.serving.tally import Counts
from cupola.store import Store, files, secret

PR_SET_PDEATHSIG = 1
DRAIN_TIME = 60.0
SIGN_OF_LIFE = 10.0  # seconds between words to the keeper when there is nothing to tell
DRAIN = b"drain"

libc = ctypes.CDLL(None, use_errno=True)


class Word(msgspec.Struct, omit_defaults=True):
    """What a server process tells its keeper: that it is ready, why it is not, and what it has served."""

    ready: bool = False
    failed: str | None = None
    counts: Counts | None = None


def become(
    store: Store, wish: Endpoint, listeners: Sequence[socket.socket], line: socket.socket, keeper: int
) -> NoReturn:
    """Turns this process, just forked by `keeper`, into a server of the endpoint; it dies with its keeper."""
    code = 1
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        listening.allow_many()
        warm.reseed(secrets.randbits(32))
        threadpoolctl.threadpool_limits(1)
        code = _serve(store, wish, listeners, line)
    except BaseException:  # noqa: BLE001  the last who can say it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve(store: Store, wish: Endpoint, listeners: Sequence[socket.socket], line: socket.socket) -> int:
    try:
        variants = load(store, wish)
    except CupolaError as error:
        line.send(msgspec.json.encode(Word(failed=str(error)[:4000])))
        return 0
    gc.collect()
    gc.freeze()
    version = {"version": metadata.version("cupola"), "endpoint": wish.name, "models": [one.label for one in variants]}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Server(Application(variants, Guard(secret.token), version), line).run(listeners))


def load(store: Store, wish: Endpoint) -> list[Variant]:
    """The models of an endpoint, checked byte by byte, each having predicted its sample. Raises CupolaError."""
    found = []
    for one in wish.variants:
        version = registry.find(store, one.model)
        trusted = version.storage != "skops" and registry.trusted(store, version)
        model = models.load(files.absolute(store, version.directory), version.files, pickle_trusted=trusted)
        variant = Variant(one.name, version.ref, one.weight, model)
        variant.rehearse()
        found.append(variant)
    return found


class Server:
    """The event loop's side: accepts, tells the keeper each second how it goes, and drains when it is told to."""

    def __init__(self, app: Application, line: socket.socket) -> None:
        self._app = app
        self._line = line
        self._state = ServerState()
        self._ended = asyncio.Event()
        self._next_word = 0.0

    async def run(self, listeners: Sequence[socket.socket]) -> int:
        loop = asyncio.get_running_loop()
        settings = connection.config(self._app)

        def connect() -> Connection:
            return Connection(settings, self._state, loop)

        servers = []
        for one in listeners:
            listen = loop.create_unix_server if one.family == socket.AF_UNIX else loop.create_server
            servers.append(await listen(connect, sock=one, backlog=listening.BACKLOG))
        self._line.setblocking(False)
        loop.add_reader(self._line, self._told)
        loop.add_signal_handler(signal.SIGTERM, self._ended.set)
        self._line.send(msgspec.json.encode(Word(ready=True)))
        while not self._ended.is_set():
            self._second(loop.time())
            try:
                await asyncio.wait_for(self._ended.wait(), 1.0)
            except TimeoutError:
                continue
        self._app.draining = True
        for server in servers:
            server.close()
        await self._drain(loop.time() + DRAIN_TIME)
        return 0

    def _told(self) -> None:
        try:
            if self._line.recv(64) in (DRAIN, b""):
                self._ended.set()
        except BlockingIOError:
            pass

    def _second(self, now: float) -> None:
        for one in list(self._state.connections):
            one.look(now, self._app.draining)  # type: ignore[union-attr]
        if self._app.counts.requests or now >= self._next_word:
            self._next_word = now + SIGN_OF_LIFE
            counts, self._app.counts = self._app.counts, Counts()
            try:
                self._line.send(msgspec.json.encode(Word(counts=counts)))
            except BlockingIOError:
                self._app.counts = counts
            except OSError:
                self._ended.set()

    async def _drain(self, deadline: float) -> None:
        """Lets every connection have the answer it waits for, and one more; those that stay idle are closed."""
        loop = asyncio.get_running_loop()
        while self._state.connections and loop.time() < deadline:
            self._second(loop.time())
            await asyncio.sleep(0.05)
        self._second(loop.time())
