"""Custom attributes: own Python reads those of a request, and what it sets comes back; other models set none."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pandas as pd
import pytest
from botocore.eventstream import EventStreamBuffer

from cupola.registry import custom
from cupola.registry.models import Model
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant

from .test_app import GOOD, TOKEN, connect, post

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
CODE = """
def load(directory):
    return None

def predict(model, frame):
    given = frame.attrs["custom_attributes"]
    if given == "broken":
        frame.attrs["answered_attributes"] = "a\\r\\nb: c"
    elif given:
        frame.attrs["answered_attributes"] = f"seen {given}"
    return [len(frame)] * len(frame)

def predict_stream(model, frame):
    yield frame.attrs["custom_attributes"]
"""


@pytest.fixture
async def client(classifier: Model, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "own.py").write_text(CODE)
    own = Model(custom.loaded(tmp_path, "own"), classifier.signature, [], by_row=False)
    variants = [Variant("own", "own@1", 1.0, own), Variant("plain", "late@1", 1.0, classifier)]
    async with connect(Application(variants, Guard(lambda: TOKEN), {})) as one:
        yield one


@pytest.mark.parametrize("rows", [1, 20_000])
async def test_own_python_reads_and_sets_them(client: httpx.AsyncClient, rows: int) -> None:
    body = {"dataframe_records": [GOOD] * rows}
    to = {"X-Amzn-SageMaker-Target-Variant": "own"}
    answer = await post(client, body, **to, **{ATTRIBUTES: "trace-7"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["predictions"][0], answer.headers[ATTRIBUTES]) == (rows, "seen trace-7")
    assert ATTRIBUTES not in (await post(client, body, **to)).headers


async def test_others_set_none_and_what_is_no_header_is_refused(client: httpx.AsyncClient) -> None:
    body = {"dataframe_records": [GOOD]}
    plain = await post(client, body, **{ATTRIBUTES: "trace-7", "X-Amzn-SageMaker-Target-Variant": "plain"})
    assert plain.status_code == 200 and ATTRIBUTES not in plain.headers
    to = {"X-Amzn-SageMaker-Target-Variant": "own"}
    broken = await post(client, body, **to, **{ATTRIBUTES: "broken"})
    assert broken.status_code == 500 and "printable" in broken.json()["message"]
    long = await post(client, body, **to, **{ATTRIBUTES: "x" * 1025})
    assert long.status_code == 400 and "at most 1024" in long.json()["message"]


async def test_a_stream_of_own_python_reads_them_too(client: httpx.AsyncClient) -> None:
    headers = {"X-Amzn-SageMaker-Target-Variant": "own", ATTRIBUTES: "trace-7", "Content-Type": "text/csv"}
    answer = await client.post("/invocations-response-stream", content="1,2,AA,true\n", headers=headers)
    buffer = EventStreamBuffer()
    buffer.add_data(answer.content)
    assert b"".join(event.payload for event in buffer) == b"trace-7"


def test_rows_that_no_client_has_sent_have_empty_ones(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "own.py").write_text(CODE)
    own = custom.loaded(tmp_path, "own")
    assert own.predict(pd.DataFrame({"a": [1, 2]})).tolist() == [2, 2]
    assert list(own.stream(pd.DataFrame({"a": [1]}))) == [""]
