"""What every test gets: homes of its own, so that no test meets another's agent, keys, caches or slots."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cupola.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parents[1]))  # the rigs: `from tests.faults.sshfs import mounted`

HOMES = {
    "CUPOLA_RUNTIME_DIR": "runtime",
    "CUPOLA_SLOTS_DIR": "slots",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private home (short, for the sake of socket names); an agent that was started in it is stopped at the end."""
    yield from _home(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Path]:
    """A home that the tests of a module share, and with it one agent: for those that are not about the agent itself."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from _home(monkeypatch)


def _home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="cu-", dir="/tmp"))
    for variable, name in HOMES.items():
        monkeypatch.setenv(variable, str(directory / name))
    try:
        yield directory
    finally:
        if (directory / "runtime" / "agent.json").exists():
            command = [sys.executable, "-m", "cupola.agent", "stop", "--jobs"]
            subprocess.run(command, env=os.environ, timeout=60, capture_output=True, check=False)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def workspace(home: Path, tmp_path: Path) -> Workspace:
    """A new workspace, in a directory of its own."""
    return Workspace.init(tmp_path / "workspace")
