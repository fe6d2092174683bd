"""What an endpoint answers: every payload, every format, every mistake a client can make."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from cupola.registry.models import Model
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant

TOKEN = "t" * 64
COLUMNS = ["distance", "hour", "carrier", "wet"]
GOOD = {"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}


@pytest.fixture
async def client(classifier: Model) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(
        Application([Variant("AllTraffic", "late@1-aaaa", 1.0, classifier)], Guard(lambda: TOKEN), {"version": "0"})
    ) as one:
        yield one


def connect(application: Application) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://127.0.0.1:1", headers=headers)


async def post(client: httpx.AsyncClient, body: Any, kind: str = "application/json", **headers: str) -> httpx.Response:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return await client.post("/invocations", content=content, headers={"Content-Type": kind, **headers})


def rows(flights: pd.DataFrame, columns: list[str]) -> list[list[Any]]:
    return [
        [None if value != value else value for value in row]
        for row in flights[columns].astype(object).to_numpy().tolist()
    ]


async def test_every_shape_of_json_gives_the_very_numbers_of_python(
    client: httpx.AsyncClient, classifier: Model, flights: pd.DataFrame
) -> None:
    expected = classifier.pipeline.predict_proba(flights[COLUMNS])
    data = rows(flights, COLUMNS)
    records = [dict(zip(COLUMNS, row, strict=True)) for row in data]
    shapes: list[Any] = [
        {"dataframe_split": {"columns": COLUMNS, "data": data}},
        {"dataframe_split": {"index": list(range(len(data))), "columns": COLUMNS, "data": data}},
        {"dataframe_records": records},
        {"instances": records},
        {"instances": data},
        {"inputs": data},
        {"inputs": {name: [row[place] for row in data] for place, name in enumerate(COLUMNS)}},
        {"inputs": data, "params": {}},
    ]
    for shape in shapes:
        response = await post(client, shape)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert np.array_equal(np.array(answer["probabilities"]), expected)
        assert answer["predictions"] == classifier.pipeline.predict(flights[COLUMNS]).tolist()
        assert answer["classes"] == ["no", "yes"]
        assert response.headers["x-amzn-invoked-production-variant"] == "AllTraffic"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("columns", [COLUMNS, ["distance", "hour", "tail", "carrier", "wet", "late"]])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
async def test_csv_as_it_stands_in_the_source(
    client: httpx.AsyncClient, classifier: Model, flights: pd.DataFrame, header: bool, columns: list[str], ends: str
) -> None:
    text = flights[columns].to_csv(index=False, header=header, lineterminator=ends)
    response = await post(client, text, "text/csv; charset=utf-8", Accept="text/csv")
    assert response.status_code == 200, response.text
    answer = pd.read_csv(io.StringIO(response.text), header=None)
    assert np.array_equal(answer[[1, 2]].to_numpy(), classifier.pipeline.predict_proba(flights[COLUMNS]))
    assert answer[0].tolist() == classifier.pipeline.predict(flights[COLUMNS]).tolist()


async def test_csv_columns_in_any_order_and_quotes(client: httpx.AsyncClient, classifier: Model) -> None:
    response = await post(
        client, '\ufeff"wet","carrier","hour","tail","distance"\r\n"true","AA",17,"a ""b"",\nc",812.25\r\n', "text/csv"
    )
    frame = pd.DataFrame([GOOD])[COLUMNS]
    assert response.json()["probabilities"] == classifier.pipeline.predict_proba(frame).tolist()


async def test_json_lines_in_and_out(client: httpx.AsyncClient, classifier: Model) -> None:
    lines = json.dumps(GOOD) + "\n" + json.dumps(GOOD | {"hour": 3}) + "\n"
    response = await post(client, lines, "application/jsonlines", Accept="application/jsonlines")
    answers = [json.loads(line) for line in response.text.splitlines()]
    frame = pd.DataFrame([GOOD, GOOD | {"hour": 3}])[COLUMNS]
    assert [one["probabilities"] for one in answers] == classifier.pipeline.predict_proba(frame).tolist()
    assert response.headers["content-type"] == "application/jsonlines"


async def test_a_regression_has_predictions_only(regressor: Model, flights: pd.DataFrame) -> None:
    async with connect(Application([Variant("AllTraffic", "x", 1.0, regressor)], Guard(lambda: TOKEN), {})) as client:
        answer = (await post(client, {"instances": rows(flights, COLUMNS)})).json()
        assert answer == {"predictions": regressor.pipeline.predict(flights[COLUMNS]).tolist()}
        text = (await post(client, {"instances": rows(flights, COLUMNS)}, Accept="text/csv")).text
        assert [float(line) for line in text.splitlines()] == answer["predictions"]


@pytest.mark.parametrize(
    "changed",
    [
        {"distance": None},
        {"carrier": None},
        {"carrier": "never seen"},
        {"hour": "17"},
        {"wet": 1},
        {"wet": "FALSE"},
        {"late": "yes"},
    ],
)
async def test_what_is_let_through(client: httpx.AsyncClient, changed: dict[str, Any]) -> None:
    response = await post(client, {"dataframe_records": [GOOD | changed]})
    assert response.status_code == 200, response.text


WRONG = [
    ({"dataframe_records": [GOOD | {"distnce": 1}]}, 400, ["'distnce'", "did you mean distance?"]),
    ({"dataframe_records": [{"distance": 1.0, "carrier": "AA", "wet": True}]}, 400, ["'hour'", "missing"]),
    ({"dataframe_records": [GOOD, GOOD | {"hour": "noon"}]}, 400, ["row 2", "'hour'", "'noon'", "not a number"]),
    ({"dataframe_records": [GOOD | {"hour": True}]}, 400, ["'hour'", "true is not a number"]),
    ({"dataframe_records": [GOOD | {"wet": "perhaps"}]}, 400, ["'wet'", "true or false"]),
    ({"dataframe_records": [GOOD | {"carrier": {"a": 1}}]}, 400, ["'carrier'", "an object is not a text"]),
    ({"dataframe_records": [GOOD | {"distance": 10**400}]}, 400, ["too large"]),
    ({"dataframe_split": {"columns": ["distance", "distance"], "data": [[1, 2]]}}, 400, ["twice"]),
    ({"dataframe_split": {"columns": COLUMNS, "data": [[1, 2]]}}, 400, ["row 1", "2 values where 4"]),
    ({"instances": [[1.0, 2, "AA"]]}, 400, ["3 values where the model takes 4 (or all 6 of the source)"]),
    ({"instances": []}, 400, ["no row"]),
    ({"inputs": {"distance": [1, 2], "hour": [1]}}, 400, ["one length"]),
    ({"inputs": "x"}, 400, ["must be a list"]),
    ({"instances": [GOOD], "inputs": [GOOD]}, 400, ["exactly one"]),
    ({"rows": [GOOD]}, 400, ["unknown field `rows`"]),
    ('{"inputs":[[1,', 400, ["not JSON"]),
    ('{"instances":[[NaN,1,"AA",true]]}', 400, ["not JSON", "send null"]),
    ('{"instances":[[Infinity,1,"AA",true]]}', 400, ["send null"]),
    ('{"instances":[[1e400,1,"AA",true]]}', 400, []),
    ('{"instances":[[1,1,"AA",true]],"instances":[[1,1,"AA",true]]}', 400, ["'instances' is there twice"]),
    (
        '{"dataframe_records":[{"hour":1,"hour" : 2,"distance":1,"carrier":"a","wet":true}]}',
        400,
        ["'hour' is there twice"],
    ),
    ("[" * 100_000, 400, []),
    ('{"inputs":' + "[" * 500_000 + "]" * 500_000 + "}", 400, ["nested too deeply"]),
    (b"\x80\x04\x95", 400, ["not JSON"]),
    ("", 400, ["empty"]),
    ("null", 400, []),
]


@pytest.mark.parametrize(("body", "status", "says"), WRONG, ids=range(len(WRONG)))
async def test_what_is_wrong_is_one_sentence(
    client: httpx.AsyncClient, body: Any, status: int, says: list[str]
) -> None:
    response = await post(client, body)
    assert response.status_code == status, response.text
    error = response.json()
    assert error["error_code"] == "BAD_REQUEST"
    assert all(one in error["message"] for one in says), error
    assert "Traceback" not in error["message"] and "\n" not in error["message"] and len(error["message"]) < 800
    assert (await post(client, {"dataframe_records": [GOOD]})).status_code == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("distance,hour,carrier\n1,2,AA\n", "'wet' is missing"),
        ("distance,hour,carrier,wett\n1,2,AA,true\n", "'wett'"),
        ("distance,hour,carrier,wet\n1,2,AA,true\n1,2,AA\n", "row 2"),
        ("distance,hour,carrier,wet\n", "no row"),
        ('distance,hour,carrier,wet\n1,2,"AA,true\n', "not CSV"),
        ("a,b\n1,2\n", "2 values where the model takes 4"),
        ("1,noon,AA,true\n", "'hour'"),
        (b"\xff\xfe1,2", "byte 0"),
    ],
)
async def test_csv_that_is_wrong(client: httpx.AsyncClient, text: str | bytes, says: str) -> None:
    response = await post(client, text, "text/csv")
    assert response.status_code == 400
    assert says in response.json()["message"]


async def test_protocol_errors_have_their_status(client: httpx.AsyncClient) -> None:
    body = {"dataframe_records": [GOOD]}
    assert (await post(client, body, "application/pdf")).status_code == 415
    assert (await post(client, body, **{"Content-Encoding": "br"})).status_code == 415
    assert (await post(client, body, Accept="image/png")).status_code == 406
    assert (await post(client, body, Accept="image/png, */*;q=0.1")).status_code == 200
    assert (await client.get("/invocations")).status_code == 405
    assert (await client.get("/invocations")).headers["allow"] == "POST"
    assert (await client.post("/ping")).status_code == 405
    assert (await client.get("/etc/passwd")).status_code == 404
    head = await client.head("/ping")
    assert (head.status_code, head.content) == (200, b"")
    assert [(await client.get(path)).status_code for path in ("/ping", "/health", "/version")] == [200, 200, 200]
    wrong = await post(client, body, **{"X-Amzn-SageMaker-Target-Variant": "other"})
    assert wrong.status_code == 400 and "no variant 'other'" in wrong.json()["message"]


async def test_bodies_are_bounded_also_when_they_unpack(client: httpx.AsyncClient) -> None:
    good = gzip.compress(json.dumps({"dataframe_records": [GOOD]}).encode())
    assert (await post(client, good, **{"Content-Encoding": "gzip"})).status_code == 200
    bomb = gzip.compress(bytes(60_000_000), compresslevel=1)
    assert (await post(client, bomb, **{"Content-Encoding": "gzip"})).status_code == 413
    assert (await post(client, good[:-9], **{"Content-Encoding": "gzip"})).status_code == 400
    assert (await post(client, good[5:], **{"Content-Encoding": "gzip"})).status_code == 400

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(1 << 20)

    assert (await client.post("/invocations", content=endless())).status_code == 413
    assert (await post(client, b"1" * (26 << 20))).status_code == 413


async def test_a_stranger_needs_the_token_and_a_web_page_gets_nothing(client: httpx.AsyncClient) -> None:
    async def status(path: str = "/ping", method: str = "GET", **headers: str | bytes) -> int:
        return (await client.request(method, path, headers=headers)).status_code

    assert await status(Authorization="") == 401
    assert await status(Authorization="Bearer wrong") == 401
    assert await status(Authorization=b"Bearer " + TOKEN[:-1].encode() + b"\xe9") == 401
    assert (
        await status(
            Authorization=f"AWS4-HMAC-SHA256 Credential={TOKEN}/20261124/us-east-1/sagemaker/aws4_request, Signature=0"
        )
        == 200
    )
    assert (
        await status(Authorization="AWS4-HMAC-SHA256 Credential=nobody/20261124/us-east-1/sagemaker/aws4_request")
        == 401
    )
    for method, path in (("GET", "/ping"), ("POST", "/invocations"), ("PUT", "/nowhere"), ("OPTIONS", "/invocations")):
        assert await status(path, method, Host="evil.example") == 403
        assert await status(path, method, Origin="http://evil.example") == 403
        assert await status(path, method, Origin="null") == 403
        assert await status(path, method, **{"Sec-Fetch-Site": "cross-site"}) == 403
        assert await status(path, method, Authorization="Bearer no") == 401
    assert await status(Host="localhost:9", Origin="http://localhost:10") == 403
    assert await status(Host="localhost:9", Origin="http://localhost:9") == 200


async def test_large_bodies_in_work_are_bounded(classifier: Model) -> None:
    application = Application([Variant("AllTraffic", "late@1", 1.0, classifier)], Guard(lambda: TOKEN), {})
    body = json.dumps({"dataframe_records": [GOOD]})
    waiting = asyncio.Event()
    held = asyncio.Event()
    reading: list[None] = []

    async def slow() -> AsyncIterator[bytes]:
        yield b" " * (24 << 20)
        reading.append(None)
        if len(reading) == 8:
            waiting.set()
        await held.wait()
        yield body.encode()

    async with connect(application) as client:
        tasks = [asyncio.create_task(client.post("/invocations", content=slow())) for _ in range(8)]
        await waiting.wait()
        assert (await client.post("/invocations", content=body)).status_code == 200
        refused = await client.post("/invocations", content=b" " * (24 << 20))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        held.set()
        assert {(await task).status_code for task in tasks} == {200}
        assert (await client.post("/invocations", content=body)).status_code == 200


async def test_the_headers_of_the_hosted_service(client: httpx.AsyncClient) -> None:
    body = {"dataframe_records": [GOOD]}
    answer = await post(client, body, **{"X-Amzn-SageMaker-Inference-Id": "order-7"})
    assert answer.headers["x-amzn-sagemaker-inference-id"] == "order-7"
    assert "x-amzn-sagemaker-inference-id" not in (await post(client, body)).headers
    long = await post(client, body, **{"X-Amzn-SageMaker-Inference-Id": "x" * 65})
    assert long.status_code == 400 and "at most 64" in long.json()["message"]
    for name in ("Target-Model", "Inference-Component", "Target-Container-Hostname"):
        wrong = await post(client, body, **{f"X-Amzn-SageMaker-{name}": "x"})
        assert wrong.status_code == 400 and "leave" in wrong.json()["message"]


async def test_arrays_in_and_out(client: httpx.AsyncClient, regressor: Model, flights: pd.DataFrame) -> None:
    numbers = flights[["distance", "hour"]].assign(carrier=1.0, wet=1.0).to_numpy()
    file = io.BytesIO()
    np.save(file, numbers)
    answer = await post(client, file.getvalue(), "application/x-npy", Accept="application/x-npy")
    assert np.load(io.BytesIO(answer.content))["probabilities"].shape == (len(flights), 2)
    file = io.BytesIO()
    flights.to_parquet(file)
    whole = await post(client, file.getvalue(), "application/x-parquet")
    assert whole.json() == (await post(client, flights.to_csv(index=False), "text/csv")).json()
    async with connect(Application([Variant("AllTraffic", "x", 1.0, regressor)], Guard(lambda: TOKEN), {})) as other:
        plain = await post(other, file.getvalue(), "application/x-parquet", Accept="application/x-npy")
        assert np.array_equal(np.load(io.BytesIO(plain.content)), regressor.pipeline.predict(flights[COLUMNS]))


@pytest.mark.parametrize("kind", ["application/x-npy", "application/x-parquet"])
async def test_a_pickle_is_refused_under_any_name(client: httpx.AsyncClient, kind: str) -> None:
    file = io.BytesIO()
    np.save(file, np.array([GOOD], dtype=object), allow_pickle=True)
    for body in (file.getvalue(), b"\x80\x04\x95cos\nsystem\n."):
        answer = await post(client, body, kind)
        assert answer.status_code == 400 and answer.json()["error_code"] == "BAD_REQUEST"
    assert (await post(client, file.getvalue(), "application/x-pickle")).status_code == 415


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"," * 9_000_000, "text/csv"),
        (b"1\n" * 8_100_000, "text/csv"),
        (b"1," * 200_000 + b"1\n", "text/csv"),
        (b'{"instances":[[' + b"1," * 8_100_000 + b"1]]}", "application/json"),
        (b'{"instances":[[' + b"1," * 200_000 + b"1]]}", "application/json"),
        (b'{"inputs":[' + b"[]," * 8_100_000 + b"[]]}", "application/json"),
        (b'{"instances":[' + b"[1]," * 4_100_000 + b"[1]]}", "application/json"),
        (b"[]\n" * 4_100_000, "application/jsonlines"),
    ],
    ids=range(8),
)
async def test_texts_of_millions_of_values_are_refused_before_they_are_read(
    client: httpx.AsyncClient, body: bytes, kind: str
) -> None:
    response = await post(client, body, kind)
    assert response.status_code == 413, response.text
