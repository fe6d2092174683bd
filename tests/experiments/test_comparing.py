import pytest
from tests.experiments.conftest import run

from cupola.experiments.comparing import ComparedMetric, compare, different


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


@pytest.mark.parametrize(("gap", "expected"), [(0.0276, False), (0.0278, True), (0.0, False)])
def test_the_limit_is_1_96_joint_errors(gap: float, expected: bool) -> None:
    assert different(0.8, 0.8 + gap, 0.01, 0.01) is expected


def test_a_metric_that_one_run_lacks_is_left_open_there() -> None:
    found = compare([run(1, metrics={"test_mae": 1.0}), run(2)]).metrics[0]
    assert (found.values, found.best, found.verdicts) == ([1.0, None], 0, ["best", ""])


def test_validation_comes_before_test_and_train() -> None:
    found = compare([run(1, metrics={"train_mae": 1.0, "test_mae": 1.0, "validation_mae": 1.0}), run(2)])
    assert [one.name for one in found.metrics] == ["validation_mae", "test_mae", "train_mae"]
