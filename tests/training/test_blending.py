"""Blends as files."""

import pickle
import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from cupola.training import saving
from cupola.training.blending import BlendedClasses, BlendedNumbers

ROWS = np.random.default_rng(0).normal(size=(300, 4))
ROWS[:, 1] = np.arange(300) % 7
CLASSES = (ROWS[:, 0] > 0).astype(int) + (ROWS[:, 1] > 3)


@pytest.fixture
def blend() -> Any:
    """Trees with categories, and a linear model."""
    trees = HistGradientBoostingClassifier(max_iter=20, categorical_features=[1]).fit(ROWS, CLASSES)
    linear = LogisticRegression().fit(ROWS, CLASSES)
    return BlendedClasses([], [trees, linear], [0, 0], [0.5, 0.5], np.arange(3))


def test_boosted_trees_are_few_arrays_in_the_file_and_say_the_same_bit_by_bit_when_read_back(blend: Any) -> None:
    data = saving.dumped(blend)
    assert len(zipfile.ZipFile(BytesIO(data)).namelist()) < 60, "there are 60 trees of three arrays each"
    read = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    for one in (read, pickle.loads(pickle.dumps(blend, protocol=5))):
        for member, as_it_was in zip(one.members, blend.members, strict=True):
            assert np.array_equal(member.predict_proba(ROWS), as_it_was.predict_proba(ROWS))
        assert [len(trees) for trees in one.members[0]._predictors] == [3] * 20


def test_saving_leaves_the_members_as_they_are_and_what_was_saved_tree_by_tree_is_read(blend: Any) -> None:
    before = blend.members[0]._predictors
    state = blend.__getstate__()
    assert blend.members[0]._predictors is before
    read = BlendedClasses.__new__(BlendedClasses)
    read.__setstate__(state | {"members": blend.members})
    assert np.array_equal(read.members[0].predict_proba(ROWS), blend.members[0].predict_proba(ROWS))


def test_trees_that_learn_numbers_are_read_back_likewise() -> None:
    trees = HistGradientBoostingRegressor(max_iter=5).fit(ROWS, ROWS[:, 0])
    read = pickle.loads(pickle.dumps(BlendedNumbers([], [trees], [0], [1.0])))
    assert np.array_equal(read.members[0].predict(ROWS), trees.predict(ROWS))
