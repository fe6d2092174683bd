import pytest
from tests.experiments.conftest import run

from cupola.experiments.comparing import ComparedMetric, compare
from cupola.experiments.repeats import Repeats
from cupola.experiments.sources import Source


def verdicts(name: str, *figures: tuple[float, float | None]) -> ComparedMetric:
    runs = [
        run(number, metrics={name: value}, metric_errors={} if error is None else {name: error})
        for number, (value, error) in enumerate(figures)
    ]
    return compare(runs).metrics[0]


def test_what_differs_comes_first() -> None:
    found = compare([run(1, params={"a": 1, "b": 2}, seed=0), run(2, params={"a": 1, "b": 3}, seed=0)])
    assert [(one.name, one.values) for one in found.params if one.differs] == [("b", [2, 3])]
    assert found.params[0].name == "b"
    assert found.same_data
    assert not compare([run(1), run(2, dataset="flights@2-efgh")]).same_data


def test_a_difference_within_the_errors_is_none() -> None:
    assert verdicts("validation_roc_auc", (0.80, 0.01), (0.82, 0.01), (0.70, 0.01)).verdicts == [
        "not different", "best", "worse",
    ]  # fmt: skip
    assert verdicts("validation_rmse", (2.0, 0.1), (1.0, 0.1)).verdicts == ["worse", "best"]
    assert verdicts("test_accuracy", (0.9, None), (0.8, 0.1)).verdicts == ["best", "unknown"]


@pytest.mark.parametrize(("gap", "expected"), [(0.0276, "not different"), (0.0278, "worse"), (0.0, "not different")])
def test_alone_the_limit_is_1_96_joint_errors(gap: float, expected: str) -> None:
    assert verdicts("test_accuracy", (0.8, 0.01), (0.8 + gap, 0.01)).verdicts.count(expected) == 1


def test_among_many_runs_the_same_difference_is_none_any_more() -> None:
    """Holm's, among all pairs: the best was picked by looking at all of them."""
    found = verdicts("test_accuracy", (0.83, 0.01), (0.80, 0.01))
    assert found.verdicts == ["best", "worse"]
    many = verdicts("test_accuracy", (0.83, 0.01), *[(0.80, 0.01)] * 49)
    assert set(many.verdicts) == {"best", "not different"}
    assert found.p[1] == pytest.approx(0.0339, abs=1e-4) and many.p[1] == 1.0
    assert verdicts("test_accuracy", (0.93, 0.01), *[(0.80, 0.01)] * 49).verdicts.count("worse") == 49


def test_a_metric_that_one_run_lacks_is_left_open_there() -> None:
    found = compare([run(1, metrics={"test_mae": 1.0}), run(2)]).metrics[0]
    assert (found.values, found.best, found.verdicts) == ([1.0, None], 0, ["best", ""])
    assert (found.p, found.by) == ([None, None], ["", ""])


def test_validation_comes_before_test_and_train() -> None:
    found = compare([run(1, metrics={"train_mae": 1.0, "test_mae": 1.0, "validation_mae": 1.0}), run(2)])
    assert [one.name for one in found.metrics] == ["validation_mae", "test_mae", "train_mae"]


def test_the_metric_that_runs_are_compared_by_comes_first_and_a_split_is_shown_by_its_parts() -> None:
    figures = {"validation_accuracy": 0.5, "validation_r2": 0.1, "test_r2": 0.2}
    runs = [
        run(place, metrics=figures, metric="validation_r2", split={"kind": "random", "folds": place})
        for place in (1, 2)
    ]
    found = compare(runs)
    assert [one.name for one in found.metrics] == ["validation_r2", "validation_accuracy", "test_r2"]
    assert [(one.name, one.values) for one in found.params if one.differs] == [("split.folds", [1, 2])]


def folds(values: list[float], rows: str = "same") -> dict[str, Repeats]:
    return {"validation": Repeats(kind="folds", rows=rows, metrics={"roc_auc": [*values]}, share=0.25)}


def test_over_the_same_folds_small_differences_count_that_come_every_time() -> None:
    """Both runs have good and bad folds together, so that their own errors are far larger than their difference."""
    one, other = [0.70, 0.75, 0.80, 0.85, 0.90], [0.712, 0.761, 0.813, 0.862, 0.911]
    runs = [
        run(place, metrics={"validation_roc_auc": sum(each) / 5}, metric_errors={"validation_roc_auc": 0.035})
        for place, each in enumerate((one, other))
    ]
    alone = compare(runs).metrics[0]
    assert (alone.verdicts, alone.by) == (["not different", "best"], ["errors", ""])
    together = compare(runs, [folds(one), folds(other)]).metrics[0]
    assert (together.verdicts, together.by) == (["worse", "best"], ["folds", ""])
    others = compare(runs, [folds(one), folds(other, "others")]).metrics[0]
    assert (others.verdicts, others.by) == (alone.verdicts, alone.by)


def test_errors_over_few_folds_are_held_against_student_s_t() -> None:
    figures = [(0.80, 0.01), (0.83, 0.01)]
    runs = [
        run(place, metrics={"validation_r2": value}, metric_errors={"validation_r2": error}, split={"folds": 3})
        for place, (value, error) in enumerate(figures)
    ]
    assert compare(runs).metrics[0].verdicts == ["not different", "best"]
    for one in runs:
        one.split = {}
    assert compare(runs).metrics[0].verdicts == ["worse", "best"]


def test_a_failed_run_and_one_of_another_experiment_stand_among_the_others() -> None:
    runs = [
        run(1, metrics={"validation_mae": 1.0}, metric_errors={"validation_mae": 0.1}, params={"alpha": 1}),
        run(2, status="Failed", reason="no rows", params={"max_depth": 3}, estimator="DecisionTreeRegressor"),
        run(3, experiment="other", metrics={"validation_mae": 9.0}, metric_errors={"validation_mae": 0.1}),
    ]
    found = compare(runs)
    assert [(one.experiment, one.status) for one in found.runs] == [
        ("default", "Completed"), ("default", "Failed"), ("other", "Completed"),
    ]  # fmt: skip
    assert found.metrics[0].verdicts == ["best", "", "worse"]
    assert {one.name: one.values for one in found.params if one.differs} == {
        "alpha": [1, None, None],
        "max_depth": [None, 3, None],
        "estimator": ["Ridge", "DecisionTreeRegressor", "Ridge"],
    }


def test_code_and_packages_stand_side_by_side() -> None:
    runs = [run(1, environment={"python": "3.11.7", "packages": {"numpy": "2.0", "skops": "1"}}), run(2)]
    sources = [
        Source(commit="a" * 40, patch="diff --git a/x b/x", files={"src/m.py": "f" * 64}),
        Source(commit="a" * 40, dirty=True),
    ]
    found = compare(runs, sources=sources)
    assert [(one.name, one.values, one.differs) for one in found.code] == [
        ("uncommitted", ["3388f0c2495f", "too large to be kept"], True),
        ("src/m.py", ["f" * 12, None], True),
        ("commit", ["a" * 12] * 2, False),
    ]
    assert [one.name for one in found.environment] == ["python", "numpy", "skops"]
