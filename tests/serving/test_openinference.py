"""The Open Inference Protocol by hand: every datatype, both forms of data, both forms of a table, every mistake."""

import gzip
import json
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupola.errors import BadInput
from cupola.registry.models import Model
from cupola.serving import openinference, tensors
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant

from .test_app import COLUMNS, TOKEN, connect, rows

LENGTH = "Inference-Header-Content-Length"
INFER = "/v2/models/flights/infer"
NUMBERS = ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64")


@pytest.fixture
async def client(classifier: Model, regressor: Model) -> AsyncIterator[httpx.AsyncClient]:
    variants = [Variant("AllTraffic", "late@1-aaaa", 1.0, classifier), Variant("other", "late@2-bbbb", 0.0, regressor)]
    async with connect(Application(variants, Guard(lambda: TOKEN), {"version": "0.1", "endpoint": "flights"})) as one:
        yield one


def columns(flights: pd.DataFrame) -> list[dict[str, Any]]:
    data = rows(flights, COLUMNS)
    types = ("FP64", "INT64", "BYTES", "BOOL")
    return [
        {"name": name, "shape": [len(data)], "datatype": kind, "data": [row[place] for row in data]}
        for place, (name, kind) in enumerate(zip(COLUMNS, types, strict=True))
    ]


async def test_what_is_told_of_the_server_and_its_model(client: httpx.AsyncClient) -> None:
    async def get(path: str) -> Any:
        response = await client.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    assert await get("/v2") == {"name": "cupola", "version": "0.1", "extensions": ["binary_tensor_data"]}
    assert await get("/v2/health/live") == {"live": True}
    assert await get("/v2/health/ready") == {"ready": True}
    assert await get("/v2/models/flights/ready") == {"name": "flights", "ready": True}
    assert await get("/v2/models/flights/versions/2/ready") == {"name": "flights", "ready": True}
    told = await get("/v2/models/flights")
    assert (told["name"], told["versions"], told["platform"]) == ("flights", ["1", "2"], "cupola")
    assert [(one["name"], one["datatype"], one["shape"]) for one in told["inputs"]] == [
        ("distance", "FP64", [-1]),
        ("hour", "INT64", [-1]),
        ("carrier", "BYTES", [-1]),
        ("wet", "BOOL", [-1]),
    ]
    assert told["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
    ]
    second = await get("/v2/models/flights/versions/2")
    assert second["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [-1]}]
    index = (await client.post("/v2/repository/index", json={})).json()
    assert [(one["name"], one["version"], one["state"]) for one in index] == [
        ("flights", "1", "READY"),
        ("flights", "2", "READY"),
    ]
    for path in ("/v2/models/late", "/v2/models/flights/versions/3/ready", "/v2/models/flights/config", "/v2/x"):
        missing = await client.get(path)
        assert missing.status_code == 404 and missing.json().keys() == {"error"}
    wrong = await client.get(INFER)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    refused = await client.get("/v2", headers={"Authorization": "Bearer wrong"})
    assert refused.status_code == 401 and "token" in refused.json()["error"]


async def test_columns_and_a_matrix_give_the_very_numbers_of_python(
    client: httpx.AsyncClient, classifier: Model, flights: pd.DataFrame
) -> None:
    expected = classifier.pipeline.predict_proba(flights[COLUMNS])
    one_each = columns(flights)
    nested = [one | {"shape": [len(flights), 1], "data": [[value] for value in one["data"]]} for one in one_each]
    texts = [["" if value is None else str(value) for value in row] for row in rows(flights, COLUMNS)]
    matrix = {"name": "rows", "shape": [len(flights), 4], "datatype": "BYTES", "data": texts}
    flat = matrix | {"data": [value for row in texts for value in row]}
    for inputs in (one_each, nested, [matrix], [flat]):
        answer = (await client.post(INFER, json={"id": "7", "inputs": inputs})).json()
        assert (answer["model_name"], answer["model_version"], answer["id"]) == ("flights", "1", "7")
        values, probabilities = answer["outputs"]
        assert (values["name"], values["datatype"], values["shape"]) == ("predict", "BYTES", [len(flights)])
        assert values["data"] == classifier.pipeline.predict(flights[COLUMNS]).tolist()
        assert probabilities["shape"] == [len(flights), 2]
        assert np.array_equal(np.reshape(probabilities["data"], (-1, 2)), expected)
    second = (await client.post("/v2/models/flights/versions/2/infer", json={"inputs": one_each})).json()
    assert second["model_version"] == "2" and second["outputs"][0]["datatype"] == "FP64"


def packed(inputs: list[tuple[str, list[int], str, bytes]], **more: Any) -> tuple[bytes, dict[str, str]]:
    """A request with binary tensors, and its headers."""
    head = json.dumps(
        more
        | {
            "inputs": [
                {"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": len(data)}}
                for name, shape, kind, data in inputs
            ]
        }
    ).encode()
    return head + b"".join(data for *_, data in inputs), {LENGTH: str(len(head))}


def counted(*texts: str) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


ROW = [
    ("distance", [2], "FP64", struct.pack("<2d", 812.25, float("nan"))),
    ("hour", [2, 1], "INT32", struct.pack("<2i", 17, 3)),
    ("carrier", [2], "BYTES", counted("AA", "B6")),
    ("wet", [2], "BOOL", b"\x01\x00"),
]


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
async def test_binary_tensors_go_both_ways(client: httpx.AsyncClient, classifier: Model, encoding: str | None) -> None:
    body, headers = packed(ROW, parameters={"binary_data_output": True})
    if encoding:
        body = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
        headers |= {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    else:
        headers["Accept-Encoding"] = "identity"
    response = await client.post(INFER, content=body, headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers.get("content-encoding") == encoding
    end = int(response.headers[LENGTH])
    answer = json.loads(response.content[:end])
    sizes = [one["parameters"]["binary_data_size"] for one in answer["outputs"]]
    assert len(response.content) == end + sum(sizes)
    frame = pd.DataFrame({"distance": [812.25, None], "hour": [17, 3], "carrier": ["AA", "B6"], "wet": [True, False]})
    raw = response.content[end:]
    assert raw[: sizes[0]] == counted(*classifier.pipeline.predict(frame))
    assert np.array_equal(np.frombuffer(raw[sizes[0] :]).reshape(2, 2), classifier.pipeline.predict_proba(frame))


async def test_the_outputs_that_are_asked_for_in_the_form_that_is_asked_for(client: httpx.AsyncClient) -> None:
    wanted = [{"name": "predict_proba", "parameters": {"binary_data": True}}, {"name": "predict"}]
    body, headers = packed(ROW, outputs=wanted)
    response = await client.post(INFER, content=body, headers=headers)
    first, second = json.loads(response.content[: int(response.headers[LENGTH])])["outputs"]
    assert (first["name"], first["parameters"], second["name"]) == (
        "predict_proba",
        {"binary_data_size": 32},
        "predict",
    )
    assert len(second["data"]) == 2
    body, headers = packed(ROW, outputs=[{"name": "sum"}])
    missing = await client.post(INFER, content=body, headers=headers)
    assert (missing.status_code, missing.json()) == (
        400,
        {"error": "the model has no output 'sum'; it has predict, predict_proba"},
    )


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_number_is_the_same_in_json_and_in_bytes(kind: str) -> None:
    dtype = np.dtype(tensors.DTYPES[kind])
    values = np.array([0, 1, np.iinfo(dtype).max if dtype.kind in "iu" else -1.5], dtype)
    told = tensors.from_json(values.tolist(), [3], kind, "x")
    assert told == tensors.from_bytes(memoryview(values.tobytes()), [3], kind, "x").tolist() == values.tolist()


def test_the_short_float_comes_in_bytes_only() -> None:
    assert tensors.from_bytes(memoryview(b"\x80\x3f\xc0\xbf"), [2], "BF16", "x").tolist() == [1.0, -1.5]
    with pytest.raises(BadInput, match="binary data only"):
        tensors.from_json([1.0], [1], "BF16", "x")


TEXTS = st.lists(st.text(), min_size=1, max_size=5)


@given(TEXTS)
def test_texts_come_back_as_they_were(texts: list[str]) -> None:
    data = tensors.to_bytes(np.array(texts, dtype=object), "BYTES")
    assert tensors.from_bytes(memoryview(data), [len(texts)], "BYTES", "x") == texts


def one(**changed: Any) -> dict[str, Any]:
    return {
        "inputs": [{"name": "rows", "shape": [1, 4], "datatype": "BYTES", "data": ["1", "2", "AA", "true"]} | changed]
    }


WRONG: list[tuple[Any, str]] = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ('{"inputs": [NaN]}', "send null for a missing value"),
    ("[]", "not a request"),
    ('{"inputs": [], "parameters": {"a": ' + "[" * 200_000, "nested too deeply"),
    ({}, "missing required field `inputs`"),
    ({"inputs": []}, "no input"),
    ({"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1]}]}, "1 elements where 4"),
    ({"inputs": [{"name": "x", "shape": [-1, 4], "datatype": "FP32", "data": [1]}]}, "has the shape [-1, 4]"),
    (one(shape=[0, 4], data=[]), "has the shape [0, 4]"),
    (one(shape=[]), "has the shape []"),
    (one(shape=[1, 1, 4]), "has the shape [1, 1, 4]"),
    (one(shape=[1 << 40, 4]), "is too large"),
    (one(shape=[10**4000, 4]), "is too large"),
    (one(shape=[1, 1_000_000]), "is too large"),
    (one(datatype="EVIL"), "'EVIL'"),
    (one(data=None), "its data is no list"),
    (one(data=[["1", "2", "AA"]]), "does not have the shape [1, 4]"),
    (one(data=[["1", "2"], ["AA", "true"]]), "does not have the shape [1, 4]"),
    (one(data=["1", "2", "AA", True]), "element 4 is not of the datatype BYTES"),
    (one(datatype="UINT8", data=[1, 2, 3, 256]), "element 4 is not of the datatype UINT8"),
    (one(datatype="INT8", data=[1, 2, 3, 1.5]), "element 4"),
    (one(datatype="BOOL", data=[1, 0, 1, 2]), "element 4"),
    (one(datatype="FP64", data=[1, 0, 1, {}]), "element 4"),
    (one(shape=[1, 3], data=["1", "2", "AA"]), "3 values where the model takes 4"),
    (one(name="hour"), "has the shape [1, 4] where a column has"),
    (one(name="distance", shape=[1], data=["1"]), "'hour', 'carrier', 'wet' are missing"),
    (one(data=["far", "2", "AA", "true"]), "row 1, column 'distance': 'far' is not a number"),
    ({"inputs": one()["inputs"] * 2}, "'rows' is there twice"),
    (one(parameters={"binary_data_size": 999999999}), "999999999 where 0 bytes are left"),
    (one(parameters={"binary_data_size": -1}), "binary_data_size is -1"),
    (one(parameters={"binary_data_size": "x"}), "binary_data_size is x"),
    (one() | {"outputs": [{"name": "predict", "parameters": {"classification": 2}}]}, "not given as classes"),
    (
        {
            "inputs": [
                {"name": "hour", "shape": [2], "datatype": "INT8", "data": [1, 2]},
                {"name": "wet", "shape": [1], "datatype": "BOOL", "data": [True]},
            ]
        },
        "'wet' has 1 rows where 'hour' has 2",
    ),
    (
        {
            "inputs": [
                {"name": "hour", "shape": [1], "datatype": "INT8", "data": [1]},
                {"name": "hours", "shape": [1], "datatype": "INT8", "data": [1]},
            ]
        },
        "did you mean hour?",
    ),
]


@pytest.mark.parametrize(("body", "says"), WRONG, ids=range(len(WRONG)))
async def test_what_is_wrong_is_one_sentence(client: httpx.AsyncClient, body: Any, says: str) -> None:
    response = await client.post(INFER, content=body if isinstance(body, str) else json.dumps(body))
    assert response.status_code == (413 if "too large" in says else 400), response.text
    assert response.json().keys() == {"error"}
    assert says in response.json()["error"] and "\n" not in response.json()["error"]


@pytest.mark.parametrize(
    ("place", "kind", "data", "says"),
    [
        (0, "FP64", b"1234567", "7 bytes where 16 bytes are FP64 of the shape [2]"),
        (2, "BYTES", counted("AA"), "1 elements where the shape needs 2"),
        (2, "BYTES", counted("AA", "B6", "UA"), "3 elements where the shape needs 2"),
        (2, "BYTES", counted("AA") + b"\xff\xff\xff\xff", "element 2 is longer than the data"),
        (2, "BYTES", counted("AA") + b"\x00", "ends within the length"),
        (2, "BYTES", b"\x01\x00\x00\x00\xff" + counted("B6"), "element 1 is not UTF-8"),
    ],
)
async def test_bytes_that_are_wrong(client: httpx.AsyncClient, place: int, kind: str, data: bytes, says: str) -> None:
    spoilt = [*ROW[:place], (ROW[place][0], [2], kind, data), *ROW[place + 1 :]]
    body, headers = packed(spoilt)
    response = await client.post(INFER, content=body, headers=headers)
    assert response.status_code == 400 and says in response.json()["error"], response.text


@pytest.mark.parametrize("length", ["-1", "0", "x", "99999999", "9" * 40, "12"])
async def test_a_length_that_lies(client: httpx.AsyncClient, length: str) -> None:
    body, _ = packed(ROW)
    assert (await client.post(INFER, content=body, headers={LENGTH: length})).status_code == 400
    end = packed(ROW)[1]
    assert "belong to no input" in (await client.post(INFER, content=body + b"x", headers=end)).json()["error"]


BODY, HEADERS = packed(ROW)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(BODY) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 3)
)
def test_requests_that_were_changed_give_a_table_or_a_sentence(changes: list[tuple[int, int]], cut: int) -> None:
    spoilt = bytearray(BODY)
    for place, value in changes:
        spoilt[place] = value
    try:
        _, inputs = openinference.read(bytes(spoilt[: len(spoilt) - cut]), HEADERS[LENGTH].encode())
        found = openinference.table(inputs, frozenset(COLUMNS))
    except BadInput as error:
        assert "\n" not in str(error)
    else:
        assert all(len(column) == found.rows for column in found.columns)
