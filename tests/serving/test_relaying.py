"""Streams through the gateway, from a real socket: whole events only, and one of ours where they break off."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from cupola.serving import eventstream, relaying
from cupola.serving.http import Gone
from cupola.serving.upstream import AHEAD, Pool

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
REQUEST = b"POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Server:
    """A server that answers each request of a connection as it is told to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.connections = 0
        self.left = asyncio.Event()

    async def start(self, answer: Answering) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    await answer(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.left.set()
            writer.close()

        self._server = await asyncio.start_unix_server(serve, self.path)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="cu-", dir="/tmp") as directory:  # short, for the sake of the socket's name
        one = Server(str(Path(directory) / "s"))
        yield one
        one._server.close()


class Client:
    """Takes what it is sent, as fast as it likes, and leaves when it likes."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ended = False
        self.takes = asyncio.Event()
        self.takes.set()
        self.leaves = asyncio.Event()

    async def send(self, message: Any) -> None:
        await self.takes.wait()
        self.got += message["body"]
        self.ended = not message["more_body"]

    async def receive(self) -> Any:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    def events(self) -> list[Any]:
        buffer = EventStreamBuffer()
        buffer.add_data(bytes(self.got))
        return list(buffer)


async def relayed(pool: Pool, client: Client) -> None:
    upstream, answer = await pool.begin(REQUEST)
    assert answer.status == 200
    await relaying.relay("flights", upstream, client.receive, client.send)
    pool.keep(upstream)


async def test_events_that_come_in_pieces_leave_whole_and_the_connection_is_kept(server: Server) -> None:
    stream = b"".join(eventstream.part(b"%d" % number * number) for number in range(40))

    async def answer(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for place in range(0, len(stream), 77):
            writer.write(chunk(stream[place : place + 77]))
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")

    await server.start(answer)
    pool = Pool(server.path)
    for _ in range(3):
        client = Client()
        await relayed(pool, client)
        assert bytes(client.got) == stream and client.ended
    assert server.connections == 1


async def test_a_server_that_goes_away_leaves_an_error_and_no_half_an_event(server: Server) -> None:
    async def answer(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(eventstream.part(b"whole") + eventstream.part(b"half")[:20]))
        await writer.drain()
        writer.close()

    await server.start(answer)
    client = Client()
    await relayed(Pool(server.path), client)
    whole, error = client.events()
    assert whole.payload == b"whole" and client.ended
    assert error.headers[":exception-type"] == "ModelStreamError" and b"StreamBroken" in error.payload


async def test_a_server_that_says_nothing_for_too_long_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "ANSWER_TIME", 0.3)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(eventstream.part(b"first")))
        await reader.read()  # until the gateway hangs up
        server.left.set()

    await server.start(answer)
    client = Client()
    await relayed(Pool(server.path), client)
    first, error = client.events()
    assert first.payload == b"first" and b"ModelInvocationTimeExceeded" in error.payload
    await asyncio.wait_for(server.left.wait(), 180)


async def test_nothing_more_is_taken_for_a_client_that_has_left(server: Server) -> None:
    client = Client()

    async def answer(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(chunk(eventstream.part(b"more")))
            await writer.drain()
            client.leaves.set()

    await server.start(answer)
    upstream, _ = await Pool(server.path).begin(REQUEST)
    with pytest.raises(Gone):
        await relaying.relay("flights", upstream, client.receive, client.send)
    upstream.close()
    await asyncio.wait_for(server.left.wait(), 180)


async def test_a_slow_client_holds_the_server_and_not_the_answer(server: Server) -> None:
    part = chunk(eventstream.part(bytes(100_000)))
    written = 0

    async def answer(_: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(HEAD)
        for _ in range(400):
            writer.write(part)
            await writer.drain()
            written += len(part)
        writer.write(b"0\r\n\r\n")

    await server.start(answer)
    client = Client()
    client.takes.clear()
    work = asyncio.create_task(relayed(Pool(server.path), client))
    before = -1
    while before != written or not written:  # until the server is held
        before = written
        await asyncio.sleep(0.3)
    assert written < AHEAD + 10_000_000
    client.takes.set()
    await asyncio.wait_for(work, 180)
    assert len(client.events()) == 400
