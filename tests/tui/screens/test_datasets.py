"""What the pane of datasets draws of a version."""

from typing import Any

import pytest

from cupola_tui.screens import datasets
from cupola_tui.screens.pane import Scene

DAYS = ["2013-01-01T06:00:00", "2013-01-19T11:34:45.000001", "2013-02-06T17:09:30.000002"]
MINUTES = ["2013-01-01T06:00:00", "2013-01-01T06:20:00.000001", "2013-01-01T06:40:00.000002"]


@pytest.mark.parametrize(
    ("edges", "first"),
    [(DAYS, "2013-01-01 to 2013-01-19"), (MINUTES, "2013-01-01 06:00 to 2013-01-01 06:20"), ([0, 1, 2], "0 to 1")],
    ids=["days", "minutes", "numbers"],
)
def test_bins_of_times_end_at_days_or_minutes(edges: list[Any], first: str) -> None:
    profile = {"columns": [{"name": "at", "histogram": {"counts": [3, 5], "edges": edges}}]}
    lines = datasets.shapes(Scene({}, {"profile": profile}, 80, 20))
    assert lines[1][0][0].strip() == first


def test_numbers_of_a_preview_stand_to_the_right_and_texts_to_the_left() -> None:
    rows = [{"name": "a", "count": 7}, {"name": "bcd", "count": None}, {"name": "ef", "count": 1500}]
    lines = datasets.preview(Scene({}, {"preview": rows}, 80, 20))
    assert [text for line in lines for text, _ in line] == [" name count", " a        7", " bcd      —", " ef   1,500"]
