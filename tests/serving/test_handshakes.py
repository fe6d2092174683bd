"""Connections that agree on TLS while their server is replaced: none of them is cut."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest
import uvloop

from cupola.registry.models import Model
from cupola.serving import connection, network, server
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant
from cupola.serving.server import Hello, Order, Server, Word
from cupola.workspace import Workspace

from .conftest import settled, until
from .test_network import ROW, certificate, free


def test_who_is_agreeing_on_tls_when_its_server_is_to_end_is_answered(
    home: Path, classifier: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "is_beyond", lambda one: True)
    for module, name in ((connection, "HEAD_TIME"), (connection, "DRAIN_IDLE_TIME"), (server, "DRAIN_TIME")):
        monkeypatch.setattr(module, name, 180.0)
    app = Application([Variant("AllTraffic", "late@1-aaaa", 1.0, classifier)], Guard(lambda: "t" * 64), {})
    made = network.wanted("0.0.0.0:8443", None, None)
    trusted = ssl.create_default_context(cafile=made.certificate)

    async def found() -> tuple[bytes, int]:
        keeper, line = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener = socket.create_server(("127.0.0.1", 0))
        hello, at = Hello(base="", generation=0, holds=[]), listener.getsockname()
        serving = Server(app, line, [listener], hello, None, lambda: False, network.context(made))
        with keeper, socket.create_connection(at, timeout=180) as begun:
            running = asyncio.create_task(serving.run())
            while not (serving._doors and serving._doors[0].under_way):
                await asyncio.sleep(0.005)
            keeper.send(msgspec.json.encode(Order(number=1, drain=True)))
            while msgspec.json.decode(await asyncio.to_thread(keeper.recv, 1 << 18), type=Word).order != 1:
                pass
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(at, timeout=180)
            reader, writer = await asyncio.open_connection(sock=begun, ssl=trusted, server_hostname="127.0.0.1")
            writer.write(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            return answer, await running

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answer, status = runner.run(found())
    assert answer.startswith(b"HTTP/1.1 200") and status == 0


def test_changes_lose_no_request_of_clients_that_agree_on_tls_for_each(
    ws: Workspace, keep: Callable[[str], int], registered: list[str]
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    ws.action("token create", name="shop")
    port = free()
    ws.action("endpoint open", endpoint="e", address=f"0.0.0.0:{port}")
    keep("e")
    settled(ws)
    trusted = ssl.create_default_context(cafile=str(certificate()))
    stop, answered, lost = threading.Event(), [0] * 4, []

    def ask(number: int) -> None:
        while not stop.is_set():
            try:
                answer = httpx.post(f"https://127.0.0.1:{port}/invocations", json=ROW, verify=trusted, timeout=180)
                answered[number] += answer.raise_for_status().is_success
            except httpx.HTTPError as error:
                lost.append(repr(error))

    def more() -> bool:
        before = list(answered)
        until(lambda: all(now > then + 1 for now, then in zip(answered, before, strict=True)) or lost)
        return not lost

    clients = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(4)]
    with contextlib.ExitStack() as ended:
        for client in clients:
            client.start()
            ended.callback(client.join)
        ended.callback(stop.set)
        for model in ("late@2", "late@1"):
            assert more()
            ws.action("endpoint update", endpoint="e", model=model)
            settled(ws)
        assert more()
    assert lost == []
