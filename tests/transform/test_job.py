"""A transform gives what the model says of each row, in order, whole, and the same however often it was interrupted."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.serving.conftest import source

from cupola.errors import BadInput, CupolaError
from cupola.jobs import checkpoints, wish
from cupola.registry import models
from cupola.registry import records as registry
from cupola.store import files
from cupola.transform import job
from cupola.transform.records import Reached
from cupola.workspace import Workspace

from .conftest import Transform, attempt

USED = ["distance", "hour", "carrier", "wet"]


def expected(ws: Workspace, reference: str = "late@1") -> models.Prediction:
    version = registry.find(ws.store, reference)
    return models.load(files.absolute(ws.store, version.directory), version.files).predict(source()[USED])


def read(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_every_row_is_predicted_in_order(
    ws: Workspace, rows: Path, transform: Transform, strategy: str, cpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cupola.jobs.filing._slots", lambda *_: {"cpus": 2})
    said = expected(ws)
    head, *lines = read(transform(rows, strategy=strategy, cpus=cpus))
    assert head == ["prediction", "probability_no", "probability_yes"]
    assert [line[0] for line in lines] == said.values.tolist()
    assert [[float(one) for one in line[1:]] for line in lines] == said.probabilities.tolist()  # type: ignore[union-attr]


def test_a_regressor_gives_numbers(ws: Workspace, rows: Path, transform: Transform) -> None:
    head, *lines = read(transform(rows, model="late@2"))
    assert head == ["prediction"]
    assert [float(one) for (one,) in lines] == expected(ws, "late@2").values.tolist()


def test_join_keeps_the_rows_as_they_are(rows: Path, transform: Transform) -> None:
    text = transform(rows, join=True)
    head, *lines = read(text)
    before = read(rows.read_text())
    assert head[: len(before[0])] == before[0]
    assert [line[: len(before[0])] for line in lines] == before[1:]


def test_json_lines_in_and_out(ws: Workspace, rows: Path, transform: Transform, tmp_path: Path) -> None:
    records = json.loads(source().to_json(orient="records"))
    lines = tmp_path / "rows.jsonl"
    lines.write_text("\n".join(map(json.dumps, records)))
    found = [json.loads(line) for line in transform(lines, "out.jsonl", join=True).splitlines()]
    said = expected(ws)
    assert [one["prediction"] for one in found] == said.values.tolist()
    assert [{name: one[name] for name in records[0]} for one in found] == records
    assert transform(lines, "out2.csv") == "".join(transform(rows, "out3.csv").splitlines(keepends=True)[1:])


def test_a_csv_without_names_is_read_by_position_and_gets_none(
    rows: Path, transform: Transform, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.csv"
    bare.write_text("".join(rows.read_text().splitlines(keepends=True)[1:]))
    assert transform(bare, "a.csv") == "".join(transform(rows, "b.csv").splitlines(keepends=True)[1:])


def test_filters_choose_what_goes_in_and_what_comes_out(
    ws: Workspace, rows: Path, transform: Transform, tmp_path: Path
) -> None:
    wrapped = tmp_path / "wrapped.jsonl"
    records = json.loads(source().to_json(orient="records"))
    wrapped.write_text("\n".join(json.dumps({"key": place, "row": one}) for place, one in enumerate(records)))
    asked = {"join": True, "input_filter": "row", "output_filter": "[key, prediction, probabilities[1]]"}
    lines = read(transform(wrapped, **asked))
    said = expected(ws)
    assert [int(line[0]) for line in lines] == list(range(len(records)))
    assert [line[1] for line in lines] == said.values.tolist()
    assert [float(line[2]) for line in lines] == said.probabilities[:, 1].tolist()  # type: ignore[index]


@pytest.mark.parametrize("kept", [True, False], ids=["with its draft", "without its draft"])
def test_an_interrupted_one_goes_on_and_gives_the_same_bytes(
    ws: Workspace, rows: Path, transform: Transform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    whole = transform(rows, "whole.csv")
    monkeypatch.setattr(job, "SAFE_EVERY", 0.0)
    target = tmp_path / "torn.csv"
    filed = ws.action("transform", model="late@1", input=str(rows), output=str(target))
    write = job.Transform._write
    written: list[int] = []

    def fails(self: job.Transform, reached: Reached, text: bytes) -> None:
        written.append(reached.written)
        if len(written) == 6:
            os.pwrite(self.target, text[:7], reached.written)  # what a kill leaves: half a line more than was noted
            raise KeyboardInterrupt
        write(self, reached, text)

    with monkeypatch.context() as patch:
        patch.setattr(job.Transform, "_write", fails)
        with pytest.raises(KeyboardInterrupt):
            job.work(attempt(ws, filed.job, 1))
    assert not target.exists()
    (draft,) = tmp_path.glob(".torn.csv.*.part")
    if not kept:
        draft.unlink()
    begun: list[int] = []

    def notes(self: job.Transform, reached: Reached, text: bytes) -> None:
        begun.append(reached.written)
        write(self, reached, text)

    monkeypatch.setattr(job.Transform, "_write", notes)
    assert job.work(attempt(ws, filed.job, 2))["rows"] == 200
    assert target.read_text() == whole
    assert begun[0] == (written[-1] if kept else 0)


def test_another_input_is_begun_anew(ws: Workspace, rows: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    filed = ws.action("transform", model="late@1", input=str(rows), output=str(target))
    other = Reached(size=1, changed=1, read=500, written=0, rows=7)
    state = f"{checkpoints.path(wish.find(ws.store, filed.job), 1)}/state.json"
    files.write_bytes(ws.store, state, msgspec.json.encode(other))
    assert job.work(attempt(ws, filed.job, 1))["rows"] == 200
    assert len(target.read_text().splitlines()) == 201


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_wrong_row_is_named_and_no_output_appears_and_no_draft_stays(
    ws: Workspace, rows: Path, transform: Transform, tmp_path: Path, cpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cupola.jobs.filing._slots", lambda *_: {"cpus": 2})
    lines = rows.read_text().splitlines()
    lines[200] = "far" + lines[200]
    rows.write_text("\n".join(lines))
    with pytest.raises(
        BadInput, match=r"rows\.csv: in what begins at line [\d,]+: row \d+, column 'distance'"
    ) as wrong:
        transform(rows, cpus=cpus)
    begins, row = (int(word.strip(",:")) for word in str(wrong.value).split() if word.strip(",:").isdigit())
    assert begins + row - 1 == 201
    assert not list(tmp_path.glob("*out.csv*"))  # nor its draft


@pytest.mark.parametrize(
    ("line", "options", "why"),
    [
        ('{"hour": ', {}, "line 1 is not JSON"),
        ('{"hour": ', {"join": True}, "line 1 is not JSON"),
        ("[" * 5000, {"join": True}, "line 1 is not JSON"),
        ('{"distance": 1, "hour": "soon", "carrier": "UA", "wet": true}', {}, "row 1, column 'hour': 'soon' is not"),
        ('{"hour": 1}', {"input_filter": "sum(hour)"}, "the input filter cannot be used"),
        ('{"hour": 1}', {"input_filter": "none"}, "the rows have 1 values where the model takes 4"),
        ('{"distance": 1, "hour": 1, "carrier": "UA", "wet": true, "prediction": 1}', {"join": True}, "prediction"),
    ],
)
def test_what_is_wrong_with_a_record_is_a_sentence(
    transform: Transform, tmp_path: Path, line: str, options: dict[str, Any], why: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(line + "\n")
    with pytest.raises(BadInput, match=why):
        transform(tmp_path / "rows.jsonl", "out.jsonl", **options)


def test_an_input_without_rows_gives_an_output_without_rows(transform: Transform, tmp_path: Path) -> None:
    for content, text in ((b"", ""), (b"distance,hour,carrier,wet\n", "prediction,probability_no,probability_yes\n")):
        (tmp_path / "rows.csv").write_bytes(content)
        assert transform(tmp_path / "rows.csv", overwrite=True) == text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"output": "out.xlsx"}, "to end in .csv, .jsonl or .parquet"),
        ({"input": "rows.csv.gz"}, "packed files are neither read nor written"),
        ({"output": "rows.csv"}, "something is there already"),
        ({"output": "none/out.csv"}, "no such directory"),
        ({"output": "ws/out.csv"}, "lies in the workspace"),
        ({"input": "none.csv"}, "no such file"),
        ({"input_filter": "a..b"}, "not JMESPath"),
        ({"model": "late@9"}, "late"),
        ({"output": "out.parquet", "output_filter": "prediction"}, "--output-filter does not make a table"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_filed(
    ws: Workspace, rows: Path, tmp_path: Path, options: dict[str, str], why: str
) -> None:
    asked = {"model": "late@1", "input": "rows.csv", "output": "out.csv"} | options
    paths = {name: str(tmp_path / asked[name]) for name in ("input", "output")}
    with pytest.raises(CupolaError, match=why):
        ws.action("transform", **asked | paths)
    assert ws.action("job ls") == []


def test_a_transform_is_among_what_came_from_its_model(ws: Workspace, rows: Path, transform: Transform) -> None:
    from cupola.jobs import attempts, records

    transform(rows)
    filed = wish.find(ws.store, ws.action("job ls")[0].id)
    assert [one.kind for one in ws.action("lineage", reference="late@1", down=True).nodes] == ["model"]
    output = {"rows": 200, "output": "out.csv", "model": ws.action("model show", model="late@1").ref}
    end = attempts.AttemptEnd(
        attempt=1, status="Completed", secondary_status="", cause="end", started="", ended="", host="h", output=output
    )
    assert attempts.record_end(ws.store, filed, end)
    assert records.ls(ws.store)[0].status == "Completed"
    found = ws.action("lineage", reference="late@1", down=True)
    assert [(one.kind, one.ref) for one in found.nodes] == [
        ("job", filed.id),
        ("model", ws.action("model show", model="late@1").ref),
    ]
