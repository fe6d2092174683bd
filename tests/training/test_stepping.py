from typing import Any

import numpy as np
import pytest

from cupola.environments import catalogue
from cupola.training import estimators, stepping

WATCHED = [
    (f"{name}{kind}", params)
    for kind in ("Classifier", "Regressor")
    for name, params in [
        ("HistGradientBoosting", {}),
        ("HistGradientBoosting", {"early_stopping": True, "max_features": 0.5}),
        ("GradientBoosting", {"subsample": 0.5, "max_features": 0.5}),
        ("GradientBoosting", {"n_iter_no_change": 3}),
        ("RandomForest", {"n_estimators": 30}),
        ("RandomForest", {"n_estimators": 10, "oob_score": True}),
        ("ExtraTrees", {"n_estimators": 30, "bootstrap": True, "max_samples": 0.5}),
        ("Bagging", {"n_estimators": 12, "bootstrap_features": True}),
    ]
] + [("RandomForestClassifier", {"n_estimators": 10, "class_weight": "balanced"})]


def rows(kind: str, missing: bool) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    table = random.normal(size=(400, 6))
    target = table[:, 0] - table[:, 1] * table[:, 2] + random.normal(size=400)
    if missing:
        table[random.random(table.shape) < 0.02] = np.nan
    return table, (target > 0).astype(int) if kind == "classifier" else target


@pytest.mark.parametrize(("name", "params"), WATCHED)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_watched_fit_is_the_plain_fit_to_the_last_bit(name: str, params: dict[str, Any], weighted: bool) -> None:
    known = catalogue.find(name)
    table, target = rows(known.kind, known.missing)
    weights = np.random.default_rng(1).random(len(target)) if weighted else None
    plain, watched = (estimators.make(name, params, seed=3) for _ in range(2))
    plain.fit(table, target, sample_weight=weights)
    stepping.fit(watched, known, table, target, weights, lambda *_: None)
    answer = "predict_proba" if known.kind == "classifier" else "predict"
    assert np.array_equal(getattr(plain, answer)(table), getattr(watched, answer)(table))
    assert str(plain.get_params()) == str(watched.get_params())


@pytest.mark.parametrize("name", ["HistGradientBoostingClassifier", "GradientBoostingClassifier"])
def test_what_is_seen_on_the_way_is_what_the_finished_fit_says_of_that_step(name: str) -> None:
    table, target = rows("classifier", False)
    estimator = estimators.make(name, {}, seed=0)
    seen: list[tuple[int, Any]] = []

    def watch(fitted: Any, step: int, steps: int) -> None:
        seen.append((step, fitted.predict_proba(table)))

    stepping.fit(estimator, catalogue.find(name), table, target, None, watch)
    stages = list(estimator.staged_predict_proba(table))
    assert [step for step, _ in seen] == stepping.points(100)
    assert all(np.array_equal(found, stages[step - 1]) for step, found in seen)


def test_a_fit_that_stops_early_is_seen_to_its_end() -> None:
    table, target = rows("regressor", False)
    name = "HistGradientBoostingRegressor"
    estimator = estimators.make(name, {"early_stopping": True, "learning_rate": 0.5}, seed=0)
    seen: list[int] = []
    stepping.fit(estimator, catalogue.find(name), table, target, None, lambda fitted, step, steps: seen.append(step))
    assert seen[-1] == estimator.n_iter_ < 100


def test_what_can_only_be_seen_afterwards_is(capsys: pytest.CaptureFixture[str]) -> None:
    table, target = rows("classifier", False)
    estimator = estimators.make("AdaBoostClassifier", {"n_estimators": 40}, seed=0).fit(table, target)
    stages = [*stepping.stages(estimator, catalogue.find("AdaBoostClassifier"), table)]
    assert [step for step, _ in stages] == stepping.points(len(estimator.estimators_))
    assert np.allclose(stages[-1][1], estimator.predict_proba(table))
    assert capsys.readouterr().out == ""


def test_there_are_at_most_twenty_points_and_the_last_is_the_end() -> None:
    assert stepping.points(3) == [1, 2, 3]
    assert len(stepping.points(1000)) == 20
    assert stepping.points(1000)[-1] == 1000
    assert stepping.points(0) == []


def test_looking_is_given_up_when_it_takes_longer_than_fitting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "ALLOWED", 0.0)
    monkeypatch.setattr(stepping, "WATCHING", 0.0)
    table, target = rows("regressor", False)
    seen: list[int] = []
    estimator = estimators.make("RandomForestRegressor", {"n_estimators": 10}, seed=0)
    known = catalogue.find("RandomForestRegressor")
    stepping.fit(estimator, known, table, target, None, lambda fitted, step, steps: seen.append(step))
    assert seen == [1, 10]


@pytest.mark.parametrize("name", ["VotingRegressor", "StackingRegressor"])
def test_an_estimator_of_others_may_have_a_forest_among_them(name: str) -> None:
    """A forest that is not fitted yet has no length, and so is neither true nor false."""
    table, target = rows("regressor", False)
    forest = {"estimators": ["Ridge", "RandomForestRegressor"], "RandomForestRegressor__n_estimators": 3}
    estimator = estimators.make(name, forest, seed=0)
    stepping.plain(estimator, table, target, None)
    assert estimator.predict(table).shape == target.shape
