"""A query reads the datasets that it names, and reaches nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from cupola.actions import run
from cupola.datasets import importing, querying, records
from cupola.datasets.records import ImportOptions
from cupola.errors import BadOption, NotFound, WorkFailed
from cupola.store import Store
from cupola.workspace import Workspace


@pytest.fixture
def cities(store: Store, tmp_path: Path) -> Store:
    for rows in ("Oslo,1\nBergen,3\n", "Oslo,1\nBergen,3\nRome,2\n,\n"):
        (tmp_path / "cities.csv").write_text("city,n\n" + rows)
        importing.run(store, "cities", tmp_path / "cities.csv", ImportOptions(), lambda *_: None)
    return store


def test_datasets_are_tables_by_their_names(cities: Store) -> None:
    found = querying.sql(cities, "SELECT count(*) AS rows, sum(n) AS n FROM cities", 10)
    assert (found.columns, found.types, found.rows, found.truncated) == (
        ["rows", "n"],
        ["integer", "number"],
        [[4, 6]],
        False,
    )
    assert querying.sql(cities, 'SELECT count(*) FROM "cities@1"', 10).rows == [[2]]
    assert querying.sql(cities, "FROM cities ORDER BY n DESC NULLS LAST", 2).rows == [["Bergen", 3], ["Rome", 2]]


def test_a_cut_answer_says_so(cities: Store) -> None:
    found = querying.sql(cities, "SELECT * FROM range(100000)", 10)
    assert (len(found.rows), found.truncated) == (10, True)
    assert not querying.sql(cities, "SELECT * FROM range(10)", 10).truncated


def test_a_preview_filters_and_sorts(cities: Store) -> None:
    version = records.find(cities, "cities")
    assert querying.preview(cities, version, 10, "n:desc", "n > 1").rows == [["Bergen", 3], ["Rome", 2]]
    assert querying.preview(cities, version, 1, None, None).rows == [["Oslo", 1]]
    assert querying.preview(cities, version, 9, "city", None).rows[-1] == [None, None]
    with pytest.raises(BadOption, match="'z', which is not there"):
        querying.preview(cities, version, 1, "z", None)
    with pytest.raises(BadOption):
        querying.preview(cities, version, 1, None, "n >")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM glob('/*')",
        "SELECT getenv('HOME')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "COPY cities TO '{secret}'",
        "COPY (SELECT 1) TO '{data}'",
        "ATTACH '{secret}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "DROP VIEW cities",
        "CREATE TABLE t AS SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM cities",
        "SELEC 1",
        "",
    ],
)
def test_what_is_no_question_to_the_datasets_is_refused(cities: Store, tmp_path: Path, query: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nsecret\n")
    data = records.data_path(cities, records.find(cities, "cities"))
    before = data.read_bytes()
    with pytest.raises(BadOption) as caught:
        querying.sql(cities, query.format(secret=secret, data=data), 10)
    assert "\n" not in caught.value.message and "secret\n" not in str(caught.value)
    assert secret.read_text() == "a\nsecret\n" and data.read_bytes() == before


def test_memory_is_bounded(cities: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(querying, "MEMORY", "20MB")
    with pytest.raises(WorkFailed, match="more than 20MB of memory"):
        querying.sql(cities, "SELECT count(DISTINCT a.range * b.range) FROM range(3000) a, range(3000) b", 10)


def test_a_version_that_is_not_there(cities: Store) -> None:
    with pytest.raises(NotFound):
        querying.sql(cities, 'SELECT 1 FROM "cities@7"', 10)


def test_columns_that_differ_only_in_case_are_told_apart(store: Store, tmp_path: Path) -> None:
    (tmp_path / "twins.csv").write_text("Age,age,AGE,age_1\n1,x,2024-01-01,7\n2,y,2024-01-02,8\n")
    version = importing.run(store, "twins", tmp_path / "twins.csv", ImportOptions(), lambda *_: None)
    assert version.notes == [
        "column age: another differs only in case, so SQL calls it age_2",
        "column AGE: another differs only in case, so SQL calls it AGE_3",
    ]
    profile = {one.name: (one.type, one.max) for one in records.profile(store, version).columns}
    assert profile == {
        "Age": ("integer", 2), "age": ("category", None), "AGE": ("date", "2024-01-02"), "age_1": ("integer", 8)
    }  # fmt: skip
    found = querying.preview(store, version, 10, "AGE:desc", "age_2 = 'y'")
    assert (found.columns, found.rows) == (["Age", "age", "AGE", "age_1"], [[2, "y", "2024-01-02", 8]])
    assert querying.sql(store, "SELECT age_2, AGE_3 FROM twins", 1).rows == [["x", "2024-01-01"]]


def test_two_columns_of_one_name_are_both_in_the_answer(cities: Store) -> None:
    found = querying.sql(cities, "SELECT 1 AS a, 2 AS a FROM cities", 1)
    assert (found.columns, found.rows) == (["a", "a_1"], [[1, 2]])


@pytest.mark.parametrize(
    "query",
    ["SELECT repeat('x', 1000000000) FROM range(3)", "SELECT i, repeat('y', 100000) FROM range(1000000) t(i)"],
    ids=["long texts", "many rows"],
)
def test_an_answer_that_is_too_large_is_one_sentence(
    cities: Store, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    small = "import sys; import cupola.datasets.__main__ as it; it.MEMORY = 1 << 29; it.main(['answer'])"
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **more: popen([sys.executable, "-c", small], **more))
    with pytest.raises(WorkFailed, match=r"memory|cannot be held"):
        run(Workspace.open(cities.root), "dataset sql", query=query, limit=1_000_000)
