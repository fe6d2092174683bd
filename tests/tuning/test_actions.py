"""Tunings as people file them: real workers, real trainings, on a small table."""

import importlib.util
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.training.conftest import table
from tests.waiting import until

from cupola import api
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.errors import BadOption, Conflict, NotReady
from cupola.experiments import histories
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.jobs import attempts, wish
from cupola.store import Store
from cupola.tuning.records import TuningState
from cupola.workspace import Workspace

PATIENCE = 180.0
OVER = ("Completed", "Failed", "Stopped")
LEFT_OUT = ["value", "weight", "team"]


@pytest.fixture
def ws(host: Path, tmp_path: Path) -> api.Workspace:
    """A workspace with the dataset `things`."""
    made = Workspace.init(tmp_path / "workspace")
    table(300).to_parquet(tmp_path / "things.parquet")
    importing.run(made.store, "things", tmp_path / "things.parquet", ImportOptions(target="kind"), lambda *_: None)
    return api.Workspace(made)


def tuned(ws: api.Workspace, **asked: Any) -> TuningState:
    return ws.tune(dataset="things", exclude=LEFT_OUT, **asked).wait(PATIENCE).record  # type: ignore[no-any-return]


def test_two_workers_make_the_trials_that_were_asked_for_and_the_best_is_registered(ws: api.Workspace) -> None:
    found = tuned(
        ws, estimator="DecisionTreeClassifier", space=["max_depth=2..9", "criterion=gini,entropy"], trials=4,
        parallel=2, name="trees", register="late", param={"min_samples_leaf": 3},
    )  # fmt: skip
    assert (found.status, found.stop_reason) == ("Completed", "MaxNumberOfTrainingJobs")
    assert (found.trials, found.completed) == (4, 4)
    runs = {one.id: one for one in ws.run.ls(filter='experiment = "trees"')}
    assert {one.status for one in runs.values()} == {"Completed"}
    best = runs[found.best_run or ""]
    assert best.metrics["validation_roc_auc"] == max(one.metrics["validation_roc_auc"] for one in runs.values())
    assert best.params == found.best_params | {"min_samples_leaf": 3}
    assert found.options == {"exclude": LEFT_OUT, "param": {"min_samples_leaf": 3}}
    assert best.options == {"exclude": LEFT_OUT}
    assert best.dataset.startswith("things@1-")
    assert (best.tuning, best.metric) == (found.tuning, "validation_roc_auc")
    assert best.model_directory
    assert ws.model.show("late").run == best.id == ws.model.show(found.model).run
    kept = experiments.artifacts(ws._workspace.store, best)
    assert {"confusion.json", "predictions.parquet", "repeats.json", "roc.json"} <= {*kept}
    assert [(one.verb, one.kind) for one in ws.activity() if one.kind == "tuning"] == [("tuned", "tuning")]
    assert not [one for one in ws.activity() if one.kind == "run"]
    with pytest.raises(Conflict):
        ws.tune(dataset="things", estimator="Ridge", name="trees", target="value")


def test_a_grid_tries_each_combination_once_also_where_one_depends_on_another(ws: api.Workspace) -> None:
    found = tuned(
        ws, estimator="SVC", space=["kernel=linear,poly", "degree=2..3 if kernel=poly"], strategy="Grid", name="grid"
    )
    assert (found.status, found.stop_reason, found.wanted) == ("Completed", "SpaceExhausted", None)
    tried = [one.params for one in ws.tuning.trials("grid")]
    expected = [{"kernel": "linear"}, {"kernel": "poly", "degree": 2}, {"kernel": "poly", "degree": 3}]
    assert sorted(map(str, tried)) == sorted(map(str, expected))


def test_trials_that_are_worse_on_their_way_are_stopped_early(ws: api.Workspace) -> None:
    found = tuned(
        ws, estimator="HistGradientBoostingClassifier", strategy="SuccessiveHalving", trials=8, name="early",
        space=["learning_rate=0.0001..0.3:log"], param={"max_iter": 20}, seed=3,
    )  # fmt: skip
    assert found.pruned and found.completed and found.pruned + found.completed == 8
    store = ws._workspace.store
    for trial in ws.tuning.trials("early"):
        run = experiments.find(store, trial.run)
        assert (run.status, run.secondary_status) == (
            ("Stopped", "Pruned") if trial.state == "Pruned" else ("Completed", "")
        )
        assert run.reason.startswith("stopped early, at step" if trial.state == "Pruned" else "")
        assert trial.steps == {look: value for look, (_, value) in enumerate(_on_the_way(store, run), 1)}


def _on_the_way(store: Store, run: Run) -> list[tuple[int, float]]:
    logged = histories.of_run(store, run).logged
    return [(one.step, one.number) for one in logged if one.name == run.metric and one.step is not None]


def test_several_metrics_give_a_front_and_another_tuning_begins_with_it(ws: api.Workspace) -> None:
    found = tuned(
        ws, estimator="DecisionTreeClassifier", space=["max_depth=1..8"], trials=6, name="both",
        metric=["roc_auc", "log_loss"], strategy="Random",
    )  # fmt: skip
    assert found.directions == ["maximize", "minimize"]
    front = {one.run: one.values for one in ws.tuning.trials("both", best=True)}
    assert set(front) == set(found.front)
    assert found.metrics["roc_auc"] == max(values[0] for values in front.values() if values)
    assert front[found.best_run or ""] == [found.metrics["roc_auc"], found.metrics["log_loss"]]
    others = [one.values for one in ws.tuning.trials("both") if one.values]
    assert not any(other[0] > one[0] and other[1] < one[1] for one in front.values() for other in others)

    warm = tuned(
        ws, estimator="DecisionTreeClassifier", space=["max_depth=1..8"], trials=1, name="warm",
        metric=["roc_auc"], warm_start=["both"],
    )  # fmt: skip
    shown = ws.tuning.trials("warm")
    assert (warm.trials, warm.completed, len(shown)) == (1, 1, 7)
    assert [one.given for one in shown] == [True] * 6 + [False]
    assert {one.run for one in shown[:6]} == {one.run for one in ws.tuning.trials("both")}
    assert warm.best_run == shown[6].run
    with pytest.raises(BadOption, match="not tuned for"):
        ws.tune(dataset="things", estimator="DecisionTreeClassifier", metric=["f1_macro"], warm_start=["both"])


def test_a_narrowed_tuning_begins_with_the_best_trials_and_searches_about_them(ws: api.Workspace) -> None:
    first = tuned(
        ws, estimator="DecisionTreeClassifier", space=["max_depth=1..12", "criterion=gini,entropy"], trials=8,
        strategy="Random", name="wide", cv=3,
    )  # fmt: skip
    told = ws.tuning.importance("wide")
    assert {one.parameter for one in told} == {"max_depth", "criterion"} and sum(one.importance for one in told) == 1.0
    planned = ws.tuning.narrow("wide", name="near", share=0.25, dry_run=True).record
    assert (planned.tuning, planned.name, planned.wanted) == ("", "near", 8)
    assert [one.name for one in ws.tuning.ls()] == ["wide"], "a dry run makes nothing"
    found = ws.tuning.narrow("wide", name="near", share=0.25, trials=2).wait(PATIENCE).record
    assert (found.status, found.trials, found.space) == ("Completed", 2, planned.space)
    assert (found.experiment, found.estimator, found.dataset) == ("near", first.estimator, first.dataset)
    trials = ws.tuning.trials("near")
    given, own = ([one for one in trials if one.given is here] for here in (True, False))
    assert first.best_run in {one.run for one in given} and len(given) >= 2
    depths = [one.params["max_depth"] for one in given]
    assert all(min(depths) - 1 <= one.params["max_depth"] <= max(depths) + 1 for one in own)
    with pytest.raises(Conflict, match="called 'near' already"):
        ws.tuning.narrow("wide", name="near")
    with pytest.raises(BadOption, match="share"):
        ws.tuning.narrow("wide", share=0.0)
    fixed = ws.tuning.narrow("wide", space=["max_depth=2..3"], dry_run=True).record
    assert fixed.space == ["max_depth=2..3"]


def test_a_killed_worker_loses_its_trial_and_the_tuning_goes_on(ws: api.Workspace) -> None:
    """Another is made for the one that was lost; pause, resume and extend after that."""
    ws.tune(
        dataset="things", exclude=LEFT_OUT, estimator="RandomForestClassifier", space=["max_depth=2..9"],
        param={"n_estimators": 60}, trials=6, name="killed",
    )  # fmt: skip
    until(lambda: ws.tuning.show("killed").running and ws.tuning.show("killed").completed)
    store = ws._workspace.store
    job = wish.find(store, ws.tuning.show("killed").jobs[0])
    started = attempts.optional(store, f"{job.attempt(1)}/started.json", attempts.Started)
    os.kill(started.process.pid, signal.SIGKILL)
    until(lambda: ws.tuning.show("killed").over)
    found = ws.tuning.show("killed")
    assert (found.status, found.stop_reason, found.completed) == ("Completed", "MaxNumberOfTrainingJobs", 6)
    lost = [one for one in ws.tuning.trials("killed") if one.state == "Failed"]
    assert [one.why for one in lost] == ["its worker is gone"]
    assert ws.run.show(lost[0].run).secondary_status == "Interrupted"
    with pytest.raises(NotReady, match="is over"):
        ws.tuning.resume("killed")

    ws.tuning.extend("killed", trials=100)
    until(lambda: ws.tuning.show("killed").completed > 6)
    ws.tuning.extend("killed", patience=90)  # others begin, and those of before end
    until(lambda: sum(one.status not in OVER for one in ws.job.ls()) == 1)
    assert ws.tuning.pause("killed").secondary_status == "Stopping"
    until(lambda: ws.tuning.show("killed").over)
    paused = ws.tuning.show("killed")
    assert (paused.status, paused.secondary_status, paused.running) == ("Stopped", "Paused", 0)
    ws.tuning.resume("killed")
    until(lambda: ws.tuning.show("killed").completed > paused.completed)
    ws.tuning.stop("killed")
    until(lambda: ws.tuning.show("killed").over)
    stopped = ws.tuning.show("killed")
    assert (stopped.status, stopped.running, stopped.wanted) == ("Stopped", 0, 106)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"estimator": "LogisticRegression", "strategy": "Hyperband"}, "fitted in one step"),
        ({"estimator": "LogisticRegression", "early_stopping": True, "metric": ["f1", "roc_auc"]}, "one metric"),
        ({"estimator": "LogisticRegression", "strategy": "Grid"}, "a grid has no range"),
        ({"estimator": "LogisticRegression", "strategy": "Annealing"}, "strategy"),
        ({"estimator": "LogisticRegression", "trials": 0}, "1 or more"),
        ({"estimator": "LogisticRegression", "parallel": 0}, "from 1"),
        ({"estimator": "GaussianNB"}, "no ranges are known"),
        ({"estimator": "LogisticRegression", "metric": ["rmse"]}, "not a metric"),
    ],
)
def test_what_cannot_be_tuned_is_refused_before_anything_starts(
    ws: api.Workspace, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadOption, match=said):
        ws.tune(dataset="things", exclude=LEFT_OUT, **asked)
    assert ws.tuning.ls() == []


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_the_gp_strategy_says_what_it_needs(ws: api.Workspace) -> None:
    with pytest.raises(BadOption, match="needs PyTorch"):
        ws.tune(dataset="things", estimator="LogisticRegression", strategy="GP")
