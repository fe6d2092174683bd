import datetime
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier
from skops.io import _persist
from tests.training.conftest import FEATURES, Make, table

from cupola.registry import models, records
from cupola.store import secret
from cupola.training import artifacts, fitting, saving

SOURCE = [*table(10).columns]
READ_BACK = """
import hashlib, pathlib, sys, pandas
from cupola.registry import models
frame = pandas.read_pickle(sys.argv[1])
for directory in map(pathlib.Path, sys.argv[2:]):
    hashes = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in directory.iterdir()}
    found = models.load(directory, hashes).predict(frame)
    values = found.values if found.probabilities is None else found.probabilities
    print(hashlib.sha256(values.tobytes()).hexdigest())
"""
SEVERAL = [
    ("HistGradientBoostingClassifier", "kind"),
    ("LogisticRegression", "kind"),
    ("RandomForestRegressor", "value"),
    ("CategoricalNB", "kind"),
    ("MLPRegressor", "value"),
]


def hashes(directory: Path) -> dict[str, str]:
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in directory.iterdir()}


def test_another_process_reads_them_back_and_predicts_the_same_to_the_last_bit(make: Make, tmp_path: Path) -> None:
    fresh = table(50, seed=5)
    fresh.to_pickle(tmp_path / "fresh")
    expected, directories = [], []
    for name, target in SEVERAL:
        fitted = fitting.fit(table(), make(name, target))
        directories.append(tmp_path / name)
        directories[-1].mkdir()
        assert saving.save(directories[-1], fitted, make(name, target), SOURCE) == []
        answer = fitted.pipeline.predict_proba if target == "kind" else fitted.pipeline.predict
        expected.append(hashlib.sha256(np.asarray(answer(fresh)).tobytes()).hexdigest())
    command = [sys.executable, "-c", READ_BACK, str(tmp_path / "fresh"), *map(str, directories)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert ended.stdout.split() == expected


def test_what_is_written_is_what_skops_writes() -> None:
    model = HistGradientBoostingClassifier(max_iter=3).fit([[0.0], [1.0]] * 20, [0, 1, 2, 3] * 10)
    data = saving.dumped([model, model])
    assert _persist.ZipFile is zipfile.ZipFile
    assert _arrays(data) == _arrays(skops.io.dumps([model, model]))


def _arrays(data: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sorted(archive.read(name) for name in archive.namelist() if name.endswith(".npy"))


def test_the_signature_says_what_goes_in_and_out(make: Make, tmp_path: Path) -> None:
    frame = table().assign(same=1)
    training = make("LogisticRegression", features=[*FEATURES, ("same", "integer")])
    fitted = fitting.fit(frame, training)
    saving.save(tmp_path, fitted, training, [*SOURCE, "same"])
    signature = models.load(tmp_path, hashes(tmp_path)).signature
    assert [(one.name, one.type) for one in signature.columns] == FEATURES
    assert signature.others == ["kind", "value", "weight", "team", "same"]
    assert signature.source == [*SOURCE, "same"]
    assert (signature.target, signature.task, signature.classes) == ("kind", "classification", ["late", "ok"])
    colour = next(one for one in signature.columns if one.name == "colour")
    assert sorted(colour.categories or []) == ["blue", "green", "red"]
    assert colour.dtype == str(frame["colour"].dtype)


def test_the_sample_is_rows_as_json_can_hold_them(make: Make, tmp_path: Path) -> None:
    training = make("LogisticRegression")
    saving.save(tmp_path, fitting.fit(table(), training), training, SOURCE)
    sample = json.loads((tmp_path / "sample.json").read_bytes())
    assert len(sample) == 5
    assert sample[3]["amount"] is None
    assert sample[0]["day"] == "2013-01-01"
    assert datetime.datetime.fromisoformat(sample[1]["at"]) == datetime.datetime(2013, 1, 1, 7)


def test_what_skops_cannot_save_is_a_pickle_signed_by_its_maker(make: Make, tmp_path: Path) -> None:
    training = make("TunedThresholdClassifierCV", params={"estimator": "LogisticRegression"})
    notes = saving.save(tmp_path, fitting.fit(table(), training), training, SOURCE)
    assert "saved as a pickle" in notes[0]
    assert not (tmp_path / "model.skops").exists()
    made = json.loads((tmp_path / "model.json").read_bytes())
    assert made["reason"]
    assert secret.verify(records.pickle_payload(hashes(tmp_path)["model.pkl"]), made["mac"])
    assert models.load(tmp_path, hashes(tmp_path), pickle_trusted=True).predict(table()).values.shape == (300,)


def test_a_run_leaves_what_a_screen_draws(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "IMPORTANCE_SECONDS", 600.0)
    training = make("LogisticRegression")
    fitted = fitting.fit(table(), training)
    found: dict[str, Any] = json.loads(json.dumps(artifacts.of_run(fitted, training, {"train_log_loss": [(1, 0.5)]})))
    names = ("confusion", "roc", "pr", "calibration", "thresholds", "curve", "importance", "repeats")
    assert set(found) == {f"{name}.json" for name in names}
    matrix = np.array(found["confusion.json"]["matrix"])
    assert matrix.sum() == len(fitted.held)
    assert np.trace(matrix) / matrix.sum() == pytest.approx(fitted.metrics["validation_accuracy"])
    curve = found["roc.json"]["curves"][0]
    assert curve["class"] == "ok"
    assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(fitted.metrics["validation_roc_auc"], abs=0.01)
    assert found["importance.json"]["features"][0]["feature"] in ("amount", "count")


def test_the_curves_of_a_run_agree_with_its_metrics(make: Make) -> None:
    training = make("LogisticRegression")
    fitted = fitting.fit(table(), training)
    found: dict[str, Any] = artifacts.of_run(fitted, training, {}, importance=False)
    curve = found["pr.json"]["curves"][0]
    steps = np.diff(curve["recall"]) @ np.array(curve["precision"][1:])
    assert steps == pytest.approx(fitted.metrics["validation_average_precision"], abs=0.01)
    bins = found["calibration.json"]["curves"][0]
    assert sum(bins["rows"]) == len(fitted.held)
    share = np.average(bins["observed"], weights=bins["rows"])
    assert share == pytest.approx(curve["share"])
    observed, low, high = (np.array(bins[name]) for name in ("observed", "low", "high"))
    assert (low <= observed + 1e-9).all() and (observed <= high + 1e-9).all() and (low < high).all()


def test_the_counts_at_the_models_own_threshold_are_its_confusion_matrix(make: Make) -> None:
    training = make("LogisticRegression")
    found: dict[str, Any] = artifacts.of_run(fitting.fit(table(), training), training, {}, importance=False)
    cuts = found["thresholds.json"]
    here = cuts["thresholds"].index(0.5)
    true, false = cuts["true"][here], cuts["false"][here]
    assert found["confusion.json"]["matrix"] == [[cuts["negatives"] - false, false], [cuts["positives"] - true, true]]
    assert sorted(cuts["true"], reverse=True) == cuts["true"] and cuts["true"][-1] == 0
    assert cuts["own"] == 0.5


@pytest.mark.parametrize(("estimator", "own"), [("LinearSVC", 0.0), ("LogisticRegression", 0.2345678)])
def test_a_threshold_of_the_models_own_is_among_them(make: Make, estimator: str, own: float) -> None:
    training = make(estimator)
    training.threshold = own or None
    found: dict[str, Any] = artifacts.of_run(fitting.fit(table(), training), training, {}, importance=False)
    cuts, matrix = found["thresholds.json"], found["confusion.json"]["matrix"]
    assert cuts["own"] == own
    here = cuts["thresholds"].index(own)
    assert [matrix[1][1], matrix[0][1]] == [cuts["true"][here], cuts["false"][here]]


def test_several_classes_have_a_curve_each(make: Make) -> None:
    frame = table()
    frame["kind"] = np.where(np.arange(len(frame)) % 3 == 0, "third", frame["kind"])
    training = make("LogisticRegression")
    found: dict[str, Any] = artifacts.of_run(fitting.fit(frame, training), training, {}, importance=False)
    assert "thresholds.json" not in found
    for name in ("roc", "pr", "calibration"):
        assert [one["class"] for one in found[f"{name}.json"]["curves"]] == ["late", "ok", "third"]


def test_the_predictions_of_the_rows_held_out_find_their_rows_again(make: Make) -> None:
    frame = table()
    frame.loc[:9, "kind"] = None
    said = artifacts.predictions(fitting.fit(frame, make("LogisticRegression", cv=3)))
    assert (frame["kind"][said["row"]].to_numpy() == said["truth"]).all()
    assert np.allclose(said["probability_late"] + said["probability_ok"], 1)
    residuals = artifacts.residuals(fitting.fit(frame, make("Ridge", "value")))
    assert sum(residuals["histogram"]["counts"]) == 60
    assert isinstance(pd.DataFrame(residuals["pairs"]), pd.DataFrame)
