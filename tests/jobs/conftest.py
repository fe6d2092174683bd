"""A workspace with a running agent: one for each test file, stopped with all that it runs at the file's end."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cupola.jobs import records as jobs
from cupola.jobs.records import JobState
from cupola.store import Store
from cupola.workspace import Workspace

LONG = 180.0  # seconds after which a job that should have ended is taken as hung


@pytest.fixture(scope="module")
def ws(host: Path) -> Workspace:
    return Workspace.init(host / "ws")


@pytest.fixture
def store(ws: Workspace) -> Store:
    return ws.store


Run = Callable[..., JobState]


@pytest.fixture
def run(ws: Workspace) -> Run:
    """Files a command in the workspace's directory, and gives how it ended."""

    def run(*command: str, **options: object) -> JobState:
        options = {"kind": "command", "directory": ws.root} | options
        job = jobs.file(ws.store, command=list(command), **options)  # type: ignore[arg-type]
        ended = jobs.wait(ws.store, job.id, timeout=LONG)
        assert ended.over, f"the job hangs: {ended}"
        return ended

    return run


@pytest.fixture
def log(ws: Workspace) -> Callable[[JobState], str]:
    def log(state: JobState, attempt: int | None = None) -> str:
        return (ws.root / jobs.log_path(ws.store, state.id, attempt)).read_bytes().decode()

    return log


@pytest.fixture(scope="session")
def python() -> str:
    return sys.executable
