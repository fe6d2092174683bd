"""What there is to solve in a table: folds that its rows or groups allow."""

import msgspec
import numpy as np
import pytest
from tests.autopilot import searched
from tests.training.conftest import table

from cupola.autopilot import problem
from cupola.errors import BadInput
from cupola.training.records import Split


@pytest.mark.parametrize(("rows", "folds"), [(5, 4), (3, 2), (60, 5)])
def test_there_are_no_more_folds_than_rows_to_learn_from(rows: int, folds: int) -> None:
    solved = problem.of(table(300).iloc[10:].head(rows), searched.training("value", "rmse"), 2)
    assert solved.training.split.folds == folds
    assert [len(one) for one in solved.folds] == [folds, folds]
    assert sorted(np.concatenate([rest for _, rest in solved.folds[0]])) == list(range(len(solved.rows)))
    assert any("folds" in note for note in solved.usable.notes) == (folds < 5)


def test_there_are_no_more_folds_than_groups_and_two_rows_are_too_few() -> None:
    rows = table(300)
    rows["team"] = rows["team"] % 4
    grouped = msgspec.structs.replace(
        searched.training("value", "rmse"), group="team", split=Split(kind="group", folds=8)
    )
    solved = problem.of(rows, grouped, 2)
    (folds,) = solved.folds
    teams = solved.table["team"].to_numpy()[solved.rows]
    assert 2 <= len(folds) < 4
    for train, rest in folds:
        assert not set(teams[train]) & set(teams[rest])
    with pytest.raises(BadInput, match="too few rows"):
        problem.of(rows.head(2), searched.training("value", "rmse"), 1)


def test_a_row_that_is_alone_in_its_class_is_learnt_in_each_fold_and_validates_none() -> None:
    rows = table(120)
    rows.loc[:3, "kind"] = ["lone", "other", "pair", "pair"]
    solved = problem.of(rows, searched.training("kind", "log_loss"), 2)
    alone = [place for place, code in enumerate(solved.truth) if (solved.truth == code).sum() == 1]
    for folds in solved.folds:
        assert sorted(np.concatenate([rest for _, rest in folds])) == [
            one for one in range(len(solved.rows)) if one not in alone
        ]
        assert all(set(solved.truth[train]) == set(solved.truth) for train, _ in folds)
    assert any("too few to be validated on: kind = " in note for note in solved.usable.notes)
    rows["kind"] = [f"c{one}" for one in range(len(rows))]
    with pytest.raises(BadInput, match="a kind of its own"):
        problem.of(rows, searched.training("kind", "log_loss"), 2)


def test_a_class_of_one_group_validates_nothing_and_no_group_is_divided() -> None:
    rows = table(120)
    rows["team"] = rows["team"] % 10
    rows.loc[rows["team"] == 3, "kind"] = "of team 3"
    grouped = msgspec.structs.replace(
        searched.training("kind", "log_loss"), group="team", split=Split(kind="group", folds=5), seed=1
    )
    solved = problem.of(rows, grouped, 1)
    (folds,) = solved.folds
    teams = solved.table["team"].to_numpy()[solved.rows]
    assert all(not set(teams[train]) & set(teams[rest]) for train, rest in folds)
    assert all(set(solved.truth[rest]) <= set(solved.truth[train]) for train, rest in folds)
    assert (3 in teams) == any("kind = of team 3" in note for note in solved.usable.notes)
    assert 3 in teams
