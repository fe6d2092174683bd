"""A real autopilot, run by an agent: it ends with a model; is stopped, goes on after a kill, refuses what cannot be."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

import cupola
from cupola.autopilot import actions, job, records
from cupola.datasets import records as datasets
from cupola.errors import BadInput, BadOption, NotFound
from cupola.experiments import records as experiments
from cupola.flows import records as flows
from cupola.flows.records import Flow, FlowStep
from cupola.jobs import attempts, checkpoints
from cupola.jobs import records as jobs
from cupola.pipelines import exporting
from cupola.registry import models
from cupola.registry import records as registry
from cupola.store import files, runtime
from cupola.workspace import Workspace

PATIENCE = 180.0


@pytest.fixture(scope="module")
def ws(host: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace with a table of all kinds of columns."""
    root = tmp_path_factory.mktemp("autopilot") / "ws"
    made = cupola.init(root, name="autopilot")
    random = np.random.default_rng(0)
    rows = 400
    amount, colour = random.normal(size=rows), random.choice(["red", "green", "blue"], rows)
    frame = pd.DataFrame({"amount": amount, "colour": colour, "day": pd.date_range("2024-01-01", periods=rows)})
    frame["kind"] = np.where(amount + (colour == "red") + random.normal(size=rows) / 2 > 0.7, "late", "ok")
    frame.loc[::9, "amount"] = np.nan
    frame.to_parquet(root.parent / "things.parquet")
    made.dataset.import_(root.parent / "things.parquet", name="things", target="kind")
    pd.DataFrame({"colour": ["red", "green", "blue"], "warmth": [0.9, 0.2, 0.1]}).to_parquet(root.parent / "w.parquet")
    made.dataset.import_(root.parent / "w.parquet", name="warmths")
    yield Workspace.open(root)


def wait(ws: Workspace, name: str, condition: str) -> records.AutopilotState:
    """How it stands, as soon as it is so."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        state = actions.show(ws, name)
        if state.over if condition == "over" else any(one.metrics for one in state.leaderboard):
            return state
        time.sleep(0.1)
    raise AssertionError(f"{name} is not {condition}: {state}")


def test_it_ends_with_a_registered_ensemble_and_every_candidate_is_a_run(ws: Workspace) -> None:
    filed = actions.autopilot(ws, dataset="things", budget="8s", register="late", name="whole", seed=3)
    assert filed.task == "binary"
    assert "two values" in filed.why
    state = wait(ws, "whole", "over")
    assert state.status == "Completed", state.reason
    assert state.model is not None
    assert state.model.startswith("late@1")
    assert {"ensemble", "linear"} <= {one.name for one in state.leaderboard}
    assert any(one.verdict == "best" for one in state.leaderboard)
    for one in state.leaderboard[1:]:
        if one.run:
            run = experiments.find(ws.store, one.run)
            assert run.part_of == state.autopilot
            assert run.over
            assert run.estimator == one.estimator
        else:
            assert one.why, one
    run = experiments.find(ws.store, "whole")
    assert run.metrics["test_roc_auc"] > 0.6
    assert ws.action("model verify", model="late@1")


def test_a_stop_ends_it_with_a_model_of_what_it_has(ws: Workspace) -> None:
    actions.autopilot(ws, dataset="things", budget="30m", name="enough")
    wait(ws, "enough", "measured")
    actions.stop(ws, "enough")
    state = wait(ws, "enough", "over")
    assert state.status == "Completed", state.reason
    assert state.stop_reason == "it was stopped"
    assert experiments.find(ws.store, "enough").model_directory


def test_a_kill_is_gone_on_after_from_the_fits_that_had_ended_with_the_time_that_is_left(ws: Workspace) -> None:
    filed = actions.autopilot(ws, dataset="things", budget="30m", name="killed")
    before = wait(ws, "killed", "measured")
    job = jobs.find(ws.store, filed.job)
    first = begun(ws, job, 1)
    os.kill(first.pid, signal.SIGKILL)
    begun(ws, job, 2)
    actions.stop(ws, "killed")
    state = wait(ws, "killed", "over")
    assert state.status == "Completed", state.reason
    fits = next(int(found[1]) for one in state.notes if (found := re.search(r"interruption, with (\d+) fits", one)))
    assert fits >= sum(one.folds for one in before.leaderboard)
    after = {one.name: one for one in state.leaderboard}
    for one in before.leaderboard:
        assert after[one.name].run == one.run, "a candidate is the same run"
        assert after[one.name].folds >= one.folds
    for run in (experiments.find(ws.store, one.run) for one in state.leaderboard[1:] if one.run):
        assert run.over, run.status
        assert run.secondary_status != "Interrupted"
    assert experiments.find(ws.store, "killed").model_directory
    assert not files.listing(ws.store, checkpoints.path(job, 2)), "what was kept for a kill is gone"


def begun(ws: Workspace, job: jobs.Job, number: int) -> runtime.Process:
    """The process of an attempt, as soon as it has one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        started = attempts.optional(ws.store, f"{job.attempt(number)}/started.json", attempts.Started)
        if started and started.process:
            found: runtime.Process = started.process
            return found
        time.sleep(0.05)
    raise AssertionError(f"attempt {number} has not begun")


def test_a_flow_with_a_join_and_a_target_of_its_own_goes_with_the_model_also_after_a_kill(ws: Workspace) -> None:
    flow = Flow(name="prep", sources={"things": "things", "warmths": "warmths"}, steps=[
        FlowStep(id="fill", type="fill-missing", params={"columns": ["amount"], "method": "median"}),
        FlowStep(id="warm", type="join", inputs=["fill", "warmths"], params={"on": ["colour"], "how": "left"}),
        FlowStep(id="aim", type="formula", params={"name": "is_late", "expression": "kind = 'late'"}),
    ])  # fmt: skip
    flows.create(ws.store, flow)
    filed = actions.autopilot(
        ws, dataset="things", target="is_late", flow="prep", budget="30m", name="flowing", register="flowing"
    )
    assert (filed.task, filed.target) == ("binary", "is_late")
    assert filed.flow.startswith("prep@")
    wait(ws, "flowing", "measured")
    os.kill(begun(ws, jobs.find(ws.store, filed.job), 1).pid, signal.SIGKILL)
    begun(ws, jobs.find(ws.store, filed.job), 2)
    actions.stop(ws, "flowing")
    state = wait(ws, "flowing", "over")
    assert state.status == "Completed", state.reason
    for name in ("flowing", *(one.run for one in state.leaderboard[1:] if one.run)):
        run = experiments.find(ws.store, name)
        assert (run.flow, run.looked_up) == (filed.flow, [datasets.find(ws.store, "warmths").ref])
    assert run.options["flow"] == "prep"
    run = experiments.find(ws.store, "flowing")
    assert set(run.features) <= {"amount", "colour", "day"}, "it takes rows as they stand in the data"
    assert run.metrics["test_roc_auc"] > 0.6
    assert ws.action("model verify", model="flowing@1")
    version = registry.find(ws.store, "flowing@1")
    model = models.load(files.absolute(ws.store, version.directory), version.files)
    said = model.predict(pd.DataFrame({"amount": [3.0, -3.0], "colour": ["red", "blue"], "day": ["2024-03-01"] * 2}))
    assert list(said.values) == [True, False]
    (step, _) = exporting.of(ws, "flowing").steps
    assert (step.type, step.arguments["flow"], step.arguments["target"]) == ("AutoML", "prep", "is_late")


def test_data_that_teach_nothing_are_not_tried_again(ws: Workspace) -> None:
    wrong, killed = (
        attempts.AttemptEnd(attempt=1, status="Failed", secondary_status="Failed", cause=cause, error=error)
        for cause, error in (("exit", BadInput("all rows are of one class").info()), ("signal", None))
    )
    job: Any = SimpleNamespace(retries=3, checkpoints=True)
    assert not attempts.retries_left(job, [wrong])
    assert attempts.retries_left(job, [killed])


def test_what_is_asked_for_is_checked_before_anything_is_filed(ws: Workspace) -> None:
    drop = FlowStep(id="drop", type="drop-columns", params={"columns": ["colour"]})
    flows.create(ws.store, Flow(name="grouping", sources={"things": "things"}, steps=[drop]))
    for given, where in (
        ({"budget": "1s"}, "--budget"),
        ({"target": "nothing"}, "--target"),
        ({"task": "regression"}, "--task"),
        ({"metric": "rmse"}, "--metric"),
        ({"exclude": ["nothing"]}, "--exclude"),
        ({"flow": "grouping", "time": "day", "horizon": 3, "target": "amount"}, "--flow"),
    ):
        with pytest.raises(BadOption) as refused:
            actions.autopilot(ws, dataset="things", **given)  # type: ignore[arg-type]
        assert refused.value.where == where
    with pytest.raises(NotFound, match="no run"):
        actions.show(ws, "nobody")


def test_of_more_rows_than_the_budget_or_the_memory_allows_some_are_drawn_and_it_is_said(ws: Workspace) -> None:
    filed = jobs.find(ws.store, actions.autopilot(ws, dataset="things", budget="1m", name="drawn").job)
    actions.stop(ws, "drawn")
    spec = msgspec.convert(filed.spec, records.Spec)
    attempt: Any = SimpleNamespace(job=SimpleNamespace(memory=64 << 30, cpus=2))
    assert job.drawn_of(1_000_000, spec, attempt) is None
    assert not spec.learnt.notes
    assert job.drawn_of(100_000_000, spec, attempt) == 8_000_000
    attempt.job.memory = 100 << 20
    held = job.drawn_of(1_000_000, spec, attempt)
    assert held
    assert held < 100_000
    assert spec.learnt.notes == [
        "8,000,000 of 100,000,000 rows are learnt from: more take too long for 60 s",
        f"{held:,} of 1,000,000 rows are learnt from: the memory does not hold more",
    ]
