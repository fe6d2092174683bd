"""A serverless endpoint as real processes: it sleeps, is woken at every door, and is killed at bad moments."""

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from cupola.errors import BadOption
from cupola.serving import records
from cupola.serving.http import Failure
from cupola.serving.records import EndpointState
from cupola.serving.sleeping import Load
from cupola.store import runtime
from cupola.workspace import Workspace

from . import bad_models
from .conftest import Starter, door_of, settled, until

ROW = {"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}]}
Keep = Callable[[str], int]


def children(ws: Workspace) -> list[int]:
    """The processes of the endpoint's keeper."""
    keeper = records.status(ws.store, "e")
    assert keeper and keeper.process
    pid = keeper.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def started(ws: Workspace) -> list[int]:
    """The servers that there have ever been."""
    return [int(one) for one in re.findall(r"server (\d+) is ready", ws.action("endpoint log", endpoint="e").text)]


def asleep(ws: Workspace) -> EndpointState:
    """Waits until it sleeps, and the last of its servers has ended: until then that may take a request."""
    found: EndpointState = until(lambda: (one := records.find(ws.store, "e")).asleep and not children(ws) and one)
    return found


def serve(ws: Workspace, keep: Keep, **options: Any) -> EndpointState:
    """An endpoint that has fallen asleep."""
    ws.action("endpoint deploy", model="late@1", name="e", mode="serverless", idle="1s", **options)
    keep("e")
    settled(ws)
    return asleep(ws)


def test_it_sleeps_and_is_woken_at_each_of_its_doors(
    ws: Workspace, keep: Keep, registered: list[str], starter: Starter
) -> None:
    state = serve(ws, keep)
    assert (state.status, state.workers_ready, state.reason) == ("InService", 0, None)
    answer = httpx.post(f"{state.url}/invocations", json=ROW, timeout=180)
    assert answer.status_code == 200
    asleep(ws)
    assert ws.action("endpoint invoke", endpoint="e", data=json.dumps(ROW)).answer == answer.json()
    asleep(ws)
    with door_of(ws, starter) as door:
        assert httpx.post(f"{door}/endpoints/e/invocations", json=ROW, timeout=180).json() == answer.json()
        asleep(ws)
        assert httpx.post(f"{door}/endpoints/e/invocations", json=ROW, timeout=180).json() == answer.json()
    assert records.find(ws.store, "e").restarts == 0


def test_all_who_come_while_it_wakes_are_answered(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep)
    answers: list[int] = []

    def ask() -> None:
        answers.append(httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).status_code)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [200] * 12
    assert records.find(ws.store, "e").restarts == 0


def test_one_request_too_many_is_refused(ws: Workspace, keep: Keep, registered: list[str], starter: Starter) -> None:
    state = serve(ws, keep, max_concurrency=2)
    url = httpx.URL(str(state.url))
    body = json.dumps(ROW).encode()
    head = f"POST /invocations HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    lines = [socket.create_connection((url.host, url.port), timeout=180) for _ in range(2)]
    for line in lines:
        line.sendall(head + body[:10])
    refused = until(lambda: (one := httpx.post(f"{url}/invocations", json=ROW, timeout=180)).status_code == 429 and one)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    with door_of(ws, starter) as door:
        hosted = httpx.post(f"{door}/endpoints/e/invocations", json=ROW, timeout=180)
    assert (hosted.status_code, hosted.headers["x-amzn-errortype"]) == (429, "ThrottlingException")
    assert hosted.headers["retry-after"] == "1" and "2 requests" in hosted.json()["Message"]
    for line in lines:
        line.sendall(body[10:])
        assert line.recv(1 << 16).startswith(b"HTTP/1.1 200")
        line.close()
    assert httpx.post(f"{url}/invocations", json=ROW, timeout=180).status_code == 200


def test_requests_that_wait_for_the_waking_count_too(
    ws: Workspace, keep: Keep, registered: list[str], starter: Starter
) -> None:
    """While its keeper is stopped nothing wakes: the gateway holds two, and refuses the third at once."""
    serve(ws, keep, max_concurrency=2)
    keeper = records.status(ws.store, "e")
    assert keeper and keeper.process
    os.kill(keeper.process.pid, signal.SIGSTOP)  # so that nobody wakes it
    answers: list[httpx.Response] = []
    with door_of(ws, starter) as door:
        url = f"{door}/endpoints/e/invocations"

        def ask() -> None:
            answers.append(httpx.post(url, json=ROW, timeout=180))

        asking = [threading.Thread(target=ask) for _ in range(3)]
        try:
            for one in asking:
                one.start()
            (refused,) = until(lambda: answers)
        finally:
            os.kill(keeper.process.pid, signal.SIGCONT)
        for one in asking:
            one.join()
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (429, "ThrottlingException")
    assert refused.headers["retry-after"] == "1"
    assert [one.status_code for one in answers] == [429, 200, 200]


def test_the_provisioned_stay(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e", mode="serverless", idle="1s", workers=2, provisioned=1)
    keep("e")
    state = settled(ws)
    both = until(lambda: len(found := started(ws)) == 2 and found)
    rested = until(lambda: (found := records.find(ws.store, "e")).workers_ready == len(found.pids) == 1 and found)
    assert not rested.asleep and set(rested.pids) < set(both) == set(started(ws))
    assert httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).status_code == 200


def test_one_that_takes_longer_to_wake_than_it_may_be_idle_is_left_to_load(
    ws: Workspace, keep: Keep, publish_bad: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    monkeypatch.setattr(bad_models.Sleepy, "gate", str(gate))
    monkeypatch.setattr("cupola.serving.options.SHORTEST_IDLE", 0.1)
    ws.action("endpoint deploy", model=publish_bad("Sleepy"), name="e", mode="serverless", idle="0.3s")
    keep("e")
    state = settled(ws)
    asleep(ws)
    gate.unlink()
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(httpx.post, f"{state.url}/invocations", json=ROW, timeout=180)
        try:
            loading = until(lambda: children(ws))
            time.sleep(1.5)  # five times as long as it may be idle
            assert children(ws) == loading
        finally:
            gate.touch()
        assert answer.result().status_code == 200


def test_an_update_while_it_sleeps(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep)
    ws.action("endpoint update", endpoint="e", model="late@2")
    after = settled(ws)
    assert [one.model for one in after.variants] == [registered[1]]
    assert "probabilities" not in httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).json()
    next(ws.root.glob("models/late/1-*/sample.json")).write_text("[]")
    asleep(ws)
    ws.action("endpoint update", endpoint="e", model="late@1")
    failed = until(lambda: (found := records.find(ws.store, "e")).update_failed and found)
    assert failed.status == "InService"
    asleep(ws)
    assert "probabilities" not in httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).json()


def test_a_model_that_was_changed_meanwhile_is_not_served(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep)
    path = next(ws.root.glob("models/late/1-*/model.skops"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{state.url}/invocations", json=ROW, timeout=180)
    failed = until(lambda: (found := records.find(ws.store, "e")).status == "Failed" and found)
    assert "checksum" in str(failed.reason)


@pytest.mark.parametrize("victim", ["server", "keeper"])
@pytest.mark.parametrize("door", ["port", "gateway"])
def test_a_kill_while_it_wakes_leaves_nobody_waiting(
    ws: Workspace, keep: Keep, registered: list[str], starter: Starter, victim: str, door: str
) -> None:
    """The answer is one of a new server, or a refusal; the cap is that of the test, not of the product."""
    state = serve(ws, keep)
    keeper = records.status(ws.store, "e")
    assert keeper and keeper.process
    with door_of(ws, starter) as gateway:
        url = f"{state.url}/invocations" if door == "port" else f"{gateway}/endpoints/e/invocations"
        ended: list[Any] = []

        def ask() -> None:
            try:
                ended.append(httpx.post(url, json=ROW, timeout=180).status_code)
            except httpx.TransportError as error:
                ended.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        if victim == "server":
            pids = until(lambda: children(ws))
            with contextlib.suppress(ProcessLookupError):  # it has answered, and ended, meanwhile
                os.kill(pids[-1], signal.SIGKILL)
        else:
            pid = keeper.process.pid
            os.kill(pid, signal.SIGKILL)
            until(lambda: runtime.of(pid) is None)
            keep("e")
        asking.join()
        assert len(ended) == 1
        until(lambda: records.find(ws.store, "e").status == "InService")
        assert httpx.post(url, json=ROW, timeout=180).status_code == 200


def test_what_is_wished_for_of_it_is_checked(ws: Workspace, registered: list[str]) -> None:
    with pytest.raises(BadOption, match="for endpoints of the mode serverless"):
        ws.action("endpoint deploy", model="late@1", name="e", idle="5m")
    for wrong in ({"idle": "0s"}, {"max_concurrency": 0}, {"provisioned": -1}, {"idle": "soon"}):
        with pytest.raises(BadOption):
            ws.action("endpoint deploy", model="late@1", name="e", mode="serverless", **wrong)
    state = ws.action("endpoint deploy", model="late@1", name="e", mode="serverless", provisioned=3)
    assert (state.mode, state.workers, state.serverless.idle) == ("serverless", 3, 300.0)
    assert ws.action("endpoint update", endpoint="e", idle="90s").serverless.idle == 90.0
    assert ws.action("endpoint deploy", model="late@1", name="e", mode="realtime").serverless is None


def test_the_load_never_lets_in_more_than_the_most() -> None:
    load = Load()
    one, other = load.take(), load.take()
    with load.one_more(one, 2), load.one_more(other, 2):
        assert load.total() == 2
        with pytest.raises(Failure, match="2 requests"), load.one_more(one, 2):
            pass
    assert load.total() == 0
    load.give_back(one)
    assert load.take() == one
