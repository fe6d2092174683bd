"""Estimators from the workspace's src/: found, trained as jobs, registered and read back where there is no src/."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.training.conftest import table

from cupola import calls, completion
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.environments import catalogue, own
from cupola.errors import BadOption, Refused
from cupola.experiments import records as experiments
from cupola.jobs import records as jobs
from cupola.registry import models
from cupola.registry import records as registry
from cupola.store import files
from cupola.workspace import Workspace

MODEL = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from deep.apart import distance

print("this is no part of an answer")


class Centres(ClassifierMixin, BaseEstimator):
    def __init__(self, power=2.0):
        self.power = power

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.centres_ = np.array([X[y == one].mean(axis=0) for one in self.classes_])
        return self

    def predict(self, X):
        return self.classes_[distance(X, self.centres_, self.power).argmin(axis=1)]


def forest(depth=3):
    return RandomForestClassifier(n_estimators=10, max_depth=depth)


numbers = make_column_selector(dtype_include="number")
pipeline = make_pipeline(make_column_transformer((SimpleImputer(), numbers)), LogisticRegression())
nothing = 7
"""
APART = "def distance(X, centres, power):\n    return (abs(X[:, None] - centres[None]) ** power).sum(axis=2)\n"


@pytest.fixture
def ws(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with the dataset `things` and src/mymodel.py."""
    source = workspace.root / "src"
    (source / "deep").mkdir(parents=True)
    (source / "mymodel.py").write_text(MODEL)
    (source / "deep" / "__init__.py").touch()
    (source / "deep" / "apart.py").write_text(APART)
    (source / "broken.py").write_text("import a_module_that_is_not_there\n")
    table(200).to_parquet(tmp_path / "things.parquet")
    options = ImportOptions(target="kind")
    importing.run(workspace.store, "things", tmp_path / "things.parquet", options, lambda *_: None)
    return workspace


def trained(ws: Workspace, estimator: str, **asked: Any) -> experiments.Run:
    filed = ws.action("train", dataset="things", estimator=estimator, exclude=["value"], **asked)
    assert jobs.wait(ws.store, filed.job, timeout=180).over
    return experiments.find(ws.store, filed.run)


def test_a_class_is_trained_registered_and_loaded_without_its_source(ws: Workspace) -> None:
    run = trained(ws, "mymodel:Centres", param={"power": "1.5"}, register="near")
    assert (run.status, run.reason, run.params) == ("Completed", "", {"power": 1.5})
    assert run.metrics["validation_accuracy"] > 0.6
    job = jobs.find(ws.store, run.job)
    assert job.code and {"src/mymodel.py", "src/deep/apart.py"} <= set(job.code.files)
    version = registry.find(ws.store, "near")
    directory = files.absolute(ws.store, version.directory)
    with pytest.raises(Refused, match="can run any code"):
        models.load(directory, version.files)
    shutil.rmtree(ws.root / "src")
    script = (
        "import sys, msgspec, pandas, pathlib\n"
        "from cupola.registry import models\n"
        "files = msgspec.json.decode(sys.argv[2])\n"
        "model = models.load(pathlib.Path(sys.argv[1]), files, pickle_trusted=True)\n"
        "print(model.predict(pandas.DataFrame(model.sample)).values.tolist())\n"
    )
    import json

    command = [sys.executable, "-c", script, str(directory), json.dumps(version.files)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(json.loads(ended.stdout.replace("'", '"'))) <= {"late", "ok"}


def test_a_pipeline_gets_the_rows_as_they_are_and_needs_no_pickle(ws: Workspace) -> None:
    run = trained(ws, "mymodel:pipeline", param={"logisticregression__C": "0.5"}, register="pipe")
    assert (run.status, run.reason) == ("Completed", "")
    assert run.params == {"logisticregression__C": 0.5}
    assert run.metrics["validation_roc_auc"] > 0.6
    forest = trained(ws, "mymodel:forest", param={"depth": 2}, seed=3)
    assert (forest.status, forest.params) == ("Completed", {"depth": 2})
    assert trained(ws, "mymodel:forest", param={"depth": 2}, seed=3).metrics == forest.metrics


def test_what_was_filed_is_what_runs(ws: Workspace) -> None:
    own.use(ws.root)
    assert catalogue.find("mymodel:Centres").parameters.keys() == {"power"}
    changed = MODEL.replace("power=2.0", "power=2.0, other=1").replace(
        "self.power = power\n", "self.power = power\n        self.other = other\n"
    )
    (ws.root / "src" / "mymodel.py").write_text(changed)
    assert catalogue.find("mymodel:Centres").parameters.keys() == {"power", "other"}


@pytest.mark.parametrize(
    ("estimator", "param", "said"),
    [
        ("mymodel:Centre", {}, "has no attribute 'Centre'"),
        ("mymodel:nothing", {}, "makes no estimator"),
        ("broken:Model", {}, "No module named 'a_module_that_is_not_there'"),
        ("absent:Model", {}, "there is no src/absent.py"),
        ("../mymodel:Model", {}, "names no estimator"),
        ("mymodel:Centres", {"power": "much"}, "power takes a number"),
        ("mymodel:Centres", {"powr": 1}, "did you mean power"),
    ],
)
def test_what_is_no_estimator_is_refused_in_a_sentence(
    ws: Workspace, estimator: str, param: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadOption) as caught:
        ws.action("train", dataset="things", estimator=estimator, param=param)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert experiments.ls(ws.store) == []


def test_a_form_completes_names_and_runs_none_of_the_code(ws: Workspace) -> None:
    (ws.root / "src" / "mymodel.py").write_text(MODEL + "\nopen('ran', 'w').close()\n")
    names = completion.names(ws.store, "estimator", "mymodel:")
    assert {"mymodel:Centres", "mymodel:forest", "mymodel:pipeline"} <= set(names)
    assert calls.check(ws, "train", {"dataset": "things", "estimator": "mymodel:Centres"}) == {}
    assert "no src/absent.py" in calls.check(ws, "train", {"estimator": "absent:Model"})["estimator"]
    assert not [*ws.root.rglob("ran")]
