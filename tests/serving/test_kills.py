"""A deployment, an update or a removal that is killed at any call leaves the old wish or the new one, signed."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.faults.kill_at_call import Killer, every_call

from cupola.serving import records
from cupola.store import files
from cupola.workspace import Workspace


@pytest.mark.parametrize("existing", [False, True])
def test_a_killed_deployment(ws: Workspace, registered: list[str], tmp_path: Path, existing: bool) -> None:
    if existing:
        ws.action("endpoint deploy", model=registered[0], name="e")
    fresh = (tmp_path / f"copy{number}" for number in itertools.count())

    def prepare() -> tuple[Path, list[Any]]:
        root = next(fresh)
        shutil.copytree(ws.root, root)
        return root, [registered[1]]

    def check(root: Path, killed: bool) -> None:
        copy = Workspace.open(root)
        served = [one.variants[0].model for one in copy.action("endpoint ls")]
        before = [registered[0]] if existing else []
        assert served == [registered[1]] or (killed and served == before)
        assert records.wanted(copy.store) == ["e"] * len(served)
        copy.action("endpoint deploy", model=registered[0], name="e")
        assert records.wanted(copy.store) == ["e"]
        shutil.rmtree(root)

    with Killer(tmp_path, "tests.serving.operations:deploy") as killer:
        assert every_call(killer, prepare, check, half=True) > 5


def test_a_killed_removal(ws: Workspace, registered: list[str], tmp_path: Path) -> None:
    ws.action("endpoint deploy", model=registered[0], name="e")
    fresh = (tmp_path / f"copy{number}" for number in itertools.count())

    def prepare() -> tuple[Path, list[Any]]:
        root = next(fresh)
        shutil.copytree(ws.root, root)
        return root, []

    def check(root: Path, killed: bool) -> None:
        copy = Workspace.open(root)
        there = len(copy.action("endpoint ls"))
        assert there == 0 or killed
        assert there + len(files.discarded(copy.store)) == 1
        shutil.rmtree(root)

    with Killer(tmp_path, "tests.serving.operations:rm") as killer:
        every_call(killer, prepare, check)
