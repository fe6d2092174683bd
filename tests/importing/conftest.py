"""What the real tools have kept, and imports of it in this process, or as the jobs that they are."""

import gzip
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cupola.experiments import histories
from cupola.experiments.records import Run
from cupola.importing.records import Imported
from cupola.importing.work import Work
from cupola.workspace import Workspace

KEPT = Path(__file__).with_name("kept")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of what lies in `kept/`, which tests may damage."""
    copied = shutil.copytree(KEPT, tmp_path / "kept")
    for packed in copied.glob("*.db.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    return copied


def bring(workspace: Workspace, reader: ModuleType, path: Path) -> Imported:
    """Imports in this process, as the job does."""
    done: Imported = reader.bring(Work(workspace.store), path)
    return done


def runs(workspace: Workspace) -> dict[str, Run]:
    """The runs by their name."""
    return {one.name: one for one in workspace.action("run ls")}


def history(workspace: Workspace, run: Run) -> dict[str, list[tuple[int | None, str]]]:
    """Step and value of all that was logged, by name."""
    found: dict[str, Any] = {}
    for one in histories.of_run(workspace.store, run).logged:
        found.setdefault(one.name, []).append((one.step, str(one.number)))
    return found
