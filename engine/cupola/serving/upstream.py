"""The gateway's side of an endpoint's Unix socket: connections that are kept, and one request at a time on each."""

import asyncio
from typing import Any

import httptools

IDLE = 64  # connections to one endpoint that are kept while nobody uses them


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
        self.reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpResponseParser(self)

    async def ask(self, request: bytes) -> Answer:
        """Sends a request and gives its answer. Raises Lost."""
        if self._transport is None or self._transport.is_closing():
            raise Lost(False)
        self._answer = Answer()
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._done

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.connection_lost(None)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if self._done is not None and not self._done.done():
            self._done.set_exception(Lost(bool(self._answer.headers)))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._answer.body += body

    def on_message_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self.reusable = self.reusable and self._parser.should_keep_alive()
        if self._done is not None and not self._done.done():
            self._done.set_result(self._answer)


class Pool:
    """The kept connections to the servers behind one Unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[Upstream] = []

    async def ask(self, request: bytes) -> Answer:
        """The answer to a request. Raises Lost, and OSError when nobody listens.

        A kept connection may have been closed by a server that is being replaced: what got no answer at all there is
        asked once more, of a new one.
        """
        while self._idle:
            kept = self._idle.pop()
            if not kept.reusable:
                continue
            try:
                return await self._ask(kept, request)
            except Lost as lost:
                if lost.begun:
                    raise
                break
        _, fresh = await asyncio.get_running_loop().create_unix_connection(Upstream, self._path)
        return await self._ask(fresh, request)

    async def _ask(self, connection: Upstream, request: bytes) -> Answer:
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        if connection.reusable and len(self._idle) < IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return answer
