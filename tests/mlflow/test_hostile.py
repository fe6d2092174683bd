"""Requests that mean no good, or nothing: MLflow's shape of an error, and nothing outside of the artifacts touched."""

import json
import socket
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from cupola.errors import DiskTrouble
from cupola.store import journals
from cupola.workspace import Workspace

from .conftest import API, FILES, Client, Gateway

PATHS = (
    "../../../../secret", "..%2f..%2f..%2fsecret", "%2e%2e/%2e%2e/secret", "a/../../../secret", "/etc/passwd", "..",
    "a//b", "a\\..\\..\\secret", "%252e%252e/secret", "a%00b", ".tmp-x", "x" * 300, "./a", ".", "", "~/x/..", ".nfs1",
    "%ff", "%c0%ae%c0%ae/x",
)  # fmt: skip


async def test_no_path_leads_out_of_the_artifacts(client: Client, workspace: Workspace) -> None:
    id = await client.run()
    secret = workspace.root / "experiments" / "default" / id / "attempts" / "1" / "secret"
    secret.write_text("secret")
    before = sorted(str(path) for path in workspace.root.rglob("*"))
    for path in PATHS:
        for method in ("GET", "PUT", "DELETE"):
            status, answer = await client.raw(method, f"{FILES}/0/{id}/artifacts/{path}", b"x")
            assert status in (400, 404), (method, path, answer)
            assert json.loads(answer).keys() == {"error_code", "message"}, (method, path)
        listed = await client.http.get(f"{API}/artifacts/list", params={"run_id": id, "path": f"x/{path}"})
        assert listed.status_code in (200, 400), path
        assert "secret" not in listed.text or listed.status_code == 400, path
    assert sorted(str(path) for path in workspace.root.rglob("*")) == before


async def test_a_symlink_is_not_followed_out(client: Client, workspace: Workspace, tmp_path: Path) -> None:
    id = await client.run()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "key").write_text("secret")
    artifacts = workspace.root / "experiments" / "default" / id / "attempts" / "1" / "artifacts"
    artifacts.mkdir()
    (artifacts / "way").symlink_to(tmp_path / "outside")
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.http.request(method, f"{FILES}/0/{id}/artifacts/way/key", content=b"x")
        assert answer.status_code >= 400 and "secret" not in answer.text
    assert (tmp_path / "outside" / "key").read_text() == "secret"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"run_id": 5, "metrics": 7}',
        b"[" * 100_000,
        b'{"run_id": {"a": 1}}',
        b"null",
    ],
)
async def test_bad_json(client: Client, body: bytes) -> None:
    answer = await client.http.post(f"{API}/runs/log-batch", content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


async def test_unknown_ids_and_routes(client: Client) -> None:
    for id in ("nope", "..", "../../x", "0" * 500, "a/b", "\0", "💣"):
        assert await client.refused("runs/log-metric", run_id=id, key="a", value=1) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert await client.refused("runs/create", experiment_id=id) == (404, "RESOURCE_DOES_NOT_EXIST")
        answer = await client.http.get(f"{API}/logged-models/{quote(id, safe='')}")
        assert answer.status_code == 404
    assert await client.refused("runs/log-metric", key="a", value=1) == (400, "INVALID_PARAMETER_VALUE")
    assert await client.refused("traces/search") == (404, "ENDPOINT_NOT_FOUND")
    assert await client.refused("runs/get") == (404, "ENDPOINT_NOT_FOUND")


async def test_values_and_names_that_are_none(client: Client) -> None:
    id = await client.run()
    bad: list[dict[str, Any]] = [
        {"key": "a", "value": "x"}, {"key": "a", "value": None}, {"key": "", "value": 1}, {"key": "../a", "value": 1},
        {"key": "a\n", "value": 1}, {"key": "a" * 300, "value": 1}, {"key": "a", "value": 1, "timestamp": -1},
        {"key": "a", "value": 1, "step": 1.5}, {"key": "a", "value": 1, "timestamp": 2**70},
    ]  # fmt: skip
    for one in bad:
        assert (await client.refused("runs/log-metric", run_id=id, **one))[0] == 400, one
    assert (await client.refused("runs/log-batch", run_id=id, metrics=[{"key": "a", "value": 1}] * 1001))[0] == 400
    assert (await client.refused("runs/update", run_id=id, status="DONE"))[0] == 400
    assert (await client.refused("experiments/create", name=" "))[0] == 400
    for name in ("a/b", "a:b", "", "\0"):
        assert (await client.refused("registered-models/create", name=name))[0] == 400
    assert "metrics" not in (await client.get("runs/get", run_id=id))["run"]["data"]


async def test_names_that_no_directory_has(client: Client, workspace: Workspace) -> None:
    made = ["../../evil", "/etc", "..", "CON", "a" * 400, "default", "ä ö", "x.tmp", ".hidden"]
    for name in made:
        id = (await client.post("experiments/create", name=name))["experiment_id"]
        await client.run(id)
        assert (await client.get("experiments/get", experiment_id=id))["experiment"]["name"] == name
    found = (await client.post("experiments/search", max_results=100))["experiments"]
    assert {one["name"] for one in found} == {*made, "Default"}
    assert len({run.experiment for run in workspace.action("run ls")}) == len(made)
    assert workspace.action("check").ok


async def test_filters_that_would_take_for_ever(client: Client) -> None:
    id = await client.run()
    await client.post("runs/set-tag", run_id=id, key="long", value="a" * 8000)
    found = await client.post("runs/search", experiment_ids=["0"], filter=f"tags.long LIKE '{'%a' * 200}b'")
    assert found == {}
    assert (await client.refused("runs/search", experiment_ids=["0"], filter="(" * 50_000))[0] == 400
    many = " and ".join(["metrics.a > 1"] * 5000)
    assert (await client.post("runs/search", experiment_ids=["0"], filter=many)) == {}


async def test_a_disk_that_fails_is_said_and_what_is_sent_again_is_kept(client: Client, monkeypatch: Any) -> None:
    id = await client.run()
    with monkeypatch.context() as patched:

        def fail(*_: object, **__: object) -> None:
            raise DiskTrouble("there is no room left on the disk", where="metrics.jsonl")

        patched.setattr(journals.Appender, "flush", fail)
        metric = {"run_id": id, "key": "m", "value": 1.0, "timestamp": 1, "step": 1}
        assert await client.refused("runs/log-metric", **metric) == (500, "INTERNAL_ERROR")
        assert "data" in (await client.get("runs/get", run_id=id))["run"]
    await client.post("runs/log-metric", **metric)
    history = (await client.get("metrics/get-history", run_id=id, metric_key="m"))["metrics"]
    assert [one["value"] for one in history] == [1.0]


async def test_a_bug_is_no_lost_connection(client: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("cupola.mlflow.runs.lines_of", lambda *_: 1 / 0)
    id = await client.run()
    answer = await client.http.get(f"{API}/metrics/get-history", params={"run_id": id, "metric_key": "m"})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "Traceback" not in answer.text


async def test_others_need_the_token(client: Client) -> None:
    client.own = False
    assert await client.refused("experiments/search") == (401, "UNAUTHENTICATED")
    url = f"{FILES}/0/x/artifacts/a"
    assert (await client.http.put(url, content=b"x")).json()["error_code"] == "UNAUTHENTICATED"
    client.http.headers["authorization"] = "Bearer token"
    assert (await client.post("experiments/search", max_results=1))["experiments"]
    client.http.headers["origin"] = "http://evil.example"
    assert await client.refused("experiments/search") == (403, "PERMISSION_DENIED")


async def test_sources_that_lie_elsewhere_are_no_versions(client: Client) -> None:
    await client.post("registered-models/create", name="m")
    for source in ("file:///etc", "/etc", "s3://b/k", "mlflow-artifacts:/../../etc", "models:/m-nope", "runs:/nope/m",
                   "models:/nope/1", "mlflow-artifacts:/0/nope/artifacts/m", ""):  # fmt: skip
        status, _ = await client.refused("model-versions/create", name="m", source=source)
        assert status in (400, 404), source


def test_huge_bodies_and_cut_off_ones(gateway: Gateway, workspace: Workspace) -> None:
    url = gateway.start()
    with httpx.Client(base_url=url, timeout=180) as client:
        answer = client.post(f"{API}/runs/log-batch", content=b" " * (26 << 20))
        assert (answer.status_code, answer.json()["error_code"]) == (413, "BAD_REQUEST")
        made = client.post(f"{API}/runs/create", json={"experiment_id": "0"}).json()
        id = made["run"]["info"]["run_id"]
        big = b"x" * (60 << 20)
        assert client.put(f"{FILES}/0/{id}/artifacts/deep/big.bin", content=big).status_code == 200
        assert client.get(f"{FILES}/0/{id}/artifacts/deep/big.bin").content == big
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as line:
            head = f"PUT {FILES}/0/{id}/artifacts/half HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\n"
            line.sendall(head.encode() + b"x" * 500_000)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert client.get(f"{FILES}/0/{id}/artifacts/half").status_code == 404
        listed = client.get(FILES, params={"path": f"0/{id}/artifacts"}).json()
        assert [one["path"] for one in listed["files"]] == ["deep"]
    assert workspace.action("run ls")[0].id == id
