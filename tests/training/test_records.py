import pytest

from cupola.datasets.records import Column
from cupola.errors import BadInput, BadOption
from cupola.training.records import Split, features_of, metric_of, split_of, task_of


@pytest.mark.parametrize(
    ("kind", "type", "distinct", "task"),
    [
        ("classifier", "boolean", 2, "classification"),
        ("classifier", "category", 9, "classification"),
        ("classifier", "integer", 5000, "classification"),
        ("classifier", "number", 3, "classification"),
        ("classifier", "text", 50, "classification"),
        ("regressor", "integer", 3, "regression"),
        ("regressor", "number", 5000, "regression"),
    ],
)
def test_the_task_follows_from_target_and_estimator(kind: str, type: str, distinct: int, task: str) -> None:
    assert task_of(Column(name="y", type=type, distinct=distinct), kind, "E") == task  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "type", "distinct", "said"),
    [
        ("regressor", "category", 3, "E predicts numbers, and y is a category"),
        ("regressor", "boolean", 2, "E predicts numbers"),
        ("classifier", "date", 9, "cannot be a target"),
        ("classifier", "number", 5000, "5000 different numbers"),
        ("classifier", "text", 5000, "5000 different texts"),
        ("regressor", "number", 1, "y has one value only"),
        ("classifier", "category", 1, "y has one value only"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(kind: str, type: str, distinct: int, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        task_of(Column(name="y", type=type, distinct=distinct), kind, "E")  # type: ignore[arg-type]


def test_roles_are_no_features_and_it_is_said() -> None:
    columns = [
        Column(name="a", type="number"),
        Column(name="key", type="integer", role="id"),
        Column(name="words", type="text"),
        Column(name="skin", type="category", role="sensitive"),
        Column(name="day", type="date", role="time"),
        Column(name="y", type="boolean", role="target"),
        Column(name="z", type="number"),
    ]
    features, notes = features_of(columns, {"y": "the target", "z": "excluded"})
    assert features == [("a", "number"), ("words", "text"), ("skin", "category")]
    assert notes == [
        "left out: key (an id); day (the time); z (excluded)",
        "skin is sensitive and is used; --exclude skin leaves it out",
    ]
    with pytest.raises(BadInput, match="no column is left"):
        features_of(columns[1:2], {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Split(kind="stratified")),
        ("random", Split(kind="random")),
        ("60/20/20", Split(kind="stratified")),
        ("time:70/10/20", Split(kind="time", validation=0.1, test=0.2)),
        ("group", Split(kind="group")),
        ("random:0.5/0.25/0.25", Split(kind="random", validation=0.25, test=0.25)),
    ],
)
def test_splits_are_read(text: str | None, expected: Split) -> None:
    time, group = ("at" if text and "time" in text else None), ("team" if text == "group" else None)
    assert split_of(text, None, "classification", time, group) == expected


def test_without_a_kind_time_and_group_decide() -> None:
    assert split_of(None, None, "regression", None, None).kind == "random"
    assert split_of(None, None, "regression", "at", None).kind == "time"
    assert split_of(None, 5, "classification", None, "team") == Split(kind="group", folds=5)
    assert split_of("80/20", 5, "classification", None, None) == Split(
        kind="stratified", validation=0, test=0.2, folds=5
    )


@pytest.mark.parametrize(
    ("text", "folds", "task"),
    [
        ("foo", None, "classification"),
        ("80/20", None, "classification"),
        ("60/20/30", None, "classification"),
        ("100/0/0", None, "classification"),
        ("time", None, "classification"),
        ("group", None, "classification"),
        ("stratified", None, "regression"),
        (None, 1, "regression"),
        (None, 1000, "regression"),
    ],
)
def test_splits_that_cannot_be_are_refused(text: str | None, folds: int | None, task: str) -> None:
    with pytest.raises(BadOption):
        split_of(text, folds, task, None, None)  # type: ignore[arg-type]


def test_metrics_are_those_of_the_task() -> None:
    assert metric_of(None, "classification") == "roc_auc"
    assert metric_of("validation_mae", "regression") == "mae"
    with pytest.raises(BadOption, match="'rmse' is not a metric of classification"):
        metric_of("rmse", "classification")
