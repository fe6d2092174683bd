"""Whoever is to be told of answers is told, in the end, and told the same as by the hosted service."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import pytest
from tests.serving.conftest import until

from cupola.asynchronous import notifying, records
from cupola.asynchronous.notifying import Notifier, Undelivered, deliver
from cupola.asynchronous.records import Answered
from cupola.store import files
from cupola.workspace import Workspace

DONE = Answered(
    key="one", inference_id="one", status="Completed", accepted="2026-01-01T00:00:00.000000Z",
    answered="2026-01-01T00:00:01.000000Z", seconds=1.0, input="data/rows.csv", content_type="text/csv",
    output="endpoints/e/results/one.out", failure="endpoints/e/failures/one-error.out", size=3, draft="", asked="",
    host="h",
)  # fmt: skip
FAILED = msgspec.structs.replace(DONE, key="two", inference_id="two", status="Failed", reason="no such column")


class Hook(BaseHTTPRequestHandler):
    said: list[Any]
    refuse: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        cls = type(self)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("location", "http://127.0.0.1:1/")
        elif cls.refuse:
            cls.refuse -= 1
            self.send_response(500)
        else:
            cls.said.append(json.loads(body))
            self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(notifying, "PATIENCE", 180.0)  # a busy machine may stand still for seconds
    Hook.said, Hook.refuse = [], 0
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address_is_told_in_the_words_of_the_hosted_service(ws: Workspace, hook: str) -> None:
    deliver(ws.store, "e", f"{hook}/answers", DONE)
    deliver(ws.store, "e", f"{hook}/answers", FAILED)
    first, second = Hook.said
    assert (first["invocationStatus"], first["inferenceId"]) == ("Completed", "one")
    assert first["requestParameters"]["inputLocation"] == f"file://{ws.root}/data/rows.csv"
    assert first["responseParameters"]["outputLocation"] == f"file://{ws.root}/endpoints/e/results/one.out"
    assert (second["invocationStatus"], second["failureReason"]) == ("Failed", "no such column")
    with pytest.raises(Undelivered):
        deliver(ws.store, "e", f"{hook}/elsewhere", DONE)


def test_a_command_and_the_activity_are_told(ws: Workspace) -> None:
    deliver(ws.store, "e", "cat >> told.jsonl", DONE)
    assert json.loads((ws.root / "told.jsonl").read_text())["inferenceId"] == "one"
    with pytest.raises(Undelivered):
        deliver(ws.store, "e", "exit 3", DONE)
    deliver(ws.store, "e", "activity", DONE)
    deliver(ws.store, "e", "activity", FAILED)
    acts = [(one.verb, one.kind, one.ref, one.text) for one in ws.action("activity")]
    assert ("answered", "endpoint", "e", "one: endpoints/e/results/one.out") in acts
    assert ("failed", "endpoint", "e", "two: no such column") in acts


def test_a_notice_that_was_not_taken_is_delivered_again(
    ws: Workspace, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "PAUSE", 0.01)
    Hook.refuse = 3
    for one in (DONE, FAILED):
        files.write_bytes(ws.store, f"{records.notices('e')}/{one.key}.json", msgspec.json.encode(one))
    Notifier(ws.store, "e").start(hook)
    until(lambda: not records.keys_in(ws.store, records.notices("e")))
    assert sorted(one["inferenceId"] for one in Hook.said) == ["one", "two"]
