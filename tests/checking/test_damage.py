"""Whatever happens to any one file: it is found, or nobody who reads the workspace sees a difference."""

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.checking import survey
from cupola.errors import CupolaError, NotFound
from cupola.store import files
from cupola.workspace import Workspace

from .conftest import copy

JUNK = (
    b"",
    b"\0" * 5000,
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"format": 99}',
    b"[" * 5000,
    b'{"id": "\\ud800", "revision": -1, "name": {"a": 1}}\n',
)
# What people say of records lies in journals, and no checksum tells one value there from another (docs/promises.md).
SAYINGS = (".cupola/notes/", "models/")
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
def whole(ws: Workspace) -> dict[str, Any]:
    """What readers see while nothing is damaged."""
    return seen(ws)


def works(ws: Workspace) -> None:
    """All lists answer, and of each record that they name it is told what it is or, in a sentence, why not."""
    for name in LISTS:
        kind = name.split()[0]
        for one in ws.action(name):
            with contextlib.suppress(CupolaError):
                ws.action(f"{kind} show", **{kind: getattr(one, "ref", None) or getattr(one, "id", None) or one.name})
    for name in ("activity", "tag ls", "who", "access"):
        ws.action(name)
    ws.action("find", query="flights")


@pytest.fixture
def paths(still: Path) -> list[str]:
    every = (one.relative_to(still).as_posix() for one in still.rglob("*") if one.is_file())
    return sorted(one for one in every if one not in (".gitattributes", ".gitignore", "script.py"))


def damage(path: Path, how: str, where: float, bit: int) -> None:
    data = bytearray(path.read_bytes())
    at = int(where * len(data))
    if how == "delete":
        path.unlink()
    elif how == "truncate":
        path.write_bytes(data[:at])
    elif how == "junk":
        path.write_bytes(JUNK[bit])
    elif data:
        data[min(at, len(data) - 1)] ^= 1 << bit
        path.write_bytes(data)


def _ends_early(path: Path) -> bool:
    """Whether a journal has merely fewer entries now, or is gone: no file says how many there were."""
    return not path.exists() or path.read_bytes().endswith(b"\n")


@settings(max_examples=35, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.floats(0, 1, exclude_max=True),
    how=st.sampled_from(["flip", "truncate", "junk"]),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_damage_to_any_file_is_found_or_harmless(
    still: Path,
    paths: list[str],
    whole: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    which: float,
    how: str,
    where: float,
    bit: int,
) -> None:
    monkeypatch.setattr(survey, "SETTLE", 0.0)
    _is_found_or_harmless(still, paths[int(which * len(paths))], whole, how, where, bit)


def test_the_loss_of_any_one_file_is_found_or_harmless(
    still: Path, paths: list[str], whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "SETTLE", 0.0)
    for path in paths:
        _is_found_or_harmless(still, path, whole, "delete")


def _is_found_or_harmless(
    still: Path, path: str, whole: dict[str, Any], how: str, where: float = 0.0, bit: int = 0
) -> None:
    directory = Path(tempfile.mkdtemp(prefix="cuc-", dir="/tmp"))
    try:
        ws = copy(still, directory / "ws")
        damage(ws.root / path, how, where, bit)
        if how != "flip" and path.endswith(".jsonl") and _ends_early(ws.root / path):
            return
        if path == "workspace.toml" and how == "delete":
            with pytest.raises(NotFound):
                Workspace.open(ws.root)
            return
        opened = Workspace.open(ws.root)
        found = opened.action("check")
        if path == "workspace.toml" and found.problems:  # who may mend something stands in it
            with pytest.raises(CupolaError, match=r"workspace\.toml|newer"):
                opened.action("check", repair=True)
            return
        if found.problems or found.notes:
            left = opened.action("check", repair=True).problems
            assert not [one for one in left if one.repairable], left
            again = Workspace.open(ws.root).action("check").problems
            assert {(one.kind, one.path) for one in again} == {(one.kind, one.path) for one in left}
            works(Workspace.open(ws.root))
            return
        if how == "flip" and path.startswith(SAYINGS) and path.endswith(".jsonl"):
            return
        assert seen(Workspace.open(ws.root)) == whole, f"{how} of {path} was not found"
    finally:
        shutil.rmtree(directory, ignore_errors=True)
