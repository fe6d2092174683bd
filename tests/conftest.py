"""What every test gets: homes of its own, so that no test meets another's agent, keys, caches or slots."""

import gc
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


LONGEST = ("e2e", "docs", "faults")  # directories whose files take minutes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first: at the end a worker would be left alone with one of them."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


def pytest_collection_finish() -> None:
    """As the app has it: what was imported stays, and the oldest garbage is looked for ten times less often than by
    default. Of the screen's tests that was a fifth of their time."""
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], 100)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """As a server and a job with one CPU have it: on a busy box OpenMP's threads wait for each other a hundred times
    longer than they work."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def catalogue_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the catalogue of estimators as soon as it was built in one home; all workers have the same."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "catalogue-cache"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, catalogue_cache: Path) -> Iterator[Path]:
    """A private home (short, for the sake of socket names); an agent that was started in it is stopped at the end."""
    yield from _home(monkeypatch, catalogue_cache)


@pytest.fixture(scope="module")
def host(catalogue_cache: Path) -> Iterator[Path]:
    """A home that the tests of a module share, and with it one agent: for those that are not about the agent itself."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from _home(monkeypatch, catalogue_cache)


def _home(monkeypatch: pytest.MonkeyPatch, catalogue_cache: Path) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="cu-", dir="/tmp"))
    for variable, name in HOMES.items():
        monkeypatch.setenv(variable, str(directory / name))
    copy_catalogue(catalogue_cache, directory / "cache")  # else each agent builds it, in a second or two of CPU
    try:
        yield directory
    finally:
        if (directory / "runtime" / "agent.json").exists():
            command = [sys.executable, "-m", "cupola.agent", "stop", "--jobs"]
            subprocess.run(command, env=os.environ, timeout=180, capture_output=True, check=False)
        copy_catalogue(directory / "cache", catalogue_cache)
        shutil.rmtree(directory, ignore_errors=True)


def copy_catalogue(cache: Path, to: Path) -> None:
    """Copies the catalogue of estimators from one user's cache into another that has none, where it was built."""
    for file in cache.glob("cupola/catalogue-*.json"):
        target = to / "cupola" / file.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            copied = shutil.copy(file, target.with_suffix(f".{os.getpid()}"))
            Path(copied).replace(target)


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
