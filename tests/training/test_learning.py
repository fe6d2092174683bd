"""A learning curve: the run's own estimator on growing parts of its training rows, the same rows held out."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.conftest import Make, table

from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.errors import BadInput, BadOption, NotReady
from cupola.experiments import evidence
from cupola.experiments import records as experiments
from cupola.experiments.learning import Asked
from cupola.jobs import records as jobs
from cupola.plots.records import Curves
from cupola.store import records as store_records
from cupola.training import fitting, learning
from cupola.training.records import Training
from cupola.workspace import Workspace


class Told:
    """A job that is told how far it is."""

    class job:
        cpus = 1

    def __init__(self) -> None:
        self.said: list[str] = []

    def report(self, progress: float, message: str) -> None:
        self.said.append(message)


def curve(training: Training, parts: int = 4, **more: Any) -> learning.Learning:
    told: Any = Told()
    found = learning.curve(table(**more), Asked(run="default/x", training=training, parts=parts), told)
    assert told.said[0].endswith("10% of the rows") and told.said[-1].endswith("100% of the rows")
    return found


def test_its_last_point_is_the_run_itself(make: Make) -> None:
    training = make("LogisticRegression")
    fitted = fitting.fit(table(), training)
    found = curve(training)
    last = found.points[-1]
    assert [one.rows for one in found.points] == [18, 72, 126, 180] and last.rows == fitted.rows["train"]
    assert last.validation == pytest.approx(fitted.metrics["validation_roc_auc"])
    assert last.validation_error == pytest.approx(fitted.errors["validation_roc_auc"])
    assert last.train == pytest.approx(fitted.metrics["train_roc_auc"])


def test_with_folds_the_errors_are_over_them(make: Make) -> None:
    training = make("Ridge", "value", cv=3)
    last = curve(training, parts=2).points[-1]
    fitted = fitting.fit(table(), training)
    assert last.validation == pytest.approx(fitted.metrics["validation_rmse"])
    assert last.validation_error == pytest.approx(fitted.errors["validation_rmse"])


def test_by_time_the_newest_rows_are_taken(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(fitting._Fitting, "on", lambda self, train, validation: seen.append((train, validation)))
    fitting.on_a_part(table(), make("Ridge", "value", split="time", time="at"), 0.25)
    train, validation = seen[0]
    assert len(train) == 45 and train.max() < validation.min() == train.max() + 1


def test_sizes_that_are_too_small_are_left_out_and_said(make: Make) -> None:
    training = make("KNeighborsRegressor", "value", params={"n_neighbors": 40})
    found = curve(training, parts=10)
    assert found.points[0].rows >= 40 and "too small" in found.note
    with pytest.raises(BadInput):
        curve(make("KNeighborsRegressor", "value", params={"n_neighbors": 1000}), parts=2)


def test_a_detector_is_judged_by_the_rows_held_out_also_where_no_anomaly_trains(make: Make) -> None:
    frame = table(600)
    strange = np.arange(600) % 120 == 7
    frame = frame.assign(kind=np.where(strange, "odd", "usual"), amount=np.where(strange, 50.0, 1.0))
    told: Any = Told()
    training = make("IsolationForest", params={"n_estimators": 20}, seed=0)
    found = learning.curve(frame, Asked(run="default/x", training=training, parts=6), told)
    assert len(found.points) == 6 and found.points[-1].validation > 0.7
    assert [one.rows for one in found.points if one.train is None] and found.points[-1].train is not None
    (drawn,) = evidence.learning(found)
    assert isinstance(drawn, Curves)
    validation, train = drawn.series
    assert len(validation.points) == 6 > len(train.points) == len(train.low or []) > 0
    unknown = make("IsolationForest", None, params={"n_estimators": 20})
    assert curve(unknown, parts=2).metric == "anomalies"


def test_it_is_a_job_that_leaves_its_points_with_the_run(workspace: Workspace, tmp_path: Path) -> None:
    table(200).to_parquet(tmp_path / "things.parquet")
    options = ImportOptions(target="kind")
    importing.run(workspace.store, "things", tmp_path / "things.parquet", options, lambda *_: None)
    every = len(os.sched_getaffinity(0))
    before = workspace.action("job submit", command=["sleep", "280"], cpus=every).job
    trained = workspace.action("train", dataset="things", estimator="DecisionTreeClassifier", name="tree")
    with pytest.raises(NotReady, match="has not completed"):
        workspace.action("run learn", run="tree")
    jobs.stop(workspace.store, before)
    jobs.wait(workspace.store, trained.job, timeout=180)
    with pytest.raises(BadOption, match="--parts"):
        workspace.action("run learn", run="tree", parts=1)
    filed = workspace.action("run learn", run="tree", parts=2)
    ended = jobs.wait(workspace.store, filed.id, timeout=180)
    assert (ended.status, ended.kind, ended.output["run"]) == ("Completed", "learning", trained.run)
    drawn = workspace.action("run plot", run="tree", name="learning").plots[0]
    assert [one.name for one in drawn.series] == ["validation", "train"] and len(drawn.series[0].points) == 2
    run = experiments.find(workspace.store, "tree")
    assert drawn.series[0].points[-1][1] == pytest.approx(run.metrics["validation_roc_auc"])


def test_a_run_without_its_job_cannot_be_trained_again(workspace: Workspace) -> None:
    run = experiments.Run(
        id="run0000001", name="tree", experiment="default", status="Completed", user="ana", host="box",
        submitted="2026-11-01T10:00:00Z", job="gone000001",
    )  # fmt: skip
    store_records.create(workspace.store, experiments.path(run), run, kind="run", ref=run.id)
    with pytest.raises(NotReady, match="not here any more"):
        workspace.action("run learn", run="tree")


def test_a_run_of_a_script_cannot_be_trained_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import cupola

    monkeypatch.chdir(workspace.root)
    with cupola.run("scripted") as run:
        run.log_metric("loss", 1.0)
    with pytest.raises(NotReady, match="a script made it"):
        workspace.action("run learn", run="scripted")
