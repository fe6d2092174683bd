"""The gateway: the hosted service's own client, unchanged, against real processes."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cupola.registry.models import Model
from cupola.serving import records
from cupola.workspace import Workspace

from .conftest import Starter, door_of, settled, source, until

ROW = {"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}]}


@pytest.fixture
def door(ws: Workspace, starter: Starter) -> Iterator[str]:
    """The base URL of a running gateway."""
    with door_of(ws, starter) as url:
        yield url


def boto(door: str) -> Any:
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=door,
        region_name="us-east-1",
        aws_access_key_id="anything",
        aws_secret_access_key="anything",
        config=Config(retries={"max_attempts": 1}, read_timeout=180),
    )


def test_boto3_predicts_and_gets_errors_by_their_names(
    ws: Workspace, keep: Callable[[str], int], registered: list[str], door: str, classifier: Model
) -> None:
    client = boto(door)
    with pytest.raises(
        client.exceptions.ValidationError if hasattr(client.exceptions, "ValidationError") else ClientError
    ) as missing:
        client.invoke_endpoint(EndpointName="e", Body=b"{}", ContentType="application/json")
    assert missing.value.response["Error"]["Code"] == "ValidationError"
    assert "Endpoint e not found" in missing.value.response["Error"]["Message"]

    ws.action("endpoint deploy", model="late@1", name="e")
    keep("e")
    frame = source()[["distance", "hour", "carrier", "wet"]].head(20)
    answer = client.invoke_endpoint(
        EndpointName="e", Body=frame.to_csv(index=False, header=False), ContentType="text/csv", Accept="text/csv"
    )
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/csv", "AllTraffic")
    given = [[float(value) for value in line.split(",")[1:]] for line in answer["Body"].read().decode().splitlines()]
    assert given == classifier.pipeline.predict_proba(frame).tolist()

    with pytest.raises(client.exceptions.ModelError) as wrong:
        client.invoke_endpoint(EndpointName="e", Body=b'{"instances": [[1]]}', ContentType="application/json")
    assert wrong.value.response["OriginalStatusCode"] == 400
    assert "1 values where the model takes 4" in wrong.value.response["OriginalMessage"]
    assert wrong.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    with pytest.raises(ClientError, match="no variant 'x'"):
        client.invoke_endpoint(EndpointName="e", Body=b"{}", ContentType="application/json", TargetVariant="x")
    ws.action("endpoint stop", endpoint="e")
    until(lambda: not records.has_keeper(ws.store, "e"))
    with pytest.raises(ClientError, match="not in service, it is OutOfService"):
        client.invoke_endpoint(EndpointName="e", Body=b"{}", ContentType="application/json")


def test_a_request_waits_for_servers_that_come_up_or_come_back(
    ws: Workspace, keep: Callable[[str], int], registered: list[str], door: str
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    keep("e")
    url = f"{door}/endpoints/e/invocations"
    with httpx.Client(timeout=180) as client:
        assert client.post(url, json=ROW).status_code == 200
        for pid in settled(ws).pids:
            os.kill(pid, signal.SIGKILL)
        assert client.post(url, json=ROW).status_code == 200
        ws.action("endpoint update", endpoint="e", model="late@2")
        while (answer := client.post(url, json=ROW)) and "probabilities" in answer.json():
            assert answer.status_code == 200
        assert answer.status_code == 200


def test_what_is_not_there_and_hostile_urls(ws: Workspace, door: str) -> None:
    with httpx.Client(base_url=door, timeout=180) as client:
        assert client.get("/ping").status_code == 200
        assert client.get("/").status_code == 404
        assert client.get("/endpoints/e/invocations").status_code == 405
        assert client.post("/endpoints/e/async-invocations").status_code == 400
        assert client.post("/endpoints/e/invocations", content=b"x" * (26 << 20)).status_code == 413
    host, port = door.removeprefix("http://").split(":")
    for path in (
        "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5cetc/passwd", "//etc/passwd", "/%00",
        "/endpoints/../../etc/passwd", "/endpoints/..%2f..%2fetc/invocations", "/endpoints/%2e%2e/invocations",
        "/endpoints/%00/invocations", "/endpoints/.cupola/invocations", "/?path=../../etc/passwd",
    ):  # fmt: skip
        with socket.create_connection((host, int(port)), timeout=180) as line:
            line.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
            answer = line.recv(4096)
        assert answer.split(b" ")[1] in (b"400", b"404"), (path, answer)


def test_the_port_stays(ws: Workspace, starter: Starter, door: str) -> None:
    before = records.gateway(ws.store)
    assert before and before.process
    os.kill(before.process.pid, signal.SIGKILL)
    until(lambda: not records.has_gateway())
    pid = starter.fork("gateway")
    after = until(lambda: (found := records.gateway(ws.store)) and found.process.pid == pid and found)
    assert after.url == door
    assert httpx.get(f"{door}/ping", timeout=180).status_code == 200


def test_another_user_needs_the_token(
    ws: Workspace, keep: Callable[[str], int], registered: list[str], door: str
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    from cupola.store import secret

    ws.action("endpoint deploy", model="late@1", name="e")
    keep("e")
    url = settled(ws).url

    def as_nobody(base: str, method: str, path: str, **headers: str) -> int:
        """The status that a process of another user gets; asked with nothing but a socket."""
        host, port = base.removeprefix("http://").split(":")
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{extra}Content-Length: 0\r\n\r\n"
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setuid(65534)
                with socket.create_connection((host, int(port)), timeout=180) as line:
                    line.sendall(request.encode())
                    os.write(writing, line.recv(4096).split(b" ")[1])
            finally:
                os._exit(0)
        os.close(writing)
        status = os.read(reading, 16)
        os.close(reading)
        os.waitpid(pid, 0)
        return int(status)

    token = secret.token()
    for base in (str(url), door):
        for method, path in (
            ("GET", "/ping"),
            ("POST", "/invocations"),
            ("POST", "/endpoints/e/invocations"),
            ("PUT", "/x"),
        ):
            assert as_nobody(base, method, path) == 401
            assert as_nobody(base, method, path, Authorization="Bearer 0") == 401
        assert as_nobody(base, "GET", "/ping", Authorization=f"Bearer {token}") == 200
    assert httpx.get(f"{url}/ping", timeout=180).status_code == 200
    answer = boto(door)
    answer._request_signer._credentials.access_key = token
    body = json.dumps(ROW)
    assert answer.invoke_endpoint(EndpointName="e", Body=body, ContentType="application/json")["Body"].read()
