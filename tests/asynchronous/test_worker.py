"""The worker of a queue: as many at a time as it may, the oldest first; it goes on where another was killed."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.serving.conftest import until

from cupola.asynchronous import records
from cupola.asynchronous.accepting import accept
from cupola.asynchronous.answering import Left
from cupola.asynchronous.worker import Worker, sweep
from cupola.serving.records import wish
from cupola.workspace import Workspace

from . import operations
from .conftest import ROW, Served, headers, held, tick

Start = Callable[[], socket.socket]


@pytest.fixture
def start(ws: Workspace, served: Served) -> Iterator[Start]:
    """Starts a worker; closing the line that it gives ends it, as its keeper would."""
    begun: list[tuple[threading.Thread, socket.socket]] = []

    def go() -> socket.socket:
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=Worker(ws.store, wish(ws.store, "e"), theirs).work)
        thread.start()
        begun.append((thread, ours))
        return ours

    yield go
    for thread, line in begun:
        line.close()
        thread.join(180)
        assert not thread.is_alive()


def settled(ws: Workspace, count: int) -> None:
    until(lambda: len(records.keys_in(ws.store, records.answered("e"))) == count)
    until(lambda: not records.keys_in(ws.store, records.queue("e")))


def test_all_are_answered_and_counted(ws: Workspace, start: Start) -> None:
    for number in range(5):
        accept(ws.store, "e", headers(inference_id=f"before{number}"), ROW.encode())
    start()
    for number in range(5):
        accept(ws.store, "e", headers(inference_id=f"after{number}"), ROW.encode() if number else b"nonsense")
    settled(ws, 10)
    backlog = until(
        lambda: (
            (seen := ws.action("endpoint show", endpoint="e").backlog) and seen.completed + seen.failed == 10 and seen
        )
    )
    assert (backlog.queued, backlog.working, backlog.completed, backlog.failed) == (0, [], 9, 1)
    listed = ws.action("endpoint results", endpoint="e")
    assert sorted(one.status for one in listed) == ["Completed"] * 9 + ["Failed"]
    assert len(ws.action("endpoint results", endpoint="e", limit=3)) == 3
    assert ws.action("endpoint result", endpoint="e", request="after1").answer["classes"] == ["no", "yes"]


def test_no_more_at_a_time_than_it_may_and_the_oldest_first(ws: Workspace, served: Served, start: Start) -> None:
    ws.action("endpoint update", endpoint="e", max_concurrency=2)
    go = threading.Event()
    served.instead = held(go)
    for name in ("c", "a", "d", "b"):
        accept(ws.store, "e", headers(inference_id=name), ROW.encode())
        tick(ws)
    start()
    until(lambda: len(served.asked) == 2)
    backlog = until(
        lambda: (seen := ws.action("endpoint show", endpoint="e").backlog) and len(seen.working) == 2 and seen
    )
    assert (backlog.queued, sorted(backlog.working)) == (2, ["a", "c"])
    assert {one.status for one in ws.action("endpoint results", endpoint="e")} == {"Queued", "InProgress"}
    go.set()
    settled(ws, 4)


def test_what_was_decided_is_completed_and_what_was_begun_is_begun_anew(
    ws: Workspace, served: Served, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(ws.store, "e", headers(inference_id="decided"), ROW.encode())
    with monkeypatch.context() as patch, pytest.raises(Left):
        patch.setattr("cupola.asynchronous.answering.publish", lambda *_: (_ for _ in ()).throw(Left()))
        operations.answer(str(ws.root))
    accept(ws.store, "e", headers(inference_id="open"), ROW.encode())
    draft = ws.root / records.drafts("e")
    (left,) = draft.iterdir()
    (draft / left.name.replace("decided", "open")).write_text("half")
    start()
    settled(ws, 2)
    assert len(served.asked) == 2
    until(lambda: not list(draft.iterdir()))
    assert (ws.root / "endpoints/e/results/decided.out").exists()


def test_a_request_over_which_the_worker_dies_again_and_again_fails_and_takes_no_other_along(
    ws: Workspace, served: Served
) -> None:
    for name, carrier in (("kills", operations.KILLS), ("innocent", "AA")):
        accept(ws.store, "e", headers(inference_id=name), ROW.replace("AA", carrier).encode())
    command = [sys.executable, "-m", "tests.asynchronous.operations", str(ws.root)]
    died = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=180, check=True)
    assert died.stdout.split() == ["3"]
    kills, innocent = (records.outcome(ws.store, "e", one) for one in ("kills", "innocent"))
    assert kills and kills.status == "Failed" and "died 3 times with this request in hand" in str(kills.reason)
    assert (ws.root / kills.failure).exists()
    assert innocent and innocent.status == "Completed"


def test_a_request_from_another_host_is_answered_where_the_endpoint_runs(
    ws: Workspace, start: Start, tmp_path: Path
) -> None:
    start()
    there = {"CUPOLA_HOST": "other", "CUPOLA_RUNTIME_DIR": str(tmp_path / "other")}  # which knows nothing of this host
    asked = f"{str(ws.root)!r}, {headers(inference_id='far')}, {ROW!r}"
    code = f"from tests.asynchronous import operations; operations.accept({asked})"
    subprocess.run([sys.executable, "-c", code], env=os.environ | there, timeout=180, check=True)
    settled(ws, 1)
    done = records.outcome(ws.store, "e", "far")
    assert done and done.status == "Completed"


def test_while_nobody_serves_requests_wait(ws: Workspace, served: Served, start: Start) -> None:
    served.path.unlink()
    start()
    accept(ws.store, "e", headers(inference_id="one"), ROW.encode())
    until(lambda: (ws.root / records.drafts("e")).exists())
    assert records.keys_in(ws.store, records.answered("e")) == []
    served.say([("AllTraffic", served.variant.label)])
    settled(ws, 1)


def test_answers_are_removed_when_they_are_old_if_that_is_asked_for(ws: Workspace, served: Served) -> None:
    accept(ws.store, "e", headers(inference_id="one"), ROW.encode())
    operations.answer(str(ws.root))
    sweep(ws.store, "e", keep=3600)
    assert (ws.root / "endpoints/e/results/one.out").exists()
    sweep(ws.store, "e", keep=-1)
    assert not (ws.root / "endpoints/e/results/one.out").exists()
    assert ws.action("endpoint results", endpoint="e") == []
