"""A workspace with an asynchronous endpoint, whose servers are stood in for by a real model behind its Unix socket."""

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.serving.conftest import (  # noqa: F401  some are fixtures
    classifier_directory,
    hashes,
    publish,
    regressor_directory,
)

from cupola.errors import CupolaError
from cupola.registry import models
from cupola.serving import records
from cupola.serving.scoring import Variant
from cupola.serving.status import EndpointStatus, VariantState
from cupola.store import Store
from cupola.workspace import Workspace

ROW = '{"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": true}]}'
CSV = "distance,hour,carrier,wet\n812.25,17,AA,true\n"


class Served(socketserver.ThreadingUnixStreamServer):
    """Answers /invocations at an endpoint's Unix socket by a model, and as `instead` says where that says something.

    asked: the headers and the body of each request.
    """

    daemon_threads = True

    def __init__(self, store: Store, endpoint: str, variant: Variant) -> None:
        self.variant = variant
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self.instead: Callable[[int], tuple[int, bytes] | None] = lambda number: None
        self.path = Path(records.local_path(store, endpoint, "json"))
        self.say([(variant.name, variant.label)])
        super().__init__(records.local_path(store, endpoint, "sock"), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def say(self, variants: list[tuple[str, str]]) -> None:
        """Says what is served, as a keeper does for this host."""
        self.variant.label = variants[0][1]
        each = [VariantState(name=name, model=model) for name, model in variants]
        status = EndpointStatus(name="e", status="InService", host="h", user="u", variants=each)
        self.path.write_bytes(msgspec.json.encode(status))

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no error here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Served

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((headers, body))
        instead = self.server.instead(len(self.server.asked))
        if instead is not None and instead[0] == 0:  # dies
            self.close_connection = True
            return
        wanted = headers.get("x-amzn-sagemaker-target-variant", "AllTraffic")
        if wanted not in ("AllTraffic", f"AllTraffic={self.server.variant.label}"):
            instead = 400, msgspec.json.encode({"message": f"the endpoint has no variant {wanted!r}"})
        media = headers.get("accept") or "application/json"
        try:
            status, said = instead or (200, self.server.variant.answer(body, headers.get("content-type", ""), media))
        except CupolaError as error:
            status, said = 400, msgspec.json.encode({"message": str(error)})
        self.send_response(status)
        self.send_header("content-type", media if status == 200 else "application/json")
        self.send_header("content-length", str(len(said)))
        self.send_header("x-amzn-invoked-production-variant", self.server.variant.name)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def ws(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose actions start no agent."""
    monkeypatch.setattr("cupola.jobs.agents.ensure", lambda: None)
    return Workspace.init(tmp_path / "ws")


@pytest.fixture
def endpoint(ws: Workspace, classifier_directory: Path) -> str:  # noqa: F811
    """An asynchronous endpoint "e" of the classifier late@1; nothing serves it yet."""
    publish(ws.store, classifier_directory, "late", 1)
    ws.action("endpoint deploy", model="late@1", name="e", mode="asynchronous")
    return "e"


@pytest.fixture
def variant(classifier_directory: Path) -> Variant:  # noqa: F811
    model = models.load(classifier_directory, hashes(classifier_directory))
    return Variant("AllTraffic", "late@1", 1.0, model)


@pytest.fixture
def serve(variant: Variant, endpoint: str) -> Iterator[Callable[[Store], Served]]:
    """Serves the endpoint of a workspace (or of a copy of it) until the test ends."""
    with contextlib.ExitStack() as stack:

        def start(store: Store) -> Served:
            wished = records.wish(store, endpoint)
            variant.label = wished.variants[0].model
            server = stack.enter_context(Served(store, endpoint, variant))
            stack.callback(server.shutdown)
            return server

        yield start


@pytest.fixture
def served(serve: Callable[[Store], Served], ws: Workspace) -> Served:
    return serve(ws.store)


def held(go: threading.Event) -> Callable[[int], None]:
    """Requests are held until they may go on."""

    def wait(number: int) -> None:
        go.wait(180)

    return wait


def tick(ws: Workspace) -> None:
    """Waits until the disk's clock has moved on: what is accepted next is younger than all that was before."""
    file = ws.root / "tick"
    file.write_bytes(b"")
    before = file.stat().st_mtime_ns
    while file.stat().st_mtime_ns == before:
        file.write_bytes(b"")


def headers(**more: str) -> dict[str, str]:
    """The headers of a request, as the gateway has them: `inference_id` is X-Amzn-SageMaker-Inference-Id."""
    return {f"x-amzn-sagemaker-{name.replace('_', '-')}": value for name, value in more.items()}
