"""Cron expressions against plain enumeration, and clocks that are put forward and back."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupola.errors import BadOption
from cupola.schedules import cron

BERLIN = "Europe/Berlin"


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def coming(text: str, zone: str, begin: str, most: int) -> list[str]:
    """The next moments, as a clock of the zone shows them."""
    found = islice(cron.after(text, zone, utc(begin)), most)
    return [f"{datetime.fromtimestamp(one, ZoneInfo(zone)):%m-%d %H:%M %Z}" for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 3 * * *", ["01-16 03:00 UTC", "01-17 03:00 UTC"]),
        ("@daily", ["01-16 00:00 UTC", "01-17 00:00 UTC"]),
        ("*/20 12-13 * * *", ["01-16 12:00 UTC", "01-16 12:20 UTC"]),
        ("5,35 0 * * MON-fri", ["01-16 00:05 UTC", "01-16 00:35 UTC"]),
        ("0 0 13 * 5", ["01-16 00:00 UTC", "01-23 00:00 UTC"]),  # the 13th, and every Friday
        ("0 0 */10 * 5", ["05-01 00:00 UTC", "07-31 00:00 UTC"]),  # `*/10` restricts nothing of the rule for days
        ("0 0 1 jan,Jul *", ["07-01 00:00 UTC", "01-01 00:00 UTC"]),
        ("0 12 * * 7", ["01-18 12:00 UTC", "01-25 12:00 UTC"]),
        ("0 12 * * fri-sun", ["01-16 12:00 UTC", "01-17 12:00 UTC"]),
        ("30/10 23 31 12 *", ["12-31 23:30 UTC", "12-31 23:40 UTC"]),
    ],
)
def test_an_expression_means_the_moments_that_crontab_says(text: str, expected: list[str]) -> None:
    assert coming(text, "UTC", "2026-01-15T23:59:59", 2) == expected


def test_a_29th_of_february_comes_every_four_years() -> None:
    found = islice(cron.after("0 0 29 2 *", "UTC", utc("2096-03-01")), 2)
    assert [datetime.fromtimestamp(one, UTC).year for one in found] == [2104, 2108]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 3 * *", "5 fields, not 4"),
        ("0 3 * * * *", "5 fields, not 6"),
        ("", "5 fields, not 0"),
        ("60 3 * * *", "'60' is no minute: 0 to 59"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 3 0 * *", "'0' is no day"),
        ("0 3 * foo *", "'foo' is no month: 1 to 12 or jan to dec"),
        ("0 3 * * 8", "'8' is no weekday"),
        ("*/0 3 * * *", "is no minute"),
        ("5-1 3 * * *", "is no minute"),
        ("1,,2 3 * * *", "is no minute"),
        ("-1 3 * * *", "is no minute"),
        ("² 3 * * *", "is no minute"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6 *", "never comes"),
        ("@reboot", "no time"),
        ("@often", "there is no '@often'"),
    ],
)
def test_what_is_no_expression_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(BadOption, match=says.replace("*", r"\*")):
        cron.parse(text)


def test_a_zone_that_there_is_not_is_refused() -> None:
    for name in ("Europe/Nowhere", "", "../../etc/passwd", "/etc/localtime"):
        with pytest.raises(BadOption, match="there is no time zone"):
            cron.zone(name)


def test_a_time_that_does_not_exist_is_fired_at_the_first_moment_after_the_gap() -> None:
    shown = coming("30 2 * * *", BERLIN, "2026-03-27T12:00", 3)
    assert shown == ["03-28 02:30 CET", "03-29 03:00 CEST", "03-30 02:30 CEST"]
    assert coming("15,45 2 * * *", BERLIN, "2026-03-28T12:00", 2) == ["03-29 03:00 CEST", "03-30 02:15 CEST"]


def test_a_time_that_exists_twice_is_fired_at_the_first_of_the_two() -> None:
    shown = coming("30 2 * * *", BERLIN, "2026-10-24T12:00", 2)
    assert shown == ["10-25 02:30 CEST", "10-26 02:30 CET"]


def test_an_expression_for_every_hour_follows_the_clock_on_the_wall() -> None:
    forward = coming("30 * * * *", BERLIN, "2026-03-29T00:00", 3)
    assert forward == ["03-29 01:30 CET", "03-29 03:30 CEST", "03-29 04:30 CEST"]
    back = coming("30 * * * *", BERLIN, "2026-10-24T23:40", 4)
    assert back == ["10-25 02:30 CEST", "10-25 02:30 CET", "10-25 03:30 CET", "10-25 04:30 CET"]


def test_a_clock_that_is_put_forward_by_half_an_hour_is_met_too() -> None:
    shown = coming("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", 2)
    assert shown == ["10-04 02:30 +11", "10-05 02:15 +11"]


def test_a_day_that_a_zone_has_left_out_is_fired_as_the_next_begins() -> None:
    begin = datetime(2011, 12, 29, 0, 0, tzinfo=ZoneInfo("Pacific/Apia")).timestamp()
    found = list(islice(cron.after("0 12 * * *", "Pacific/Apia", begin), 3))
    shown = [f"{datetime.fromtimestamp(one, ZoneInfo('Pacific/Apia')):%d %H:%M}" for one in found]
    assert shown == ["29 12:00", "31 00:00", "31 12:00"]


def test_what_a_clock_shows_never_or_twice_is_said() -> None:
    here = ZoneInfo(BERLIN)
    gap, twice, once = datetime(2026, 3, 29, 2, 30), datetime(2026, 10, 25, 2, 30), datetime(2026, 3, 29, 3, 30)
    assert cron.shift(gap, here) == "the clock of Europe/Berlin never shows 02:30 on 2026-03-29; 03:00 CEST is meant"
    assert cron.shift(twice, here).endswith("the first is meant, 02:30 CEST")
    assert cron.shift(once, here) == ""


@settings(max_examples=60, deadline=None)
@given(
    minute=st.sampled_from(["*", "*/7", "0", "3,59", "10-20/5"]),
    hour=st.sampled_from(["*", "*/5", "2", "1-3", "23"]),
    day=st.sampled_from(["*", "1", "28-31", "*/9"]),
    weekday=st.sampled_from(["*", "mon", "6,0", "1-5"]),
    zone=st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    begin=st.integers(int(utc("2025-12-01")), int(utc("2026-12-31"))),
)
def test_outside_of_jumps_each_minute_that_fits_is_a_moment_and_no_other(
    minute: str, hour: str, day: str, weekday: str, zone: str, begin: int
) -> None:
    """What is found is compared with a look at each minute of the clock on the wall."""
    text = f"{minute} {hour} {day} * {weekday}"
    here, read = ZoneInfo(zone), cron.parse(f"{minute} {hour} {day} * {weekday}")
    end = begin + 3 * 86400
    found = []
    for one in cron.after(text, zone, begin):
        if one > end:
            break
        found.append(int(one))
    first = begin - begin % 60 + 60
    shown = [(one, datetime.fromtimestamp(one, here)) for one in range(first, end + 1, 60)]
    steady = len({moment.utcoffset() for _, moment in shown} | {datetime.fromtimestamp(begin, here).utcoffset()}) == 1
    fits = [one for one, t in shown if read.on(t.date()) and t.hour in read.hours and t.minute in read.minutes]
    if steady or read.hourly:
        assert found == fits
    else:
        assert found == sorted(set(found))
        assert abs(len(found) - len(fits)) <= 120


@settings(max_examples=40, deadline=None)
@given(begin=st.integers(0, 4_000_000_000), text=st.sampled_from(["30 2 * * *", "*/15 * * * *", "0 0 29 2 *"]))
def test_moments_only_go_forward(begin: int, text: str) -> None:
    found = list(islice(cron.after(text, BERLIN, begin), 4))
    assert all(one > begin for one in found)
    assert found == sorted(set(found))
    assert found[-1] - found[0] < timedelta(days=5000).total_seconds() * 4
