"""Clients that mean harm, over real sockets: what they cost is bounded, and others are served meanwhile."""

import contextlib
import gzip
import io
import json
import os
import pickle
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.serving import connection, records
from cupola.workspace import Workspace

from .conftest import Starter, door_of, publish, settled, until

ROW = {"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}]}
BODY = json.dumps(ROW).encode()
POST = b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
WHOLE = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
MB = 1 << 20


class Target:
    """A server under attack: its URL, and what it costs."""

    def __init__(self, url: str, pid: int, good: str) -> None:
        self.url, self.pid, self.good = url, pid, good
        self.before = self.memory()

    def memory(self) -> int:
        """Bytes of its own memory, its share of what it shares with others among them."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(rollup.partition("\nPss:")[2].split()[0]) * 1024

    def grown(self) -> int:
        return self.memory() - self.before

    def line(self) -> socket.socket:
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=180)

    def serves(self) -> bool:
        try:
            return httpx.post(self.good, json=ROW, timeout=180).status_code == 200
        except httpx.TransportError:  # it was refused before it was read
            return False


@pytest.fixture(scope="module")
def served(
    host: Path, tmp_path_factory: pytest.TempPathFactory, starter: Starter, classifier_directory: Path
) -> Iterator[Workspace]:
    """A workspace with an endpoint "e" that is in service, for all of this module; nothing here changes it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("cupola.jobs.agents.ensure", lambda: None)
        ws = Workspace.init(tmp_path_factory.mktemp("hostile") / "ws")
        publish(ws.store, classifier_directory, "late", 1)
        ws.action("endpoint deploy", model="late@1", name="e")
        keeper = starter.fork("keeper", str(ws.root), "e")
        try:
            settled(ws)
            yield ws
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGKILL)


@pytest.fixture(scope="module")
def door(served: Workspace, starter: Starter) -> Iterator[str]:
    with door_of(served, starter) as url:
        yield url


@pytest.fixture(params=["endpoint", "gateway"])
def target(request: pytest.FixtureRequest, served: Workspace, door: str) -> Iterator[Target]:
    """Each server in turn; whatever was done to it, afterwards it is the same process, and serves."""
    state = records.find(served.store, "e")
    gateway = records.gateway(served.store)
    assert state.url and gateway and gateway.process
    if request.param == "endpoint":
        one = Target(state.url, state.pids[0], f"{state.url}/invocations")
    else:
        one = Target(door, gateway.process.pid, f"{door}/endpoints/e/invocations")
    assert one.serves()
    one.before = one.memory()
    yield one
    assert one.serves()
    after = records.find(served.store, "e")
    assert (after.pids, after.restarts) == (state.pids, state.restarts)


@contextlib.contextmanager
def lines(target: Target, count: int) -> Iterator[list[socket.socket]]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < count + 500:
        pytest.skip(f"no process may have more than {hard} files open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(target.line()) for _ in range(count)]


def test_connections_that_say_nothing_or_little_keep_nobody_out(target: Target) -> None:
    """More than a server takes: those that wait the longest make room."""
    for said in (b"", b"POST /inv", POST + b"Content-Length: 1000000\r\n\r\n{"):
        with lines(target, connection.CONNECTIONS + 50) as many:
            for one in many:
                with contextlib.suppress(OSError):  # it may have had to go already
                    one.sendall(said)
            assert until(target.serves)
            assert target.grown() < 100 * MB


def test_bodies_that_are_only_announced_take_no_room(target: Target) -> None:
    with lines(target, 200) as many:
        for one in many:
            one.sendall(POST + b"Content-Length: 26000000\r\n\r\n{")
        big = json.dumps({"dataframe_records": ROW["dataframe_records"] * 2000})
        answer = httpx.post(target.good, content=big, headers={"Content-Type": "application/json"}, timeout=180)
        assert answer.status_code == 200
        assert target.grown() < 100 * MB


def test_large_bodies_that_stop_before_their_end_cost_bounded_memory(target: Target) -> None:
    """Together they may take the room for bodies and no more; small requests have room all the same."""
    piece = bytes(1 << 20)
    refused = 0
    with lines(target, 20) as many:
        for one in many:
            one.sendall(POST + b"Content-Length: 26000000\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(20):
                    one.sendall(piece)
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                refused += one.recv(12) == b"HTTP/1.1 503"
            one.setblocking(True)
        assert target.serves()
        assert target.grown() < 450 * MB


def test_requests_sent_ahead_without_end_end_the_connection(target: Target) -> None:
    ping = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20_000
    with lines(target, 30) as many:
        for one in many:
            one.settimeout(5)
            with contextlib.suppress(OSError):
                one.sendall(ping)
        assert target.serves()
        assert target.grown() < 100 * MB


def test_what_stands_between_chunks_is_bounded(target: Target) -> None:
    begun = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    for endless in (
        begun + b"1;" + b"a" * 50,  # an extension
        begun + b"1\r\n{\r\n0\r\nX-A: ",  # a trailer
        begun + b"0" * 50,  # the zeros of a length
    ):
        with target.line() as one:
            one.sendall(endless)
            with pytest.raises(OSError):
                for _ in range(200):
                    one.sendall(b"0" * MB if endless.endswith(b"00") else b"a" * MB)
                one.recv(1 << 16)
                raise OSError("closed with an answer") if one.recv(1) == b"" else AssertionError
        assert target.grown() < 50 * MB


def test_who_does_not_read_keeps_nobody_waiting(target: Target) -> None:
    path = httpx.URL(target.good).path.encode()
    big = json.dumps({"dataframe_records": ROW["dataframe_records"] * 20_000}).encode()
    head = POST.replace(b"/invocations", path, 1) + b"Content-Length: %d\r\n\r\n" % len(big)
    with lines(target, 8) as many:
        for one in many:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            threading.Thread(target=_send, args=(one, head + big), daemon=True).start()
        for one in many:
            assert one.recv(12) == b"HTTP/1.1 200"
        assert target.serves()
        assert target.grown() < 450 * MB


def _send(line: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        line.sendall(data)


tokens = st.sampled_from(
    [
        b"GET ", b"POST ", b"/invocations", b"/endpoints/e/invocations", b"/ping", b" HTTP/1.1", b"\r\n", b"\n", b": ",
        b"Host", b"Content-Length", b"Transfer-Encoding", b"chunked", b"0", b"-1", b"5", b"99999999999999999999",
        b"Expect: 100-continue", b"Connection: upgrade", b"Upgrade: h2c", b"\r\n\r\n", b"1\r\n", b"\x00", b"\xff", b" ",
        b"\t", b"%00", b"%", b"/v2/models/e/infer", b"/api/2.0/mlflow/runs/search", b"http://", b"CONNECT ", b";",
        b"x" * 5000, WHOLE, BODY,
    ]
)  # fmt: skip
hostile = st.lists(st.one_of(tokens, st.binary(max_size=40)), max_size=25).map(b"".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=hostile)
def test_bytes_of_any_kind_are_answered_with_http_or_not_at_all(target: Target, data: bytes) -> None:
    with target.line() as line:
        with contextlib.suppress(OSError):
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
        line.settimeout(180)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := line.recv(1 << 16):
                answer += piece
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b"Traceback" not in answer and b"/cupola/" not in answer and b".py" not in answer


def test_no_content_type_opens_a_pickle(target: Target, tmp_path: Path) -> None:
    """Nor does an array of objects, which is one inside; what they would run leaves no trace."""
    mark = tmp_path / "was-run"
    bad = pickle.dumps(_Runs(mark))
    array = io.BytesIO()
    np.save(array, np.array([_Runs(mark), 1], dtype=object), allow_pickle=True)
    kinds = [
        "application/x-python-pickle", "application/pickle", "application/octet-stream", "application/x-npy",
        "application/x-npz", "application/x-parquet", "application/x-joblib", "application/vnd.pandas", "text/csv",
        "application/json", "application/jsonlines", "multipart/form-data", "",
    ]  # fmt: skip
    for body in (bad, array.getvalue(), gzip.compress(bad)):
        for kind in kinds:
            headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {})
            answer = httpx.post(target.good, content=body, headers=headers, timeout=180)
            assert 400 <= answer.status_code < 500, (kind, answer.text)
            assert "Traceback" not in answer.text and str(tmp_path) not in answer.text
    assert not mark.exists()


class _Runs:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_foreign_names_and_pages_reach_nothing(target: Target) -> None:
    client = httpx.Client(base_url=target.url, timeout=180)
    for path in ("/ping", "/invocations", "/endpoints/e/invocations", "/api/2.0/mlflow/runs/search", "/nowhere", "/v2"):
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"):
            for foreign in (
                {"Host": "evil.example"},
                {"Host": "127.0.0.1.evil.example"},
                {"Origin": "http://evil.example"},
                {"Origin": "null"},
                {"Sec-Fetch-Site": "cross-site"},
            ):
                assert client.request(method, path, headers=foreign).status_code == 403, (method, path)
    client.close()
    with target.line() as one:
        one.sendall(b"GET /ping HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1\r\n\r\n")
        assert one.recv(1 << 16).split(b" ")[1] in (b"400", b"403")
