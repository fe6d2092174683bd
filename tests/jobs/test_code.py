"""Which file of a command is its script, and what is copied of it."""

from pathlib import Path

import pytest

from cupola.errors import BadOption
from cupola.jobs import code
from cupola.jobs.code import changed, script_position, snapshot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src" / "kit").mkdir(parents=True)
    (tmp_path / "src" / "kit" / "__init__.py").write_text("1")
    (tmp_path / "src" / "kit" / "__pycache__").mkdir()
    (tmp_path / "src" / "kit" / "__pycache__" / "x.pyc").write_text("1")
    (tmp_path / "train.py").write_text("print()")
    run = tmp_path / "run.sh"
    run.write_text("#!/bin/sh\n")
    run.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "position"),
    [
        (["python", "train.py", "--x"], 1),
        (["python3.11", "-u", "-W", "default", "train.py"], 4),
        (["/usr/bin/python", "train.py"], 1),
        (["python", "-m", "train"], None),
        (["python", "-c", "print()", "train.py"], None),
        (["python", "missing.py"], None),
        (["bash", "-x", "run.sh"], 2),
        (["./run.sh", "a"], 0),
        (["cat", "train.py"], None),
    ],
)
def test_the_script_of_a_command_is_found(root: Path, command: list[str], position: int | None):
    assert script_position(command, root) == position


def test_script_and_source_are_copied_by_content(root: Path, tmp_path: Path):
    staged = tmp_path / "staged"
    found = snapshot(root, staged, ["python", "train.py"], root)
    assert found is not None
    assert sorted(found.files) == ["src/kit/__init__.py", "train.py"]
    assert (found.script, found.position) == ("train.py", 1)
    assert changed(staged / "code", found) is None
    (staged / "code" / "train.py").write_text("other")
    assert changed(staged / "code", found) == "train.py"


def test_a_script_from_elsewhere_has_a_place_of_its_own(root: Path, tmp_path: Path):
    outside = tmp_path.parent / f"{tmp_path.name}-other.py"
    outside.write_text("print()")
    found = snapshot(root, tmp_path / "staged", ["python", str(outside)], root)
    assert found is not None
    assert found.script == f"script/{outside.name}"


def test_a_program_has_no_code_to_copy(root: Path, tmp_path: Path):
    assert snapshot(root, tmp_path / "staged", ["cat", "train.py"], root) is None


def test_too_much_source_is_refused(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(code, "LIMIT", 100)
    (root / "src" / "big").write_text("x" * 101)
    with pytest.raises(BadOption, match="--live"):
        snapshot(root, tmp_path / "staged", ["python", "train.py"], root)
