"""What is due, decided with a clock that the test moves: missed firings, jumps of the clock, events."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupola.schedules import deciding, moments
from cupola.schedules.records import MISSED, MOST_MISSED, Planned, Progress, Schedule

SINCE = "2026-01-01T00:00:00Z"
START = moments.of(SINCE)
HOUR = 3600.0


def hourly(**more: object) -> Schedule:
    return Schedule(
        name="s",
        id="i",
        action="job submit",
        user="ana",
        since=SINCE,
        **({"cron": "0 * * * *"} | more),  # type: ignore[arg-type]
    )


def fresh() -> Progress:
    return Progress(id="i", until=SINCE)


def told(planned: list[Planned]) -> list[tuple[str, str, int]]:
    return [(one.due[11:16], one.status, one.missed) for one in planned]


def test_nothing_is_due_before_its_time_and_each_moment_once() -> None:
    schedule, before = hourly(), fresh()
    assert deciding.decide(schedule, before, {}, START + HOUR - 1) is before
    found = deciding.decide(schedule, before, {}, START + HOUR)
    assert told(found.planned) == [("01:00", "", 0)]
    assert found.planned[0].key == "20260101T010000Z"
    done = msgspec.structs.replace(found, planned=[])
    assert deciding.decide(schedule, done, {}, START + HOUR + 59) is done
    assert deciding.upcoming(schedule, done, START + HOUR) == START + 2 * HOUR


@pytest.mark.parametrize(
    ("misfire", "late", "expected"),
    [
        ("once", 600.0, [("05:00", "", 5)]),  # the host was off from before 01:00 to 05:10
        ("once", 5.0, [("05:00", "", 4)]),  # it came back right when one was due: that one makes up for the others
        ("skip", 600.0, [("05:00", MISSED, 5)]),
        ("skip", 5.0, [("04:00", MISSED, 4), ("05:00", "", 0)]),
        ("all", 600.0, [(f"0{hour}:00", "", 0) for hour in range(1, 6)]),
    ],
)
def test_what_was_missed_while_no_agent_ran_goes_by_the_setting(
    misfire: str, late: float, expected: list[tuple[str, str, int]]
) -> None:
    found = deciding.decide(hourly(misfire=misfire), fresh(), {}, START + 5 * HOUR + late)
    assert told(found.planned) == expected
    assert found.until == moments.iso(START + 5 * HOUR)
    assert {one.waits for one in found.planned} == {misfire == "all"}


def test_a_firing_that_is_a_little_late_is_no_missed_one() -> None:
    for misfire in ("once", "skip", "all"):
        found = deciding.decide(hourly(misfire=misfire), fresh(), {}, START + HOUR + deciding.GRACE)
        assert told(found.planned) == [("01:00", "", 0)], misfire


def test_all_makes_up_for_a_bounded_number_and_says_how_many_it_leaves_out() -> None:
    schedule = hourly(misfire="all", cron="", every="1m")
    found = deciding.decide(schedule, fresh(), {}, START + 1000 * 60)
    assert told(found.planned[:1]) == [("15:00", MISSED, 900)]
    assert len(found.planned) == MOST_MISSED + 1
    assert found.planned[-1].due == moments.iso(START + 1000 * 60)


def test_a_clock_that_is_put_back_a_little_fires_nothing_twice() -> None:
    schedule = hourly()
    fired = msgspec.structs.replace(deciding.decide(schedule, fresh(), {}, START + 2 * HOUR), planned=[])
    for back in (1, 600, 3500):
        assert deciding.decide(schedule, fired, {}, START + 2 * HOUR - back) is fired
        assert deciding.upcoming(schedule, fired, START + 2 * HOUR - back) == START + 3 * HOUR


def test_a_clock_that_was_wrong_by_weeks_silences_nothing() -> None:
    schedule = hourly()
    ahead = msgspec.structs.replace(deciding.decide(schedule, fresh(), {}, START + 1000 * HOUR), planned=[])
    back = START + 10 * HOUR + 1800
    assert deciding.upcoming(schedule, ahead, back) == START + 11 * HOUR
    begun = deciding.decide(schedule, ahead, {}, back)
    assert (begun.planned, begun.until) == ([], moments.iso(back))
    assert told(deciding.decide(schedule, begun, {}, START + 11 * HOUR).planned) == [("11:00", "", 0)]


def test_a_moment_comes_once_and_also_when_it_was_missed() -> None:
    schedule = hourly(cron="", at="2026-01-01T03:00", zone="Europe/Berlin")
    assert deciding.upcoming(schedule, fresh(), START) == START + 2 * HOUR
    found = deciding.decide(schedule, fresh(), {}, START + 9 * HOUR)
    assert told(found.planned) == [("02:00", "", 1)]
    assert deciding.upcoming(schedule, found, START + 9 * HOUR) is None


def test_an_event_that_was_not_there_before_is_fired_once() -> None:
    schedule = hourly(cron="", on=["dataset:flights"])
    begun = msgspec.structs.replace(fresh(), seen={"dataset:flights": ["flights@1-aa"]})
    assert deciding.decide(schedule, begun, {"dataset:flights": ["flights@1-aa"]}, START) is begun
    now = {"dataset:flights": ["flights@1-aa", "flights@2-bb"]}
    found = deciding.decide(schedule, begun, now, START + 5)
    assert [(one.key, one.ref, one.cause) for one in found.planned] == [
        ("dataset-flights-2-bb", "flights@2-bb", "dataset:flights")
    ]
    done = msgspec.structs.replace(found, planned=[])
    assert deciding.decide(schedule, done, now, START + 6) is done


def test_of_several_events_at_once_the_last_stands_for_all_unless_all_are_wanted() -> None:
    begun = msgspec.structs.replace(fresh(), seen={"dataset:d": []})
    now = {"dataset:d": ["d@1-a", "d@2-b", "d@3-c"]}
    once = deciding.decide(hourly(cron="", on=["dataset:d"]), begun, now, START)
    assert [(one.ref, one.status) for one in once.planned] == [("d@1-a", MISSED), ("d@2-b", MISSED), ("d@3-c", "")]
    every = deciding.decide(hourly(cron="", on=["dataset:d"], misfire="all"), begun, now, START)
    assert [(one.ref, one.status) for one in every.planned] == [("d@1-a", ""), ("d@2-b", ""), ("d@3-c", "")]


def test_an_alarm_fires_each_time_that_it_begins_and_not_while_it_stands() -> None:
    schedule = hourly(cron="", on=["violation:shop"])
    seen = msgspec.structs.replace(fresh(), seen={"violation:shop": []})
    keys = []
    for standing in (["drift > 0.2"], ["drift > 0.2"], [], ["drift > 0.2"]):
        found = deciding.decide(schedule, seen, {"violation:shop": standing}, START)
        keys += [one.key for one in found.planned]
        seen = msgspec.structs.replace(found, planned=[])
    assert keys == ["violation-shop-1", "violation-shop-2"]


def test_a_trigger_that_an_editor_has_added_begins_with_what_stands_there() -> None:
    schedule = hourly(cron="", on=["dataset:d"])
    found = deciding.decide(schedule, fresh(), {"dataset:d": ["d@1-a"]}, START)
    assert found.planned == []
    assert found.seen == {"dataset:d": ["d@1-a"]}


@settings(max_examples=150, deadline=None)
@given(
    looks=st.lists(st.integers(0, 40 * 60), min_size=1, max_size=12),
    misfire=st.sampled_from(["once", "skip", "all"]),
    every=st.sampled_from(["1m", "7m", "1h"]),
)
def test_whenever_it_is_looked_each_moment_is_accounted_for_once(looks: list[int], misfire: str, every: str) -> None:
    """Fired, or among those that another stands for: the count of all is that of the moments that have passed."""
    schedule = hourly(cron="", every=every, misfire=misfire)
    progress, now, counted, keys = fresh(), START, 0, []
    for step in looks:
        now += step
        found = deciding.decide(schedule, progress, {}, now)
        for one in found.planned:
            counted += one.missed if one.status == MISSED else 1
            keys.append(one.key)
        progress = msgspec.structs.replace(found, planned=[])
    assert keys == sorted(set(keys))
    passed = len([one for one in moments.coming(START, START, "UTC", schedule.given, 500) if one <= now])
    if misfire == "all":
        assert counted == passed
    assert (len(keys) > 0) == (passed > 0)
    assert not keys or keys[-1] == moments.iso(START + passed * moments.seconds(every)).replace("-", "").replace(
        ":", ""
    )
