"""A registration or an approval that is killed at any call leaves what was there or what was wanted, whole."""

from pathlib import Path
from typing import Any

from tests.faults.kill_at_call import Killer, every_call

from cupola.store import files
from cupola.workspace import Workspace

from .conftest import finished


def test_a_killed_registration_leaves_no_version_or_a_whole_one(home: Path, tmp_path: Path) -> None:
    runs: dict[Path, str] = {}

    def prepare() -> tuple[Path, list[Any]]:
        root = tmp_path / f"ws{len(runs)}"
        ws = Workspace.init(root)
        runs[root] = finished(ws.store).id
        ws.action("model register", run=runs[root], name="late")
        return root, [runs[root]]

    def check(root: Path, killed: bool) -> None:
        ws = Workspace.open(root)
        found = ws.action("model ls", name="late")
        assert len(found) in ((1, 2) if killed else (2,))
        assert all(ws.action("model verify", model=one.ref).ok for one in found)
        again = ws.action("model register", run=runs[root], name="late")
        assert again.version > found[0].version
        assert files.listing(ws.store, ".cupola/staging") == []

    with Killer(tmp_path, "tests.registry.operations:register") as killer:
        assert every_call(killer, prepare, check, half=True) > 10


def test_a_killed_approval_is_there_or_not(home: Path, tmp_path: Path) -> None:
    made: list[Path] = []

    def prepare() -> tuple[Path, list[Any]]:
        made.append(tmp_path / f"ws{len(made)}")
        ws = Workspace.init(made[-1])
        return made[-1], [ws.action("model register", run=finished(ws.store).id, name="late").ref]

    def check(root: Path, killed: bool) -> None:
        state = Workspace.open(root).action("model show", model="late")
        assert state.status in (("PendingManualApproval", "Approved") if killed else ("Approved",))
        assert Workspace.open(root).action("model reject", model="late").status == "Rejected"

    with Killer(tmp_path, "tests.registry.operations:approve") as killer:
        assert every_call(killer, prepare, check, half=True) > 2
