import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.conftest import hard, table

from cupola import calls, completion
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.errors import BadInput, BadName, BadOption, DiskTrouble, NotFound
from cupola.experiments import histories
from cupola.experiments import records as experiments
from cupola.jobs import records as jobs
from cupola.registry import records as registry
from cupola.store import content, files
from cupola.training import code
from cupola.workspace import Workspace


@pytest.fixture
def ws(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with the dataset `things`."""
    frame = table(400)
    frame.loc[:19, "kind"] = None
    frame["note"] = [f"some longer words about row {one}, and then some more" for one in range(400)]
    frame.to_parquet(tmp_path / "things.parquet")
    options = ImportOptions(target="kind", types={"note": "text"})
    importing.run(workspace.store, "things", tmp_path / "things.parquet", options, lambda *_: None)
    return workspace


def finished(ws: Workspace, **asked: Any) -> experiments.Run:
    filed = ws.action("train", **{"dataset": "things"} | asked)
    assert filed.status == "Queued"
    state = jobs.wait(ws.store, filed.job, timeout=180)
    assert state.over, state
    return experiments.find(ws.store, filed.run)


def test_a_training_runs_in_the_background_and_leaves_a_whole_run(ws: Workspace) -> None:
    run = finished(
        ws, estimator="GradientBoostingClassifier", param={"n_estimators": "40", "learning_rate": "0.2"},
        exclude=["value", "weight", "team"], experiment="first", name="quick", register="lateness", seed=5,
        threshold="0.4",
    )  # fmt: skip
    assert (run.status, run.reason) == ("Completed", "")
    assert run.params == {"n_estimators": 40, "learning_rate": 0.2}
    assert (run.name, run.experiment, run.seed, run.task) == ("quick", "first", 5, "classification")
    assert run.options == {"exclude": ["value", "weight", "team"], "seed": 5, "threshold": "0.4"}
    assert run.dataset.startswith("things@1-")
    assert run.rows == {"train": 228, "validation": 76, "test": 76}
    assert run.features == ["amount", "count", "member", "colour", "day", "at", "note"]
    assert run.positive == "ok"
    assert 0.8 < run.metrics["validation_roc_auc"] <= 1
    assert set(run.metrics) == set(run.metric_errors)
    assert "20 of 400 rows have no target (kind) and were left out" in run.notes
    assert run.usage["peak_memory"] > 10_000_000
    assert run.environment["packages"]["scikit-learn"]
    steps = [one.step for one in histories.of_run(ws.store, run).logged if one.name == "validation_log_loss"]
    assert steps[-2:] == [40, None] and set(steps[:-1]) <= set(range(2, 41, 2))  # a slow host looks less often
    assert "confusion.json" in experiments.artifacts(ws.store, run)
    model = registry.find(ws.store, "lateness")
    assert (model.ref, model.run) == (run.model, run.id)
    assert "model.skops" in model.files
    assert files.listing(ws.store, ".cupola/staging") == []


def test_a_hard_table_is_imported_and_trained_as_it_stands(ws: Workspace, tmp_path: Path) -> None:
    """Plain `train` with the boosted trees; a constant has the log loss of the shares of the classes."""
    frame = hard()
    frame.to_csv(tmp_path / "hard.csv", index=False)
    options = ImportOptions(target="kind")
    importing.run(ws.store, "hard", tmp_path / "hard.csv", options, lambda *_: None)
    run = finished(ws, dataset="hard", estimator="HistGradientBoostingClassifier", register="hard")
    assert (run.status, run.reason, run.classes) == ("Completed", "", ["bad", "good", "rare"])
    assert {"note", "place", "at", "g0", "g39"} <= set(run.features)
    assert not {"same", "nothing", "key"} & set(run.features)
    shares = frame["kind"].value_counts(normalize=True)
    assert run.metrics["test_log_loss"] < -(shares * np.log(shares)).sum()
    assert run.metrics["test_accuracy"] > shares.max() + 0.05
    assert "model.skops" in registry.find(ws.store, "hard").files


def test_clusters_and_anomalies_need_no_target(workspace: Workspace, tmp_path: Path) -> None:
    table(200).drop(columns=["kind"]).to_parquet(tmp_path / "plain.parquet")
    importing.run(workspace.store, "plain", tmp_path / "plain.parquet", ImportOptions(), lambda *_: None)
    groups = finished(workspace, dataset="plain", estimator="DBSCAN", param={"eps": "2"}, register="groups")
    assert (groups.status, groups.reason, groups.task, groups.target) == ("Completed", "", "clustering", "")
    assert groups.metric == "validation_silhouette"
    assert "clusters.json" in experiments.artifacts(workspace.store, groups)
    assert registry.find(workspace.store, "groups").signature.task == "clustering"
    odd = finished(workspace, dataset="plain", estimator="IsolationForest")
    assert (odd.status, odd.reason, odd.task) == ("Completed", "", "anomaly")
    assert odd.metrics.keys() == odd.metric_errors.keys() == {
        "train_anomalies", "validation_anomalies", "test_anomalies",
    }  # fmt: skip
    with pytest.raises(BadOption, match="Ridge needs a target"):
        workspace.action("train", dataset="plain", estimator="Ridge")
    with pytest.raises(BadOption, match="clusters of one fold"):
        workspace.action("train", dataset="plain", estimator="KMeans", cv=3)


def test_what_the_rows_show_to_be_wrong_fails_the_run_in_a_sentence(ws: Workspace) -> None:
    run = finished(ws, estimator="GammaRegressor", target="value")
    assert run.status == "Failed"
    assert run.reason.startswith("GammaRegressor cannot learn from this")
    assert run.model is None and run.model_directory is None
    assert jobs.state(ws.store, run.job).error.message == run.reason  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"estimator": "Foo"}, BadOption, "no estimator called 'Foo'"),
        ({"estimator": "SVC", "param": {"C": "0"}}, BadOption, "C takes a number above 0"),
        ({"estimator": "SVC", "target": "kid"}, BadOption, "did you mean kind"),
        ({"estimator": "Ridge"}, BadOption, "Ridge predicts numbers, and kind is a category"),
        ({"estimator": "SVC", "exclude": ["nothing"]}, BadOption, "no column 'nothing'"),
        ({"estimator": "KNeighborsClassifier", "weights": "weight"}, BadOption, "takes no weights"),
        ({"estimator": "SVC", "weights": "colour"}, BadOption, "colour is no number"),
        ({"estimator": "SVC", "time": "colour"}, BadOption, "no order in time"),
        ({"estimator": "SVC", "split": "time"}, BadOption, "needs --time"),
        ({"estimator": "SVC", "metric": "rmse"}, BadOption, "not a metric"),
        ({"estimator": "SVC", "cv": 1}, BadOption, "2 to 100 folds"),
        ({"estimator": "SVC", "seed": -1}, BadOption, "a seed is"),
        ({"estimator": "SVC", "experiment": "../x"}, BadName, "not a name of an experiment"),
        ({"estimator": "SVC", "name": "a/b"}, BadName, "not a name of a run"),
        ({"estimator": "SVC", "register": "../m"}, BadName, "not a name of a model"),
        ({"estimator": "SVC", "memory": "much"}, BadOption, "amount of memory"),
        ({"estimator": "SVC", "cpus": 9999}, BadOption, "--cpus"),
        (
            {
                "estimator": "SVC",
                "exclude": ["amount", "count", "member", "colour", "day", "at", "value", "weight", "team", "note"],
            },
            BadInput,
            "no column is left",
        ),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_anything_is_written(
    ws: Workspace, asked: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind) as caught:
        ws.action("train", dataset="things", **asked)
    assert said in str(caught.value)
    assert experiments.ls(ws.store) == []
    assert not any(one.kind == "train" for one in jobs.ls(ws.store))


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"dataset": "no"}, ("dataset", "no")),
        ({"dataset": "things", "target": "nothing"}, ("target", "nothing")),
        ({"estimator": "LogisticRegresion"}, ("estimator", "LogisticRegression")),
        ({"estimator": "LogisticRegression", "param": "c=1"}, ("param", "'c'")),
        ({"estimator": "LogisticRegression", "param": "C=much"}, ("param", "C takes")),
    ],
)
def test_a_form_says_what_is_wrong_before_all_is_filled_in(
    ws: Workspace, given: dict[str, Any], wrong: tuple[str, str]
) -> None:
    name, words = wrong
    assert words in calls.check(ws, "train", given)[name]


def test_metrics_complete_by_what_the_estimator_does(ws: Workspace) -> None:
    for estimator, expected in (
        ("Ridge", ["rmse", "r2"]),
        ("KMeans", []),
        ("SVC", ["roc_auc", "recall", "recall_macro"]),
        ("mymodel:Model", ["roc_auc", "recall", "recall_macro", "rmse", "r2"]),
    ):
        assert completion.names(ws.store, "metric", "r", {"estimator": estimator}) == expected
    assert completion.names(ws.store, "metric", "adj", {"estimator": "KMeans"}) == []
    assert completion.names(ws.store, "metric", "adj", {"estimator": "KMeans", "target": "kind"}) == ["adjusted_rand"]


def test_a_dataset_that_is_not_there_is_not_found(ws: Workspace) -> None:
    with pytest.raises(NotFound):
        ws.action("train", dataset="nothing", estimator="SVC")


def test_a_run_that_cannot_be_recorded_is_not_there(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(content, "sync_directory", fails)
    with pytest.raises(DiskTrouble):
        ws.action("train", dataset="things", estimator="SVC")
    assert experiments.ls(ws.store) == []


def test_the_code_is_recorded_with_its_patch_and_no_untracked_file(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        options = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
        subprocess.run(["git", *options, *words], check=True, capture_output=True)

    assert code.of(tmp_path) == (None, False, None)
    git("init")
    (tmp_path / "train.py").write_text("one\n")
    git("add", "train.py")
    git("commit", "-m", "first")
    commit, dirty, patch = code.of(tmp_path)
    assert len(commit or "") == 40
    assert (dirty, patch) == (False, None)
    (tmp_path / "train.py").write_text("two\n")
    (tmp_path / "secret.txt").write_text("a password")
    _, dirty, patch = code.of(tmp_path)
    assert dirty
    assert b"+two" in (patch or b"")
    assert b"password" not in (patch or b"")
    (tmp_path / "train.py").write_text("x" * (code.LARGEST + 1))
    assert code.of(tmp_path) == (commit, True, None)


def test_actions_import_nothing_heavy() -> None:
    script = (
        "import sys, cupola.training.actions, cupola.experiments.actions\n"
        "heavy = {'sklearn', 'numpy', 'pandas', 'scipy', 'joblib', 'pyarrow', 'duckdb', 'skops'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
