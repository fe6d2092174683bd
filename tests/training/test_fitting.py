from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.conftest import FEATURES, Make, hard, table

from cupola.environments import catalogue
from cupola.errors import BadInput, CupolaError
from cupola.training import estimators, fitting
from cupola.training.fitting import Log


def test_every_estimator_trains_or_says_why_not_in_one_sentence(make: Make) -> None:
    """All of scikit-learn, on a table with numbers, categories, texts, dates and missing values."""
    frame, ended = table(120), {}
    frame["note"] = [f"words about {one % 7} and {one % 5}" for one in range(120)]
    features = [*FEATURES, ("note", "text")]
    targets = {"classifier": "kind", "regressor": "value", "clusterer": None, "detector": None}
    metric = {"classifier": "accuracy", "regressor": "rmse", "clusterer": "clusters", "detector": "anomalies"}
    for name, one in catalogue.load().items():
        inner = "LogisticRegression" if one.kind == "classifier" else "Ridge"
        params: dict[str, Any] = {each.name: inner for each in one.parameters.values() if each.required}
        try:
            fitted = fitting.fit(frame, make(name, targets[one.kind], params, features=features))
        except CupolaError as error:
            ended[name] = str(error)
            continue
        assert f"validation_{metric[one.kind]}" in fitted.metrics, name
        assert set(fitted.errors) == set(fitted.metrics), name
        assert len(fitted.pipeline.predict(frame)) == len(frame), name
    assert all("\n" not in said and len(said) < 400 for said in ended.values()), ended
    unable = {name for name in ended if not catalogue.find(name).refused}
    assert unable <= {
        "CCA", "PLSCanonical", "GammaRegressor", "PoissonRegressor", "IsotonicRegression", "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor", "QuadraticDiscriminantAnalysis",
    }, ended  # fmt: skip


def test_the_same_seed_gives_the_same_figures(make: Make) -> None:
    one, other = (fitting.fit(table(), make("RandomForestClassifier")) for _ in range(2))
    assert one.metrics == other.metrics
    assert one.errors == other.errors
    assert fitting.fit(table(), make("RandomForestClassifier", seed=9)).metrics != one.metrics


def test_rows_without_a_target_are_left_out_and_counted(make: Make) -> None:
    frame = table()
    frame.loc[:9, "kind"] = None
    fitted = fitting.fit(frame, make("LogisticRegression"))
    assert "10 of 300 rows have no target (kind) and were left out" in fitted.notes
    assert sum(fitted.rows.values()) == 290
    frame["value"] = frame["value"].mask(frame.index < 3, np.inf)
    assert "3 of 300 rows have no target (value)" in " ".join(fitting.fit(frame, make("Ridge", "value")).notes)


def test_classes_keep_the_values_of_the_source(make: Make) -> None:
    frame = table()
    for kind, column, expected in (
        ("boolean", frame["kind"] == "late", [False, True]),
        ("boolean", (frame["kind"] == "late").astype(object).mask(frame.index == 3, None), [False, True]),
        ("integer", (frame["kind"] == "late") * 7 - 3, [-3, 4]),
        ("integer", ((frame["kind"] == "late") * 7 - 3.0).mask(frame.index == 3), [-3, 4]),
        ("category", frame["kind"], ["late", "ok"]),
    ):
        frame["goal"] = column
        fitted = fitting.fit(frame, make("HistGradientBoostingClassifier", "goal", {"max_iter": 5}, target_type=kind))
        assert fitted.target.classes == expected
        assert fitted.pipeline.classes_.tolist() == expected
        assert set(fitted.pipeline.predict(frame).tolist()) <= set(expected)


def test_the_figures_are_those_of_the_pipeline_that_is_kept(make: Make) -> None:
    fitted = fitting.fit(table(), make("LogisticRegression"))
    held = fitted.table.iloc[fitted.held]
    right = (fitted.pipeline.predict(held) == held["kind"]).mean()
    assert fitted.metrics["validation_accuracy"] == pytest.approx(right)


def test_with_folds_the_error_is_over_them_and_the_test_rows_are_never_seen(make: Make) -> None:
    steps: list[tuple[str, int | None]] = []
    log = Log(metric=lambda name, value, step, error: steps.append((name, step)))
    fitted = fitting.fit(table(), make("Ridge", "value", cv=5), log)
    assert fitted.rows == {"train": 240, "validation": 240, "test": 60}
    assert [step for name, step in steps if name == "validation_rmse"] == [1, 2, 3, 4, 5, None]
    assert {"validation_rmse", "test_rmse", "train_rmse"} <= set(fitted.errors)
    out_of_fold = fitted.predictions.figures()["rmse"]
    assert fitted.metrics["validation_rmse"] == pytest.approx(out_of_fold, rel=0.05)


def test_steps_are_measured_while_fitting(make: Make) -> None:
    said: list[tuple[str, int]] = []
    fractions: list[float] = []
    log = Log(
        progress=lambda fraction, message: fractions.append(fraction),
        metric=lambda name, value, step, error: said.append((name, step)) if step else None,
    )
    fitting.fit(table(), make("GradientBoostingClassifier"), log)
    assert [step for name, step in said if name == "validation_log_loss"][-1] == 100
    assert {name for name, _ in said} == {
        f"{part}_{name}" for part in ("train", "validation") for name in ("log_loss", "roc_auc")
    }
    assert fractions == sorted(fractions)


@pytest.mark.parametrize("group", [None, "group"])
def test_each_step_has_a_standard_error_as_large_as_the_last_values(make: Make, group: str | None) -> None:
    frame = table()
    frame["group"] = [f"g{row // 6}" for row in range(len(frame))]
    errors: dict[str, list[float]] = {}

    def keep(name: str, value: float, step: int | None, error: float | None) -> None:
        if step is not None:
            assert error is not None and error > 0
            errors.setdefault(name, []).append(error)

    fitted = fitting.fit(frame, make("GradientBoostingClassifier", group=group), Log(metric=keep))
    for name in ("validation_log_loss", "validation_roc_auc"):
        assert errors[name][-1] == pytest.approx(fitted.errors[name], rel=0.6)  # four of its own standard errors


def test_weights_count(make: Make) -> None:
    frame = table()
    frame["weight"] = np.where(frame["kind"] == "late", 100.0, 1.0)
    plain = fitting.fit(frame, make("LogisticRegression"))
    late = fitting.fit(frame, make("LogisticRegression", weights="weight"))
    assert (late.pipeline.predict(frame) == "late").sum() > (plain.pipeline.predict(frame) == "late").sum() + 20
    frame.loc[0, "weight"] = -1
    with pytest.raises(BadInput, match="weight is no weight for 1 rows"):
        fitting.fit(frame, make("LogisticRegression", weights="weight"))
    with pytest.raises(BadInput, match="weight is 0 in every row"):
        fitting.fit(frame.assign(weight=0), make("LogisticRegression", weights="weight"))


def test_groups_are_kept_whole_and_missing_ones_stand_alone(make: Make) -> None:
    frame = table()
    frame["team"] = frame["team"].astype("Int64").mask(frame.index < 5)
    fitted = fitting.fit(frame, make("Ridge", "value", group="team"))
    held = set(frame["team"].iloc[fitted.held].dropna())
    assert held
    assert fitted.metrics.keys() == fitted.errors.keys()


def test_by_time_rows_without_a_time_are_left_out(make: Make) -> None:
    frame = table()
    frame["at"] = frame["at"].mask(frame.index < 4)
    features = [("amount", "number"), ("count", "integer")]
    fitted = fitting.fit(frame, make("Ridge", "value", time="at", features=features))
    assert "4 of 300 rows have no time (at) and were left out" in fitted.notes
    assert frame["at"].iloc[4 + fitted.held.min()] > frame["at"].iloc[10]


def test_warnings_of_scikit_learn_are_kept_once(make: Make) -> None:
    notes = fitting.fit(table(), make("MLPClassifier", params={"max_iter": 3}, cv=3)).notes
    assert len([one for one in notes if one.startswith("ConvergenceWarning")]) == 1


@pytest.mark.parametrize("rows", [3, 4, 5, 6, 8, 12])
@pytest.mark.parametrize("name", ["LogisticRegression", "HistGradientBoostingClassifier", "KNeighborsClassifier"])
def test_tiny_tables_train_or_say_why_not(rows: int, name: str, make: Make) -> None:
    frame = table().head(rows).copy()
    frame["kind"] = ["a", "b", *["a"] * (rows - 2)]
    try:
        fitted = fitting.fit(frame, make(name))
    except BadInput as error:
        assert len(str(error)) < 400
    else:
        assert sum(fitted.rows.values()) == rows


@pytest.mark.parametrize("few", range(1, 7))
def test_a_class_of_few_rows_is_no_trouble(few: int, make: Make) -> None:
    frame = table()
    frame.loc[: few - 1, "kind"] = "rare"
    for cv in (None, 5):
        fitted = fitting.fit(frame, make("RandomForestClassifier", params={"n_estimators": 5}, cv=cv))
        assert fitted.target.classes == ["late", "ok", "rare"]
        assert fitted.predictions.scores is not None
        assert fitted.predictions.scores.shape[1] == 3


@pytest.mark.parametrize(
    ("change", "target", "said"),
    [
        ({"kind": "ok"}, "kind", "the target kind is always ok: there is nothing to learn"),
        ({"value": 3.0}, "value", "the target value is always 3: there is nothing to learn"),
        ({"kind": None}, "kind", "no row has a target"),
        (dict.fromkeys(("amount", "count", "member", "colour", "day", "at")), "kind", "no column is left"),
    ],
)
def test_what_cannot_be_learnt_from_is_said(change: dict[str, Any], target: str, said: str, make: Make) -> None:
    with pytest.raises(BadInput, match=said):
        fitting.fit(table().assign(**change), make("Ridge" if target == "value" else "LogisticRegression", target))


def test_a_number_with_fractions_is_no_class(make: Make) -> None:
    with pytest.raises(BadInput, match="has fractions"):
        fitting.fit(table(), make("SVC", "amount", target_type="number"))


def test_infinite_and_missing_numbers_are_no_trouble(make: Make) -> None:
    frame = table()
    frame.loc[::7, "amount"] = np.inf
    frame.loc[1::7, "amount"] = -np.inf
    frame.loc[2::7, "amount"] = 1e300
    for name in ("LinearRegression", "HistGradientBoostingRegressor", "RandomForestRegressor"):
        fitted = fitting.fit(frame, make(name, "value"))
        assert any("infinite values count as missing" in one for one in fitted.notes)


def test_numbers_too_large_to_be_squared_are_measured_as_far_as_can_be(make: Make) -> None:
    fitted = fitting.fit(table().assign(value=lambda frame: frame["value"] * 1e300), make("LinearRegression", "value"))
    assert np.isfinite([*fitted.metrics.values(), *fitted.errors.values()]).all()
    assert "warning: validation_rmse cannot be told from these rows" in fitted.notes


def test_classes_that_nothing_is_measured_on_are_named(make: Make) -> None:
    frame = table()
    frame.loc[0, "kind"] = "alone"
    assert "warning: too few rows to measure anything on: kind = alone" in fitting.fit(frame, make("GaussianNB")).notes


def test_threads_are_used_while_fitting_and_not_kept(make: Make) -> None:
    fitted = fitting.fit(table(), make("RandomForestClassifier"), threads=2)
    assert fitted.pipeline.named_steps["estimator"].n_jobs is None
    kept = fitting.fit(table(), make("RandomForestClassifier", params={"n_jobs": 1}), threads=2)
    assert kept.pipeline.named_steps["estimator"].n_jobs == 1
    assert kept.metrics == fitted.metrics


def test_class_weights_name_the_classes_that_they_mean(make: Make) -> None:
    made = estimators.make("LogisticRegression", {"class_weight": {"True": 5}}, seed=0, classes=[False, True])
    assert made.class_weight == {True: 5}


def test_a_rare_class_leaves_the_log_loss_below_that_of_the_shares_of_the_classes(make: Make) -> None:
    """Six rows of a class among 600, and nothing to be learnt: alone, the trees end far above it."""
    frame = table(600, seed=3)
    random = np.random.default_rng(3)
    frame["kind"] = random.permutation(np.repeat(["a", "b", "c"], [500, 94, 6]))
    params = {"max_iter": 100}
    fitted = fitting.fit(frame, make("HistGradientBoostingClassifier", params=params))
    estimator = fitted.pipeline.named_steps["estimator"]
    shares = np.array([500, 94, 6]) / 600
    constant = -(shares * np.log(shares)).sum()
    assert fitted.metrics["test_log_loss"] == pytest.approx(constant, abs=0.05)
    assert any("they are mixed with them" in one for one in fitted.notes)
    held = fitted.pipeline.named_steps["prepare"].transform(frame)
    alone, mixed = estimator.estimator.predict_proba(held), fitted.pipeline.predict_proba(frame)
    assert np.allclose(mixed.sum(axis=1), 1)
    for place in range(3):
        order = np.argsort(alone[:, place], kind="stable")
        assert (np.diff(mixed[order, place]) >= -1e-12).all()
    assert (fitted.pipeline.predict(frame) == np.array(["a", "b", "c"])[alone.argmax(axis=1)]).all()


def test_many_rows_of_noise_and_columns_that_repeat_each_other_leave_the_log_loss_below_a_constant(make: Make) -> None:
    """Alone, the trees end at 0.8 on the noise, and naive Bayes at 1.3 on twelve columns that say the same."""
    random = np.random.default_rng(5)
    once = random.normal(size=3000)
    columns = {f"again{place}": once + 0.05 * random.normal(size=3000) for place in range(12)}
    kind = np.where(once + 3 * random.normal(size=3000) > 0, "late", "ok")
    same = pd.DataFrame(columns | {"kind": kind})
    noise = same.assign(kind=random.permutation(kind))
    features = [(name, "number") for name in columns]
    for frame, name in ((noise, "HistGradientBoostingClassifier"), (same, "GaussianNB")):
        fitted = fitting.fit(frame, make(name, features=features))
        assert fitted.metrics["test_log_loss"] < 0.7
        assert sum("they are mixed with them" in one for one in fitted.notes) == 1
    learnt = fitting.fit(same, make("LogisticRegression", features=features))
    assert not any("they are mixed with them" in one for one in learnt.notes)


@pytest.mark.parametrize("weighed", ["balanced", {"c": 20.0}])
def test_weights_of_classes_count_where_probabilities_are_held_against_a_constant(make: Make, weighed: Any) -> None:
    """The constant is that of the weighted rows: by it the trees alone end far above, and mixed not."""
    frame = table(600, seed=3)
    frame["kind"] = np.random.default_rng(3).permutation(np.repeat(["a", "b", "c"], [300, 240, 60]))
    params = {"max_iter": 100}
    fitted = fitting.fit(frame, make("HistGradientBoostingClassifier", params=params, class_weights=weighed))
    assert sum("they are mixed with them" in one for one in fitted.notes) == 1
    codes = fitted.told.truth
    weights = np.array([1.0, 1.0, 20.0])[codes] if weighed != "balanced" else (1 / np.bincount(codes))[codes]
    shares = np.bincount(codes, weights) / weights.sum()
    held = fitted.pipeline.named_steps["prepare"].transform(frame.loc[fitted.held])
    estimator = fitted.pipeline.named_steps["estimator"]
    alone, mixed = estimator.estimator.predict_proba(held), estimator.predict_proba(held)
    loss = {
        name: float(np.average(-np.log(one[np.arange(len(codes)), codes]), weights=weights))
        for name, one in (("alone", alone), ("mixed", mixed))
    }
    constant = -(shares * np.log(shares)).sum()
    assert loss["mixed"] < constant + 0.1 < loss["alone"]


def test_a_class_weight_of_its_own_is_said_not_to_be_looked_at(make: Make) -> None:
    fitted = fitting.fit(table(), make("LogisticRegression", params={"class_weight": "balanced"}))
    assert [one for one in fitted.notes if "not looked at" in one and "--class-weights" in one]


def test_what_is_noted_of_probabilities_is_that_of_the_model_and_not_of_each_fold(make: Make) -> None:
    frame = table(600, seed=3)
    frame["kind"] = np.random.default_rng(3).permutation(frame["kind"])
    fitted = fitting.fit(frame, make("DecisionTreeClassifier", cv=4))
    assert sum("they are mixed with them" in one for one in fitted.notes) == 1


def test_to_know_a_group_again_is_not_taken_for_knowledge(make: Make) -> None:
    """A team has one kind and marks of its own, which say nothing of another team's kind."""
    random = np.random.default_rng(0)
    teams = np.repeat(np.arange(24), 6)
    marks = random.normal(size=(24, 6))[teams] + random.normal(size=(144, 6)) * 0.01
    frame = pd.DataFrame(marks, columns=[f"m{one}" for one in range(6)])
    frame = frame.assign(team=teams, kind=np.where(random.random(24) < 0.4, "late", "ok")[teams])
    features = [(f"m{one}", "number") for one in range(6)]
    split, whole = (
        fitting.fit(frame, make("HistGradientBoostingClassifier", features=features, group=group))
        for group in (None, "team")
    )
    assert type(split.pipeline.named_steps["estimator"]).__name__ == "HistGradientBoostingClassifier"
    assert type(whole.pipeline.named_steps["estimator"]).__name__ == "Mixed"
    assert whole.metrics["validation_log_loss"] < 0.75


def test_a_class_of_one_row_is_missing_in_a_fold_and_no_trouble(make: Make) -> None:
    frame = table(100)
    frame["kind"] = np.where(frame.index == 7, "alone", "other")
    fitted = fitting.fit(frame, make("LogisticRegression"))
    assert fitted.metrics["test_log_loss"] < 0.2
    assert fitted.pipeline.predict_proba(frame).shape == (100, 2)


def test_where_there_is_something_to_learn_probabilities_are_left_alone(make: Make) -> None:
    frame = table(600)
    frame.loc[:5, "kind"] = "rare"
    frame.loc[:5, "amount"] = 9.0
    fitted = fitting.fit(frame, make("RandomForestClassifier"))
    assert type(fitted.pipeline.named_steps["estimator"]).__name__ == "RandomForestClassifier"


def test_a_hard_table_trains_and_uses_what_it_has(make: Make) -> None:
    frame = hard()
    kinds = {"note": "text", "place": "text", "at": "datetime", "same": "integer", "key": "text"}
    features = [(name, kinds.get(name, "number")) for name in frame.columns if name != "kind"]
    fitted = fitting.fit(frame, make("LogisticRegression", features=features))
    assert fitted.target.classes == ["bad", "good", "rare"]
    prepare = fitted.pipeline.named_steps["prepare"]
    assert prepare.left_out_ == {
        "same": "is always the same", "nothing": "has no values", "key": "is different in nearly every row",
    }  # fmt: skip
    names = set(prepare.get_feature_names_out())
    assert {
        "at.month",
        "at.weekday",
        "at.hour",
        "at.days",
        "g0",
        "g39=missing",
        "note.length",
        "place.effect0",
    } <= names
    plain = [one for one in features if one[0] not in ("note", "place")]
    without = fitting.fit(frame, make("LogisticRegression", features=plain))
    assert fitted.metrics["validation_accuracy"] > without.metrics["validation_accuracy"] + 0.1
    assert len(fitted.pipeline.predict(frame.head(3))) == 3


def test_the_same_rows_measured_by_two_estimators_stand_in_pairs(make: Make) -> None:
    """Over folds and over resamples; another seed, other rows or another target make no pairs."""
    for options in ({"cv": 4}, {}):
        one, other = (fitting.fit(table(), make(name, **options)) for name in ("GaussianNB", "LogisticRegression"))
        for part in ("validation", "test"):
            mine, yours = one.repeats[part], other.repeats[part]
            assert mine.rows == yours.rows and mine.metrics.keys() == yours.metrics.keys()
            assert mine.metrics["accuracy"] != yours.metrics["accuracy"]
        assert one.repeats["validation"].rows != one.repeats["test"].rows
        for change in ({"seed": 5}, {"target": "value", "estimator": "Ridge"}):
            asked = make(**{"estimator": "GaussianNB"} | options | change)
            assert fitting.fit(table(), asked).repeats["validation"].rows != one.repeats["validation"].rows
        assert fitting.fit(table()[1:], make("GaussianNB", **options)).repeats["test"].rows != one.repeats["test"].rows


def test_what_is_repeated_is_what_errors_are_worked_out_from(make: Make) -> None:
    folds = fitting.fit(table(), make("GaussianNB", cv=4))
    kept = np.array(folds.repeats["validation"].metrics["accuracy"], float)
    assert kept.mean() == pytest.approx(folds.metrics["validation_accuracy"])
    assert folds.repeats["validation"].share == pytest.approx(1 / 3, rel=0.01)
    held = fitting.fit(table(), make("GaussianNB"))
    kept = np.array(held.repeats["validation"].metrics["accuracy"], float)
    assert kept.std(ddof=1) == pytest.approx(held.errors["validation_accuracy"], rel=1e-5)
