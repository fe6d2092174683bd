"""Small real models, made once: a classifier over columns of every type, saved as training saves one."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from tests.waiting import until

from cupola.errors import WorkFailed
from cupola.jobs import agents
from cupola.registry import contents, models
from cupola.registry import signature as signatures
from cupola.registry.models import Model
from cupola.registry.records import ModelVersion
from cupola.registry.signature import Signature
from cupola.serving import records
from cupola.serving.records import EndpointState
from cupola.serving.status import EndpointStatus
from cupola.store import Store, files, names, runtime
from cupola.workspace import Workspace

ROWS = 200


def settled(ws: Workspace, name: str = "e") -> EndpointState:
    """Waits until the endpoint is as it is wished for. Raises WorkFailed where that cannot be had."""

    def look() -> EndpointState | None:
        found = records.find(ws.store, name)
        if found.status == "Failed" or found.update_failed:
            raise WorkFailed(str(found.reason))
        return found if found.status == found.desired else None

    return cast(EndpointState, until(look))


def source() -> pd.DataFrame:
    """The rows as they stand in the source: features, an unused column in their midst, the target last."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "distance": random.normal(1000, 300, ROWS),
            "hour": random.integers(0, 24, ROWS),
            "tail": [f"N{number}" for number in range(ROWS)],
            "carrier": random.choice(["AA", "B6", "UA"], ROWS),
            "wet": random.random(ROWS) < 0.3,
        }
    )
    frame.loc[::17, "distance"] = np.nan
    frame["late"] = np.where(frame.hour + 8 * frame.wet + random.normal(0, 4, ROWS) > 14, "yes", "no")
    return frame


def signature(classes: list[str] | None) -> dict[str, Any]:
    columns = [
        {"name": "distance", "type": "number", "dtype": "float64"},
        {"name": "hour", "type": "integer", "dtype": "int64"},
        {"name": "carrier", "type": "category", "dtype": "str"},
        {"name": "wet", "type": "boolean", "dtype": "bool"},
    ]
    names = ["distance", "hour", "tail", "carrier", "wet", "late"]
    task = "classification" if classes else "regression"
    return {
        "columns": columns,
        "others": ["tail", "late"],
        "source": names,
        "target": "late",
        "task": task,
        "classes": classes,
    }


def save(directory: Path, final: Any, classes: list[str] | None) -> Path:
    """A model directory such as a training run leaves."""
    frame = source()
    prepare = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), ["distance", "hour"]),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["carrier"]),
            ("booleans", "passthrough", ["wet"]),
        ]
    )
    target = frame["late"] if classes else frame["hour"] * 1.5
    pipeline = Pipeline([("prepare", prepare), ("estimator", final)]).fit(
        frame[["distance", "hour", "carrier", "wet"]], target
    )
    directory.mkdir(parents=True)
    (directory / "model.skops").write_bytes(skops.io.dumps(pipeline))
    (directory / "signature.json").write_text(json.dumps(signature(classes)))
    (directory / "sample.json").write_text(frame.head(5).to_json(orient="records"))
    (directory / "model.json").write_text(json.dumps({"task": "classification", "estimator": type(final).__name__}))
    return directory


def hashes(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    return source()


@pytest.fixture(scope="session")
def classifier_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(
        tmp_path_factory.mktemp("models") / "classifier", HistGradientBoostingClassifier(max_iter=5), ["no", "yes"]
    )


@pytest.fixture(scope="session")
def regressor_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "regressor", LinearRegression(), None)


@pytest.fixture(scope="session")
def classifier(classifier_directory: Path) -> Model:
    return models.load(classifier_directory, hashes(classifier_directory))


@pytest.fixture(scope="session")
def regressor(regressor_directory: Path) -> Model:
    return models.load(regressor_directory, hashes(regressor_directory))


@pytest.fixture(scope="session")
def classifier_signature() -> Signature:
    return msgspec.convert(signature(["no", "yes"]), Signature)


STARTER = """
import importlib, json, os, sys
from cupola.agent.starter import MODULES
from cupola.serving import connection, gateway, keeper, relaying
for name in MODULES:
    importlib.import_module(name)
gateway.COMING_TIME = gateway.ANSWER_TIME = relaying.ANSWER_TIME = 180.0  # a busy machine may take long to load a model
connection.HEAD_TIME = connection.BODY_TIME = 180.0  # or to send the rest of a request
print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.environ.update(request["env"])
        os._exit({"keeper": keeper, "gateway": gateway}[request["module"]].main(request["argv"]))
    print(pid, flush=True)
"""


class Starter:
    """Forks keepers from a process that has only imported, as the agent's warm starter does."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def fork(self, module: str, *argv: str) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        mine = {name: value for name, value in os.environ.items() if name.startswith(("CUPOLA_", "XDG_"))}
        self.process.stdin.write(json.dumps({"module": module, "argv": argv, "env": mine}) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    one = Starter()
    yield one
    one.process.kill()
    one.process.wait()


@pytest.fixture
def ws(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose actions start no agent: the tests start keepers themselves."""
    monkeypatch.setattr("cupola.jobs.agents.ensure", lambda: None)
    return Workspace.init(tmp_path / "ws")


@pytest.fixture
def keep(ws: Workspace, starter: Starter) -> Iterator[Callable[[str], int]]:
    """Starts the keeper of an endpoint; all are ended with the test."""
    pids = []

    def start(name: str) -> int:
        pids.append(starter.fork("keeper", str(ws.root), name))
        return pids[-1]

    yield start
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for path in ws.root.glob("endpoints/*/status.json"):  # servers outlive a keeper that is killed
        for server in msgspec.json.decode(path.read_bytes(), type=EndpointStatus).servers:
            runtime.send(server, signal.SIGKILL)


@contextlib.contextmanager
def door_of(ws: Workspace, starter: Starter) -> Iterator[str]:
    """The base URL of a gateway that runs while this is entered."""
    agents.register(ws.root)
    starter.fork("gateway")
    yield until(lambda: records.gateway(ws.store)).url
    last = records.gateway(ws.store)
    assert last and last.process
    os.kill(last.process.pid, signal.SIGTERM)
    until(lambda: not records.has_gateway())


def publish(store: Store, directory: Path, name: str, version: int) -> str:
    """A version as a registration would make it, from a model directory."""
    user, host = names.who()
    files_ = hashes(directory)
    one = ModelVersion(
        id=names.new_id(),
        name=name,
        version=version,
        run="r",
        sha256=contents.whole(files_),
        files=files_,
        signature=signatures.decode((directory / "signature.json").read_bytes()),
        storage="skops" if (directory / "model.skops").exists() else "pickle",
        user=user,
        host=host,
        registered=names.now(),
    )
    staged = files.staging(store)
    for path in directory.iterdir():
        shutil.copy(path, staged)
    (staged / "version.json").write_bytes(msgspec.json.encode(one))
    files.publish_dir(store, staged, one.directory)
    return one.ref


@pytest.fixture
def registered(ws: Workspace, classifier_directory: Path, regressor_directory: Path) -> list[str]:
    """Two versions of the model "late": a classifier and a regressor."""
    both = classifier_directory, regressor_directory
    return [publish(ws.store, one, "late", number) for number, one in enumerate(both, start=1)]


@pytest.fixture
def publish_bad(ws: Workspace, classifier_directory: Path, tmp_path: Path) -> Callable[[str], str]:
    """Makes the next version of the model "late" of an estimator in `bad_models`, and signs it."""
    import pickle

    from . import bad_models

    made = 2

    def make(name: str) -> str:
        nonlocal made
        made += 1
        directory = tmp_path / f"bad{made}"
        directory.mkdir()
        for file in ("signature.json", "sample.json", "model.json"):
            shutil.copy(classifier_directory / file, directory)
        (directory / "model.pkl").write_bytes(pickle.dumps(getattr(bad_models, name)()))
        ref = publish(ws.store, directory, "late", made)
        ws.action("model verify", model=ref, trust=True)
        return ref

    return make
