"""The work on one request: what it is answered, and what it is told where there is no answer."""

import csv
import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.serving.conftest import publish, source

from cupola.asynchronous import asking, pieces, records
from cupola.asynchronous.accepting import accept
from cupola.asynchronous.answering import Left, Work
from cupola.asynchronous.asking import Line
from cupola.asynchronous.records import Answered
from cupola.workspace import Workspace

from .conftest import CSV, ROW, Served, headers, held


def answer(ws: Workspace, body: bytes = b"", **told: str) -> Answered:
    """A request accepted and answered, its files looked at."""
    accepted = accept(ws.store, "e", headers(**told), body)
    done = Work(ws.store, "e", accepted.key, Line(ws.store, "e"), lambda do: do()).do(notify=False)
    assert done is not None and records.keys_in(ws.store, records.queue("e")) == []
    assert (ws.root / done.output).exists() == (done.status == "Completed")
    assert (ws.root / done.failure).exists() == (done.status == "Failed")
    assert (ws.root / (done.output if done.status == "Completed" else done.failure)).stat().st_size == done.size
    return done


def put(ws: Workspace, name: str, content: bytes) -> str:
    (ws.root / name).write_bytes(content)
    return f"file://{ws.root}/{name}"


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "WHOLE", 1000)
    monkeypatch.setattr(pieces, "ABOUT", 700)


def test_a_small_payload_is_answered_as_a_client_of_the_endpoint_is(ws: Workspace, served: Served) -> None:
    done = answer(ws, CSV.encode(), content_type="text/csv", accept="text/csv", custom_attributes="a=1")
    assert (done.status, done.content_type, done.variant) == ("Completed", "text/csv", "AllTraffic")
    assert (ws.root / done.output).read_bytes() == served.variant.answer(CSV.encode(), "text/csv", "text/csv")
    told, body = served.asked[0]
    assert body == CSV.encode() and told["x-amzn-sagemaker-custom-attributes"] == "a=1"
    assert told["x-amzn-sagemaker-inference-id"] == done.inference_id


@pytest.mark.parametrize("named", [True, False], ids=["with a header", "without"])
@pytest.mark.parametrize("accept_", ["", "text/csv", "application/jsonlines"])
@pytest.mark.usefixtures("small_pieces")
def test_a_large_csv_is_answered_in_pieces_as_if_at_once(
    ws: Workspace, served: Served, named: bool, accept_: str
) -> None:
    text = source().to_csv(index=False, header=named).encode()
    done = answer(ws, inputlocation=put(ws, "rows.csv", text), content_type="text/csv", accept=accept_)
    assert done.status == "Completed" and len(served.asked) > 5
    expected = served.variant.answer(text, "text/csv", accept_ or "application/json")
    found = (ws.root / done.output).read_bytes()
    assert found == expected if accept_ else json.loads(found) == json.loads(expected)
    wanted = {told.get("x-amzn-sagemaker-target-variant") for told, _ in served.asked}
    assert wanted == {f"AllTraffic={served.variant.label}"}


@pytest.mark.usefixtures("small_pieces")
def test_json_lines_are_cut_and_json_is_not(ws: Workspace, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = json.loads(source()[["distance", "hour", "carrier", "wet"]].to_json(orient="records"))
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows) + b"\n" * 2000
    location = put(ws, "rows.jsonl", lines)
    done = answer(ws, inputlocation=location, content_type="application/jsonlines", accept="text/csv")
    assert len((ws.root / done.output).read_bytes().splitlines()) == len(rows) and len(served.asked) > 5
    served.asked.clear()
    whole = put(ws, "rows.json", json.dumps({"dataframe_records": rows}).encode())
    done = answer(ws, inputlocation=whole, content_type="application/json")
    assert done.status == "Completed" and len(served.asked) == 1
    monkeypatch.setattr(pieces, "LIMIT", 1000)
    done = answer(ws, inputlocation=whole, content_type="application/json", inference_id="large")
    assert done.status == "Failed" and "cannot be cut" in (done.reason or "")


@pytest.mark.usefixtures("small_pieces")
def test_a_large_parquet_is_answered_in_pieces(ws: Workspace, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "VALUES", 6 * 30)
    source().to_parquet(ws.root / "rows.parquet", index=False, row_group_size=90)
    location = f"file://{ws.root}/rows.parquet"
    done = answer(ws, inputlocation=location, content_type="application/x-parquet", accept="text/csv")
    assert done.status == "Completed" and len(served.asked) > 5, done.reason
    text = source().to_csv(index=False).encode()
    assert (ws.root / done.output).read_bytes() == served.variant.answer(text, "text/csv", "text/csv")
    frame = source().astype({"distance": object})
    frame["distance"] = ["far" if row == 150 else "1" for row in range(len(frame))]
    frame.to_parquet(ws.root / "rows.parquet", index=False, row_group_size=90)
    done = answer(ws, inputlocation=location, content_type="application/x-parquet", inference_id="far")
    assert done.reason == "in what begins at row 151: row 1, column 'distance': 'far' is not a number"
    (ws.root / "rows.parquet").write_bytes(b"PAR1" * 1000)
    done = answer(ws, inputlocation=location, content_type="application/x-parquet", inference_id="none")
    assert "not a Parquet file" in (done.reason or "")


@pytest.mark.usefixtures("small_pieces")
def test_a_wrong_row_fails_the_request_and_its_line_is_told(ws: Workspace, served: Served) -> None:
    lines = source().to_csv(index=False).splitlines()
    lines[150] = "far" + lines[150]
    done = answer(ws, inputlocation=put(ws, "rows.csv", "\n".join(lines).encode()), content_type="text/csv")
    assert done.status == "Failed" and done.reason
    begins = int(done.reason.partition("line ")[2].partition(":")[0])
    row = int(done.reason.partition("row ")[2].partition(",")[0])
    assert begins + row - 1 == 151 and "column 'distance'" in done.reason
    said = json.loads((ws.root / done.failure).read_bytes())
    assert said == {"Message": done.reason, "InferenceId": done.inference_id, "OriginalStatusCode": 400}


@pytest.mark.usefixtures("small_pieces")
def test_where_the_model_goes_between_two_pieces_the_request_is_begun_anew(
    ws: Workspace, served: Served, regressor_directory: Path
) -> None:
    text = source().to_csv(index=False).encode()
    other = publish(ws.store, regressor_directory, "late", 2)
    before = served.variant.label

    def change(number: int) -> None:
        if number == 3:
            served.say([("AllTraffic", other)])

    served.instead = change
    done = answer(ws, inputlocation=put(ws, "rows.csv", text), content_type="text/csv", accept="text/csv")
    assert (ws.root / done.output).read_bytes() == served.variant.answer(text, "text/csv", "text/csv")
    assert [body for _, body in served.asked].count(served.asked[0][1]) == 2
    wanted = [told["x-amzn-sagemaker-target-variant"] for told, _ in served.asked]
    assert wanted == [f"AllTraffic={before}"] * 3 + [f"AllTraffic={other}"] * (len(wanted) - 3)


def test_a_server_that_dies_or_has_no_room_is_asked_again(
    ws: Workspace, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PAUSE", 0.0)
    served.instead = lambda number: {1: (0, b""), 2: (503, b""), 3: (429, b""), 4: (0, b"")}.get(number)
    assert answer(ws, ROW.encode()).status == "Completed"
    served.instead = lambda number: (0, b"")
    done = answer(ws, ROW.encode(), inference_id="poison")
    assert done.status == "Failed" and "have died" in (done.reason or "")
    served.instead = lambda number: (500, b'{"message": "no such thing"}')
    assert answer(ws, ROW.encode(), inference_id="bug").reason == "no such thing"


def test_time_is_kept(ws: Workspace, served: Served) -> None:
    go = threading.Event()
    served.instead = held(go)
    done = answer(ws, ROW.encode(), inference_id="slow", invocationtimeoutseconds="1")
    go.set()
    assert (done.status, done.reason) == ("Failed", "there was no answer within 1 s")
    accepted = accept(ws.store, "e", headers(inference_id="old", requestttlseconds="1"), ROW.encode())
    while records.age(accepted.accepted) <= 1:
        time.sleep(0.05)
    asked = len(served.asked)
    done = answer(ws, ROW.encode(), inference_id="old", requestttlseconds="1")
    assert "was to be answered within 1 s" in (done.reason or "") and len(served.asked) == asked


def test_where_nobody_serves_it_stays_in_the_queue(ws: Workspace, endpoint: str) -> None:
    accepted = accept(ws.store, "e", headers(), ROW.encode())
    with pytest.raises(Left):
        Work(ws.store, "e", accepted.key, Line(ws.store, "e"), lambda do: do()).do(notify=False)
    assert records.keys_in(ws.store, records.queue("e")) == [accepted.key]
    assert list((ws.root / records.drafts("e")).iterdir()) == []


def test_an_input_that_is_gone_or_empty_is_told(ws: Workspace, served: Served) -> None:
    accepted = accept(ws.store, "e", headers(inputlocation=put(ws, "rows.csv", b"1,2\n")), b"")
    (ws.root / "rows.csv").unlink()
    done = Work(ws.store, "e", accepted.key, Line(ws.store, "e"), lambda do: do()).do(notify=False)
    assert done and done.status == "Failed" and done.reason == "the input rows.csv is gone"
    empty: Any = answer(ws, inputlocation=put(ws, "rows.csv", b""), content_type="text/csv", inference_id="empty")
    assert "the body is empty" in empty.reason


def test_quotes_with_line_ends_in_them_are_not_cut(ws: Workspace, served: Served, small_pieces: None) -> None:
    text = io.StringIO(newline="")
    rows = source()[["distance", "hour", "carrier", "wet"]].fillna(1).values.tolist()
    csv.writer(text).writerows(
        [["distance", "hour", "carrier", "wet"], *([a, b, "U\nA" * 20, d] for a, b, _, d in rows)]
    )
    location = put(ws, "rows.csv", text.getvalue().encode())
    done = answer(ws, inputlocation=location, content_type="text/csv", accept="text/csv")
    assert done.status == "Completed", done.reason
    assert len(Path(ws.root / done.output).read_text().splitlines()) == len(rows)
