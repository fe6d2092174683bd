"""LightGBM and XGBoost, where they are installed: trained, stopped early, saved without a pickle and read back."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.conftest import Make, table

from cupola.environments import catalogue
from cupola.errors import BadOption
from cupola.registry import models
from cupola.training import fitting, saving
from cupola.training.fitting import Log

LIBRARIES = [
    pytest.param(name, marks=pytest.mark.skipif(not importlib.util.find_spec(library), reason=f"without {library}"))
    for library, name in (("lightgbm", "LGBM"), ("xgboost", "XGB"))
]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("kind", "target"), [("Classifier", "kind"), ("Regressor", "value")])
def test_they_train_and_are_read_back_without_a_pickle(
    library: str, kind: str, target: str, make: Make, tmp_path: Path
) -> None:
    training = make(f"{library}{kind}", target, {"n_estimators": "40"}, weights="weight")
    fitted = fitting.fit(table(), training, threads=2)
    assert saving.save(tmp_path, fitted, training, [*table(3).columns]) == []
    hashes = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in tmp_path.iterdir()}
    read = models.load(tmp_path, hashes).predict(table(20, seed=7))
    assert np.array_equal(read.values, fitted.pipeline.predict(table(20, seed=7)))
    if target == "kind":
        assert fitted.pipeline.classes_.tolist() == ["late", "ok"]
        assert fitted.metrics["validation_roc_auc"] > 0.85


@pytest.mark.parametrize("library", LIBRARIES)
def test_they_stop_early_on_a_tenth_of_the_training_rows(library: str, make: Make) -> None:
    option = {"LGBM": "early_stopping_round", "XGB": "early_stopping_rounds"}[library]
    params: dict[str, Any] = {"n_estimators": "500", option: "5"}
    for name, target in ((f"{library}Classifier", "kind"), (f"{library}Regressor", "value")):
        estimator = fitting.fit(table(), make(name, target, params)).pipeline.named_steps["estimator"]
        made = getattr(estimator, "estimator", estimator)
        last = made.best_iteration_ if library == "LGBM" else made.best_iteration
        assert 0 < last < 200


@pytest.mark.parametrize("library", LIBRARIES)
def test_they_are_measured_by_rounds_of_which_the_last_is_the_model(library: str, make: Make) -> None:
    for name, target, metric in (
        (f"{library}Classifier", "kind", "log_loss"),
        (f"{library}Regressor", "value", "rmse"),
    ):
        said: list[tuple[str, float, int | None, float | None]] = []
        log = Log(metric=lambda *one, kept=said: kept.append(one))
        fitted = fitting.fit(table(), make(name, target, {"n_estimators": "40"}), log)
        curve = {step: value for metric_, value, step, _ in said if metric_ == f"validation_{metric}" and step}
        assert list(curve) == [*range(2, 41, 2)]
        assert curve[40] == pytest.approx(fitted.metrics[f"validation_{metric}"])
        assert curve[2] > curve[20]


@pytest.mark.parametrize("library", LIBRARIES)
def test_their_parameters_are_known(library: str, make: Make) -> None:
    known = catalogue.find(f"{library}Regressor")
    assert {"n_estimators", "learning_rate", "max_depth"} <= set(known.parameters)
    with pytest.raises(BadOption, match="did you mean n_estimators"):
        make(f"{library}Regressor", "value", {"n_estimator": "5"})
