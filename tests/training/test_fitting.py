from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.conftest import Make, table

from cupola.environments import catalogue
from cupola.errors import BadInput, CupolaError
from cupola.training import estimators, fitting
from cupola.training.fitting import Log


def test_every_estimator_trains_or_says_why_not_in_one_sentence(make: Make) -> None:
    """All of scikit-learn, on a table with numbers, categories, dates and missing values."""
    frame, ended = table(120), {}
    for name, one in catalogue.load().items():
        target = "kind" if one.kind == "classifier" else "value"
        inner = "LogisticRegression" if one.kind == "classifier" else "Ridge"
        params: dict[str, Any] = {each.name: inner for each in one.parameters.values() if each.required}
        try:
            fitted = fitting.fit(frame, make(name, target, params))
        except CupolaError as error:
            ended[name] = str(error)
            continue
        assert f"validation_{'accuracy' if target == 'kind' else 'rmse'}" in fitted.metrics, name
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
    log = Log(metric=lambda name, value, step: steps.append((name, step)))
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
        metric=lambda name, value, step: said.append((name, step)) if step else None,
    )
    fitting.fit(table(), make("GradientBoostingClassifier"), log)
    assert [step for name, step in said if name == "validation_log_loss"][-1] == 100
    assert {name for name, _ in said} == {
        f"{part}_{name}" for part in ("train", "validation") for name in ("log_loss", "roc_auc")
    }
    assert fractions == sorted(fractions)


def test_weights_count(make: Make) -> None:
    frame = table()
    frame["weight"] = np.where(frame["kind"] == "late", 100.0, 1.0)
    plain = fitting.fit(frame, make("LogisticRegression"))
    late = fitting.fit(frame, make("LogisticRegression", weights="weight"))
    assert (late.pipeline.predict(frame) == "late").sum() > (plain.pipeline.predict(frame) == "late").sum() + 20
    frame.loc[0, "weight"] = -1
    with pytest.raises(BadInput, match="weight is no weight for 1 rows"):
        fitting.fit(frame, make("LogisticRegression", weights="weight"))


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
    assert "validation_rmse cannot be told from these rows" in fitted.notes


def test_classes_that_nothing_is_measured_on_are_named(make: Make) -> None:
    frame = table()
    frame.loc[0, "kind"] = "alone"
    assert "too few rows to measure anything on: kind = alone" in fitting.fit(frame, make("GaussianNB")).notes


def test_threads_are_used_while_fitting_and_not_kept(make: Make) -> None:
    fitted = fitting.fit(table(), make("RandomForestClassifier"), threads=2)
    assert fitted.pipeline.named_steps["estimator"].n_jobs is None
    kept = fitting.fit(table(), make("RandomForestClassifier", params={"n_jobs": 1}), threads=2)
    assert kept.pipeline.named_steps["estimator"].n_jobs == 1
    assert kept.metrics == fitted.metrics


def test_class_weights_name_the_classes_that_they_mean(make: Make) -> None:
    made = estimators.make("LogisticRegression", {"class_weight": {"True": 5}}, seed=0, classes=[False, True])
    assert made.class_weight == {True: 5}


def test_boosted_trees_without_their_own_encoding_predict_the_same(make: Make) -> None:
    frame = table()
    pipeline = fitting.fit(frame, make("HistGradientBoostingClassifier")).pipeline
    prepared, boosted = pipeline.named_steps["prepare"], pipeline.named_steps["estimator"]
    assert boosted._preprocessor is None
    assert boosted.is_categorical_.any()
    strange = frame.assign(colour="never seen")
    assert np.array_equal(
        boosted.predict_proba(prepared.transform(strange)),
        boosted.predict_proba(prepared.transform(frame.assign(colour=pd.Series([None] * len(frame), dtype=object)))),
    )
