from datetime import UTC, datetime

import pytest
from tests.tui.examples import NOON, stamp

from cupola_tui import figures


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "<10s"), (25, "20s"), (200, "3m"), (4000, "1h"), (200_000, "2d"), (4e8, "12y")]
)
def test_ages_are_coarse_so_that_an_idle_screen_stands_still(seconds: float, said: str) -> None:
    assert figures.age(stamp(seconds)) == said


def test_an_age_of_what_is_no_time_is_absent() -> None:
    assert figures.age(None) == figures.age("soon") == figures.when(None) == figures.ABSENT


def test_a_time_is_told_with_how_long_ago_it_was() -> None:
    then = datetime.fromtimestamp(NOON - 200, UTC)
    assert figures.when(stamp(200)) == f"3m ago, {then:%Y-%m-%d %H:%M:%S} UTC"


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (0.84712, 0.0041, "0.8471 ± 0.0041"),
        (0.84712, 0.00041, "0.84712 ± 0.00041"),
        (31.4, 2.0, "31.4 ± 2.0"),
        (0.5, None, "0.5000"),
        (0.5, 0.0, "0.5000"),
    ],
)
def test_a_metric_is_rounded_to_what_its_error_knows(value: float, error: float | None, said: str) -> None:
    assert figures.measured(value, error) == said


@pytest.mark.parametrize(
    ("count", "said"), [(12, "12 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (412_000_000, "412 MB"), (None, "—")]
)
def test_sizes_have_their_unit(count: int | None, said: str) -> None:
    assert figures.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(8.12, "8.1s"), (12.4, "12s"), (123, "2m 03s"), (4800, "1h 20m"), (190_000, "2d 4h")]
)
def test_durations(seconds: float, said: str) -> None:
    assert figures.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "3"),
        (20480, "20,480"),
        (0.05, "0.0500"),
        (1.5e-7, "1.5e-07"),
        (2.0671e-5, "2.07e-05"),
        (True, "True"),
        (None, "—"),
        (float("nan"), "nan"),
    ],
)
def test_numbers(value: object, said: str) -> None:
    assert figures.number(value) == said


def test_a_sparkline_is_as_long_as_its_values() -> None:
    assert figures.sparkline([0, 50, 100], 100) == "▁▅█"
    assert figures.sparkline([]) == ""


def test_moments_are_utc() -> None:
    assert figures.moment("2026-11-25T10:00:00Z") == NOON


def test_what_runs_and_says_nothing_is_told_after_two_minutes() -> None:
    stamp = datetime.fromtimestamp(NOON - 250, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert figures.silence({"status": "InProgress", "heard": stamp}) == "4m"
    assert figures.silence({"status": "Completed", "heard": stamp}) == ""
    late = datetime.fromtimestamp(NOON - 30, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert figures.silence({"status": "InProgress", "heard": late}) == "" == figures.silence({"status": "InProgress"})


def test_what_is_huge_is_short() -> None:
    assert figures.measured(9.97440333936898605056e20, 3.2e18) == "9.97e+20 ± 3.2e+18"


def test_what_was_given_is_not_filled_up_with_noughts() -> None:
    values = [0.05, 3.0, 41.8, 0.123456, 1234.5, 1e-9, float("nan"), 7, "1.500", None, True]
    assert [figures.given(one) for one in values] == [
        "0.05", "3.0", "41.8", "0.1235", "1,234.5", "1e-09", "nan", "7", "1.500", "—", "yes",
    ]  # fmt: skip
