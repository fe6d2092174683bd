"""What check says of executions, results, flows and schedules that are damaged."""

import pytest

from cupola.checking.records import Checked
from cupola.checking.survey import survey
from cupola.flows.records import Flow
from cupola.flows.records import create as create_flow
from cupola.jobs import records as jobs
from cupola.pipelines import records as pipelines
from cupola.pipelines import starting
from cupola.schedules import records as schedules
from cupola.store import files, journals, names
from cupola.workspace import Workspace

PIPELINE = "pipelines/nightly.toml"
EXECUTION = "pipelines/nightly/executions/abcdefghij"
RESULT = "pipelines/nightly/results/key.json"
SCHEDULE = "schedules/nightly/schedule.toml"


@pytest.fixture
def ws(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr("cupola.checking.survey.SETTLE", 0.0)
    store = workspace.store
    files.write_bytes(store, PIPELINE, b'[steps.first]\ntype = "Fail"\n')
    made = schedules.Schedule(
        name="nightly", id="abcd", action="pipeline run", cron="@daily", user=names.who()[0],
        since="2026-11-30T00:00:00Z",
    )  # fmt: skip
    schedules.save(store, made)
    schedules.write_progress(store, "nightly", schedules.Progress(id="abcd", until=made.since))
    fired = schedules.Firing(key="k1", schedule="nightly", due=made.since, fired=made.since, user="a", host="b")
    schedules.write_firing(store, fired)
    create_flow(store, Flow(name="prep"))
    one = pipelines.Execution(
        id="abcdefghij", pipeline="nightly", user=made.user, host="box", submitted=made.since, job="jjjjjjjjjj",
        definition=pipelines.Pipeline(name="nightly", path=PIPELINE, sha256="0" * 64),
    )  # fmt: skip
    pipelines.create(store, one)
    journals.append(store, f"{one.directory}/steps/{one.job}.1.jsonl", [{"op": "begin", "job": one.job}])
    jobs.file(store, id=one.job, kind="pipeline", name="nightly", command=["true"], spec={"seal": starting.seal(one)})
    return workspace


def looked(ws: Workspace, *, repair: bool = False) -> Checked:
    return survey(ws.store, repair, lambda share, path: None)


def test_what_is_torn_is_named(ws: Workspace) -> None:
    assert looked(ws).ok and not looked(ws).notes
    damaged = {
        (f"{EXECUTION}/execution.json", "torn"),
        (f"{EXECUTION}/steps/jjjjjjjjjj.1.jsonl", "journal"),
        (RESULT, "torn"),
        ("flows/prep.toml", "torn"),
        (SCHEDULE, "torn"),
        ("schedules/nightly/progress.json", "torn"),
        ("schedules/nightly/firings/k1.json", "torn"),
    }
    for path, _ in damaged:
        file = ws.root / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((file.read_bytes() if file.exists() else b"{}")[:-2] + b"[{")
    assert {(one.path, one.kind) for one in looked(ws).problems} == damaged


def test_what_was_edited_by_hand_is_named(ws: Workspace) -> None:
    for path, old, new in (
        (f"{EXECUTION}/execution.json", '"box"', '"other"'),
        (SCHEDULE, "@daily", "@hourly"),
    ):
        file = ws.root / path
        file.write_text(file.read_text().replace(old, new))
    (ws.root / PIPELINE).write_text("[steps.first]\ntype = 'Nothing'\n")
    found = looked(ws)
    assert [(one.kind, one.path) for one in found.problems] == [
        ("unsigned", SCHEDULE), ("unsigned", f"{EXECUTION}/execution.json"),
    ]  # fmt: skip
    assert [(one.path, "Nothing" in one.message) for one in found.notes] == [(PIPELINE, True)]


def test_what_a_writer_that_was_killed_left_is_put_aside(ws: Workspace) -> None:
    (ws.root / EXECUTION).with_name("zzzzzzzzzz").mkdir()
    (ws.root / RESULT).parent.mkdir()
    (ws.root / RESULT).write_text("{")
    assert not looked(ws).ok
    assert len(looked(ws, repair=True).mended) == 2
    assert looked(ws).ok
