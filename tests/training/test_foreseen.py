from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from cupola import calls
from cupola.datasets import importing
from cupola.datasets import records as datasets
from cupola.datasets.records import ImportOptions
from cupola.errors import BadOption
from cupola.jobs import records as jobs
from cupola.training import foreseen
from cupola.training.actions import asked
from cupola.workspace import Workspace

ROWS = 12


@pytest.fixture
def ws(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with a dataset of twelve rows, in which one class has two rows."""
    columns = {
        "amount": [0.5 + one for one in range(ROWS)],
        "weight": [1.0] * (ROWS - 1) + [-2.0],
        "nothing": [0.0] * ROWS,
        "partly": [1.0] * (ROWS - 1) + [None],
        "team": ["a", "b", "c"] * (ROWS // 3),
        "late": [True, False] * (ROWS // 2),
        "kind": ["ok"] * (ROWS - 2) + ["bad"] * 2,
    }
    pd.DataFrame(columns).to_parquet(tmp_path / "few.parquet")
    importing.run(workspace.store, "few", tmp_path / "few.parquet", ImportOptions(target="kind"), lambda *_: None)
    return workspace


@pytest.mark.parametrize(
    ("given", "where", "word"),
    [
        ({"estimator": "Ridge", "target": "amount", "cv": 20}, "--cv", "20 folds cannot be made of 10 rows"),
        ({"estimator": "Ridge", "target": "amount", "cv": 3, "group": "team"}, "--cv", "of 2 groups"),
        ({"estimator": "Ridge", "target": "amount", "cv": 10, "time": "weight"}, "--cv", "10 folds"),
        ({"estimator": "LogisticRegression", "cv": 20}, "--cv", "20 folds"),
        ({"estimator": "Ridge", "target": "amount", "weights": "weight"}, "--weights", "negative in some"),
        ({"estimator": "Ridge", "target": "amount", "weights": "nothing"}, "--weights", "0 in every row"),
        ({"estimator": "Ridge", "target": "amount", "weights": "partly"}, "--weights", "missing in 1 rows"),
        ({"estimator": "LogisticRegression", "class_weights": "god=2,ok=1"}, "--class-weights", "no class 'god'"),
        ({"estimator": "LogisticRegression", "target": "late", "class_weights": "late=2"}, "--class-weights", "'late'"),
        ({"estimator": "LinearSVC", "threshold": "auto"}, "--threshold", "no probabilities"),
        ({"estimator": "KMeans", "param": {"n_clusters": 50}}, "-p", "more than the 8 rows that train, of 12"),
        ({"estimator": "GaussianMixture", "param": {"n_components": 9}}, "-p", "9 clusters are more than the 8"),
    ],
)  # fmt: skip
def test_what_the_profile_tells_is_refused_before_a_job_is_filed(
    ws: Workspace, given: dict[str, Any], where: str, word: str
) -> None:
    with pytest.raises(BadOption) as caught:
        ws.action("train", dataset="few", **given)
    said = calls.check(ws, "train", {"dataset": "few"} | given)
    assert word in " ".join(said.values()) and len(said) == 1
    assert (caught.value.where, word in caught.value.message) == (where, True), caught.value.message
    assert not jobs.ls(ws.store)


def test_a_tuning_is_looked_at_likewise(ws: Workspace) -> None:
    with pytest.raises(BadOption, match="20 folds"):
        ws.action("tune", dataset="few", estimator="LogisticRegression", cv=20)
    typed = {"dataset": "few", "estimator": "LogisticRegression", "cv": "20", "metric": "f1"}
    assert list(calls.check(ws, "tune", typed)) == ["cv"]
    assert calls.check(ws, "tune", typed | {"cv": "3"}) == {}


def notes(ws: Workspace, estimator: str, cv: int | None = None, **more: Any) -> list[str]:
    version = datasets.find(ws.store, "few")
    target, param, group = more.pop("target", None), more.pop("param", {}), more.pop("group", None)
    training = asked(version, target, estimator, param, [], None, cv, None, group, None, None, None, 0)
    return foreseen.notes(ws.store, version, msgspec.structs.replace(training, **more))


def test_a_class_with_fewer_rows_than_folds_is_a_note(ws: Workspace) -> None:
    assert notes(ws, "LogisticRegression", cv=5) == [
        "warning: classes with fewer rows than folds, and so not in all of these: bad"
    ]
    assert notes(ws, "LogisticRegression", cv=2) == []


def test_what_can_be_is_let_through(ws: Workspace) -> None:
    assert notes(ws, "Ridge", target="amount", cv=10) == []
    assert notes(ws, "Ridge", target="amount", cv=2, group="team") == []
    assert notes(ws, "LogisticRegression", target="late", class_weights={"True": 2.0, "False": 1.0}) == []
    assert notes(ws, "LinearSVC", threshold="auto", calibrate="sigmoid") == []
    assert notes(ws, "KMeans", param={"n_clusters": 8}) == []
    assert notes(ws, "Birch", param={"n_clusters": 50}) == []
