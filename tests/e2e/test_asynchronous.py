"""An asynchronous endpoint as its users have it: boto3 unchanged, and every process killed while requests come."""

import contextlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.waiting import until

import cupola
from cupola import api
from cupola.agent import stopping
from cupola.asynchronous import records
from cupola.jobs import agents
from cupola.serving import records as serving
from cupola.store import Store

REQUESTS = 40
BODY = "distance,carrier\n{},UA\n"


@pytest.fixture
def ws(home: Path) -> Iterator[api.Workspace]:
    made = cupola.init(home / "ws")
    lines = [f"{n},{n * 37 % 900},{'UA' if n % 3 else 'DL'},{n * 37 % 900 > 400}" for n in range(500)]
    (made.root / "rows.csv").write_text("\n".join(["id,distance,carrier,late", *lines]) + "\n")
    made.dataset.import_(made.root / "rows.csv", name="flights", target="late", role={"id": "id"})
    made.train(dataset="flights", estimator="DecisionTreeClassifier", register="late").wait(180)
    made.endpoint.deploy("late@1", name="e", mode="asynchronous", notify="cat >> told.jsonl").wait(180)
    yield made
    stopping.stop(jobs=True)


@cache
def client(url: str) -> Any:
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="anything",
        aws_secret_access_key="anything",
        config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=180),
    )


def accepted_by(ws: api.Workspace, **told: Any) -> Any:
    """Sends a request, and again until it is accepted, as a client does that cannot know whether it was."""
    deadline = time.monotonic() + 180
    while True:
        try:
            return client(ws.endpoint.show("e").gateway).invoke_endpoint_async(EndpointName="e", **told)
        except (BotoCoreError, ClientError, ValueError):  # ValueError: no gateway has an address yet
            assert time.monotonic() < deadline, "it is never accepted"
            time.sleep(0.1)


def file_of(location: str) -> Path:
    return Path(unquote(urlsplit(location).path))


def test_boto3_is_answered_in_files(ws: api.Workspace) -> None:
    first = accepted_by(
        ws,
        InputLocation=f"file://{ws.root}/rows.csv",
        ContentType="text/csv",
        Accept="text/csv",
        Filename="late.csv",
        S3OutputPathExtension="today",
    )
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 202
    answer = file_of(first["OutputLocation"])
    until(answer.exists, "an answer")
    assert len(answer.read_text().splitlines()) == 500 and answer.name == "late.csv"
    assert not file_of(first["FailureLocation"]).exists()
    second = accepted_by(ws, Body=BODY.format("far"), ContentType="text/csv", InferenceId="order 17")
    assert second["InferenceId"] == "order 17"
    failure = file_of(second["FailureLocation"])
    until(failure.exists, "a failure")
    assert "'far' is not a number" in failure.read_text() and not file_of(second["OutputLocation"]).exists()
    for wrong, why in (
        ({"InputLocation": "file:///etc/passwd"}, "file in the workspace"),
        ({"Body": BODY.format(1), "InferenceId": "order 17"}, "another request has the inference id"),
        ({"Body": "x" * 128_001}, "over the limit of 128,000"),
        ({"Body": "1", "EndpointName": "none"}, "Endpoint 'none' not found"),
    ):
        with pytest.raises(ClientError, match=why) as refused:
            client(ws.endpoint.show("e").gateway).invoke_endpoint_async(**{"EndpointName": "e"} | wrong)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
    told = ws.root / "told.jsonl"
    until(lambda: told.exists() and len(told.read_text().splitlines()) == 2, "two notices")
    listed = {one.request: one.status for one in ws.endpoint.results("e")}
    assert listed == {first["InferenceId"]: "Completed", "order 17": "Failed"}


def victim(store: Store, name: str, other_than: int = 0) -> int:
    """The process of that name behind the endpoint; 0 where there is none now but `other_than`."""
    agents.ensure()
    status, door, agent = serving.status(store, "e"), serving.gateway(store), agents.running()
    keeper = status.process.pid if status and status.process else 0
    servers = status.pids if status else []
    below: set[int] = set()
    with contextlib.suppress(psutil.Error):
        below = {one.pid for one in psutil.Process(keeper).children()} if keeper else set()
    found = {
        "worker": [*(below - set(servers))],
        "server": servers,
        "keeper": [keeper],
        "gateway": [door.process.pid if door and door.process else 0],
        "agent": [agent.pid if agent else 0],
    }
    return next((pid for pid in found[name] if pid != other_than), 0)


def test_all_are_answered_once_whatever_is_killed_meanwhile(ws: api.Workspace) -> None:
    store = Store.open(ws.root)
    accepted: dict[str, Any] = {}
    ended = threading.Event()

    def send() -> None:
        for number in itertools.takewhile(lambda number: number < REQUESTS or not ended.is_set(), itertools.count()):
            told = {"Body": BODY.format(number), "ContentType": "text/csv", "InferenceId": f"r{number}"}
            accepted[f"r{number}"] = accepted_by(ws, **told, Accept="text/csv")

    sender = threading.Thread(target=send)
    sender.start()
    for name in ("worker", "server", "keeper", "gateway", "agent"):
        pid = until(partial(victim, store, name), f"a {name}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(partial(victim, store, name, other_than=pid), f"a new {name}")
    ended.set()
    sender.join(180)
    assert len(accepted) >= REQUESTS
    until(lambda: not records.keys_in(store, records.queue("e")), "an empty queue")
    assert sorted(records.keys_in(store, records.answered("e"))) == sorted(accepted)
    results = ws.root / "endpoints/e/results"
    assert sorted(path.name for path in results.iterdir()) == sorted(f"{one}.out" for one in accepted)
    for one in accepted.values():
        assert len(file_of(one["OutputLocation"]).read_text().splitlines()) == 1
    assert not list((ws.root / "endpoints/e").glob("failures/*"))
