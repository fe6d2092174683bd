"""What a QualityCheck calls a violation."""

from typing import Any

import pytest

from cupola.datasets.records import Bar, ColumnProfile
from cupola.pipelines import checking, types

BEFORE = ColumnProfile(
    name="carrier",
    type="category",
    missing=10,
    distinct=2,
    top=[Bar(value="UA", count=590), Bar(value="DL", count=400)],
)


def violations(**changed: Any) -> list[str]:
    now = ColumnProfile(**{name: getattr(BEFORE, name) for name in BEFORE.__struct_fields__} | changed)
    given = types.QualityCheck(dataset="d", missing=0.05, drift=0.2)
    return [one.constraint_check_type for one in checking._column(BEFORE, 1000, now, 1000, given)]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"top": [Bar(value="UA", count=600), Bar(value="DL", count=390)]}, []),
        ({"type": "integer"}, ["data_type_check"]),
        (
            {"missing": 200, "top": [Bar(value="UA", count=480), Bar(value="DL", count=320)]},
            ["completeness_check", "baseline_drift_check"],
        ),
        ({"top": [Bar(value="UA", count=90), Bar(value="DL", count=900)]}, ["baseline_drift_check"]),
    ],
)
def test_a_column_that_is_not_as_before_is_a_violation(changed: dict[str, Any], found: list[str]) -> None:
    assert violations(**changed) == found


def test_a_column_that_is_gone_is_one() -> None:
    found = checking._column(BEFORE, 1000, None, 1000, types.QualityCheck(dataset="d"))
    assert [(one.feature_name, one.constraint_check_type) for one in found] == [("carrier", "missing_column_check")]
