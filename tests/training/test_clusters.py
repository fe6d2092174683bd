from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference
from sklearn.datasets import make_blobs
from tests.training.conftest import Make, table

from cupola.errors import BadInput
from cupola.training import artifacts, fitting
from cupola.training.clusters import SAMPLE, Clusters, Flags
from cupola.training.metrics import errors, resample

FEATURES = [("a", "number"), ("b", "number")]


def blobs(rows: int = 600, spread: float = 1.0) -> pd.DataFrame:
    """Three clouds of points, and which is whose."""
    points, kinds = make_blobs(rows, centers=[[0, 0], [6, 0], [0, 6]], cluster_std=spread, random_state=0)
    return pd.DataFrame(points, columns=["a", "b"]).assign(kind=[f"k{one}" for one in kinds])


def test_the_figures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    rows, labels, truth = random.normal(size=(400, 3)), random.integers(0, 4, 400), random.integers(0, 3, 400)
    rows[:, 0] += labels
    found = Clusters(rows, labels, truth).figures()
    assert found["silhouette"] == pytest.approx(reference.silhouette_score(rows, labels))
    assert found["davies_bouldin"] == pytest.approx(reference.davies_bouldin_score(rows, labels))
    assert found["calinski_harabasz"] == pytest.approx(reference.calinski_harabasz_score(rows, labels))
    assert found["adjusted_rand"] == pytest.approx(reference.adjusted_rand_score(truth, labels))
    assert found["v_measure"] == pytest.approx(reference.v_measure_score(truth, labels))
    assert (found["clusters"], found["noise"]) == (4, 0)


def test_a_row_that_counts_twice_is_as_two_rows() -> None:
    random = np.random.default_rng(1)
    rows, labels = random.normal(size=(60, 2)), random.integers(0, 3, 60)
    counts = random.integers(0, 3, 60)
    twice = np.repeat(np.arange(60), counts)
    counted = Clusters(rows, labels, labels % 2).measure()(counts.astype(float))
    written = Clusters(rows[twice], labels[twice], labels[twice] % 2).figures()
    counted.pop("calinski_harabasz"), written.pop("calinski_harabasz")  # its rows in all are those of the table
    assert counted == pytest.approx(written)


def test_of_many_rows_a_sample_says_what_all_would() -> None:
    frame = blobs(20_000)
    rows, labels = frame[["a", "b"]].to_numpy(), frame["kind"].str[1:].astype(int).to_numpy()
    found, drawn = Clusters(rows, labels), None
    figures = found.figures()
    drawn = errors(found, resample(found, 0, resamples=50))
    assert len(rows) > SAMPLE
    for name, function in (
        ("silhouette", lambda: reference.silhouette_score(rows, labels, sample_size=4000, random_state=0)),
        ("davies_bouldin", lambda: reference.davies_bouldin_score(rows, labels)),
        ("calinski_harabasz", lambda: reference.calinski_harabasz_score(rows, labels)),
    ):
        assert figures[name] == pytest.approx(function(), abs=5 * drawn[name])


def test_clusters_are_found_measured_and_left_with_their_rows(make: Make) -> None:
    frame = blobs(spread=0.5)
    training = make("KMeans", None, {"n_clusters": 3}, features=FEATURES)
    fitted = fitting.fit(frame, training)
    estimator = fitted.pipeline.named_steps["estimator"]
    assert fitted.metrics["train_inertia"] == pytest.approx(estimator.inertia_)
    assert fitted.metrics["validation_silhouette"] > 0.6
    assert set(fitted.errors) == set(fitted.metrics)
    assert "train_adjusted_rand" not in fitted.metrics
    said = artifacts.predictions(fitted)
    assert list(said.columns) == ["row", "prediction"]
    assert (said["prediction"] == fitted.pipeline.predict(frame.iloc[said["row"]])).all()
    made = artifacts.of_run(fitted, training, {})["clusters.json"]["clusters"]
    assert sum(one["rows"] for one in made) == 120
    typical = sorted((round(one["typical"]["a"]), round(one["typical"]["b"])) for one in made)
    assert typical == [(0, 0), (0, 6), (6, 0)]


def test_clusters_are_compared_with_a_target_and_never_learn_it(make: Make) -> None:
    frame = blobs()
    fitted = fitting.fit(frame, make("KMeans", "kind", {"n_clusters": 3}, features=FEATURES))
    assert fitted.metrics["validation_adjusted_rand"] > 0.95
    frame["kind"] = np.random.default_rng(0).permutation(frame["kind"])
    again = fitting.fit(frame, make("KMeans", "kind", {"n_clusters": 3}, features=FEATURES))
    assert abs(again.metrics["validation_adjusted_rand"]) < 0.1
    assert again.metrics["validation_silhouette"] == fitted.metrics["validation_silhouette"]


def test_a_clusterer_that_judges_only_its_own_rows_gives_new_ones_the_nearest(make: Make) -> None:
    frame = blobs(spread=0.5)
    fitted = fitting.fit(frame, make("DBSCAN", None, {"eps": 0.4}, features=FEATURES))
    assert fitted.metrics["validation_clusters"] == 3
    far = pd.DataFrame({"a": [6.0, 0.0], "b": [0.0, 6.0]})
    found = fitted.pipeline.predict(far)
    assert found[0] != found[1] and (found >= 0).all()
    noise = fitting.fit(frame, make("DBSCAN", None, {"eps": 0.001}, features=FEATURES))
    assert noise.metrics["train_noise"] == 1
    assert "warning: validation_silhouette cannot be told from these rows" in noise.notes


def strange(rows: int = 800) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(rows, 2)), columns=["a", "b"])
    bad = random.permutation(rows) < 40
    frame.loc[bad] = random.uniform(-15, 15, size=(40, 2))
    return frame.assign(broken=bad)


def test_anomalies_are_flagged_and_scored_without_a_target(make: Make) -> None:
    frame = strange()
    training = make("IsolationForest", None, {"contamination": "0.05"}, features=FEATURES)
    fitted = fitting.fit(frame, training)
    assert fitted.metrics["train_anomalies"] == pytest.approx(0.05, abs=0.01)
    assert fitted.errors["validation_anomalies"] > 0
    said = artifacts.predictions(fitted)
    assert set(said["prediction"]) == {-1, 1}
    assert ((said["score"] > 0) == (said["prediction"] == -1)).all()
    made: dict[str, Any] = artifacts.of_run(fitted, training, {})["anomalies.json"]
    assert made["flagged"] == (said["prediction"] == -1).sum()
    assert sum(made["histogram"]["counts"]) == made["rows"] == 160


def test_scores_that_hardly_differ_are_drawn_too(make: Make) -> None:
    fitted = fitting.fit(strange(), make("LocalOutlierFactor", None, features=FEATURES))
    assert isinstance(fitted.predictions, Flags)
    fitted.predictions.strange = 1 + 1e-16 * np.arange(len(fitted.predictions)) % 3e-16
    assert sum(artifacts.anomalies(fitted)["histogram"]["counts"]) == 160


@pytest.mark.parametrize("name", ["IsolationForest", "LocalOutlierFactor", "EllipticEnvelope", "OneClassSVM"])
def test_where_a_target_says_which_are_anomalies_the_score_is_measured(name: str, make: Make) -> None:
    fitted = fitting.fit(strange(), make(name, "broken", features=FEATURES, target_type="boolean"))
    assert fitted.target.classes == [False, True]
    assert fitted.metrics["validation_roc_auc"] > 0.9
    turned = strange().assign(broken=lambda frame: ~frame["broken"])
    again = fitting.fit(turned, make(name, "broken", features=FEATURES, target_type="boolean"))
    assert again.target.classes == [True, False]
    assert again.metrics == fitted.metrics


def test_an_anomaly_is_one_of_two(make: Make) -> None:
    frame = table()
    frame.loc[:5, "kind"] = "other"
    with pytest.raises(BadInput, match="an anomaly or not"):
        fitting.fit(frame, make("IsolationForest", "kind"))
    folds = fitting.fit(table(), make("IsolationForest", None, cv=3))
    assert len(artifacts.predictions(folds)) == folds.rows["validation"]
