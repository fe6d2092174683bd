"""Spaces as they are typed: every form, every refusal, and what is drawn from them."""

from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, json_to_distribution
from tests.environments.built import built, known

from cupola.environments import catalogue
from cupola.errors import BadInput, BadOption
from cupola.tuning import space
from cupola.tuning.ranges import KNOWN
from cupola.tuning.space import Dimension, is_searched, parse

__all__ = ["built", "known"]


@pytest.fixture(autouse=True)
def _known(known: Path) -> None:
    pass


def one(text: str, estimator: str = "HistGradientBoostingClassifier", **fixed: Any) -> Dimension:
    return parse(estimator, [text], fixed)[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_leaf_nodes=7..63", IntDistribution(7, 63)),
        ("max_leaf_nodes=7..63:log", IntDistribution(7, 63, log=True)),
        ("learning_rate=0.01..0.3:log", FloatDistribution(0.01, 0.3, log=True)),
        ("learning_rate=1..3", FloatDistribution(1, 3)),
        ("max_features=0.25..0.75:reverselog", FloatDistribution(0.25, 0.75, log=True)),
        ("max_depth=3,5,none", CategoricalDistribution([3, 5, None])),
    ],
)
def test_what_is_typed_is_what_optuna_draws_from(text: str, expected: Any) -> None:
    found = one(text)
    assert json_to_distribution(found.distribution) == expected
    assert one(found.text) == found


def test_on_a_reverse_log_scale_what_is_drawn_is_the_distance_to_one() -> None:
    found = one("max_features=0.5..0.999:reverselog")
    assert found.key == "1 - max_features"
    assert found.drawn == pytest.approx((0.001, 0.5))
    assert space.params([found], {found.key: 0.25}) == {"max_features": 0.75}


def test_a_parameter_may_depend_on_others_which_then_come_first() -> None:
    found = parse("SVC", ["degree=2..4 if kernel=poly", "kernel=rbf,poly", "C=0.1..10:log"], {})
    assert [each.name for each in found] == ["kernel", "C", "degree"]
    assert not is_searched(found[-1], {"kernel": "rbf"})
    assert is_searched(found[-1], {"kernel": "poly"})


def test_a_file_holds_texts_lists_and_tables(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(
        'C = "0.1..10:log"\nkernel = ["rbf", "poly"]\n[degree]\nlow = 2\nhigh = 4\nif = { kernel = ["poly"] }\n'
    )
    assert parse("SVC", [str(file)], {}) == parse(
        "SVC", ["C=0.1..10:log", "kernel=rbf,poly", "degree=2..4 if kernel=poly"], {}
    )
    file.write_text("C = [[")
    with pytest.raises(BadInput, match="TOML"):
        parse("SVC", [str(file)], {})


@pytest.mark.parametrize("estimator", sorted(KNOWN))
def test_the_ranges_that_are_known_are_taken_by_their_estimators(estimator: str) -> None:
    if estimator not in catalogue.load():
        pytest.skip(f"{estimator} is not installed")
    assert {each.name for each in parse(estimator, [], {})} == set(KNOWN[estimator])


def test_auto_leaves_out_what_is_fixed_and_keeps_what_is_given() -> None:
    found = {
        each.name: each
        for each in parse("HistGradientBoostingClassifier", ["auto", "max_iter=5..9"], {"max_features": 0.5})
    }
    assert "max_features" not in found
    assert (found["max_iter"].low, found["max_iter"].high) == (5, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rate=0.3..0.01", "is not below"),
        ("l2_regularization=0..0.3:log", "begins above 0"),
        ("learning_rate=0.1..2:reverselog", "from 0 to below 1"),
        ("learning_rate=0.1..0.3:cubic", "no scale"),
        ("learning_rate=-1..0.3", "learning_rate takes"),
        ("learning_rte=0.1..0.3", "no parameter"),
        ("max_leaf_nodes=a..b", "max_leaf_nodes takes"),
        ("max_leaf_nodes=", "no values"),
        ("nosuchfile.toml", "no file"),
        ("max_depth=3..9 if booster=x", "not searched"),
        ("max_bins=auto", "no range is known"),
    ],
)
def test_what_is_no_space_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(BadOption, match=said):
        one(text)


def test_a_circle_and_a_value_that_the_parent_has_not_are_refused() -> None:
    with pytest.raises(BadOption, match="circle"):
        parse("SVC", ["C=1.0,2.0 if kernel=rbf", "kernel=rbf,poly if C=1.0"], {})
    with pytest.raises(BadOption, match="is one of"):
        parse("SVC", ["kernel=rbf,poly", "degree=2..4 if kernel=linear"], {})
    with pytest.raises(BadOption, match="searched too"):
        parse("SVC", ["C=1.0..2.0"], {"C": 3.0})
