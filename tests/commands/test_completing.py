"""What Tab offers, in words and in real shells."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cupola.store import files
from cupola.workspace import Workspace
from cupola_tui.commands.completion import SCRIPTS

Cupola = Callable[..., tuple[int, str, str]]


@pytest.fixture
def offers(cupola: Cupola, workspace: Workspace) -> Callable[..., list[str]]:
    """What is offered for the last word."""
    for name in ("late-flights", "late-trains", "churn"):
        files.make_dir(workspace.store, f"endpoints/{name}")
    files.write_bytes(workspace.store, "datasets/flights/dataset.toml", b"format = 1\n")

    def ask(*words: str) -> list[str]:
        status, out, err = cupola("_complete", "--", *words)
        assert (status, err) == (0, "")
        return out.split()

    return ask


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["da"], ["dataset"]),
        (["in"], ["init"]),
        (["dataset", "i"], ["import"]),
        (["endpoint", "show", "late-"], ["late-flights", "late-trains"]),
        (["--readonly", "endpoint", "show", "ch"], ["churn"]),
        (["endpoint", "update", "churn", "--wo"], ["--workers"]),
        (["endpoint", "deploy", "m", "--mode", ""], ["realtime", "serverless", "asynchronous"]),
        (["dataset", "show", "--json", "fl"], ["flights"]),
        (["job", "submit", "--", "pyth"], [":"]),
        (["dataset", "import", ""], [":"]),
        (["dataset", "import", "x.csv", "--na"], ["--name"]),
        (["completion", "z"], ["zsh"]),
        (["nothing", "x"], [":"]),
        (["dataset", "nothing", ""], []),
        (["endpoint", "show", "churn", "--readonly", "--read"], []),
    ],
)
def test_what_is_offered(offers: Callable[..., list[str]], words: list[str], offered: list[str]) -> None:
    assert offers(*words) == offered


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("stat", ["status"]),
        ("params.l", ["params.lr"]),
        ("lr", ["params.lr"]),
        ("'name = tw", ["name = two"]),
        ('"name = one and us', ["name = one and user"]),
        ("(", []),
    ],
)
def test_filters_are_completed_from_what_the_runs_hold(
    offers: Callable[..., list[str]], workspace: Workspace, typed: str, offered: list[str]
) -> None:
    from tests.experiments.conftest import leave, run

    for number, name in enumerate(("one", "two")):
        leave(workspace.store, run(number, name=name, params={"lr": number}))
    assert offers("run", "ls", "--filter", typed)[: len(" ".join(offered).split())] == " ".join(offered).split()
    assert offers("run", "ls", "--sort", "params") == ["params.lr", "params.lr:desc"]


def test_nothing_is_said_where_there_is_no_workspace(
    offers: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert offers("endpoint", "show", "") == []


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_completes(offers: Callable[..., list[str]], workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "cupola").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m cupola_tui "$@"\n')
    (tmp_path / "cupola").chmod(0o755)
    program = SCRIPTS["bash"] + (
        'COMP_WORDS=(cupola endpoint show late-); COMP_CWORD=3; _cupola; echo "${COMPREPLY[@]}"\n'
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", program], cwd=workspace.root, env=os.environ | {"PATH": path}, capture_output=True, text=True,
        timeout=180, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["late-flights", "late-trains"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_of_each_shell_is_understood_by_it(cupola: Cupola, shell: str) -> None:
    status, out, _ = cupola("completion", shell)
    assert status == 0
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=out, text=True, timeout=180, check=True)
