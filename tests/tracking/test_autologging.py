"""What libraries log by themselves, in scripts that call them as people do, before and after `autolog()`."""

import pytest
from tests.tracking.conftest import Script, only

from cupola.experiments import histories, records
from cupola.workspace import Workspace

DATA = """
from sklearn.datasets import make_classification
X, y = make_classification(200, random_state=0)
"""


@pytest.mark.parametrize("order", ["import first", "autolog first"])
def test_a_fit_is_a_run_whichever_is_imported_first(workspace: Workspace, script: Script, order: str) -> None:
    lines = ["from sklearn.linear_model import LogisticRegression", "import cupola; cupola.autolog(); cupola.autolog()"]
    begin = "\n".join(lines if order == "import first" else reversed(lines))
    done = script(begin + DATA + "LogisticRegression(C=2).fit(X, y)\n")
    assert done.returncode == 0 and not done.stderr, done.stderr
    found = only(workspace)
    assert (found.status, found.estimator, found.params["C"]) == ("Completed", "LogisticRegression", 2)
    assert set(found.metrics) == {"fit_seconds", "train_accuracy"}


def test_into_an_open_run_go_curves_searches_and_scores_but_nothing_that_scikit_learn_fits_itself(
    workspace: Workspace, script: Script
) -> None:
    done = script(
        """
        import cupola
        cupola.autolog()
        import warnings
        from sklearn.base import BaseEstimator, ClassifierMixin
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, cross_val_score
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        warnings.simplefilter("ignore")
        """
        + DATA.replace("\n", "\n        ")
        + """
        class Own(ClassifierMixin, BaseEstimator):
            def __init__(self, depth=3):
                self.depth = depth
            def fit(self, X, y):
                self.classes_ = [0, 1]
                self.inner_ = LogisticRegression().fit(X, y)
                return self
            def predict(self, X):
                return self.inner_.predict(X)

        with cupola.run("search"):
            model = make_pipeline(StandardScaler(), LogisticRegression())
            GridSearchCV(model, {"logisticregression__C": [0.1, 1]}).fit(X, y)
        with cupola.run("network"):
            MLPClassifier(max_iter=5, random_state=0).fit(X, y).score(X, y)
        with cupola.run("folds"):
            cross_val_score(LogisticRegression(), X, y, cv=3)
        with cupola.run("own"):
            Own(depth=7).fit(X, y)
        """
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    found = {one.name: one for one in records.ls(workspace.store)}
    assert set(found) == {"search", "network", "folds", "own"}
    assert found["search"].metrics.keys() == {"fit_seconds", "cv_best_score", "train_accuracy"}
    assert found["search"].params["best_logisticregression__C"] in (0.1, 1)
    curve = [one.step for one in histories.of_run(workspace.store, found["network"]).logged if one.name == "train_loss"]
    assert curve == list(range(5)) and "score" in found["network"].metrics
    assert (found["folds"].params, found["folds"].metrics) == ({}, {})
    assert (found["own"].estimator, found["own"].params) == ("Own", {"depth": 7})


def test_trouble_in_logging_is_said_once_and_is_no_trouble_of_the_fit(script: Script) -> None:
    done = script(
        "import os, cupola\nos.chdir('/')\ncupola.autolog()\n"
        "from sklearn.linear_model import LogisticRegression\n" + DATA + "for _ in range(3):\n"
        "    print(LogisticRegression().fit(X, y).score(X, y) > 0.5)\n"
    )
    assert done.returncode == 0 and done.stdout == "True\n" * 3
    assert done.stderr.count("not in a workspace") == 1


def test_nothing_is_imported_for_it(script: Script) -> None:
    done = script(
        "import sys, cupola\ncupola.autolog()\n"
        "print(*{'sklearn', 'lightgbm', 'xgboost', 'torch', 'numpy'} & set(sys.modules))"
    )
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_lightgbm_logs_every_evaluation(workspace: Workspace, script: Script) -> None:
    pytest.importorskip("lightgbm")
    done = script(
        "import cupola\ncupola.autolog()\nimport lightgbm as lgb\n" + DATA + "with cupola.run('estimator'):\n"
        "    lgb.LGBMClassifier(n_estimators=5, verbose=-1).fit(X, y, eval_set=[(X, y)])\n"
        "data = lgb.Dataset(X, y)\n"
        "lgb.train({'objective': 'binary', 'verbose': -1}, data, num_boost_round=4, valid_sets=[data])\n"
    )
    assert done.returncode == 0, done.stderr
    _boosted(workspace, "train_binary_logloss", "lightgbm")


def test_xgboost_logs_every_evaluation(workspace: Workspace, script: Script) -> None:
    pytest.importorskip("xgboost")
    done = script(
        "import cupola\ncupola.autolog()\nimport xgboost as xgb\n" + DATA + "with cupola.run('estimator'):\n"
        "    xgb.XGBClassifier(n_estimators=5).fit(X, y, eval_set=[(X, y)], verbose=False)\n"
        "data = xgb.DMatrix(X, y)\n"
        "xgb.train({'objective': 'binary:logistic'}, data, num_boost_round=4, evals=[(data, 'validation_0')])\n"
    )
    assert done.returncode == 0, done.stderr
    _boosted(workspace, "validation_0_logloss", "xgboost")


def _boosted(workspace: Workspace, metric: str, library: str) -> None:
    by_estimator, by_train = sorted(records.ls(workspace.store), key=lambda one: one.submitted)
    assert by_estimator.params["n_estimators"] == 5
    assert by_train.params["num_boost_round"] == 4 and by_train.estimator == library
    for run, rounds in ((by_estimator, 5), (by_train, 4)):
        logged = [one.step for one in histories.of_run(workspace.store, run).logged if one.name == metric]
        assert logged == list(range(rounds))


def test_pytorch_logs_loss_learning_rate_and_scalars(workspace: Workspace, script: Script) -> None:
    pytest.importorskip("torch")
    done = script(
        """
        import cupola
        cupola.autolog()
        import torch
        from cupola.tracking.libraries import pytorch
        pytorch.EVERY = 0
        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with cupola.run():
            for _ in range(10):
                optimizer.zero_grad()
                model(torch.ones(8, 4)).pow(2).mean().backward()
                optimizer.step()
        """
    )
    assert done.returncode == 0, done.stderr
    found = only(workspace)
    assert found.params["optimizer"] == "SGD" and found.params["parameters"] == 5
    losses = [one.number for one in histories.of_run(workspace.store, found).logged if one.name == "loss"]
    assert len(losses) == 10 and losses[-1] < losses[0]
    assert found.metrics["lr"] == 0.1
