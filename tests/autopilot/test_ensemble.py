"""Weights of candidates that answer together, and the temperature of their probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupola.autopilot import ensemble
from cupola.autopilot.scoring import predictions, score
from cupola.training.blending import tempered
from cupola.training.records import SMALLER_IS_BETTER


def answers(seed: int, rows: int = 300, classes: int = 3) -> tuple[np.ndarray, list[np.ndarray]]:
    """Truth, and what four say of it, the one better than the other."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, rows)
    said = []
    for sure in (0.2, 1.0, 1.5, 2.0):
        logits = random.normal(size=(rows, classes)) + sure * np.eye(classes)[truth]
        said.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    return truth, said


@pytest.mark.parametrize("metric", ["log_loss", "accuracy", "roc_auc", "f1_macro"])
def test_together_they_are_no_worse_than_the_best_alone(metric: str) -> None:
    truth, said = answers(1)
    shares = ensemble.weights(said, truth, metric, 3)
    assert sum(shares) == pytest.approx(1)
    together = score(metric, truth, ensemble.mean(said, shares), 3)
    assert together >= max(score(metric, truth, one, 3) for one in said)


def test_probabilities_that_are_too_sure_get_a_temperature_above_1() -> None:
    truth, said = answers(2, 2000)
    sharp = tempered(said[1], 0.4)
    found = ensemble.temperature(sharp, truth)
    assert found > 1.5
    assert score("log_loss", truth, tempered(sharp, found), 3) > score("log_loss", truth, sharp, 3)
    assert ensemble.temperature(said[0][:5], truth[:5]) == 1, "five rows say nothing of it"


def test_of_few_rows_that_are_all_told_right_it_gets_less_sure_than_of_many() -> None:
    few, many = (ensemble.temperature(np.tile([0.04, 0.9, 0.06], (rows, 1)), np.ones(rows, int)) for rows in (20, 5000))
    assert many == ensemble.TEMPERATURES[0]
    assert many < few < 1
    wrong = np.append(np.ones(19, int), 2)
    assert ensemble.temperature(np.tile([0.04, 0.9, 0.06], (20, 1)), wrong) == 1, "one of 20 is wrong, as was said"


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6), rows=st.integers(8, 60), classes=st.sampled_from([0, 2, 3]), ties=st.booleans(),
    metric=st.sampled_from(["log_loss", "accuracy", "roc_auc", "rmse", "mae", "r2", "f1_macro", "mape"]),
)  # fmt: skip
def test_a_score_is_the_metric_that_runs_say(seed: int, rows: int, classes: int, ties: bool, metric: str) -> None:
    random = np.random.default_rng(seed)
    if (metric in ("rmse", "mae", "r2", "mape")) != (classes == 0):
        return
    if classes:
        truth = random.permutation(np.arange(rows) % classes)
        said = random.dirichlet(np.ones(classes), rows)
        said = np.round(said, 1) + 0.01 if ties else said
        said /= said.sum(axis=1, keepdims=True)
    else:
        truth, said = random.normal(size=rows), random.normal(size=rows)
    expected = predictions(truth, said, classes).figures()[metric]
    assert score(metric, truth, said, classes) == pytest.approx(
        -expected if metric in SMALLER_IS_BETTER else expected, rel=1e-9, abs=1e-12
    )
