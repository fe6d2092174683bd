"""What a job keeps for its next attempt."""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from cupola.jobs import keeping
from cupola.jobs.keeping import MAC, Kept
from cupola.workspace import Workspace

ROWS = "rows 1"


class Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (Path.touch, (self.file,))


def attempt(workspace: Workspace, job: str = "one") -> Any:
    found = SimpleNamespace(id=job, attempt=lambda number: f"jobs/2026-01/one/attempts/{number}")
    return SimpleNamespace(store=workspace.store, job=found, number=2)


def test_what_was_kept_is_had_back_by_the_same_job_of_the_same_things(workspace: Workspace) -> None:
    first = Kept(attempt(workspace), ROWS)
    assert not first
    first["light/../large", 1] = np.arange(3.0)
    first["spent"] = 1.0
    first["spent"] = 2.5
    again = Kept(attempt(workspace), ROWS)
    assert again["light/../large", 1].tolist() == [0, 1, 2]
    assert (again["spent"], len(again)) == (2.5, 2)
    assert Kept(attempt(workspace), "rows 2") == {}
    assert Kept(attempt(workspace, "another"), ROWS) == {}
    keeping.forget(attempt(workspace))
    assert Kept(attempt(workspace), ROWS) == {}


def test_what_was_made_of_something_else_is_never_unpickled(workspace: Workspace, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    Kept(attempt(workspace), ROWS)["linear"] = Touching(seen)
    assert Kept(attempt(workspace), "rows 2") == {}
    assert not seen.exists()
    Kept(attempt(workspace), ROWS)
    assert seen.exists(), "what is of the same is"


def test_what_this_user_has_not_signed_is_never_unpickled(workspace: Workspace, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    kept = Kept(attempt(workspace), ROWS)
    kept["linear"] = 1
    directory = workspace.root / kept.directory
    (whole,) = directory.iterdir()
    signed = whole.read_bytes()
    whole.write_bytes(signed[:MAC] + pickle.dumps(Touching(seen)))
    (directory / "short").write_bytes(b"x")
    (directory / "other").write_bytes(b"\x1b" * MAC + pickle.dumps(Touching(seen)))
    assert Kept(attempt(workspace), ROWS) == {}
    assert not seen.exists()
