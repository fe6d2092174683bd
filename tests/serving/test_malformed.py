"""Whatever bytes come, by whichever protocol: an answer, or a 4xx with one sentence; never a 500, never a traceback."""

import asyncio
import gzip
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.registry.models import Model
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant

from .test_app import COLUMNS, GOOD, TOKEN, connect
from .test_openinference import BODY, HEADERS, INFER

Ask = Callable[[str, bytes, dict[str, str]], httpx.Response]
RECORD = json.dumps({"dataframe_records": [GOOD]}).encode()
FILE, TABLE = io.BytesIO(), io.BytesIO()
pd.DataFrame([GOOD] * 3).to_parquet(FILE)
np.save(
    TABLE, np.array([(812.25, 17, "AA", True)], [("distance", "f8"), ("hour", "i8"), ("carrier", "U2"), ("wet", "?")])
)
MATRIX = {"name": "x", "shape": [1, 4], "datatype": "BYTES", "data": ["1"] * 4}
GIVEN = [
    ("/invocations", "application/json", RECORD),
    ("/invocations", "application/json", json.dumps({"inputs": {name: [GOOD[name]] for name in COLUMNS}}).encode()),
    ("/invocations", "text/csv", b'distance,hour,carrier,wet\n812.25,17,"AA",true\n'),
    ("/invocations", "application/jsonlines", json.dumps(GOOD).encode() + b"\n"),
    ("/invocations", "application/x-npy", TABLE.getvalue()),
    ("/invocations", "application/x-parquet", FILE.getvalue()),
    ("/invocations-response-stream", "text/csv", b"812.25,17,AA,true\n"),
    (INFER, "application/octet-stream", BODY),
    (INFER, "application/json", json.dumps({"inputs": [MATRIX]}).encode()),
]  # fmt: skip
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from("setcutadd"), st.binary(min_size=1, max_size=4)), max_size=4
)


@pytest.fixture(scope="module")
def ask(classifier: Model) -> Iterator[Ask]:
    variant = Variant("AllTraffic", "late@1-aaaa", 1.0, classifier)
    loop = asyncio.new_event_loop()

    async def started() -> Application:
        return Application([variant], Guard(lambda: TOKEN), {"endpoint": "flights"})

    application = loop.run_until_complete(started())

    async def post(path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        async with connect(application) as client:
            return await client.post(path, content=body, headers=headers)

    yield lambda *asked: loop.run_until_complete(post(*asked))
    loop.close()


def checked(response: httpx.Response, path: str) -> None:
    """That a response is an answer, or says in a sentence what was wrong."""
    if response.status_code == 200:
        return
    assert 400 <= response.status_code < 500, response.text
    told: dict[str, Any] = response.json()
    sentence = told["error" if path == INFER else "message"]
    assert sentence and "\n" not in sentence and "Traceback" not in sentence and len(sentence) < 1000


def changed(body: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    spoilt = bytearray(body)
    for where, how, data in changes:
        place = int(where * len(spoilt))
        spoilt[place : place + (0 if how == "add" else len(data))] = b"" if how == "cut" else data
    return bytes(spoilt)


SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(st.sampled_from(GIVEN), CHANGES)
def test_requests_that_were_spoilt(ask: Ask, given: tuple[str, str, bytes], changes: Any) -> None:
    path, kind, body = given
    headers = {"Content-Type": kind} | (HEADERS if body == BODY else {})
    checked(ask(path, changed(body, changes), headers), path)


@SETTINGS
@given(st.sampled_from(GIVEN), st.binary(max_size=60), st.sampled_from(["", "gzip", "deflate", "br"]))
def test_bytes_that_are_nothing_and_encodings_that_lie(
    ask: Ask, given: tuple[str, str, bytes], body: bytes, encoding: str
) -> None:
    path, kind, _ = given
    checked(ask(path, body, {"Content-Type": kind, "Content-Encoding": encoding}), path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*COLUMNS, "x", ""]), inner, max_size=4)
    ),
    max_leaves=12,
)
SHAPES = ["dataframe_split", "dataframe_records", "instances", "inputs", "params", "columns", "data"]


@SETTINGS
@given(
    st.dictionaries(st.sampled_from(SHAPES), JSON, max_size=3),
    st.sampled_from(["application/json", "application/jsonlines"]),
)
def test_json_of_any_shape(ask: Ask, value: Any, kind: str) -> None:
    checked(ask("/invocations", json.dumps(value).encode(), {"Content-Type": kind}), "/invocations")


TENSOR = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*COLUMNS, "x"]),
        "shape": st.lists(st.integers(-1, 4), max_size=3),
        "datatype": st.sampled_from(["FP64", "INT64", "BOOL", "BYTES", "UINT8", "FP16", "BF16", "X"]),
        "data": JSON,
    }
)


@SETTINGS
@given(st.lists(TENSOR, max_size=4))
def test_tensors_of_any_shape(ask: Ask, inputs: Any) -> None:
    checked(ask(INFER, json.dumps({"inputs": inputs}).encode(), {}), INFER)


def test_it_still_answers_afterwards(ask: Ask) -> None:
    assert ask("/invocations", gzip.compress(RECORD), {"Content-Encoding": "gzip"}).status_code == 200
