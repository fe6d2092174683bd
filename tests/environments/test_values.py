import math
from pathlib import Path
from typing import Any

import pytest

from cupola.environments import catalogue, values
from cupola.errors import BadOption


@pytest.fixture(autouse=True)
def _known(known: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("estimator", "given", "expected"),
    [
        ("RandomForestClassifier", {"n_estimators": "50"}, {"n_estimators": 50}),
        ("RandomForestClassifier", {"max_features": "1"}, {"max_features": 1}),
        ("RandomForestClassifier", {"max_features": "1.0"}, {"max_features": 1.0}),
        ("RandomForestClassifier", {"max_features": "sqrt"}, {"max_features": "sqrt"}),
        ("RandomForestClassifier", {"max_features": "None"}, {"max_features": None}),
        ("RandomForestClassifier", {"class_weight": '{"a": 2}'}, {"class_weight": {"a": 2}}),
        ("LogisticRegression", {"C": "2", "fit_intercept": "false"}, {"C": 2.0, "fit_intercept": False}),
        ("MLPRegressor", {"hidden_layer_sizes": "(10, 5)"}, {"hidden_layer_sizes": [10, 5]}),
        ("MLPRegressor", {"hidden_layer_sizes": (10, 5)}, {"hidden_layer_sizes": [10, 5]}),
        ("MLPRegressor", {"n_iter_no_change": "inf"}, {"n_iter_no_change": "inf"}),
        ("HistGradientBoostingRegressor", {"early_stopping": "auto"}, {"early_stopping": "auto"}),
        ("SVC", {"gamma": "0.5"}, {"gamma": 0.5}),
        ("AdaBoostClassifier", {"estimator": "SVC"}, {"estimator": "SVC"}),
        ("VotingRegressor", {"estimators": "Ridge, SVR"}, {"estimators": ["Ridge", "SVR"]}),
        (
            "StackingRegressor",
            {"estimators": ["Ridge", "SVR"], "Ridge__alpha": "2", "final_estimator": "Ridge"},
            {"estimators": ["Ridge", "SVR"], "Ridge__alpha": 2.0, "final_estimator": "Ridge"},
        ),
        (
            "AdaBoostClassifier",
            {"estimator": "DecisionTreeClassifier", "estimator__max_depth": "3"},
            {"estimator": "DecisionTreeClassifier", "estimator__max_depth": 3},
        ),
    ],
)
def test_words_become_what_the_parameter_takes(estimator: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = values.check(estimator, given)
    assert found == expected
    assert {name: type(one) for name, one in found.items()} == {name: type(one) for name, one in expected.items()}


@pytest.mark.parametrize(
    ("estimator", "given", "said"),
    [
        ("RandomForestClassifier", {"n_estimators": "0"}, "n_estimators takes an integer of at least 1, not '0'"),
        ("RandomForestClassifier", {"n_estimators": "1.5"}, "an integer"),
        ("RandomForestClassifier", {"n_estimators": True}, "an integer"),
        ("RandomForestClassifier", {"criterion": "gin"}, "entropy | gini | log_loss"),
        ("RandomForestClassifier", {"n_estimatrs": "5"}, "did you mean n_estimators"),
        ("LogisticRegression", {"C": "-1"}, "a number above 0"),
        ("LogisticRegression", {"c": "1"}, "did you mean C?"),
        ("LogisticRegression", {"C": "nan"}, "a number above 0"),
        ("LogisticRegression", {"C": math.nan}, "a number above 0"),
        ("LogisticRegression", {"l1_ratio": "2"}, "a number from 0 to 1"),
        ("HistGradientBoostingClassifier", {"categorical_features": "[0]"}, "no parameter"),
        ("AdaBoostClassifier", {"estimator__max_depth": "3"}, "give also -p estimator=ESTIMATOR"),
        ("AdaBoostClassifier", {"estimator": "Foo"}, "no estimator called 'Foo'"),
        ("OneVsRestClassifier", {}, "needs another estimator inside"),
        ("MultiOutputRegressor", {}, "cannot be trained by its name"),
        ("StackingRegressor", {}, "needs several other estimators inside"),
        ("StackingRegressor", {"estimators": "Ridge,Ridge"}, "a list of different estimators"),
        ("StackingRegressor", {"estimators": "Ridge", "SVR__C": "2"}, "none is named"),
        ("LocalOutlierFactor", {"novelty": "false"}, "no parameter"),
        ("GaussianProcessRegressor", {"kernel": "RBF"}, "kernel takes None"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(estimator: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadOption) as caught:
        values.check(estimator, given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_default_is_a_value_that_the_parameter_takes() -> None:
    for estimator in catalogue.load().values():
        for one in estimator.parameters.values():
            if one.constraints and not one.required and (one.default is not None or one.shown == "None"):
                values.value(estimator, one.name, one.default)
                if isinstance(one.default, int | float | str):
                    assert values.value(estimator, one.name, str(one.default)) == one.default
