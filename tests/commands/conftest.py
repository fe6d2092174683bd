"""The command line on a workspace without an agent, and on a domain of toys."""

import shlex
from collections.abc import Callable

import pytest

from cupola import actions
from cupola.workspace import Workspace
from cupola_tui.commands import main

Result = tuple[int, str, str]


@pytest.fixture
def cupola(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Runs a command line in the workspace: (exit status, what it wrote, what it complained)."""
    monkeypatch.setitem(actions.DOMAINS, "toy", "tests.commands.toys")
    monkeypatch.chdir(workspace.root)

    def run(*words: str) -> Result:
        status = main(shlex.split(words[0]) if len(words) == 1 else list(words))
        written = capsys.readouterr()
        return status, written.out, written.err

    return run
