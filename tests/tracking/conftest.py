"""Scripts in processes of their own, as people start them."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cupola.experiments import records
from cupola.experiments.records import Run
from cupola.tracking import writer
from cupola.workspace import Workspace

Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    """Leaves nothing to be written for the next test."""
    yield
    writer.finish()


@pytest.fixture
def script(workspace: Workspace, tmp_path: Path) -> Script:
    """Runs the text of a script in the workspace, and gives how it ended; variables are set for it."""

    def run(text: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        path = written(workspace, text)
        return subprocess.run(
            [sys.executable, path.name], cwd=workspace.root, env=os.environ | variables, capture_output=True, text=True,
            timeout=180, check=False,
        )  # fmt: skip

    return run


def written(workspace: Workspace, text: str, name: str = "train.py") -> Path:
    path = workspace.root / name
    path.write_text(textwrap.dedent(text))
    return path


def only(workspace: Workspace, **fields: Any) -> Run:
    """The only run of the workspace, as a reader sees it."""
    found = records.ls(workspace.store)
    assert len(found) == 1, found
    return found[0]
