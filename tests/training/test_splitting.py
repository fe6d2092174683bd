from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from cupola.errors import BadInput
from cupola.training.records import Split
from cupola.training.splitting import Parts, folds_of, split


def whole(parts: Parts) -> list[int]:
    return sorted(np.concatenate([parts.train, parts.validation, parts.test]).tolist())


@given(
    some.lists(some.integers(0, 4), min_size=3, max_size=200),
    some.sampled_from(["random", "stratified"]),
    some.sampled_from([(0.2, 0.2), (0.1, 0.3), (0.25, 0.25)]),
)
def test_every_row_is_in_one_part_and_no_part_is_empty(
    classes: list[int], kind: str, shares: tuple[float, float]
) -> None:
    codes = np.unique(classes, return_inverse=True)[1]
    parts = split(codes, Split(kind=kind, validation=shares[0], test=shares[1]), 0)
    assert whole(parts) == list(range(len(classes)))
    assert all(len(part) for part in (parts.train, parts.validation, parts.test))


def test_classes_are_in_each_part_as_in_the_whole_and_small_ones_train() -> None:
    codes = np.array([0] * 100 + [1] * 50 + [2] * 10 + [3] * 2 + [4])
    parts = split(codes, Split(kind="stratified"), 3)
    assert Counter(codes[parts.train].tolist())[4] == 1
    assert set(codes[parts.train]) == {0, 1, 2, 3, 4}
    for part in (parts.validation, parts.test):
        counts = Counter(codes[part].tolist())
        assert (counts[0], counts[1], counts[2]) == (20, 10, 2)
        assert len(part) in (32, 33)


def test_many_classes_of_two_rows_are_split_by_chance_and_that_is_noted() -> None:
    parts = split(np.repeat(np.arange(3), [1, 1, 1]), Split(kind="stratified"), 0)
    assert parts.notes == ["warning: the classes are too small to be split alike; the rows were split by chance"]
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (1, 1, 1)


def test_by_time_the_newest_rows_test_and_one_moment_is_not_torn() -> None:
    times = np.random.default_rng(0).permutation(np.repeat(np.arange(50), 4))
    parts = split(np.zeros(200), Split(kind="time"), 0, times=times)
    assert times[parts.train].max() < times[parts.validation].min()
    assert times[parts.validation].max() < times[parts.test].min()


def test_by_time_with_one_moment_only_there_are_still_three_parts() -> None:
    parts = split(np.zeros(10), Split(kind="time"), 0, times=np.zeros(10))
    assert [len(one) for one in (parts.train, parts.validation, parts.test)] == [6, 2, 2]


@given(some.lists(some.integers(0, 9), min_size=10, max_size=100))
def test_by_group_no_group_is_in_two_parts(names: list[int]) -> None:
    groups = np.unique([*names, 10, 11, 12], return_inverse=True)[1]
    parts = split(np.zeros(len(groups)), Split(kind="group"), 1, groups=groups)
    found = [set(groups[one]) for one in (parts.train, parts.validation, parts.test)]
    assert all(found)
    assert not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])


def test_folds_leave_the_test_rows_alone() -> None:
    codes = np.arange(100) % 2
    for kind, more in (("stratified", {}), ("random", {}), ("time", {"times": np.arange(100)})):
        parts = split(codes, Split(kind=kind, folds=4), 0, **more)  # type: ignore[arg-type]
        assert len(parts.folds) == 4
        assert len(parts.test) == 20
        for train, validation in parts.folds:
            assert not set(train) & set(validation)
            assert not (set(train) | set(validation)) & set(parts.test)


def test_the_same_seed_gives_the_same_rows_and_another_gives_others() -> None:
    codes = np.arange(90) % 3
    one, again, other = (split(codes, Split(kind="stratified"), seed).test.tolist() for seed in (1, 1, 2))
    assert one == again != other


def test_too_little_to_split_is_said_in_a_sentence() -> None:
    with pytest.raises(BadInput, match="too few rows with a target"):
        split(np.zeros(2), Split(kind="random"), 0)
    with pytest.raises(BadInput, match="there are 2 groups"):
        split(np.zeros(9), Split(kind="group"), 0, groups=np.arange(9) % 2)
    with pytest.raises(BadInput, match="50 folds cannot be made"):
        split(np.zeros(9), Split(kind="random", folds=50), 0)


def test_groups_that_another_split_may_tear_are_noted() -> None:
    target, groups = np.arange(30.0), np.arange(30) // 3
    parts = split(target, Split(kind="time"), 0, times=np.arange(30), groups=groups)
    assert parts.notes == ["warning: rows of one group may be in several parts: the split is time, not by group"]
    assert split(target, Split(kind="group"), 0, groups=groups).notes == []


@given(some.lists(some.integers(0, 12), min_size=2, max_size=60), some.integers(2, 8), some.integers(0, 3))
def test_every_fold_learns_from_each_class_and_validates_each_row_that_is_not_alone_in_its_class(
    classes: list[int], folds: int, seed: int
) -> None:
    codes = np.unique(classes, return_inverse=True)[1]
    rows = np.arange(len(codes))
    others = [row for row in rows if (codes == codes[row]).sum() > 1]
    if len(others) < folds:
        with pytest.raises(BadInput, match="folds cannot be made"):
            folds_of(codes, rows, Split(kind="stratified", folds=folds), seed, None, None)
        return
    made = folds_of(codes, rows, Split(kind="stratified", folds=folds), seed, None, None)
    assert sorted(np.concatenate([held for _, held in made]).tolist()) == others
    for train, held in made:
        assert len(held)
        assert sorted([*train, *held]) == rows.tolist()
        assert set(codes[train]) == set(codes)
