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
