"""What every test gets: homes of its own, so that no test meets another's agent, keys, caches or slots."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

from cupola.workspace import Workspace

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # started in the background of a script: children would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path.insert(0, str(Path(__file__).parents[1]))  # the rigs: `from tests.faults.sshfs import mounted`

# No test asserts times, and no law of Hypothesis does. The examples are the same in each run, so that what fails was
# broken by what was changed; `--hypothesis-profile=other` looks for others.
settings.register_profile("other", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("other"), derandomize=True)
settings.load_profile("same")

HOMES = {
    "CUPOLA_RUNTIME_DIR": "runtime",
    "CUPOLA_SLOTS_DIR": "slots",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """As a server and a job with one CPU have it: on a busy box OpenMP's threads wait for each other a hundred times
    longer than they work."""
    with threadpool_limits(1):
        yield


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
            subprocess.run(command, env=os.environ, timeout=180, capture_output=True, check=False)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a test that has failed goes what its agent has said: the homes are gone when somebody reads of it."""
    report = yield
    log = Path(os.environ.get("CUPOLA_RUNTIME_DIR", "/"), "agent.log")
    if report.failed and {"home", "host"} & {*getattr(item, "fixturenames", [])} and log.exists():
        report.sections.append(("its agent's log", "\n".join(log.read_text(errors="replace").splitlines()[-60:])))
    return report


@pytest.fixture
def workspace(home: Path, tmp_path: Path) -> Workspace:
    """A new workspace, in a directory of its own."""
    return Workspace.init(tmp_path / "workspace")
