"""Every protocol by clients that people have, unchanged, against real processes: an endpoint's port and the gateway."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import tritonclient.http as triton
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from tritonclient.utils import InferenceServerException

from cupola.jobs import agents
from cupola.registry.models import Model
from cupola.serving import records
from cupola.workspace import Workspace

from .conftest import Starter, publish, settled, source, until

PYTHON = os.environ.get("CUPOLA_MLFLOW_PYTHON", sys.executable)
COLUMNS = ["distance", "hour", "carrier", "wet"]
GOOD = {"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}


def has_python(path: str) -> bool:
    """Whether an interpreter has MLflow."""
    return subprocess.run([path, "-c", "import mlflow.deployments"], capture_output=True, check=False).returncode == 0


class Place:
    """A workspace with one endpoint, and its two doors."""

    def __init__(self, ws: Workspace, own: str, gateway: str) -> None:
        self.ws, self.own, self.gateway = ws, own, gateway

    def urls(self) -> list[str]:
        """Where the endpoint's own paths are found."""
        return [self.own, f"{self.gateway}/endpoints/flights"]


@pytest.fixture(scope="module")
def place(
    host: Path, tmp_path_factory: pytest.TempPathFactory, starter: Starter, classifier_directory: Path,
    regressor_directory: Path,
) -> Iterator[Place]:  # fmt: skip
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("cupola.jobs.agents.ensure", lambda: None)
        ws = Workspace.init(tmp_path_factory.mktemp("protocols") / "ws")
        for number, directory in enumerate((classifier_directory, regressor_directory), start=1):
            publish(ws.store, directory, "late", number)
        ws.action("endpoint deploy", model="late@1", name="flights")
        agents.register(ws.root)
        pids = [starter.fork("keeper", str(ws.root), "flights"), starter.fork("gateway")]
        try:
            gateway = until(lambda: records.gateway(ws.store)).url
            own = settled(ws, "flights").url
            assert own
            yield Place(ws, own, gateway)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def expected(classifier: Model) -> Any:
    return classifier.pipeline.predict_proba(source()[COLUMNS])


def boto(place: Place) -> Any:
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=place.gateway,
        region_name="us-east-1",
        aws_access_key_id="anything",
        aws_secret_access_key="anything",
        config=Config(retries={"max_attempts": 1}, read_timeout=180),
    )


def written(frame: pd.DataFrame, kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "application/x-parquet":
        frame.to_parquet(file)
    elif kind == "application/x-npy":
        np.save(file, frame.assign(carrier=frame.carrier.astype("U8")).to_records(index=False).astype(NPY))
    elif kind == "text/csv":
        frame.to_csv(file, index=False)
    else:
        lines = kind == "application/jsonlines"
        text = frame.to_json(orient="records", lines=lines)
        file.write((text if lines else f'{{"instances": {text}}}').encode())
    return file.getvalue()


NPY = [("distance", "f8"), ("hour", "i8"), ("carrier", "U8"), ("wet", "?")]


def probabilities(body: bytes, kind: str) -> Any:
    if kind == "application/x-parquet":
        return pq.read_table(io.BytesIO(body)).select(["probability_no", "probability_yes"]).to_pandas().to_numpy()
    if kind == "application/x-npy":
        return np.load(io.BytesIO(body))["probabilities"]
    if kind == "text/csv":
        return pd.read_csv(io.BytesIO(body), header=None)[[1, 2]].to_numpy()
    if kind == "application/jsonlines":
        return np.array([json.loads(line)["probabilities"] for line in body.splitlines()])
    return np.array(json.loads(body)["probabilities"])


KINDS = ["application/json", "text/csv", "application/jsonlines", "application/x-npy", "application/x-parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_boto3_in_every_form_whole_and_in_parts(place: Place, expected: Any, kind: str) -> None:
    client = boto(place)
    body = written(source()[COLUMNS], kind)
    given = {"EndpointName": "flights", "Body": body, "ContentType": kind, "Accept": kind, "InferenceId": "batch-1"}
    whole = client.invoke_endpoint(**given)
    assert (whole["ContentType"], whole["InvokedProductionVariant"]) == (kind, "AllTraffic")
    assert whole["ResponseMetadata"]["HTTPHeaders"]["x-amzn-sagemaker-inference-id"] == "batch-1"
    data = whole["Body"].read()
    assert np.array_equal(probabilities(data, kind), expected)
    parts = client.invoke_endpoint_with_response_stream(**given)
    assert (parts["ContentType"], parts["InvokedProductionVariant"]) == (kind, "AllTraffic")
    assert b"".join(event["PayloadPart"]["Bytes"] for event in parts["Body"]) == data


def test_boto3_asks_for_explanations(place: Place) -> None:
    answer = boto(place).invoke_endpoint(
        EndpointName="flights",
        Body=json.dumps({"instances": [GOOD]}),
        ContentType="application/json",
        EnableExplanations="`true`",
    )
    given = json.loads(answer["Body"].read())
    (one,) = given["explanations"]
    assert one["base"] + sum(one["attributions"].values()) == pytest.approx(given["probabilities"][0][1], abs=1e-9)


def test_boto3_opens_a_session(place: Place) -> None:
    given = {"EndpointName": "flights", "Body": b"812.25,17,AA,true\n", "ContentType": "text/csv"}
    opened = boto(place).invoke_endpoint(**given, SessionId="NEW_SESSION")
    session, _, until_when = opened["NewSessionId"].partition("; Expires=")
    assert until_when.endswith("Z")
    assert "NewSessionId" not in boto(place).invoke_endpoint(**given, SessionId=session)


def test_a_large_answer_comes_in_parts_and_as_it_is_made(place: Place) -> None:
    frame = pd.concat([source()[COLUMNS]] * 100)
    answer = boto(place).invoke_endpoint_with_response_stream(
        EndpointName="flights", Body=frame.to_csv(index=False), ContentType="text/csv", Accept="text/csv"
    )
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert len(parts) == 20
    assert b"".join(parts).count(b"\n") == len(frame)


def test_errors_of_streams_have_the_names_of_the_hosted_service(place: Place) -> None:
    client = boto(place)

    def stream(body: bytes, **more: Any) -> Any:
        return client.invoke_endpoint_with_response_stream(
            EndpointName="flights", Body=body, ContentType="text/csv", Accept="text/csv", **more
        )

    with pytest.raises(client.exceptions.ModelError) as wrong:
        stream(b"1,noon,AA,true\n")
    assert wrong.value.response["OriginalStatusCode"] == 400
    assert "'noon' is not a number" in wrong.value.response["OriginalMessage"]
    with pytest.raises(ClientError, match="no variant 'x'"):
        stream(b"1,2,AA,true\n", TargetVariant="x")
    with pytest.raises(client.exceptions.ModelError, match="leave the target model out"):
        client.invoke_endpoint(EndpointName="flights", Body=b"{}", TargetModel="churn.tar.gz")


def test_a_server_that_dies_midway_ends_the_stream_with_an_error(place: Place) -> None:
    rows = source()[COLUMNS].to_csv(index=False, header=False) * 1500
    answer = boto(
        place
    ).invoke_endpoint_with_response_stream(  # far more than what sockets hold for a client that waits
        EndpointName="flights", Body=rows, ContentType="text/csv", Accept="application/jsonlines"
    )
    events = iter(answer["Body"])
    next(events)
    for pid in records.find(place.ws.store, "flights").pids:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EventStreamError, match="that worked on this request is gone"):
        for _ in events:
            pass
    assert httpx.post(
        f"{place.gateway}/endpoints/flights/invocations", json={"instances": [GOOD]}, timeout=180
    ).is_success


def inputs(frame: pd.DataFrame, binary: bool) -> list[Any]:
    found = []
    for name, kind in (("distance", "FP64"), ("hour", "INT64"), ("carrier", "BYTES"), ("wet", "BOOL")):
        one = triton.InferInput(name, [len(frame)], kind)
        values = frame[name].to_numpy(object if kind == "BYTES" else None)
        one.set_data_from_numpy(values, binary_data=binary)
        found.append(one)
    return found


def test_the_inference_protocols_own_client_at_both_doors(place: Place, expected: Any) -> None:
    frame = source()[COLUMNS]
    known = frame.distance.notna().to_numpy()  # JSON has no NaN, and the client sends none as null
    for url in (place.own, place.gateway, f"{place.gateway}/endpoints/flights"):
        with triton.InferenceServerClient(url.removeprefix("http://")) as client:
            assert client.is_server_live() and client.is_server_ready()
            assert client.is_model_ready("flights") and client.is_model_ready("flights", "1")
            assert not client.is_model_ready("nothing") and not client.is_model_ready("flights", "7")
            assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
            told = client.get_model_metadata("flights")
            assert (told["name"], told["versions"], len(told["inputs"])) == ("flights", ["1"], 4)
            index = client.get_model_repository_index()
            assert [(one["name"], one["version"], one["state"]) for one in index] == [("flights", "1", "READY")]
            for options in ({}, {"request_compression_algorithm": "gzip", "response_compression_algorithm": "deflate"}):
                result = client.infer("flights", inputs(frame, True), request_id="7", **options)
                assert np.array_equal(result.as_numpy("predict_proba"), expected)
                assert result.get_response()["id"] == "7"
                assert set(result.as_numpy("predict")) == {b"no", b"yes"}
            wanted = [triton.InferRequestedOutput("predict_proba", binary_data=False)]
            result = client.infer("flights", inputs(frame[known], False), outputs=wanted, model_version="1")
            assert np.array_equal(result.as_numpy("predict_proba"), expected[known])
            with pytest.raises(InferenceServerException, match="'hour', 'carrier', 'wet' are missing"):
                client.infer("flights", inputs(frame, True)[:1])
            with pytest.raises(InferenceServerException, match="no output 'sum'"):
                client.infer("flights", inputs(frame, True), outputs=[triton.InferRequestedOutput("sum")])


def curl(*arguments: str, body: bytes = b"") -> tuple[int, bytes]:
    """The status and the body that curl gets."""
    command = ["curl", "-sS", "-w", "\n%{http_code}", *arguments]
    done = subprocess.run(command, input=body, capture_output=True, check=True, timeout=180)
    text, _, status = done.stdout.rpartition(b"\n")
    return int(status), text


def test_curl_at_both_doors(place: Place, expected: Any) -> None:
    record = json.dumps({"instances": [source()[COLUMNS].iloc[1].to_dict()]}, default=lambda one: one.item())
    tensors = [
        {"name": name, "shape": [1], "datatype": kind, "data": [GOOD[name]]}
        for name, kind in (("distance", "FP64"), ("hour", "INT64"), ("carrier", "BYTES"), ("wet", "BOOL"))
    ]
    for url in place.urls():
        status, answer = curl(f"{url}/invocations", "-H", "Content-Type: application/json", "-d", record)
        assert status == 200 and json.loads(answer)["probabilities"] == expected[1:2].tolist()
        status, answer = curl(
            f"{url}/v2/models/flights/infer", "--data-binary", "@-", body=json.dumps({"inputs": tensors}).encode()
        )
        assert status == 200 and len(json.loads(answer)["outputs"]) == 2
        status, answer = curl(f"{url}/openapi.json")
        assert status == 200 and json.loads(answer)["openapi"] == "3.1.0"
        status, answer = curl(f"{url}/docs")
        assert status == 200 and answer.startswith(b"<!doctype html>")
        assert curl(f"{url}/ping") == (200, b'{"status":"InService"}')
        assert curl("-I", f"{url}/ping")[0] == 200
    status, answer = curl(f"{place.gateway}/v2/models/nothing/infer", "-d", "{}")
    assert status == 400 and "not found" in json.loads(answer)["error"]
    assert curl(f"{place.gateway}/v2/models")[0] == 404
    assert curl("-X", "DELETE", f"{place.gateway}/v2")[0] == 405


def test_what_mlflows_clients_send(place: Place, expected: Any) -> None:
    frame = source()[COLUMNS]
    split = json.loads(frame.to_json(orient="split"))
    shapes = [
        {"dataframe_split": split},
        {"dataframe_records": json.loads(frame.to_json(orient="records"))},
        {"inputs": split["data"]},
        {"instances": json.loads(frame.to_json(orient="records")), "params": {"temperature": 1}},
    ]
    for url in place.urls():
        for shape in shapes:
            answer = httpx.post(f"{url}/invocations", json=shape, timeout=180)
            assert np.array_equal(answer.json()["probabilities"], expected)
    listed = httpx.get(f"{place.gateway}/api/2.0/endpoints/", timeout=180).json()["endpoints"]
    assert [(one["name"], one["model"]["provider"]) for one in listed] == [("flights", "cupola")]
    assert httpx.get(f"{place.gateway}/api/2.0/endpoints/flights", timeout=180).json() == listed[0]
    assert httpx.get(f"{place.gateway}/api/2.0/endpoints/nothing", timeout=180).status_code == 404
    assert httpx.post(f"{place.gateway}{listed[0]['endpoint_url']}", json=shapes[0], timeout=180).status_code == 200
    wrong = httpx.post(f"{place.own}/invocations", json={"inputs": [[1]]}, timeout=180)
    assert (wrong.status_code, wrong.json()["error_code"]) == (400, "BAD_REQUEST")
    for path in ("/ping", "/health", "/version"):
        assert httpx.get(f"{place.own}{path}", timeout=180).status_code == 200


@pytest.mark.skipif(not has_python(PYTHON), reason="MLflow is not installed")
def test_mlflows_own_client_of_deployments(place: Place, expected: Any) -> None:
    """Needs an interpreter that has MLflow: this one, or the one that $CUPOLA_MLFLOW_PYTHON names."""
    rows = json.loads(source()[COLUMNS].to_json(orient="split"))
    code = (
        "import json, sys\nfrom mlflow.deployments import get_deploy_client\nclient = get_deploy_client(sys.argv[1])\n"
        "names = [one.name for one in client.list_endpoints()]\n"
        "answer = client.predict(endpoint=names[0], inputs={'dataframe_split': json.load(sys.stdin)})\n"
        "print(json.dumps([names, client.get_endpoint(names[0]).endpoint_url, answer['probabilities']]))"
    )
    command = [PYTHON, "-c", code, place.gateway]
    done = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    names, url, given = json.loads(done.stdout.splitlines()[-1])
    assert (names, url) == (["flights"], f"{place.gateway}/endpoints/flights/invocations")
    assert np.array_equal(given, expected)


def test_what_the_docs_show_can_be_done(place: Place) -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    section = page[page.index("## Protocols\n") :].partition("\n## ")[0]
    lines = ["set -eu -o pipefail"]
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        lines.append(block if language == "sh" else f"python - <<'END'\n{block}END\n")
    assert len(lines) == 5
    bin = str(Path(sys.executable).parent)
    variables = {**os.environ, "PATH": f"{bin}:{os.environ['PATH']}", "URL": place.own, "GATEWAY": place.gateway}
    done = subprocess.run(
        ["bash"], input="\n".join(lines), env=variables, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (
        done.stdout.count('"predictions":["') == 2
        and '"attributions":{"distance":' in done.stdout
        and "AllTraffic b'" in done.stdout
        and "5 parts" in done.stdout
    )
