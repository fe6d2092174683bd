"""Months, quarters and weeks as people write them."""

from datetime import date

import pytest
from tests.datasets.conftest import Read

from cupola.errors import BadInput


def test_quarters_weeks_and_months_by_name_are_dates_where_somebody_says_so(read: Read) -> None:
    content = b"q,w,m\n1990Q1,2024-W05,Jan 1990\nQ4 1991,2020W53,1991 december\n,,\n1990-q2,2024-W01,Sept. 1990\n"
    assert set(read(content).kinds.values()) == {"text"}
    seen = read(content, types=dict.fromkeys("qwm", "date"))
    assert seen.values["q"] == [date(1990, 1, 1), date(1991, 10, 1), None, date(1990, 4, 1)]
    assert seen.values["w"] == [date(2024, 1, 29), date(2020, 12, 28), None, date(2024, 1, 1)]
    assert seen.values["m"] == [date(1990, 1, 1), date(1991, 12, 1), None, date(1990, 9, 1)]
    for wrong in ("1990Q5", "2024-W54", "Foo 1990", "1990-13", "90Q1"):
        with pytest.raises(BadInput, match=f"line 3, column q: '{wrong}' cannot be read as a date"):
            read(f"q,n\n1990Q1,1\n{wrong},2\n".encode(), types={"q": "date"})
