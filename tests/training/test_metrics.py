from typing import Any

import numpy as np
import pytest
import sklearn.metrics as theirs

from cupola.training import metrics
from cupola.training.metrics import MOST, Predictions, over_folds


def errors(made: Predictions, seed: int, groups: Any = None, resamples: int = metrics.RESAMPLES) -> dict[str, float]:
    return metrics.errors(made, metrics.resample(made, seed, groups, resamples))


def classes(number: int, rows: int = 400, seed: int = 1) -> Predictions:
    """Predictions that are fairly right, with probabilities that repeat."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, number, rows)
    scores = np.round(random.dirichlet(np.ones(number), rows) + 0.5 * np.eye(number)[truth], 1) + 0.01
    scores /= scores.sum(axis=1, keepdims=True)
    return Predictions(truth, scores.argmax(axis=1), number, scores, True)


@pytest.mark.parametrize("number", [2, 4])
def test_metrics_of_classes_are_those_of_scikit_learn(number: int) -> None:
    made = classes(number)
    truth, said, scores = made.truth, made.predicted, made.scores
    assert scores is not None
    expected = {
        "accuracy": theirs.accuracy_score(truth, said),
        "balanced_accuracy": theirs.balanced_accuracy_score(truth, said),
        "f1_macro": theirs.f1_score(truth, said, average="macro"),
        "precision_macro": theirs.precision_score(truth, said, average="macro"),
        "recall_macro": theirs.recall_score(truth, said, average="macro"),
        "mcc": theirs.matthews_corrcoef(truth, said),
        "log_loss": theirs.log_loss(truth, scores),
        "average_precision": theirs.average_precision_score(np.eye(number)[truth], scores, average="macro"),
        "roc_auc": theirs.roc_auc_score(truth, scores, multi_class="ovr") if number > 2 else 0,
    }
    if number == 2:
        expected |= {
            "roc_auc": theirs.roc_auc_score(truth, scores[:, 1]),
            "average_precision": theirs.average_precision_score(truth, scores[:, 1]),
            "brier": theirs.brier_score_loss(truth, scores[:, 1]),
            "f1": theirs.f1_score(truth, said),
            "precision": theirs.precision_score(truth, said),
            "recall": theirs.recall_score(truth, said),
        }
    found = made.figures()
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert ("f1" in found) == (number == 2)


def test_metrics_of_numbers_are_those_of_scikit_learn_and_zeros_are_left_out_of_mape() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=301)
    said = truth + random.normal(size=301)
    truth[:5] = 0
    assert Predictions(truth, said).figures() == pytest.approx(
        {
            "rmse": theirs.root_mean_squared_error(truth, said),
            "mae": theirs.mean_absolute_error(truth, said),
            "median_absolute_error": theirs.median_absolute_error(truth, said),
            "r2": theirs.r2_score(truth, said),
            "mape": theirs.mean_absolute_percentage_error(truth[5:], said[5:]),
            "wape": np.abs(truth - said).sum() / np.abs(truth).sum(),
        }
    )


def test_what_cannot_be_told_is_left_out() -> None:
    one = Predictions(np.zeros(5, int), np.zeros(5, int), 2, np.tile([0.9, 0.1], (5, 1)), True).figures()
    assert "roc_auc" not in one
    assert one["accuracy"] == 1
    assert "log_loss" not in Predictions(np.array([0, 1]), np.array([0, 1]), 2, np.eye(2), False).figures()
    assert "roc_auc" not in Predictions(np.array([0, 1]), np.array([0, 1]), 2).figures()
    assert "r2" not in Predictions(np.ones(4), np.zeros(4)).figures()


def test_a_sure_mistake_costs_much_but_not_endlessly() -> None:
    said = np.array([[0.0, 1.0]])
    ours = Predictions(np.array([0]), np.array([1]), 2, said, True).figures()["log_loss"]
    assert ours == pytest.approx(theirs.log_loss([0], said, labels=[0, 1]))


def test_figures_that_are_endless_are_left_out_with_their_errors() -> None:
    far = Predictions(np.array([1e300, 2e300, -1e300]), np.array([1.0, 2.0, 3.0]))
    assert "rmse" not in far.figures()
    assert all(np.isfinite(list(errors(far, 0).values())))
    means, deviations = over_folds([{"mae": 1.7e308}, {"mae": 1.7e308}, {"mae": 1.0}])
    assert (means, deviations) == ({}, {})


def test_every_figure_has_an_error() -> None:
    for made in (classes(2), classes(5), Predictions(np.arange(9.0), np.arange(9.0) ** 1.1)):
        assert set(errors(made, 0)) == set(made.figures())


def test_being_always_right_on_few_rows_is_no_certainty() -> None:
    truth = np.array([0, 1, 0, 1, 1])
    found = errors(Predictions(truth, truth, 2, np.eye(2)[truth], True), 0)
    assert 0.1 < found["accuracy"] < 0.2
    assert found["roc_auc"] > 0.1


def test_errors_of_grouped_rows_are_larger_where_groups_are_alike() -> None:
    truth = np.repeat(np.random.default_rng(0).integers(0, 2, 40), 25)
    said = np.repeat(np.random.default_rng(1).integers(0, 2, 40), 25)
    made = Predictions(truth, said, 2)
    groups = np.repeat(np.arange(40), 25)
    assert errors(made, 0, groups)["accuracy"] > 3 * errors(made, 0)["accuracy"]


def test_errors_of_many_rows_are_scaled_from_a_part_of_them() -> None:
    rows = 4 * MOST
    truth = np.random.default_rng(0).normal(size=rows)
    made = Predictions(truth, truth + np.random.default_rng(1).normal(size=rows))
    assert errors(made, 0)["rmse"] == pytest.approx(1 / np.sqrt(2 * rows), rel=0.25)


def test_the_error_over_folds_is_their_deviation_over_the_root_of_their_number() -> None:
    means, deviations = over_folds([{"mae": 1.0, "r2": 0.5}, {"mae": 2.0}, {"mae": 3.0}])
    assert means == {"mae": 2.0}
    assert deviations == {"mae": pytest.approx(1 / np.sqrt(3))}


def test_intervals_hold_the_truth_as_often_as_they_claim() -> None:
    """1.96 errors to both sides hold the true value in about 95 of 100 simulated holdouts of 200 rows."""
    random = np.random.default_rng(7)
    rows, worlds = 200, 300
    known = {"accuracy": 0.8, "roc_auc": 0.8556, "rmse": 1.0, "mae": np.sqrt(2 / np.pi)}
    held = dict.fromkeys(known, 0)
    for world in range(worlds):
        truth = random.integers(0, 2, rows)
        score = random.normal(size=rows) + 1.5 * truth  # the area is that of a shift by 1.5: Phi(1.5 / sqrt(2))
        said = np.where(random.random(rows) < 0.8, truth, 1 - truth)
        value = random.normal(size=rows)
        for made in (
            Predictions(truth, said, 2, np.column_stack([-score, score]), False),
            Predictions(value, value + random.normal(size=rows)),
        ):
            figures, deviations = made.figures(), errors(made, world, resamples=100)
            for name in set(figures) & set(known):
                held[name] += abs(figures[name] - known[name]) <= 1.96 * deviations[name]
    assert all(0.90 <= count / worlds <= 0.985 for count in held.values()), held


def test_the_same_rows_are_drawn_whatever_was_predicted() -> None:
    truth = np.arange(50.0)
    one, other = (metrics.resample(Predictions(truth, truth + by), 3) for by in (1.0, -1.0))
    assert (one.metrics["mape"] == other.metrics["mape"]).all() and one.metrics["mape"].std() > 0
