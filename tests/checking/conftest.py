"""A workspace as a day's work leaves it, made once by the real processes; each test damages a copy of its own."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import copy_catalogue

import cupola
from cupola import place
from cupola.agent import stopping
from cupola.checking import survey
from cupola.store import names
from cupola.workspace import Workspace

VARIABLES = ("CUPOLA_RUNTIME_DIR", "CUPOLA_SLOTS_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
PATIENCE = 180.0
ROW = {"distance": 300, "carrier": "UA"}


@contextlib.contextmanager
def living_in(directory: Path) -> Iterator[Path]:
    """The homes, the place and the umask of those who use the workspace, for as long as it lasts and no longer."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in VARIABLES:
            patch.setenv(variable, str(directory / variable[-12:].lower()))
        patch.setenv(place.VARIABLE, str(directory / "ws"))
        before = os.umask(0o022)
        try:
            yield directory / "ws"
        finally:
            os.umask(before)


@pytest.fixture(scope="session")
def directory(catalogue_cache: Path) -> Iterator[Path]:
    """Where the workspace lies, with the homes beside it: a dataset, a run, two versions of a model, a job with code, a
    deployed endpoint, a trashed run."""
    directory = Path(tempfile.mkdtemp(prefix="cuc-", dir="/tmp"))
    try:
        with living_in(directory) as root:
            root.mkdir()
            root.chmod(0o2775)
            copy_catalogue(catalogue_cache, Path(os.environ["XDG_CACHE_HOME"]))
            _work(root, directory)
        yield directory
    finally:
        with living_in(directory):
            stopping.stop(jobs=True)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def made(directory: Path) -> Iterator[Path]:
    """The workspace as its agent and its keepers use it."""
    with living_in(directory) as root:
        yield root


def _work(root: Path, outside: Path) -> None:
    ws = cupola.init(root, name="checked")
    rows = [f"{n},{n * 37 % 900},{'UA' if n % 3 else 'DL'},{n * 37 % 900 > 400}" for n in range(200)]
    (outside / "flights.csv").write_text("\n".join(["id,distance,carrier,late", *rows]) + "\n")
    (root / "script.py").write_text("print('loss=1')\nprint('loss=2')\n")
    ws.dataset.import_(outside / "flights.csv", name="flights", target="late", role={"id": "id"})
    ws.dataset.set_("flights", description="to be checked")
    train = {"dataset": "flights", "estimator": "DecisionTreeClassifier"}
    run = ws.train(**train, name="first").wait(PATIENCE)
    ws.model.register(run, name="late")
    ws.model.register(run, name="late")
    ws.model.approve("late@1", note="good")
    ws.model.approve("late@1", note="still good")
    ws.model.alias("late@1", "champion")
    ws.run.tag("first", ["a", "b"])
    command = [sys.executable, "script.py"]
    ws.job.submit(command, name="script", metric={"loss": r"loss=(\d+)"}).wait(PATIENCE)
    ws.endpoint.deploy("late@1", name="e").wait(PATIENCE)
    ws.endpoint.invoke("e", data=json.dumps(ROW))
    ws.run.rm(ws.train(**train, name="second").wait(PATIENCE))
    deadline = time.monotonic() + PATIENCE
    while not (list(root.glob(".cupola/digests/*/run.*.jsonl")) and list(root.glob(".cupola/gateways/*"))):
        assert time.monotonic() < deadline, "the agent folds no run into its digest, or starts no gateway"
        time.sleep(0.05)


@pytest.fixture
def still(made: Path) -> Path:
    """The workspace when its agent and its keepers have ended."""
    stopping.stop(jobs=True)
    return made


@pytest.fixture
def ws(still: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of it, in which the second look follows at once."""
    monkeypatch.setattr(survey, "SETTLE", 0.02)
    return copy(still, tmp_path / "ws")


def copy(still: Path, to: Path) -> Workspace:
    shutil.copytree(still, to, symlinks=True)
    to.chmod(0o2775)
    return Workspace.open(to)


def only(root: Path, pattern: str) -> str:
    """The first path of that pattern, as the workspace names it."""
    return sorted(root.glob(pattern))[0].relative_to(root).as_posix()


def someone() -> dict[str, str]:
    user, _ = names.who()
    return {"user": user, "host": "elsewhere"}
