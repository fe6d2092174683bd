"""Any record is found by the name that people give it, and never another one."""

import pytest
from tests.experiments.conftest import leave, run
from tests.team.conftest import JOB

from cupola.errors import Ambiguous, BadName, NotFound
from cupola.jobs.records import Job
from cupola.store import records
from cupola.team import subjects
from cupola.tuning import records as tunings
from cupola.tuning.records import Tuning
from cupola.workspace import Workspace

TUNING, WORKER = "tunetunetu", "workworkwo"


@pytest.fixture
def ws(ws: Workspace) -> Workspace:
    """With the tuning tunetunetu, called deep, whose worker is called as it is."""
    one = Tuning(
        id=TUNING, name="deep", experiment="deep", user="ana", host="box", submitted="2026-11-05T10:00:00.000000Z",
        directions=["maximize"], jobs=[WORKER],
    )  # fmt: skip
    tunings.create(ws.store, one)
    job = Job(
        id=WORKER, kind="tune", name="deep", command=["true"], directory="/", user="ana", host="box",
        submitted="2026-11-05T10:00:00.000000Z",
    )  # fmt: skip
    records.create(ws.store, f"{job.directory_in_store}/job.json", job, kind="job", ref=job.id)
    return ws


@pytest.mark.parametrize(
    ("reference", "kind", "ref"),
    [
        ("flights", "dataset", "flights"),
        ("dataset:flights", "dataset", "flights"),
        ("flights@1", "dataset", "flights@1-abcd"),
        ("churn@1-wx", "model", "churn@1-wxyz"),
        ("model:churn", "model", "churn"),
        ("churn", "model", "churn"),
        ("default", "experiment", "default"),
        ("experiment:default", "experiment", "default"),
        ("late", "endpoint", "late"),
        ("run0000001", "run", "run0000001"),
        ("run0", "run", "run0000001"),
        ("brave-otter-1", "run", "run0000001"),
        ("default/run0000001", "run", "run0000001"),
        ("jobj", "job", JOB),
        ("sleeper", "job", JOB),
        ("job:sleeper", "job", JOB),
        ("tuning:deep", "tuning", TUNING),
        ("deep", "tuning", TUNING),
        (TUNING, "tuning", TUNING),
    ],
)
def test_found_by_name_id_and_beginning(ws: Workspace, reference: str, kind: str, ref: str) -> None:
    found = subjects.find(ws.store, reference)
    assert (found.kind, found.ref) == (kind, ref)


@pytest.mark.parametrize(
    "reference", ["", "nothing", "../x", "a/b", "flights@9", "model:flights", "experiment:x", "x:y", "a\0b"]
)
def test_what_is_not_there_is_not_found(ws: Workspace, reference: str) -> None:
    with pytest.raises((NotFound, BadName)):
        subjects.find(ws.store, reference)


def test_a_name_of_two_kinds_is_asked_back(ws: Workspace) -> None:
    leave(ws.store, run(2, name="sleeper"))
    with pytest.raises(Ambiguous, match="run, job"):
        subjects.find(ws.store, "sleeper")
    leave(ws.store, run(3, id="late"))
    with pytest.raises(Ambiguous, match="run, endpoint"):
        subjects.find(ws.store, "late")
    assert subjects.find(ws.store, "endpoint:late").kind == "endpoint"


def test_a_run_goes_before_the_job_that_trains_it(ws: Workspace) -> None:
    leave(ws.store, run(2, name="sleeper", job=JOB))
    assert subjects.find(ws.store, "sleeper").kind == "run"


def test_an_endpoint_whose_file_is_broken_can_be_talked_about(ws: Workspace) -> None:
    (ws.root / "endpoints" / "late" / "endpoint.toml").write_text("[")
    assert subjects.find(ws.store, "late").ref == "late"
    with pytest.raises(records.Corrupt):
        ws.action("endpoint show", endpoint="late")
