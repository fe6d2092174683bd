"""An import that is killed at any of its file system calls leaves the old state or the new one."""

import itertools
import shutil
from pathlib import Path

import pytest
from tests.datasets import operations
from tests.faults.kill_at_call import Killer, every_call

from cupola.datasets import records
from cupola.store import Store, files
from cupola.workspace import Workspace


@pytest.mark.parametrize("half", [False, True])
def test_a_killed_import_leaves_nothing_or_a_whole_version(home: Path, tmp_path: Path, half: bool) -> None:
    source = tmp_path / "cities.csv"
    source.write_text("a,b\n1,x\n2,y\n")
    pattern = Workspace.init(tmp_path / "pattern").store
    fresh = (tmp_path / str(number) for number in itertools.count())

    def prepare() -> tuple[Path, list[object]]:
        root = next(fresh)
        shutil.copytree(pattern.root, root)
        return root, [str(source)]

    def check(root: Path, killed: bool) -> None:
        store = Store(root)
        found = records.versions(store, "cities")
        assert len(found) == 1 or (killed and not found)
        operations.import_file(str(root), str(source))
        (version,) = records.versions(store, "cities")
        assert files.listing(store, version.directory) == [
            "data.parquet",
            "preview.json",
            "profile.json",
            "version.json",
        ]
        assert (version.rows, records.preview(store, version).rows) == (2, [[1, "x"], [2, "y"]])
        assert files.listing(store, ".cupola/staging") == []

    with Killer(tmp_path, "tests.datasets.operations:import_file") as killer:
        assert every_call(killer, prepare, check, half=half) > 10
