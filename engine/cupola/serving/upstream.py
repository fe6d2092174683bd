"""The gateway's side of an endpoint's Unix socket: connections that are kept, and one request at a time on each."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httptools

IDLE = 64  # connections to one endpoint that are kept while nobody uses them
AHEAD = 1 << 20  # bytes of an answer in parts that are taken before anybody asks for them


class Lost(Exception):
    """The connection ended before the answer was complete; `begun` says whether any of it had come."""

    def __init__(self, begun: bool) -> None:
        self.begun = begun


class Answer:
    """What a server answered."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()


class Upstream(asyncio.Protocol):
    """One connection to a server; httptools calls the `on_` methods."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._answer = Answer()
        self._done: asyncio.Future[Answer] | None = None
        self._news: asyncio.Event | None = None  # of an answer in parts
        self._begun = self._complete = self._gone = self._paused = False
        self.reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpResponseParser(self)

    async def ask(self, request: bytes) -> Answer:
        """Sends a request and gives its answer. Raises Lost."""
        self._done, self._news = asyncio.get_running_loop().create_future(), None
        self._send(request)
        return await self._done

    async def begin(self, request: bytes) -> Answer:
        """Sends a request and gives its answer as soon as its head is there; `more` gives its body. Raises Lost."""
        self._done, self._news = None, asyncio.Event()
        self._send(request)
        while not self._begun:
            await self._wait(self._news)
        return self._answer

    async def more(self) -> bytes:
        """What has come of the body since the last time; nothing at its end. Raises Lost."""
        assert self._news is not None and self._transport is not None
        while not self._answer.body and not self._complete:
            await self._wait(self._news)
        found = bytes(self._answer.body)
        self._answer.body.clear()
        if self._paused and not self._gone:
            self._paused = False
            self._transport.resume_reading()
        return found

    def _send(self, request: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise Lost(False)
        self._answer = Answer()
        self._begun = self._complete = False
        self._transport.write(request)

    async def _wait(self, news: asyncio.Event) -> None:
        if self._gone:
            raise Lost(bool(self._answer.headers))
        await news.wait()
        news.clear()

    def close(self) -> None:
        self.reusable = False
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.connection_lost(None)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable, self._gone = False, True
        self._tell()
        if self._done is not None and not self._done.done():
            self._done.set_exception(Lost(bool(self._answer.headers)))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self._begun = True
        self._tell()

    def on_body(self, body: bytes) -> None:
        self._answer.body += body
        self._tell()
        if self._news is not None and len(self._answer.body) > AHEAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()  # type: ignore[union-attr]

    def on_message_complete(self) -> None:
        self.reusable = self.reusable and self._parser.should_keep_alive()
        self._complete = True
        self._tell()
        if self._done is not None and not self._done.done():
            self._done.set_result(self._answer)

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()


Ask = Callable[[Upstream, bytes], Awaitable[Answer]]


class Pool:
    """The kept connections to the servers behind one Unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[Upstream] = []

    async def ask(self, request: bytes) -> Answer:
        """The answer to a request. Raises Lost, and OSError when nobody listens."""
        connection, answer = await self._asked(request, Upstream.ask)
        self.keep(connection)
        return answer

    async def begin(self, request: bytes) -> tuple[Upstream, Answer]:
        """A connection on which the answer to a request has begun; whoever has read all of it gives it back to `keep`.

        Raises Lost, and OSError when nobody listens.
        """
        return await self._asked(request, Upstream.begin)

    def keep(self, connection: Upstream) -> None:
        """Takes back a connection whose answer was read, for the next request."""
        if connection.reusable and len(self._idle) < IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    async def _asked(self, request: bytes, how: Ask) -> tuple[Upstream, Answer]:
        """A kept connection may have been closed by a server that is being replaced: what got no answer at all there is
        asked once more, of a new one.
        """
        while self._idle:
            kept = self._idle.pop()
            if not kept.reusable:
                continue
            try:
                return kept, await _closing(kept, how(kept, request))
            except Lost as lost:
                if lost.begun:
                    raise
                break
        _, fresh = await asyncio.get_running_loop().create_unix_connection(Upstream, self._path)
        return fresh, await _closing(fresh, how(fresh, request))


async def _closing(connection: Upstream, asked: Awaitable[Answer]) -> Answer:
    try:
        return await asked
    except BaseException:
        connection.close()
        raise
