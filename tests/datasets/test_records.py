"""References to versions, and what is loaded to read them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cupola.datasets import importing, records
from cupola.datasets.records import ImportOptions
from cupola.errors import Ambiguous, BadName, Corrupt, NotFound
from cupola.store import Store

HEAVY = ["numpy", "pandas", "pyarrow", "duckdb", "sklearn", "scipy", "joblib", "skops", "asyncio", "tomlkit"]


@pytest.fixture
def two(store: Store, tmp_path: Path) -> Store:
    for name, content in (("d", "a\n1\n"), ("d", "a\n2\n"), ("e", "a\n1\n")):
        (tmp_path / "given.csv").write_text(content)
        importing.run(store, name, tmp_path / "given.csv", ImportOptions(), lambda *_: None)
    return store


def test_references(two: Store) -> None:
    newest = records.find(two, "d")
    assert newest.version == 2 and newest.ref == f"d@2-{newest.id}"
    assert records.find(two, newest.ref) == records.find(two, f"d@2-{newest.id[:2]}") == newest
    assert records.find(two, "d@1").version == 1
    assert [one.ref for one in records.latest(two)] == [newest.ref, records.find(two, "e").ref]
    assert [one.version for one in records.versions(two, "d")] == [1, 2]


@pytest.mark.parametrize("ref", ["x", "d@7", "d@champion", "e@2"])
def test_what_is_not_there(two: Store, ref: str) -> None:
    with pytest.raises(NotFound):
        records.find(two, ref)


@pytest.mark.parametrize("ref", ["../x", "", "d@1@2", "d/1"])
def test_what_is_no_reference(two: Store, ref: str) -> None:
    with pytest.raises(BadName):
        records.find(two, ref)


def test_two_versions_of_one_number_are_told_apart(two: Store) -> None:
    version = records.find(two, "d@2")
    copy = two.root / version.directory
    shutil.copytree(copy, copy.with_name("2-zzzz"))
    with pytest.raises(Ambiguous, match="version 2"):
        records.find(two, "d@2")
    assert records.find(two, version.ref).ref == version.ref


@pytest.mark.parametrize("content", [b"", b'{"format": 1, "id": "a', b"\0\xff" * 50, b"[1, 2]"])
@pytest.mark.parametrize("file", ["version.json", "dataset.toml"])
def test_what_cannot_be_read_hides_no_other_dataset(two: Store, file: str, content: bytes) -> None:
    broken = records.find(two, "d")
    where = broken.directory if file == "version.json" else "datasets/d"
    (two.root / where / file).write_bytes(content or b"\xff")
    listed = {one.name: one for one in records.latest(two)}
    assert list(listed) == ["d", "e"] and listed["d"].ref == broken.ref
    assert file in listed["d"].notes[0] and not listed["e"].notes
    with pytest.raises(Corrupt, match=file):
        records.find(two, "d")


@pytest.mark.parametrize("module", ["cupola.datasets.records", "cupola.datasets.actions"])
def test_looking_at_datasets_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
