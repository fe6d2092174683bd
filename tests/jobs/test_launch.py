import errno
import os
from pathlib import Path
from typing import Any

import pytest

from cupola.jobs import launch
from cupola.jobs.wish import Job
from cupola.workspace import Workspace


def planned(ws: Workspace, directory: Path) -> Any:
    job = Job(
        id="abcdefghij", kind="command", name="x", command=["true"], interpreter="/bin/true",
        directory=str(directory), user="u", host="h", submitted="2026-11-",
    )  # fmt: skip
    return launch.plan(ws.store, job, 1, [], [], 0)


def test_a_directory_that_is_gone_is_not_there(workspace: Workspace, tmp_path: Path) -> None:
    assert planned(workspace, tmp_path / "gone") == f"its directory {tmp_path}/gone is not there"


def test_a_directory_that_the_mount_cannot_show_is_not_called_gone(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.stat

    def lost(path: Any, *given: Any, **more: Any) -> os.stat_result:
        if path == str(tmp_path):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(path, *given, **more)

    monkeypatch.setattr(os, "stat", lost)
    assert "the mount has lost this file" in planned(workspace, tmp_path)
