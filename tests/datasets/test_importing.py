"""An import makes one whole version, the same one for the same bytes, in bounded memory, or nothing."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.datasets import importing, records
from cupola.datasets.records import DatasetVersion, ImportOptions, Settings
from cupola.errors import BadInput, BadName, CupolaError, DiskTrouble, ReadOnly
from cupola.store import Store, files
from cupola.store import records as stored
from cupola.workspace import Workspace


def run(store: Store, path: Path, name: str = "d", **options: Any) -> DatasetVersion:
    return importing.run(store, name, path, ImportOptions(**options), lambda *_: None)


def everything(store: Store) -> list[str]:
    kept = (".cupola/claims", ".cupola/feed", ".cupola/staging")
    found = (str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.startswith(kept))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "cities.csv"
    path.write_text("zip,city,n,day\n01234,Oslo,1,2020-01-01\n91234,Bergen,,2020-01-02\n01234,Oslo,3,\n")
    return path


def test_a_version_says_what_it_holds_and_where_it_came_from(store: Store, table: Path) -> None:
    version = run(store, table, target="n", roles={"zip": "id"}, types={"city": "text"})
    assert [(one.name, one.type, one.role, one.missing, one.distinct) for one in version.columns] == [
        ("zip", "category", "id", 0, 2), ("city", "text", "feature", 0, 2), ("n", "integer", "target", 1, 2),
        ("day", "date", "feature", 1, 2),
    ]  # fmt: skip
    assert (version.dataset, version.version, version.rows, version.target) == ("d", 1, 3, "n")
    assert version.sha256 == hashlib.sha256(table.read_bytes()).hexdigest()
    assert (version.source, version.source_format, version.bytes) == (str(table), "csv", table.stat().st_size)
    data = records.data_path(store, version)
    assert version.data_sha256 == hashlib.sha256(data.read_bytes()).hexdigest()
    assert pq.read_table(data)["zip"].to_pylist() == ["01234", "91234", "01234"]
    assert records.preview(store, version).rows[0] == ["01234", "Oslo", 1, "2020-01-01"]
    assert [one.name for one in records.profile(store, version).columns] == ["zip", "city", "n", "day"]


def test_the_same_bytes_with_the_same_options_are_the_same_version(store: Store, table: Path, tmp_path: Path) -> None:
    first = run(store, table, target="n")
    copy = tmp_path / "copy of it"
    copy.write_bytes(table.read_bytes())
    before = everything(store)
    assert run(store, copy, target="n").ref == first.ref
    assert everything(store) == before
    assert run(store, table, target="zip").version == 2
    table.write_text(table.read_text() + "99999,Rome,4,\n")
    assert run(store, table, target="n").version == 3
    assert run(store, copy, "other", target="n").version == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.tuples(st.integers(), st.text(alphabet="abc", min_size=1)), min_size=1, max_size=5))
def test_the_same_content_twice_is_one_version_whatever_it_is(store: Store, tmp_path: Path, content: list[Any]) -> None:
    path = tmp_path / "given"
    path.write_text("a,b\n" + "".join(f"{number},{text}\n" for number, text in content))
    assert run(store, path).ref == run(store, path).ref


def test_two_imports_of_the_same_bytes_at_once_are_one_version(store: Store, table: Path) -> None:
    found: list[str] = []
    both = [threading.Thread(target=lambda: found.append(run(Store.open(store.root), table).ref)) for _ in range(3)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(found) == 3 and len(set(found)) == 1
    assert len(records.versions(store, "d")) == 1


def test_an_import_that_fails_leaves_nothing(store: Store, tmp_path: Path) -> None:
    before = everything(store)
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n" + "1,2\n" * 500_000 + "1\n")
    with pytest.raises(BadInput, match="line 500002, column 2: the line has 1 field"):
        run(store, path)
    with pytest.raises(BadName):
        run(store, path, "../x")
    assert everything(store) == before and files.listing(store, ".cupola/staging") == []


def test_a_failure_while_writing_leaves_nothing(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n" + "1,2\n" * 500_000 + "1,x\n")
    with pytest.raises(BadInput, match="line 500002, column b: 'x' cannot be read as an integer"):
        run(store, path, types={"b": "integer"})
    assert "datasets" not in everything(store) and files.listing(store, ".cupola/staging") == []


def test_a_readonly_workspace_is_not_written(store: Store, table: Path) -> None:
    with pytest.raises(ReadOnly):
        run(Store.open(store.root, readonly=True), table)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_one_sentence_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        store = Workspace.init(disk / "workspace").store
        before = everything(store)
        path = tmp_path / "random.csv"
        path.write_text("a\n" + "".join(f"{os.urandom(30).hex()}\n" for _ in range(60_000)))
        with pytest.raises(DiskTrouble, match="the disk is full"):
            run(store, path)
        assert everything(store) == before and files.listing(store, ".cupola/staging") == []
        path.write_text("a\n1\n")
        assert run(store, path).version == 1
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_what_dataset_toml_says_counts_for_a_new_version(store: Store, table: Path) -> None:
    said = Settings(description="towns", target="n", roles={"zip": "id", "gone": "ignore"})
    records.change_settings(store, "d", lambda _: said)
    version = run(store, table)
    assert version.target == "n" and version.columns[0].role == "id"
    assert run(store, table, target="city", roles={"zip": "group"}).target == "city"
    newest = records.find(store, "d")
    assert {one.name: one.role for one in newest.columns} == {
        "zip": "group",
        "city": "target",
        "n": "feature",
        "day": "feature",
    }


def test_what_is_said_later_counts_for_versions_that_are_there(store: Store, table: Path) -> None:
    run(store, table, target="n", roles={"zip": "group"})
    records.change_settings(store, "d", lambda _: Settings(target="city", roles={"day": "time"}))
    found = records.find(store, "d@1")
    assert found.target == "city"
    assert {one.name: one.role for one in found.columns} == {
        "zip": "group",
        "city": "target",
        "n": "feature",
        "day": "time",
    }


def test_progress_rises_to_the_end(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("a,b\n" + "".join(f"{number},text {number % 7}\n" for number in range(700_000)))
    told: list[tuple[float, str]] = []
    importing.run(store, "d", path, ImportOptions(), lambda fraction, message: told.append((fraction, message)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and 0 < fractions[0] < 0.45 and fractions[-1] > 0.9
    assert list(dict.fromkeys(message for _, message in told)) == ["reading", "writing", "profiling"]


MEASURE = """
import resource, sys
from pathlib import Path
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.store import Store
version = importing.run(Store.open(sys.argv[1]), "big", Path(sys.argv[2]), ImportOptions(), lambda *_: None)
print(version.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(store: Store, tmp_path: Path) -> None:
    peaks = []
    block = "".join(
        f"{number},{number * 7919 % 100003 / 7},city {number % 977},note {number}\n" for number in range(100_000)
    )
    for times in (6, 48):
        path = tmp_path / "big.csv"
        with path.open("w") as file:
            file.write("a,b,c,d\n")
            for _ in range(times):
                file.write(block)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, store.root, path], capture_output=True, text=True, check=True, timeout=200
        )
        rows, kilobytes = map(int, done.stdout.split())
        assert rows == times * 100_000
        peaks.append(kilobytes / 1024)
    assert path.stat().st_size > 150_000_000
    assert peaks[1] < peaks[0] + 120, f"MB at 20 MB and at 160 MB: {peaks}"


def test_version_files_are_plain_json(store: Store, table: Path) -> None:
    version = run(store, table)
    for name in ("version.json", "profile.json", "preview.json"):
        assert isinstance(msgspec.json.decode(files.read_bytes(store, f"{version.directory}/{name}")), dict)
    assert stored.read(store, f"{version.directory}/version.json", DatasetVersion).version == 1


def test_every_error_of_an_import_is_one_for_the_user(store: Store, tmp_path: Path) -> None:
    with pytest.raises(CupolaError):
        run(store, tmp_path / "gone.csv")
