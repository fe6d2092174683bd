"""An endpoint that is opened to other hosts: TLS, a token, and nothing without them."""

import contextlib
import os
import random
import socket
import ssl
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from cupola.errors import BadInput, BadOption, Refused, WorkFailed
from cupola.serving import course, handshakes, network, records
from cupola.serving.course import Course
from cupola.store import secret
from cupola.workspace import Workspace

from .conftest import settled, until

ROW = {"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}]}


def free() -> int:
    """A port that nobody has, below those that the system gives to whoever asks for any."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("0.0.0.0", port))
            return port


def certificate() -> Path:
    return next((secret.config_dir() / "tls").glob("*/certificate.pem"))


def test_it_speaks_tls_there_and_closes_again(ws: Workspace, keep: Callable[[str], int], registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    keep("e")
    state = settled(ws)
    port = free()
    with pytest.raises(Refused, match="no token"):
        ws.action("endpoint open", endpoint="e", address=f"0.0.0.0:{port}")
    ws.action("token create", name="shop")
    opened = ws.action("endpoint open", endpoint="e", address=f"0.0.0.0:{port}")
    assert opened.network and opened.network.endswith(f":{port}") and opened.network.startswith("https://")
    assert stat.S_IMODE(certificate().with_name("key.pem").stat().st_mode) == 0o600
    settled(ws)
    checked = ssl.create_default_context(cafile=str(certificate()))
    url = f"https://127.0.0.1:{port}/invocations"
    with httpx.Client(verify=checked, timeout=180) as client:
        answer = client.post(url, json=ROW)
        assert answer.status_code == 200
        assert client.post(url, json=ROW, headers={"Host": "evil.example"}).status_code == 403
        assert client.post(url, json=ROW, headers={"Host": f"{socket.gethostname()}:{port}"}).status_code == 200
    with socket.create_connection(("127.0.0.1", port), timeout=180) as plain:
        plain.sendall(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        try:
            said = plain.recv(1 << 16)
        except ConnectionError:
            said = b""
        assert b"HTTP/1.1" not in said
    here = httpx.post(f"{state.url}/invocations", json=ROW, timeout=180)
    assert here.json() == answer.json()
    with contextlib.ExitStack() as silent:  # more than may be agreeing on TLS at once, and none of them says a word
        for _ in range(2 * handshakes.MOST):
            silent.enter_context(socket.create_connection(("127.0.0.1", port), timeout=180))
        with httpx.Client(verify=checked, timeout=180) as client:
            assert client.post(url, json=ROW).status_code == 200
            there = [one.pid for one in psutil.net_connections("tcp") if one.laddr.port == port and one.raddr]
            taken = Counter(pid for pid in there if pid not in (None, os.getpid()))
            assert taken and max(taken.values()) <= handshakes.MOST + 1 < len(there)

    ws.action("endpoint close", endpoint="e")
    closed = settled(ws)
    assert closed.network is None and closed.url == state.url

    def gone() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=180).close()
        except ConnectionRefusedError:
            return True
        return False

    until(gone)
    assert httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).status_code == 200


def test_an_address_that_cannot_be_had_is_said_and_what_serves_goes_on(
    ws: Workspace, keep: Callable[[str], int], registered: list[str]
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    ws.action("token create", name="shop")
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ws.action("endpoint open", endpoint="e", address=f"0.0.0.0:{port}")
        keep("e")
        failed = until(lambda: (found := records.find(ws.store, "e")).status == "Failed" and found)
        assert f"0.0.0.0:{port} cannot be had" in str(failed.reason)
        ws.action("endpoint close", endpoint="e")
        served = settled(ws)
        assert served.status == "InService"

        ws.action("endpoint open", endpoint="e", address=f"0.0.0.0:{port}")
        with pytest.raises(WorkFailed, match=f"what was served before goes on: 0.0.0.0:{port} cannot be had"):
            settled(ws)
        assert httpx.post(f"{served.url}/invocations", json=ROW, timeout=180).status_code == 200
    ws.action("endpoint close", endpoint="e")
    assert settled(ws).status == "InService"


def test_what_is_no_address_and_no_certificate(home: Path, tmp_path: Path) -> None:
    for wrong in ("8443", "0.0.0.0", "host:8443", "0.0.0.0:0", "0.0.0.0:70000", "127.0.0.1:8443", "[::1]:8443"):
        with pytest.raises(BadOption):
            network.wanted(wrong, None, None)
    made = network.wanted("0.0.0.0:8443", None, None)
    again = network.wanted("0.0.0.0:8443", made.certificate, made.key)
    assert again == made == network.wanted("0.0.0.0:8443", None, None)
    with pytest.raises(BadOption, match="go together"):
        network.wanted("0.0.0.0:8443", made.certificate, None)
    other = tmp_path / "key.pem"
    other.write_text("no key")
    for pair in ((made.certificate, str(other)), (str(tmp_path / "none.pem"), made.key)):
        with pytest.raises(BadInput, match="cannot be used"):
            network.wanted("0.0.0.0:8443", *pair)
    assert network.url(network.wanted("[2001:db8::1]:8443", made.certificate, made.key)) == "https://[2001:db8::1]:8443"


def test_an_open_address_that_is_gone_after_a_boot_is_said_and_the_endpoint_serves(
    ws: Workspace, keep: Callable[[str], int], registered: list[str]
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    ws.action("token create", name="shop")
    there = ws.action("endpoint open", endpoint="e", address=f"0.0.0.0:{free()}")
    wish = records.wish(ws.store, there.name)
    assert wish.network
    wish.network.address = "203.0.113.7"  # of a block that nobody has
    assert not network.is_here(wish.network)
    with pytest.raises(OSError, match="Cannot assign"):
        network.listener(wish.network)
    records.save(ws.store, wish)
    course.write(ws.store, "e", Course(served=wish, in_service=True, seen=wish.digest()))
    keep("e")
    state = settled(ws)
    assert state.reason == "203.0.113.7 is not an address of this host now; others can ask at it when it is"
    assert httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).status_code == 200
