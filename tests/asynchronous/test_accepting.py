"""What is accepted lies in the queue, once for each inference id; what cannot be answered is refused at once."""

from pathlib import Path
from urllib.parse import quote

import pytest

from cupola.asynchronous import records
from cupola.asynchronous.accepting import INLINE, LARGEST, accept
from cupola.errors import BadInput, Conflict, CupolaError, NotFound
from cupola.workspace import Workspace

from .conftest import ROW, headers, tick


def test_a_request_lies_in_the_queue_with_all_that_was_asked(ws: Workspace, endpoint: str) -> None:
    told = headers(
        inference_id="order 17/b", content_type="text/csv", accept="application/jsonlines", custom_attributes="x=1",
        target_variant="AllTraffic", requestttlseconds="60", invocationtimeoutseconds="30",
        s3outputpathextension="shop/2026", filename="answer.jsonl",
    )  # fmt: skip
    found = accept(ws.store, endpoint, told, b"1,2,3")
    assert found == records.waiting(ws.store, endpoint, found.key)
    assert (found.inference_id, found.body, found.ttl, found.timeout) == ("order 17/b", b"1,2,3", 60, 30)
    assert found.output == f"endpoints/e/results/shop/2026/{found.key}/answer.jsonl"
    assert found.failure == f"endpoints/e/failures/shop/2026/{found.key}/answer.jsonl"
    assert found.headers == {
        "content-type": "text/csv",
        "accept": "application/jsonlines",
        "x-amzn-sagemaker-custom-attributes": "x=1",
        "x-amzn-sagemaker-target-variant": "AllTraffic",
        "x-amzn-sagemaker-inference-id": "order 17/b",
    }


def test_the_same_inference_id_is_the_same_request_and_never_another(ws: Workspace, endpoint: str) -> None:
    first = accept(ws.store, endpoint, headers(inference_id="one"), ROW.encode())
    again = accept(ws.store, endpoint, headers(inference_id="one"), ROW.encode())
    assert again == first and records.keys_in(ws.store, records.queue(endpoint)) == ["one"]
    with pytest.raises(Conflict, match="another request has the inference id 'one'"):
        accept(ws.store, endpoint, headers(inference_id="one"), b"{}")
    with pytest.raises(Conflict):
        accept(ws.store, endpoint, headers(inference_id="one", accept="text/csv"), ROW.encode())
    like = records.key_of("a b")
    accept(ws.store, endpoint, headers(inference_id="a b"), ROW.encode())
    with pytest.raises(Conflict):
        accept(ws.store, endpoint, headers(inference_id=like), ROW.encode())


def test_an_input_is_a_file_of_the_workspace(ws: Workspace, endpoint: str, tmp_path: Path) -> None:
    (ws.root / "data").mkdir()
    (ws.root / "data" / "rows é.csv").write_text("1,2\n")
    (ws.root / "inside.csv").symlink_to("data/rows é.csv")
    for path in ("data/rows é.csv", "inside.csv"):
        for host in ("", "localhost"):
            location = f"file://{host}{quote(str(ws.root))}/{quote(path)}"
            assert accept(ws.store, endpoint, headers(inputlocation=location), b"").input == path
    assert records.location(ws.store, "data/rows é.csv").endswith("/data/rows%20%C3%A9.csv")


def test_no_input_leads_out_of_the_workspace(ws: Workspace, endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("1\n")
    (ws.root / "link.csv").symlink_to(tmp_path / "secret.csv")
    (ws.root / "up").symlink_to(tmp_path)
    (ws.root / "pipe").mkdir()
    root = ws.root
    for location in (
        f"file://{tmp_path}/secret.csv", f"file://{root}/../secret.csv", f"file://{root}/%2e%2e/secret.csv",
        f"file://{root}/link.csv", f"file://{root}/up/secret.csv", f"file://{root}/./link.csv", f"file://{root}//x",
        f"file://{root}/x%00y", f"file://{root}/%ff", f"file://other{root}/x.csv", f"{root}/x.csv", f"s3://b/{root}",
        f"file://{root}", f"file://{root}/", f"file://{root}/pipe", f"file://{root}/none.csv", "file:///etc/passwd",
        f"file://{root}/.cupola/writer", f"https://{root}/x", f"file://{root}x/y", "file://\x1b[2J",
    ):  # fmt: skip
        with pytest.raises(BadInput):
            accept(ws.store, endpoint, headers(inputlocation=location), b"")
    assert records.keys_in(ws.store, records.queue(endpoint)) == []


def test_what_is_wrong_with_a_request_is_said_at_once(ws: Workspace, endpoint: str) -> None:
    big = ws.root / "big.csv"
    with big.open("wb") as file:
        file.truncate(LARGEST + 1)
    for told, body, why in (
        ({}, b"", "either a body or"),
        ({"inputlocation": f"file://{big}"}, b"x", "either a body or"),
        ({}, b"x" * (INLINE + 1), "over the limit of 128,000"),
        ({"inputlocation": f"file://{big}"}, b"", "`cupola transform` has none"),
        ({"inference_id": "x" * 65}, b"x", "1 to 64 printable"),
        ({"inference_id": " x"}, b"x", "1 to 64 printable"),
        ({"inference_id": "\x1b[2J"}, b"x", "1 to 64 printable"),
        ({"requestttlseconds": "soon"}, b"x", "number of seconds"),
        ({"requestttlseconds": "0"}, b"x", "number of seconds"),
        ({"requestttlseconds": "9" * 30}, b"x", "number of seconds"),
        ({"invocationtimeoutseconds": "3601"}, b"x", "from 1 to 3,600"),
        ({"filename": "../x"}, b"x", "Filename"),
        ({"filename": "x" * 33}, b"x", "Filename"),
        ({"s3outputpathextension": "a/../../b"}, b"x", "PathExtension"),
        ({"s3outputpathextension": "a/.hidden"}, b"x", "PathExtension"),
    ):
        with pytest.raises(BadInput, match=why):
            accept(ws.store, endpoint, headers(**told), body)
    assert records.keys_in(ws.store, records.queue(endpoint)) == []


def test_only_an_asynchronous_endpoint_in_service_takes_requests(ws: Workspace, endpoint: str) -> None:
    ws.action("endpoint deploy", model="late@1", name="now")
    with pytest.raises(BadInput, match="of the mode realtime"):
        accept(ws.store, "now", {}, b"x")
    ws.action("endpoint stop", endpoint="e")
    with pytest.raises(BadInput, match="OutOfService"):
        accept(ws.store, "e", {}, b"x")
    with pytest.raises(NotFound):
        accept(ws.store, "none", {}, b"x")


def test_the_queue_is_in_the_order_in_which_requests_came(ws: Workspace, endpoint: str) -> None:
    ids = [f"id{number * 7 % 10}" for number in range(10)]
    for one in ids:
        accept(ws.store, endpoint, headers(inference_id=one), b"x")
        tick(ws)
    assert [key for _, key in records.by_age(ws.store, records.queue(endpoint))] == ids


def test_a_web_address_elsewhere_is_told_nothing(ws: Workspace, endpoint: str) -> None:
    for where in ("http://10.0.0.1/x", "https://example.com", "http://[bad", "http://127.0.0.1.example.com/"):
        with pytest.raises(CupolaError, match="not an address of this host"):
            ws.action("endpoint update", endpoint=endpoint, notify=where)
