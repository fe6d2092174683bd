"""Answers in parts: the same bytes as in one, in an event stream that the hosted service's own client reads."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from cupola.errors import BadInput
from cupola.registry.models import Model
from cupola.serving import eventstream, streaming
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.scoring import Variant

from .test_app import COLUMNS, TOKEN, connect

STREAM = "/invocations-response-stream"


@pytest.fixture
async def client(classifier: Model) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(
        Application([Variant("AllTraffic", "late@1", 1.0, classifier)], Guard(lambda: TOKEN), {})
    ) as one:
        yield one


def events(data: bytes) -> list[Any]:
    """The messages of a stream; botocore checks both sums of each."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


def payload(data: bytes) -> list[bytes]:
    found = events(data)
    assert {one.headers[":event-type"] for one in found} == {"PayloadPart"}
    return [one.payload for one in found]


@given(st.binary(max_size=2000))
def test_a_part_is_read_as_it_was_written(data: bytes) -> None:
    (found,) = events(eventstream.part(data))
    assert found.payload == data
    assert found.to_response_dict()["status_code"] == 200


def test_errors_have_the_names_that_the_client_knows() -> None:
    model, internal = events(eventstream.model_error("ä", "StreamBroken") + eventstream.internal_failure("x"))
    assert (model.headers[":exception-type"], json.loads(model.payload)) == (
        "ModelStreamError",
        {"Message": "ä", "ErrorCode": "StreamBroken"},
    )
    assert (internal.headers[":exception-type"], json.loads(internal.payload)) == (
        "InternalStreamFailure",
        {"Message": "x"},
    )


@pytest.mark.parametrize("media", ["application/json", "text/csv", "application/jsonlines"])
async def test_the_parts_together_are_the_answer(client: httpx.AsyncClient, flights: pd.DataFrame, media: str) -> None:
    body = pd.concat([flights[COLUMNS]] * 20).to_csv(index=False)
    headers = {"Content-Type": "text/csv", "Accept": media}
    whole = await client.post("/invocations", content=body, headers=headers)
    response = await client.post(STREAM, content=body, headers=headers | {"X-Amzn-SageMaker-Inference-Id": "a-1"})
    assert response.status_code == 200 and "content-length" not in response.headers
    assert response.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert response.headers["x-amzn-sagemaker-content-type"] == media
    assert response.headers["x-amzn-sagemaker-inference-id"] == "a-1"
    assert response.headers["x-amzn-invoked-production-variant"] == "AllTraffic"
    parts = payload(response.content)
    assert len(parts) == (2 if media == "application/json" else 4)
    assert b"".join(parts) == whole.content


async def test_the_media_that_hold_arrays_are_cut(client: httpx.AsyncClient, flights: pd.DataFrame) -> None:
    file = io.BytesIO()
    pd.concat([flights[COLUMNS]] * 100).to_parquet(file)
    headers = {"Content-Type": "application/x-parquet", "X-Amzn-SageMaker-Accept": "application/x-npy", "Accept": "*/*"}
    response = await client.post(STREAM, content=file.getvalue(), headers=headers)
    parts = payload(response.content)
    assert len(parts) > 2 and max(map(len, parts)) == streaming.LARGEST
    found = np.load(io.BytesIO(b"".join(parts)))
    headers["Accept"] = "application/x-parquet"
    whole = await client.post("/invocations", content=file.getvalue(), headers=headers)
    table = pq.read_table(io.BytesIO(whole.content))
    assert found["prediction"].tolist() == table["prediction"].to_pylist()
    assert found["probabilities"][:, 1].tolist() == table["probability_yes"].to_pylist()


async def test_its_first_rows_are_counted_and_copied_to_shadows(
    classifier: Model, regressor: Model, flights: pd.DataFrame
) -> None:
    variants = [Variant("AllTraffic", "late@1", 1.0, classifier), Variant("shadow", "late@2", 0.0, regressor, 1.0)]
    app = Application(variants, Guard(lambda: TOKEN), {})
    rows = pd.concat([flights[COLUMNS]] * (streaming.ROWS // len(flights) + 1))
    assert len(rows) > streaming.ROWS
    async with connect(app) as client:
        body = rows.to_csv(index=False)
        answer = await client.post(STREAM, content=body, headers={"Content-Type": "text/csv", "Accept": "text/csv"})
        assert len(b"".join(payload(answer.content)).splitlines()) == len(rows)
        async with asyncio.timeout(180):
            while not ((seen := app.shadows.found.get("shadow=late@2")) and seen.rows):  # it is made, then filled
                await asyncio.sleep(0.01)
    assert (seen.requests, seen.rows, seen.errors) == (1, streaming.ROWS, 0)
    assert sum(app.counts.of("AllTraffic=late@1").answers.values()) == streaming.ROWS


async def test_what_is_wrong_with_the_request_is_told_before_the_stream(client: httpx.AsyncClient) -> None:
    wrong = await client.post(STREAM, content="1,noon,AA,true\n", headers={"Content-Type": "text/csv"})
    assert wrong.status_code == 400 and "'noon' is not a number" in wrong.json()["message"]
    assert (await client.post(STREAM, content="1", headers={"Accept": "image/png"})).status_code == 406
    assert (await client.get(STREAM)).status_code == 405


class Failing(Variant):
    """A variant whose answer fails after its first part."""

    error: Exception

    def stream(
        self, body: bytes, content_type: str, media: str, told: Any = None, first: Any = None
    ) -> Iterator[bytes]:
        yield b"first"
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (BadInput("the model cannot use these values"), "ModelStreamError", "cannot use these values"),
        (RuntimeError("secret /path"), "InternalStreamFailure", "the endpoint's log says how"),
    ],
)
async def test_what_fails_midway_is_told_within_the_stream(
    classifier: Model, error: Exception, kind: str, says: str
) -> None:
    variant = Failing("AllTraffic", "late@1", 1.0, classifier)
    variant.error = error
    application = Application([variant], Guard(lambda: TOKEN), {})
    async with connect(application) as client:
        response = await client.post(STREAM, content="1,2,AA,true\n", headers={"Content-Type": "text/csv"})
    first, last = events(response.content)
    assert first.payload == b"first"
    assert (last.headers[":message-type"], last.headers[":exception-type"]) == ("exception", kind)
    assert says in json.loads(last.payload)["Message"] and "secret" not in last.payload.decode()
    assert (application.counts.requests, application.counts.errors) == (1, 1)


class Endless(Variant):
    """A variant whose answer has no end."""

    made = 0

    def stream(
        self, body: bytes, content_type: str, media: str, told: Any = None, first: Any = None
    ) -> Iterator[bytes]:
        while True:
            self.made += 1
            yield b"part"


async def test_nothing_more_is_made_for_a_client_that_has_left(classifier: Model) -> None:
    variant = Endless("AllTraffic", "late@1", 1.0, classifier)
    application = Application([variant], Guard(lambda: TOKEN), {})
    left = asyncio.Event()
    messages = [{"type": "http.request", "body": b"1,2,AA,true\n", "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if variant.made > 3:
            left.set()

    headers = [(b"content-type", b"text/csv"), (b"authorization", f"Bearer {TOKEN}".encode())]
    scope = {"type": "http", "method": "POST", "path": STREAM, "headers": headers}
    await application(scope, receive, send)
    assert variant.made > 3 and application.counts.errors == 0
