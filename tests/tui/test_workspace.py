"""The whole app on a real workspace, through a real terminal: what others do shows with no key pressed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.tui.test_guard import Terminal

from cupola.workspace import Workspace

RUN = "import sys, cupola_tui.app as app; sys.exit(app.run({root!r}))"
IMPORT = """
import sys, cupola.actions
from cupola.workspace import Workspace
cupola.actions.run(Workspace.open({root!r}), "dataset import", source={source!r}, name="rivers", target="flood")
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "rivers.csv"
    path.write_text("level,month,flood\n" + "".join(f"{n / 10},{n % 12},{n % 3 == 0}\n" for n in range(200)))
    return path


def test_an_import_by_another_process_shows_on_the_open_screen(workspace: Workspace, source: Path) -> None:
    terminal = Terminal(code=RUN.format(root=str(workspace.root)))
    try:
        os.write(terminal.descriptor, b"1")
        terminal.until(b"imports a CSV")
        done = subprocess.run(
            [sys.executable, "-c", IMPORT.format(root=str(workspace.root), source=str(source))],
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        terminal.until(b"rivers")
        os.write(terminal.descriptor, b"q")
        assert terminal.until(rb"status=(-?\d+)=") == b"0"
    finally:
        terminal.close()


def test_a_plain_directory_becomes_a_workspace_by_enter(home: Path, tmp_path: Path) -> None:
    terminal = Terminal(code=RUN.format(root=str(tmp_path)))
    try:
        terminal.until(b"Not a workspace yet")
        time.sleep(0.2)
        os.write(terminal.descriptor, b"\r")
        end = time.monotonic() + 180
        while time.monotonic() < end and not (tmp_path / "workspace.toml").exists():
            terminal.read()
        terminal.until(b"imports a CSV")
        assert (tmp_path / "workspace.toml").exists()
    finally:
        terminal.close()


def test_a_reader_that_is_killed_is_started_again(workspace: Workspace) -> None:
    terminal = Terminal(code=RUN.format(root=str(workspace.root)))
    try:
        terminal.until(b"trains a model")
        reader = int(
            subprocess.run(
                ["pgrep", "-P", str(terminal.pid), "-f", "cupola.bridge"], capture_output=True, text=True, check=True
            ).stdout
        )
        os.kill(reader, signal.SIGKILL)
        terminal.until(rb"(?s)starting it again.*agent")
    finally:
        terminal.close()
