import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.training.conftest import FEATURES, Make, table

from cupola.datasets.records import Column
from cupola.errors import BadInput, BadOption
from cupola.registry import models
from cupola.training import deciding, fitting, saving
from cupola.training.records import class_weights_of, threshold_of


def rare(rows: int = 900) -> pd.DataFrame:
    """A table in which one row in eight is late."""
    frame = table(rows)
    score = frame["amount"].fillna(0) + frame["count"] / 3
    return frame.assign(kind=np.where(score > score.quantile(0.875), "late", "ok"))


def test_weights_of_classes_are_those_of_scikit_learn(make: Make) -> None:
    frame = rare()
    weighed = fitting.fit(frame, make("LogisticRegression", class_weights="balanced"))
    theirs = fitting.fit(frame, make("LogisticRegression", params={"class_weight": "balanced"}))
    plain = fitting.fit(frame, make("LogisticRegression"))
    assert np.allclose(weighed.pipeline.predict_proba(frame), theirs.pipeline.predict_proba(frame), atol=1e-3)
    assert weighed.metrics["validation_balanced_accuracy"] >= plain.metrics["validation_balanced_accuracy"]
    named = fitting.fit(frame, make("GaussianNB", class_weights={"late": 50.0}))
    assert (named.pipeline.predict(frame) == "late").sum() > (plain.pipeline.predict(frame) == "late").sum()
    with pytest.raises(BadInput, match="no class 'lat' to weigh; there are late, ok"):
        fitting.fit(frame, make("GaussianNB", class_weights={"lat": 50.0}))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_hold_better(method: str, make: Make) -> None:
    random = np.random.default_rng(0)
    frame = table(1500)
    frame["kind"] = np.where(frame["amount"].fillna(0) + 2 * random.normal(size=1500) > 0, "late", "ok")
    for one in range(6):  # what a naive Bayes takes for more evidence
        frame[f"again{one}"] = frame["amount"] + 0.1 * random.normal(size=1500)
    features = [*FEATURES, *((f"again{one}", "number") for one in range(6))]
    plain = fitting.fit(frame, make("GaussianNB", features=features))
    better = fitting.fit(frame, make("GaussianNB", features=features, calibrate=method))
    assert better.metrics["test_brier"] < plain.metrics["test_brier"]
    assert better.metrics["test_log_loss"] < plain.metrics["test_log_loss"]
    assert better.pipeline.named_steps["estimator"].cv is None
    no_probabilities = fitting.fit(frame, make("LinearSVC", calibrate=method))
    assert "validation_log_loss" in no_probabilities.metrics


def test_a_threshold_that_is_given_decides(make: Make) -> None:
    frame = rare()
    low, high = (fitting.fit(frame, make("LogisticRegression", threshold=one)) for one in (0.1, 0.9))
    for fitted, threshold in ((low, 0.1), (high, 0.9)):
        said = fitted.pipeline.predict_proba(frame)[:, 1] >= threshold
        assert ((fitted.pipeline.predict(frame) == "ok") == said).all()
    assert low.metrics["validation_recall"] > high.metrics["validation_recall"]
    assert low.metrics["validation_roc_auc"] == high.metrics["validation_roc_auc"]


def test_a_threshold_that_is_found_is_better_than_a_half_and_kept_with_the_model(make: Make, tmp_path: Path) -> None:
    frame = rare(2000)
    plain = fitting.fit(frame, make("LogisticRegression"))
    training = make("LogisticRegression", threshold="auto")
    fitted = fitting.fit(frame, training)
    threshold = fitted.pipeline.named_steps["estimator"].threshold
    assert fitted.metrics["validation_balanced_accuracy"] >= plain.metrics["validation_balanced_accuracy"]
    assert any("balanced_accuracy is best from" in one for one in fitted.notes)
    assert saving.save(tmp_path, fitted, training, [*frame.columns]) == []
    hashes = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in tmp_path.iterdir()}
    read = models.load(tmp_path, hashes)
    assert read.signature.threshold == threshold
    assert (read.predict(frame).values == fitted.pipeline.predict(frame)).all()


@pytest.mark.parametrize("asked", [{"calibrate": "sigmoid"}, {"threshold": "auto"}])
def test_groups_stay_whole_and_weights_count_in_the_folds(asked: dict[str, str], make: Make) -> None:
    fitted = fitting.fit(table(), make("LogisticRegression", group="team", weights="weight", **asked))
    assert set(fitted.errors) == set(fitted.metrics)
    found = deciding.folds(np.array([0, 1] * 20), np.repeat(np.arange(8), 5), 0)
    for train, rest in found:
        assert not set(np.repeat(np.arange(8), 5)[train]) & set(np.repeat(np.arange(8), 5)[rest])


def test_what_cannot_be_decided_is_said(make: Make) -> None:
    frame = table()
    frame["kind"] = np.where(frame.index == 7, "alone", "other")
    with pytest.raises(BadInput, match="too few rows of a class"):
        fitting.fit(frame, make("LogisticRegression", calibrate="sigmoid"))
    with pytest.raises(BadInput, match="no probabilities, and so has no threshold"):
        fitting.fit(table(), make("LinearSVC", threshold="auto"))


def test_words_are_read_or_refused() -> None:
    two = Column(name="y", type="category", distinct=2)
    assert class_weights_of("balanced", True, "classification") == "balanced"
    assert class_weights_of("late=5, ok = 0.5", True, "classification") == {"late": 5.0, "ok": 0.5}
    assert threshold_of("0.3", two, "classification") == 0.3
    assert threshold_of("auto", two, "classification") == "auto"
    for text in ("late", "late=0", "late=x", "=3", "late=inf"):
        with pytest.raises(BadOption):
            class_weights_of(text, True, "classification")
    with pytest.raises(BadOption, match="takes no weights"):
        class_weights_of("balanced", False, "classification")
    for text in ("0", "1", "x", "nan"):
        with pytest.raises(BadOption, match="no threshold"):
            threshold_of(text, two, "classification")
    with pytest.raises(BadOption, match="two classes"):
        threshold_of("auto", Column(name="y", type="category", distinct=3), "classification")
