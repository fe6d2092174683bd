"""How often a series is measured is found from its moments, which become whole numbers and moments again."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.errors import BadInput
from cupola.forecasting import dated, frequencies
from cupola.forecasting.frequencies import Frequency


def found(moments: Any, asked: str = "auto") -> tuple[Frequency, list[str]]:
    array = np.asarray(moments)
    array = array.astype("datetime64[us]") if array.dtype.kind == "M" else array.astype(float)
    return frequencies.of(array, np.zeros(len(array), np.int64), asked)


@pytest.mark.parametrize(
    ("freq", "name", "seasons"),
    [
        ("min", "minutely", [60]), ("15min", "every 15 minutes", [4, 96]), ("h", "hourly", [24, 168]),
        ("D", "daily", [7, 364]), ("B", "business days", [5, 260]), ("W", "weekly", [52]), ("MS", "monthly", [12]),
        ("ME", "monthly", [12]), ("QS", "quarterly", [4]), ("QE", "quarterly", [4]), ("YS", "yearly", [1]),
        ("YE", "yearly", [1]), ("2h", "every 2 hours", [12, 84]), ("2D", "every 2 days", [1]),
    ],
)  # fmt: skip
def test_each_frequency_is_found_and_gives_its_moments_back(freq: str, name: str, seasons: list[int]) -> None:
    moments = pd.date_range("2019-01-31", periods=60, freq=freq).to_numpy()
    frequency, notes = found(moments)
    assert (frequency.name, frequency.seasons, notes) == (name, seasons, [])
    places = frequency.places(moments.astype("datetime64[us]"))
    assert places.tolist() == list(range(60))
    assert frequency.moments(places).astype("datetime64[us]").tolist() == moments.astype("datetime64[us]").tolist()


@pytest.mark.parametrize(
    ("values", "name", "season"),
    [
        (1949 + np.arange(48) / 12, "monthly", 12), (1960 + np.arange(20) / 4, "quarterly", 4),
        (np.arange(1900, 1950), "yearly", 1), (np.arange(1, 40), "steps of 1", 1),
        (np.arange(0, 9, 0.5), "steps of 0.5", 1),
    ],
)  # fmt: skip
def test_years_with_a_fraction_and_columns_that_count_have_a_frequency(values: Any, name: str, season: int) -> None:
    frequency, _ = found(np.round(values, 4))
    assert (frequency.name, frequency.seasons[0]) == (name, season)
    places = frequency.places(np.round(values, 4))
    assert places.tolist() == list(range(len(values)))
    assert np.allclose(frequency.moments(places), values, atol=1e-3)


@pytest.mark.parametrize(("freq", "year"), [("h", 8766), ("2D", 182.625), ("B", 261), ("MS", 12), ("QS", 4)])
def test_so_many_steps_are_a_year(freq: str, year: float) -> None:
    assert found(pd.date_range("2019-01-01", periods=60, freq=freq).to_numpy())[0].year == year


def test_without_the_year_the_calendar_says_the_same_of_an_hour_in_each_week() -> None:
    hours, at = found(pd.date_range("2019-01-01", periods=60, freq="h").to_numpy())[0], np.arange(30)
    assert np.allclose(hours.calendar(at, yearly=False), hours.calendar(at + 20 * 168, yearly=False))
    assert not np.allclose(hours.calendar(at), hours.calendar(at + 20 * 168))


def test_gaps_do_not_hide_the_frequency() -> None:
    moments = pd.date_range("2020-01-01", periods=200, freq="h").to_numpy()
    keep = np.random.default_rng(0).random(200) > 0.3
    frequency, notes = found(moments[keep])
    assert frequency.name == "hourly" and notes == []


def test_irregular_moments_are_taken_together_and_it_is_said() -> None:
    random = np.random.default_rng(1)
    moments = np.datetime64("2020-01-01", "us") + np.sort(random.integers(0, 10**13, 300)).astype("timedelta64[us]")
    frequency, notes = found(moments)
    assert frequency.name == "daily" and "irregular" in notes[0]


def test_a_frequency_can_be_asked_for_by_word_or_as_pandas_has_it() -> None:
    moments = pd.date_range("2020-01-01", periods=50, freq="h").to_numpy()
    assert found(moments, "daily")[0].name == "daily"
    assert found(moments, "15min")[0].size == 900
    for wrong in ("sometimes", ""):
        with pytest.raises(BadInput, match="is no frequency"):
            found(moments, wrong)
    with pytest.raises(BadInput, match="the time is a number"):
        found(np.arange(10.0), "daily")


@given(
    st.sampled_from([("seconds", 3600.0), ("seconds", 86400.0), ("months", 1), ("months", 3), ("business", 1)]),
    st.integers(1, 31), st.integers(-500, 5000),
)  # fmt: skip
def test_the_number_of_a_moment_is_the_number_it_was_made_of(unit: tuple[str, float], day: int, place: int) -> None:
    origin = 2000 * 12 if unit[0] == "months" else 946_857_600_000_000  # a Monday
    frequency = Frequency(unit[0], unit[1], "time", origin, day)
    assert frequency.places(frequency.moments([place])).tolist() == [place]


@given(st.sampled_from(["months", "days"]), st.dates(datetime.date(1500, 1, 1), datetime.date(2300, 12, 31)))
def test_numbers_that_are_written_dates_come_back_as_they_were(kind: str, day: datetime.date) -> None:
    number = day.year * 100 + day.month if kind == "months" else (day.year * 100 + day.month) * 100 + day.day
    moments = dated.moments(np.array([number, number + 0.5, np.nan]), kind)
    assert dated.numbers(moments[:1], kind).tolist() == [number] and np.isnat(moments[1:]).all()


@pytest.mark.parametrize("first", [200101, 20240101, 1990, 1, 1_704_067_200])
def test_a_column_that_counts_is_not_taken_for_dates(first: int) -> None:
    assert dated.kind_of(np.arange(first, first + 40.0)) is None
