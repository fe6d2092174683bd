"""A fit that is out of time, and one of a class of one row."""

import time

import numpy as np
import pytest

from cupola.autopilot import fits


@pytest.mark.parametrize("estimator", ["LGBMRegressor", "XGBRegressor", "RandomForestRegressor"])
def test_what_grows_ends_with_what_it_has_when_its_time_is_over(estimator: str) -> None:
    X = np.random.default_rng(0).normal(size=(80, 2))
    y = X[:, 0]
    rows = fits.Rows(X[:60], y[:60], (X[60:], y[60:]), [X[60:]])
    answer = fits.fit(estimator, {"n_estimators": 3000}, rows, classes=0, seed=0, until=time.monotonic())
    assert 0 < answer.grown["n_estimators"] < 100
    assert answer.is_cut
    whole = fits.fit(estimator, {"n_estimators": 120}, rows, classes=0, seed=0, until=time.monotonic() + 600)
    assert not whole.is_cut
    assert answer.said[0].shape == (20,)


def test_the_default_trees_learn_from_many_rows_of_which_one_is_alone_in_its_class() -> None:
    X = np.random.default_rng(0).normal(size=(10_010, 1))
    y = (X[:, 0] > 0).astype(int)
    y[5] = 2
    rows = fits.Rows(X, y, (X[:300], y[:300]), [X[:9]])
    answer = fits.fit("HistGradientBoostingClassifier", {"max_iter": 2}, rows, classes=3, seed=0, until=0.0)
    assert answer.said[0].shape == (9, 3)
    assert answer.grown == {"max_iter": 2}
