"""Whatever happens to any one file: it is found, or nobody who reads the workspace sees a difference."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.checking import survey
from cupola.errors import CupolaError
from cupola.store import files
from cupola.workspace import Workspace

from .conftest import copy

LISTS = ("dataset ls", "run ls", "job ls", "model ls", "endpoint ls")


def seen(ws: Workspace) -> dict[str, Any]:
    """What readers see: how many records of each kind, what was said of them, and that all models are whole."""
    found: dict[str, Any] = {name: len(ws.action(name)) for name in LISTS}
    models = ws.action("model ls")
    found["approvals"] = sum(len(one.approvals) for one in models)
    found["aliases"] = sum(len(one.aliases) for one in models)
    found["whole"] = [ws.action("model verify", model=one.ref).ok for one in models]
    found["tags"] = sorted(tag for run in ws.action("run ls") for tag in run.tags)
    found["statuses"] = sorted(one.status for name in ("run ls", "job ls") for one in ws.action(name))
    found["metrics"] = [len(ws.action("run metrics", run=one.id)) for one in ws.action("run ls")]
    found["trash"] = len(files.discarded(ws.store))
    found["profile"] = ws.action("dataset profile", dataset="flights").rows
    return found


@pytest.fixture
def paths(still: Path) -> list[str]:
    every = (one.relative_to(still).as_posix() for one in still.rglob("*") if one.is_file())
    return sorted(one for one in every if one not in (".gitignore", "script.py"))


def damage(path: Path, how: str, where: float, bit: int) -> None:
    data = bytearray(path.read_bytes())
    at = int(where * len(data))
    if how == "delete":
        path.unlink()
    elif how == "truncate":
        path.write_bytes(data[:at])
    elif data:
        data[min(at, len(data) - 1)] ^= 1 << bit
        path.write_bytes(data)


def _ends_early(path: Path) -> bool:
    """Whether a journal has merely fewer entries now, or is gone: no file says how many there were."""
    return not path.exists() or path.read_bytes().endswith(b"\n")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.floats(0, 1, exclude_max=True),
    how=st.sampled_from(["flip", "truncate", "delete"]),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_damage_to_any_file_is_found_or_harmless(
    still: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch, which: float, how: str, where: float, bit: int
) -> None:
    monkeypatch.setattr(survey, "SETTLE", 0.0)
    path = paths[int(which * len(paths))]
    directory = Path(tempfile.mkdtemp(prefix="cuc-", dir="/tmp"))
    try:
        ws = copy(still, directory / "ws")
        before = seen(ws)
        damage(ws.root / path, how, where, bit)
        if how != "flip" and path.endswith(".jsonl") and _ends_early(ws.root / path):
            return
        try:
            opened = Workspace.open(ws.root)
        except CupolaError as error:
            assert path == "workspace.toml", error
            return
        found = opened.action("check")
        if found.problems or found.notes:
            opened.action("check", repair=True)
            return
        assert seen(Workspace.open(ws.root)) == before, f"{how} of {path} was not found"
    finally:
        shutil.rmtree(directory, ignore_errors=True)
