"""Sending what people have at hand: files of any kind, and amounts of time as people write them."""

import json

import pytest

from cupola.asynchronous import records
from cupola.errors import BadOption
from cupola.workspace import Workspace

RECORD = {"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}


@pytest.mark.parametrize(
    ("name", "content", "media"),
    [
        ("rows.csv", b"{x},hour\n1,2\n", "text/csv"),
        ("rows.txt", b"distance,hour\n1,2\n", "text/csv"),
        ("rows.jsonl", b'{"hour": 1}\n', "application/jsonlines"),
        ("rows.PARQUET", b"PAR1...", "application/x-parquet"),
        ("rows", b"\x93NUMPY...", "application/x-npy"),
        ("rows.json", b'{"instances": [[1, 2]]}', "application/json"),
    ],
)
def test_a_file_of_the_workspace_is_sent_as_what_it_is(
    ws: Workspace, endpoint: str, name: str, content: bytes, media: str
) -> None:
    (ws.root / name).write_bytes(content)
    sent = ws.action("endpoint send", endpoint=endpoint, data=str(ws.root / name), inference_id="one")
    found = records.waiting(ws.store, endpoint, "one")
    assert (sent.input, found.body, found.headers["content-type"]) == (name, None, media)


@pytest.mark.parametrize("rows", [RECORD, [RECORD, RECORD]], ids=["a record", "records"])
def test_records_are_put_into_the_shape_of_a_request(ws: Workspace, endpoint: str, rows: object) -> None:
    (ws.root / "rows.json").write_text(json.dumps(rows))
    ws.action("endpoint send", endpoint=endpoint, data=str(ws.root / "rows.json"), inference_id="one")
    found = records.waiting(ws.store, endpoint, "one")
    shape = "instances" if isinstance(rows, list) else "dataframe_records"
    assert found.input is None and found.headers["content-type"] == "application/json"
    assert json.loads(found.body or b"") == {shape: rows if isinstance(rows, list) else [rows]}


def test_how_long_it_may_take_is_told_in_the_words_of_its_options(ws: Workspace, endpoint: str) -> None:
    for option, wrong in (("ttl", "8d"), ("ttl", "0s"), ("timeout", "2h")):
        with pytest.raises(BadOption, match=f"^--{option} {wrong} cannot be had"):
            ws.action("endpoint send", endpoint=endpoint, data="1,2", **{option: wrong})
