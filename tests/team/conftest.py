"""A workspace with one record of each kind, and two people in it."""

import pwd
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from tests.experiments.conftest import leave, run

from cupola.datasets.records import DatasetVersion
from cupola.jobs.wish import Job
from cupola.registry.contents import whole
from cupola.registry.records import ModelVersion
from cupola.registry.signature import Signature
from cupola.serving.records import Endpoint, Variant, wish_path
from cupola.store import Store, records
from cupola.workspace import Workspace

Become = Callable[..., Workspace]
JOB = "jobjobjobj"


@pytest.fixture
def ws(workspace: Workspace) -> Workspace:
    """flights@1-abcd, the run brave-otter-1 (run0000001), the job jobjobjobj, churn@1-wxyz, the endpoint late."""
    fill(workspace.store)
    return workspace


def fill(store: Store) -> None:
    data = DatasetVersion(
        id="abcd", dataset="flights", version=1, rows=24_000, columns=[], sha256="s", data_sha256="d",
        source="/data/flights.csv", source_format="csv", bytes=1, user="ana", host="box",
        imported="2026-11-01T09:00:00.000000Z",
    )  # fmt: skip
    records.create(store, f"{data.directory}/version.json", data, kind="dataset", ref=data.ref)
    leave(store, run(1, metric="mae", metrics={"mae": 0.25}, ended="2026-11-02T11:00:00.000000Z"))
    job = Job(
        id=JOB, kind="command", name="sleeper", command=["sleep", "600"], directory="/", user="raj", host="desk",
        submitted="2026-11-03T10:00:00.000000Z",
    )  # fmt: skip
    records.create(store, f"{job.directory_in_store}/job.json", job, kind="job", ref=job.id)
    model = ModelVersion(
        id="wxyz", name="churn", version=1, run="run0000001", sha256=whole({}), files={},
        signature=Signature(columns=[]),
        storage="skops", user="ana", host="box", registered="2026-11-04T10:00:00.000000Z",
    )  # fmt: skip
    records.create(store, f"{model.directory}/version.json", model, kind="model", ref=model.ref)
    endpoint = Endpoint(name="late", host="box", user="ana", variants=[Variant(name="AllTraffic", model=model.ref)])
    records.write_toml(store, wish_path("late"), endpoint, kind="endpoint", ref="late")


@pytest.fixture
def become(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> Become:
    """The same workspace, opened by somebody else (on another host)."""

    def change(user: str, host: str = "desk") -> Workspace:
        monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name=user))
        monkeypatch.setenv("CUPOLA_HOST", host)
        return Workspace(Store.open(ws.root))

    return change
