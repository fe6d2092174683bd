"""Parquet in and out: the same rows give the same predictions as from a CSV, also after an interruption."""

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.serving.conftest import source

from cupola.errors import BadInput
from cupola.transform import job, sources
from cupola.transform.records import Reached
from cupola.workspace import Workspace

from .conftest import Transform, attempt


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rows of rows.csv in row groups of 30, worked on 16 at a time."""
    monkeypatch.setattr(sources, "ROWS", 16)
    path = tmp_path / "rows.parquet"
    source().to_parquet(path, row_group_size=30, index=False)
    return path


def work(ws: Workspace, tmp_path: Path, input: Path, output: str, **options: Any) -> pa.Table:
    target = tmp_path / output
    filed = ws.action("transform", model="late@1", input=str(input), output=str(target), **options)
    job.work(attempt(ws, filed.job, 1))
    assert not list(tmp_path.glob(".*.part"))
    return pq.read_table(target)


@pytest.mark.parametrize("cpus", [1, 2])
def test_the_same_rows_give_the_same_lines(
    rows: Path, groups: Path, transform: Transform, cpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cupola.jobs.filing._slots", lambda *_: {"cpus": 2})
    assert transform(groups, "a.csv", cpus=cpus) == transform(rows, "b.csv")
    assert transform(groups, "a.jsonl", cpus=cpus, strategy="SingleRecord") == transform(rows, "b.jsonl")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_comes_out_with_the_input_beside_it(
    ws: Workspace, rows: Path, groups: Path, transform: Transform, tmp_path: Path, kind: str
) -> None:
    text = transform(rows, "lines.csv")
    head, *lines = list(csv.reader(text.splitlines()))
    found = work(ws, tmp_path, rows if kind == "csv" else groups, "out.parquet")
    assert found.column_names == head and found.schema.field("probability_no").type == pa.float64()
    assert found["prediction"].to_pylist() == [line[0] for line in lines]
    assert found["probability_yes"].to_pylist() == [float(line[2]) for line in lines]
    joined = work(ws, tmp_path, rows if kind == "csv" else groups, "joined.parquet", join=True)
    assert joined.column_names == [*source().columns, *head]
    if kind == "parquet":
        before = joined.select(list(source().columns)).to_pandas()
        pd.testing.assert_frame_equal(before, pq.read_table(groups).to_pandas())
        assert pq.ParquetFile(tmp_path / "joined.parquet").num_row_groups == 14
    else:
        assert joined["hour"].to_pylist() == [str(one) for one in source().hour]


def test_filters_see_records(rows: Path, groups: Path, transform: Transform) -> None:
    asked: dict[str, Any] = {
        "input_filter": "{distance: distance, hour: hour, carrier: carrier, wet: wet}",
        "join": True,
    }
    asked["output_filter"] = "[hour, prediction]"
    lines = list(csv.reader(transform(groups, **asked).splitlines()))
    assert [line[1] for line in lines] == [line.split(",")[0] for line in transform(rows, "b.csv").splitlines()[1:]]
    assert [int(line[0]) for line in lines] == source().hour.tolist()


def test_other_types_are_read_as_an_endpoint_reads_them(transform: Transform, rows: Path, tmp_path: Path) -> None:
    frame = source().astype({"distance": "float32", "hour": "int8"})
    frame["carrier"] = frame.carrier.astype("category")
    frame["wet"] = frame.wet.map({True: "yes", False: "no"})
    frame["hour"] = frame.hour.astype("Int16")
    before = [line.split(",")[0] for line in transform(rows, "b.csv").splitlines()]
    frame["distance"] = source().distance
    frame.to_parquet(tmp_path / "other.parquet", index=False)
    assert [line.split(",")[0] for line in transform(tmp_path / "other.parquet").splitlines()] == before


@pytest.mark.parametrize("output", ["torn.csv", "torn.parquet"])
def test_an_interrupted_one_goes_on_and_gives_the_same_bytes(
    ws: Workspace, groups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    whole = tmp_path / f"whole{Path(output).suffix}"
    filed = ws.action("transform", model="late@1", input=str(groups), output=str(whole), cpus=1)
    job.work(attempt(ws, filed.job, 1))
    monkeypatch.setattr(job, "SAFE_EVERY", 0.0)
    filed = ws.action("transform", model="late@1", input=str(groups), output=str(tmp_path / output), cpus=1)
    write = job.Transform._write
    begun: list[int] = []

    def fails(self: job.Transform, reached: Reached, text: bytes) -> None:
        begun.append(reached.read)
        if len(begun) == 4:
            raise KeyboardInterrupt
        write(self, reached, text)

    with monkeypatch.context() as patch:
        patch.setattr(job.Transform, "_write", fails)
        with pytest.raises(KeyboardInterrupt):
            job.work(attempt(ws, filed.job, 1))
    assert begun[-1] == 2 and not (tmp_path / output).exists()

    def notes(self: job.Transform, reached: Reached, text: bytes) -> None:
        begun.append(reached.read)
        write(self, reached, text)

    with monkeypatch.context() as patch:
        patch.setattr(job.Transform, "_write", notes)
        assert job.work(attempt(ws, filed.job, 2))["rows"] == 200
    assert begun[4] == 2
    assert (tmp_path / output).read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".*.part"))


def test_no_rows_make_a_table_without_rows(ws: Workspace, tmp_path: Path) -> None:
    source().head(0).to_parquet(tmp_path / "none.parquet", index=False)
    (tmp_path / "none.csv").write_text("distance,hour,carrier,wet\n")
    for name in ("none.parquet", "none.csv"):
        found = work(ws, tmp_path, tmp_path / name, f"{name}.out.parquet")
        assert (found.num_rows, found.column_names) == (0, ["prediction", "probability_no", "probability_yes"])


def test_what_is_wrong_is_a_sentence(
    ws: Workspace, transform: Transform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.parquet").write_text("distance,hour\n1,2\n")
    with pytest.raises(BadInput, match="not a Parquet file"):
        transform(tmp_path / "text.parquet")
    source().drop(columns="hour").to_parquet(tmp_path / "less.parquet", index=False)
    with pytest.raises(BadInput, match="the column 'hour' is missing"):
        transform(tmp_path / "less.parquet")
    frame = source().astype({"distance": object})
    frame["distance"] = ["far" if place == 150 else "1" for place in range(len(frame))]
    frame.to_parquet(tmp_path / "far.parquet", row_group_size=100, index=False)
    with pytest.raises(BadInput, match="in what begins at row 101: row 51, column 'distance': 'far' is not a number"):
        transform(tmp_path / "far.parquet")
    monkeypatch.setattr(sources, "ROWS", 40)
    with pytest.raises(BadInput, match="at row 101: 40 rows further on: row 11, column 'distance'"):
        transform(tmp_path / "far.parquet")


def test_wrong_columns_of_a_csv_are_told_before_anything_is_filed(ws: Workspace, rows: Path, tmp_path: Path) -> None:
    for text, why in (
        ("distance,hour,wet\n1,2,true\n", "the column 'carrier' is missing"),
        ("distance,hour,wet\n", "the column 'carrier' is missing"),
        ("distance,hour,carrier,wet,colour\n1,2,AA,true,red\n", "no column 'colour'"),
        ("1,2\n", "the rows have 2 values where the model takes 4"),
    ):
        (tmp_path / "wrong.csv").write_text(text)
        with pytest.raises(BadInput, match=why):
            ws.action("transform", model="late@1", input=str(tmp_path / "wrong.csv"), output=str(tmp_path / "o.csv"))
    (tmp_path / "wrong.csv").write_text(rows.read_text(), encoding="utf-16")
    with pytest.raises(BadInput, match="not utf-8") as wrong:
        ws.action("transform", model="late@1", input=str(tmp_path / "wrong.csv"), output=str(tmp_path / "o.csv"))
    assert str(wrong.value.where).endswith("wrong.csv")
    assert ws.action("job ls") == []
