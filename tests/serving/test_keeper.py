"""An endpoint as real processes: deployed, killed, updated, broken, stopped."""

import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from cupola.errors import WorkFailed
from cupola.serving import records
from cupola.serving.records import EndpointState
from cupola.store import runtime
from cupola.workspace import Workspace

from .conftest import publish, settled, until

ROW = {"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}]}
Keep = Callable[[str], int]


def serve(ws: Workspace, keep: Keep, model: str, **options: Any) -> EndpointState:
    ws.action("endpoint deploy", model=model, name="e", **options)
    keep("e")
    return settled(ws)


def ended(pid: int) -> Callable[[], bool]:
    return lambda: runtime.of(pid) is None


def test_it_comes_into_service_and_answers_on_both_sockets(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1", workers=2)
    assert (state.status, state.workers_ready, state.reason) == ("InService", 2, None)
    assert [one.model for one in state.variants] == [registered[0]]
    over_http = httpx.post(f"{state.url}/invocations", json=ROW, timeout=180)
    assert over_http.status_code == 200, over_http.text
    found = ws.action("endpoint invoke", endpoint="e", data=json.dumps(ROW))
    assert (found.answer, found.variant) == (over_http.json(), "AllTraffic")
    assert httpx.get(f"{state.url}/ping", timeout=180).status_code == 200
    until(lambda: records.find(ws.store, "e").traffic.requests == 2)
    traffic = records.find(ws.store, "e").traffic
    assert traffic.errors == 0 and traffic.p50_ms and len(traffic.series) >= 1


def test_a_killed_server_is_back_on_the_same_port(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1")
    (before,) = state.pids
    os.kill(before, signal.SIGKILL)
    answer = httpx.post(f"{state.url}/invocations", json=ROW, timeout=180)
    assert answer.status_code == 200
    again = until(lambda: (found := records.find(ws.store, "e")).workers_ready and found.pids != [before] and found)
    assert (again.url, again.status, again.restarts) == (state.url, "InService", 1)


def test_the_servers_of_a_killed_keeper_go_on_and_the_next_one_has_them(
    ws: Workspace, keep: Keep, registered: list[str]
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e", workers=2)
    keeper = keep("e")
    state = settled(ws)
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not records.has_keeper(ws.store, "e"))
    gone = records.find(ws.store, "e")
    assert "agent start" in str(gone.reason)
    assert httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).status_code == 200
    keep("e")
    again = until(lambda: not (found := records.find(ws.store, "e")).reason and found.status == "InService" and found)
    assert (again.url, sorted(again.pids), again.restarts) == (state.url, sorted(state.pids), 0)
    assert httpx.post(f"{again.url}/invocations", json=ROW, timeout=180).status_code == 200
    ws.action("endpoint update", endpoint="e", model="late@2")
    settled(ws)
    until(lambda: all(ended(pid)() for pid in state.pids))
    assert "probabilities" not in httpx.post(f"{again.url}/invocations", json=ROW, timeout=180).json()


def test_a_keeper_that_finds_no_server_left_has_the_port(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    keeper = keep("e")
    state = settled(ws)
    for pid in (keeper, *state.pids):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not records.has_keeper(ws.store, "e"))
    until(ended(state.pids[0]))
    assert records.find(ws.store, "e").status == "OutOfService"
    keep("e")
    again = until(lambda: (found := records.find(ws.store, "e")).status == "InService" and found)
    assert again.url == state.url
    assert httpx.post(f"{again.url}/invocations", json=ROW, timeout=180).status_code == 200


def test_a_second_keeper_leaves_the_first_alone(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1")
    until(ended(keep("e")))
    assert records.find(ws.store, "e").pids == state.pids


def test_an_update_fails_no_request(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1", workers=2)
    stop = threading.Event()
    answers: list[Any] = []
    failures: list[Any] = []

    def ask(keep_alive: bool) -> None:
        client = httpx.Client(base_url=str(state.url), timeout=180)
        while not stop.is_set():
            try:
                one = client if keep_alive else httpx
                url = "/invocations" if keep_alive else f"{state.url}/invocations"
                response = one.post(url, json=ROW, timeout=180)
                answers.append(response.json())
                if response.status_code != 200:
                    failures.append(response.text)
            except httpx.HTTPError as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=ask, args=(kept,)) for kept in (True, True, False)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: answers)
        ws.action("endpoint update", endpoint="e", model="late@2", workers=1)
        after = settled(ws)
        until(lambda: answers and "probabilities" not in answers[-1])
        until(lambda: all(ended(pid)() for pid in state.pids))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert [one.model for one in after.variants] == [registered[1]]
    assert any("probabilities" in one for one in answers)


def test_a_changed_byte_is_refused_and_not_tried_over_and_over(
    ws: Workspace, keep: Keep, registered: list[str]
) -> None:
    path = next(ws.root.glob("models/late/1-*/model.skops"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    ws.action("endpoint deploy", model="late@1", name="e")
    keep("e")
    with pytest.raises(WorkFailed, match="checksum"):
        settled(ws)
    state = records.find(ws.store, "e")
    assert (state.status, state.pids, state.restarts, state.url) == ("Failed", [], 0, None)
    assert records.has_keeper(ws.store, "e")
    ws.action("endpoint update", endpoint="e", model="late@2")
    assert settled(ws).status == "InService"


def test_a_change_is_made_when_what_served_before_takes_nothing_more(
    ws: Workspace, keep: Keep, registered: list[str]
) -> None:
    state = serve(ws, keep, "late@1")
    (before,) = state.pids
    os.kill(before, signal.SIGSTOP)  # so that it cannot do what it is told
    try:
        ws.action("endpoint update", endpoint="e", model="late@2")
        until(lambda: (found := records.find(ws.store, "e")).workers_ready and before not in found.pids)
        looks = set()
        while len(looks) < 3:  # of the keeper, a second apart
            found = records.find(ws.store, "e")
            assert found.status == "Updating"
            looks.add(found.updated)
            time.sleep(0.02)
    finally:
        os.kill(before, signal.SIGCONT)
    settled(ws)
    assert "probabilities" not in httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).json()


def test_what_was_served_goes_on_when_an_update_cannot_be_had(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1")
    next(ws.root.glob("models/late/2-*/sample.json")).write_text("[]")
    ws.action("endpoint update", endpoint="e", model="late@2")
    with pytest.raises(WorkFailed, match="goes on"):
        settled(ws)
    after = records.find(ws.store, "e")
    assert (after.status, after.update_failed, after.pids) == ("InService", True, state.pids)
    assert [one.model for one in after.variants] == [registered[0]]
    assert "probabilities" in httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).json()


def test_servers_that_keep_dying_are_given_up(
    ws: Workspace, keep: Keep, classifier_directory: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for name in ("signature.json", "sample.json", "model.json"):
        (bad / name).write_bytes((classifier_directory / name).read_bytes())
    (bad / "model.pkl").write_bytes(b"cposix\n_exit\n(I3\ntR.")
    publish(ws.store, bad, "late", 1)
    ws.action("model verify", model="late@1", trust=True)
    ws.action("endpoint deploy", model="late@1", name="e")
    keep("e")
    with pytest.raises(WorkFailed, match=r"died 5 times.*exit status 3"):
        settled(ws)


def test_a_pickle_that_nobody_signed_is_not_deployed(ws: Workspace, classifier_directory: Path, tmp_path: Path) -> None:
    from cupola.errors import Refused

    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "signature.json").write_bytes((classifier_directory / "signature.json").read_bytes())
    (bad / "model.pkl").write_bytes(b"cposix\n_exit\n(I3\ntR.")
    publish(ws.store, bad, "late", 1)
    with pytest.raises(Refused, match="pickle"):
        ws.action("endpoint deploy", model="late@1", name="e")


def test_over_its_memory_limit_it_fails_and_says_so(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e", memory="1M")
    keep("e")
    state = until(lambda: (found := records.find(ws.store, "e")).status == "Failed" and found)
    assert "over its memory limit of 1,048,576 bytes" in state.reason


def test_stopped_and_started_again(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1")
    ws.action("endpoint stop", endpoint="e")
    assert settled(ws).status == "OutOfService"
    until(lambda: not records.has_keeper(ws.store, "e"))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{state.url}/ping", timeout=180)
    ws.action("endpoint start", endpoint="e")
    keep("e")
    assert settled(ws).url == state.url


def test_a_removed_endpoint_ends_and_comes_back(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    from cupola.store import files

    state = serve(ws, keep, "late@1")
    gone = ws.action("endpoint rm", endpoint="e")
    until(ended(state.pids[0]))
    until(lambda: not records.has_keeper(ws.store, "e"))
    assert ws.action("endpoint ls") == [] and files.listing(ws.store, "endpoints") == []
    files.untrash(ws.store, gone.trash)
    keep("e")
    assert until(lambda: (found := records.find(ws.store, "e")).status == "InService" and found).url == state.url


def test_it_ends_with_its_workspace_and_outlives_a_move(
    ws: Workspace, keep: Keep, registered: list[str], tmp_path: Path
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    keeper = keep("e")
    state = settled(ws)
    ws.root.rename(tmp_path / "moved")
    assert httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).status_code == 200
    shutil.rmtree(tmp_path / "moved")
    until(ended(keeper))
    assert runtime.of(state.pids[0]) is None


def test_a_wish_edited_by_hand_waits_until_it_is_confirmed(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1")
    path = ws.root / records.wish_path("e")
    path.write_text(path.read_text().replace(registered[0], registered[1]) + "# a remark\n")
    until(lambda: "endpoint confirm e" in (records.find(ws.store, "e").reason or ""))
    assert "probabilities" in httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).json()
    ws.action("endpoint confirm", endpoint="e")
    after = settled(ws)
    assert [one.model for one in after.variants] == [registered[1]]
    assert "# a remark" in path.read_text()


def answered(line: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"}") and (piece := line.recv(1 << 16)):
        found += piece
    return found


def test_sigterm_answers_what_is_in_flight(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    keeper = keep("e")
    state = settled(ws)
    body = msgspec.json.encode(ROW)
    host, port = str(state.url).removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=180) as line:
        head = f"POST /invocations HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body)
        assert answered(line).startswith(b"HTTP/1.1 200")  # it knows of this connection
        line.sendall(head.encode() + body[:10])
        os.kill(keeper, signal.SIGTERM)
        until(lambda: records.find(ws.store, "e").status == "OutOfService")
        line.sendall(body[10:])
        answer = answered(line)
    assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer
    until(ended(keeper))


def test_what_comes_in_the_moment_of_its_end_is_answered(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    keeper = keep("e")
    state = settled(ws)
    (server,) = state.pids
    body = msgspec.json.encode(ROW)
    host, port = str(state.url).removeprefix("http://").split(":")
    head = f"POST /invocations HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    os.kill(server, signal.SIGSTOP)  # so that it meets with both at once
    try:
        os.kill(keeper, signal.SIGTERM)
        until(lambda: records.find(ws.store, "e").status == "OutOfService")
        line = socket.create_connection((host, int(port)), timeout=180)
        line.sendall(head.encode() + body)
    finally:
        os.kill(server, signal.SIGCONT)
    with line:
        assert answered(line).startswith(b"HTTP/1.1 200")


def test_variants_get_their_shares_and_can_be_asked_for(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1")
    ws.action("endpoint update", endpoint="e", variant={"old": "late@1:1", "new": "late@2:1"})
    settled(ws)
    with httpx.Client(base_url=str(state.url), timeout=180) as client:
        drawn = {client.post("/invocations", json=ROW).headers["x-amzn-invoked-production-variant"] for _ in range(60)}
        assert drawn == {"old", "new"}
        for name, classifies in (("old", True), ("new", False)):
            headers = {"X-Amzn-SageMaker-Target-Variant": name}
            answer = client.post("/invocations", json=ROW, headers=headers)
            assert answer.headers["x-amzn-invoked-production-variant"] == name
            assert ("probabilities" in answer.json()) == classifies


def test_a_wish_that_cannot_be_read_changes_nothing(ws: Workspace, keep: Keep, registered: list[str]) -> None:
    state = serve(ws, keep, "late@1")
    path = ws.root / records.wish_path("e")
    good = path.read_text()
    path.write_text("name = [")
    seen = until(lambda: (found := records.status(ws.store, "e")) and found.reason and found)
    assert seen.status == "InService" and httpx.get(f"{state.url}/ping", timeout=180).status_code == 200
    path.write_text(good)
    until(lambda: (found := records.status(ws.store, "e")) and not found.reason)
    assert records.find(ws.store, "e").pids == state.pids
    mark = ws.root / "workspace.toml"
    mark.rename(ws.root / "away")
    path.rename(path.with_suffix(".away"))
    local = Path(records.local_path(ws.store, "e", "json"))
    until(lambda: b"its mount is broken" in local.read_bytes())
    assert httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).status_code == 200
    path.with_suffix(".away").rename(path)  # before the mark: a workspace without the wish has removed the endpoint
    mark.with_name("away").rename(mark)
    until(lambda: (found := records.status(ws.store, "e")) and found.status == "InService" and not found.reason)
    assert records.find(ws.store, "e").pids == state.pids
