"""An axis of time has round moments, and says them as far as they are told apart."""

import datetime

import pytest

from cupola.plots import layout, table, times
from cupola.plots.records import Curves, Series
from cupola.plots.svg import svg

DAY = 86400.0


def at(text: str) -> float:
    return (datetime.datetime.fromisoformat(text) - times.FIRST).total_seconds()


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        ("2024-01-01T00:10", "2024-01-01T05:00", [f"01-01 0{hour}:00" for hour in range(1, 6)]),
        ("2024-01-10", "2024-06-20", ["2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01", "2024-06-01"]),
        ("1949-03-01", "1961-01-01", ["1950-01", "1952-01", "1954-01", "1956-01", "1958-01", "1960-01"]),
    ],
)  # fmt: skip
def test_ticks_are_at_round_moments(low: str, high: str, wanted: list[str]) -> None:
    reach = at(high) - at(low)
    assert [times.label(one, reach) for one in times.ticks(at(low), at(high), 6)] == wanted


def test_moments_that_no_calendar_has_are_numbers() -> None:
    assert times.moment(1e30) is None and times.label(1e30, 1e29) == "1e+30" and times.iso(1e30) == "1e+30"
    assert times.ticks(1e30, 2e30, 6) == [1e30]


def test_files_of_a_plot_have_dates_and_bands_without_a_line() -> None:
    points = [(at("2024-01-01"), 1.0), (at("2024-01-31"), 2.0)]
    band = Series(name="0.1 to 0.9", points=points, kind="band", low=[0.0, 1.0], high=[2.0, 3.0])
    plot = Curves(name="f", title="f", x="day", y="", series=[band, Series(name="f", points=points)], times=True)
    assert table.rows(plot)[1] == ["0.1 to 0.9", "2024-01-01", 1.0, 0.0, 2.0]
    assert "2024-01-" in svg(plot) and "0.1 to 0.9" not in svg(plot)
    strokes = [one for one in layout.of(plot).shapes if isinstance(one, layout.Stroke) and one.width == 2.0]
    areas = [one for one in layout.of(plot).shapes if isinstance(one, layout.Area)]
    assert len(areas) == 1 and {one.colour for one in strokes} == {areas[0].colour}
