"""What a real server does with bytes that no good client sends; after each it still answers the next request."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from cupola.serving import connection, records
from cupola.workspace import Workspace

from .conftest import settled

ROW = {"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}]}
BODY = json.dumps(ROW).encode()
POST = b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


class Line:
    """Raw bytes to the server and back."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=180)

    def send(self, data: bytes) -> "Line":
        self.socket.sendall(data)
        return self

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers and the body of the next answer."""
        with self.socket.makefile("rb") as file:
            status = int(file.readline().split(b" ")[1])
            headers = {}
            while (line := file.readline().strip()) != b"":
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            return status, headers, file.read(int(headers.get("content-length", 0)))

    def closed(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def url(ws: Workspace, keep: Callable[[str], int], registered: list[str]) -> Iterator[str]:
    ws.action("endpoint deploy", model="late@1", name="e")
    keep("e")
    found = str(settled(ws).url)
    yield found
    assert httpx.post(f"{found}/invocations", json=ROW, timeout=180).status_code == 200
    assert records.find(ws.store, "e").restarts == 0


def test_requests_that_are_none_get_one_json_sentence(url: str) -> None:
    for bad in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: abc\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n0\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ):
        line = Line(url).send(bad)
        status, headers, body = line.answer()
        assert status == 400, bad
        assert headers["content-type"] == "application/json"
        assert "Traceback" not in body.decode() and json.loads(body)["error_code"] == "BAD_REQUEST"
        assert line.closed()


def test_headers_are_bounded(url: str) -> None:
    for much in (b"X-A: " + b"a" * 70_000, b"".join(b"X-%d: y\r\n" % number for number in range(10_000))):
        line = Line(url)
        with contextlib.suppress(ConnectionError):  # it is refused before the last of it was sent
            line.send(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n" + much)
        status, _, body = line.answer()
        assert status == 431 and b"limit" in body


def test_a_body_over_the_limit_is_refused_before_it_has_come(url: str) -> None:
    line = Line(url).send(POST + b"Content-Length: 26214401\r\n\r\n")
    status, _, body = line.answer()
    assert status == 413 and b"26,214,400 bytes" in body
    for _ in range(25):
        line.send(bytes(1 << 20))
    line.send(bytes(1))  # and no more: what comes behind a body that was refused resets the connection
    line = Line(url).send(POST + b"Content-Length: 1000000000000\r\n\r\n")
    assert line.answer()[0] == 413
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        for _ in range(400):
            line.send(bytes(1 << 20))
    line = Line(url).send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(26):
        line.send(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
    assert line.answer()[0] == 413
    assert httpx.post(f"{url}/invocations", content=bytes(100 << 20), timeout=180).status_code == 413


def test_chunks_pipelines_and_expectations(url: str) -> None:
    chunked = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    whole = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    line = Line(url).send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunked)
    assert line.answer()[0] == 200
    line.send(whole * 3)
    data = b""
    while data.count(b"HTTP/1.1 200") < 3 or not data.endswith(b"}"):
        data += line.socket.recv(1 << 16)
    line = Line(url).send(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    assert line.socket.recv(1 << 16).startswith(b"HTTP/1.1 100")
    assert line.send(BODY).answer()[0] == 200
    old = Line(url).send(b"GET /ping HTTP/1.0\r\n\r\n")
    assert old.answer()[0] == 200 and old.closed()
    upgrade = b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    assert Line(url).send(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n" + upgrade).answer()[0] == 200


def test_clients_that_leave_cost_nothing(url: str) -> None:
    for _ in range(20):
        Line(url).send(POST + b"Content-Length: 1000\r\n\r\n" + BODY).socket.close()
        Line(url).send(POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY).socket.close()


async def test_slow_clients_are_let_go() -> None:
    """The times are the module's own; the clock is turned instead of waited for."""
    import asyncio
    from typing import Any

    from uvicorn.server import ServerState

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    loop = asyncio.get_running_loop()
    settings, state = connection.config(app), ServerState()
    server = await loop.create_server(lambda: connection.Connection(settings, state, loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for sent, phase, after, draining, answer in (
        (b"", connection.IDLE, connection.IDLE_TIME, False, b""),
        (b"", connection.IDLE, connection.DRAIN_IDLE_TIME, True, b""),
        (b"POST / HTT", connection.HEAD, connection.HEAD_TIME, False, b"HTTP/1.1 408"),
        (POST + b"Content-Length: 9\r\n\r\n1234", connection.BODY, connection.BODY_TIME, False, b"HTTP/1.1 408"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        while [one.phase for one in state.connections] != [phase]:  # type: ignore[union-attr]
            await asyncio.sleep(0.005)
        (one,) = state.connections
        assert isinstance(one, connection.Connection)
        one.look(one.since + after - 1, draining)
        assert not one.transport.is_closing()
        one.look(one.since + after + 1, draining)
        assert (await reader.read()).startswith(answer)
        writer.close()
    server.close()


async def test_what_has_come_while_the_server_stood_still_is_answered() -> None:
    import asyncio
    import time
    from typing import Any

    from uvicorn.server import ServerState

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    loop = asyncio.get_running_loop()
    settings, state = connection.config(app), ServerState()
    server = await loop.create_server(lambda: connection.Connection(settings, state, loop), "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname(), timeout=180) as line:
        while not state.connections:
            await asyncio.sleep(0.005)
        (one,) = state.connections
        assert isinstance(one, connection.Connection)
        line.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while not one._has_come():
            time.sleep(0.005)
        connection.tend(state.connections, one.since + connection.IDLE_TIME + 1)
        assert (await asyncio.to_thread(line.recv, 1 << 16)).startswith(b"HTTP/1.1 200")
    server.close()


def test_many_connections_at_once_are_answered(url: str) -> None:
    lines = [Line(url).send(POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY) for _ in range(200)]
    assert {line.answer()[0] for line in lines} == {200}


async def test_who_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether one leaves an answer where it is for too long, or all together leave too much."""
    import asyncio
    from typing import Any

    from uvicorn.server import ServerState

    size = 32 << 20

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})

    loop = asyncio.get_running_loop()
    settings, state = connection.config(app), ServerState()
    server = await loop.create_server(lambda: connection.Connection(settings, state, loop), "127.0.0.1", 0)
    address = server.sockets[0].getsockname()

    async def unread() -> tuple[connection.Connection, socket.socket]:
        line = socket.create_connection(address)
        line.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        before = set(state.connections)
        while not (there := set(state.connections) - before):
            await asyncio.sleep(0.005)
        (one,) = there
        assert isinstance(one, connection.Connection)
        while not one.transport or not one.transport.get_write_buffer_size():
            await asyncio.sleep(0.005)
        return one, line

    one, line = await unread()
    now = loop.time()
    connection.tend(state.connections, now)
    connection.tend(state.connections, now + connection.READ_TIME - 1)
    assert not one.transport.is_closing()
    connection.tend(state.connections, now + connection.READ_TIME + 1)
    while state.connections:
        await asyncio.sleep(0.005)
    line.close()
    monkeypatch.setattr(connection, "ROOM", 40 << 20)
    (first, here), (second, there) = await unread(), await unread()
    connection.tend(state.connections, loop.time())
    assert [first.transport.is_closing(), second.transport.is_closing()].count(True) == 1
    here.close()
    there.close()
    server.close()
