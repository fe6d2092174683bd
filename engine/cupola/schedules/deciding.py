"""What is due: a plain function of the wish, of what was decided before, of what stands there now, and of the clock.

Nothing here looks at a disk or a clock. What it decides is written down before any of it is carried out, and a firing
is named by the schedule and when (or by what) it was due: however often it is decided, it is fired once.
"""

from collections import deque
from collections.abc import Mapping

import msgspec

from cupola.schedules import moments
from cupola.schedules.records import MISSED, MOST_MISSED, Planned, Progress, Schedule
from cupola.store import names

GRACE = 60.0  # seconds after which a firing that was due counts as missed
PUT_BACK = 3600.0  # seconds by which a clock is put back, or differs from another host's, and nothing begins anew


def decide(schedule: Schedule, before: Progress, events: Mapping[str, list[str]], now: float) -> Progress:
    """What has been decided by now, with what is to be fired in `planned`; `before` itself where nothing has come.

    events: by trigger what stands there now, as `triggers.events` gives it.
    """
    found = msgspec.structs.replace(before, planned=[*before.planned], seen={**before.seen})
    for trigger in schedule.on:
        _event(found, trigger, events.get(trigger, []), schedule, now)
    if put_back(before, now):
        found.until = moments.iso(now)
    due = _due(schedule, before, now)
    if due.moments:
        found.planned += _timed(schedule, due, now)
        found.until = moments.iso(due.moments[-1])
    return before if found == before else found


def upcoming(schedule: Schedule, before: Progress, now: float) -> float | None:
    """When it is due next by the clock; None where it never is."""
    since = moments.of(schedule.since)
    return next(moments.after(_from(before, now), since, schedule.zone, schedule.given), None)


class Due(msgspec.Struct):
    """The last moments that have come since it was decided, the oldest first, and how many there were in all."""

    moments: list[float]
    count: int


def _due(schedule: Schedule, before: Progress, now: float) -> Due:
    found: deque[float] = deque(maxlen=MOST_MISSED + 1)
    count = 0
    for one in moments.after(_from(before, now), moments.of(schedule.since), schedule.zone, schedule.given):
        if one > now:
            break
        found.append(one)
        count += 1
    return Due(list(found), count)


def put_back(before: Progress, now: float) -> bool:
    """Whether what was decided reaches so far into the future that a clock must have been wrong.

    It must not silence a schedule: the moments from now on come again, and those that were fired are known by name.
    """
    return moments.of(before.until) - now > PUT_BACK


def _from(before: Progress, now: float) -> float:
    return now if put_back(before, now) else moments.of(before.until)


def _timed(schedule: Schedule, due: Due, now: float) -> list[Planned]:
    """What becomes of the moments that have come, by the schedule's way with those that were missed."""
    last = due.moments[-1]
    on_time = now - last <= GRACE
    if schedule.misfire == "all":
        left = max(0, due.count - MOST_MISSED)
        missed = [_missed(due.moments[0], left)] if left else []
        return [*missed, *(_planned(one, waits=due.count > 1) for one in due.moments[-MOST_MISSED:])]
    if schedule.misfire == "once" or (on_time and due.count == 1):
        return [_planned(last, missed=due.count - 1 + (not on_time))]
    if on_time:
        return [_missed(due.moments[-2], due.count - 1), _planned(last)]
    return [_missed(last, due.count)]


def _planned(moment: float, missed: int = 0, waits: bool = False) -> Planned:
    return Planned(key=_key(moment), due=moments.iso(moment), missed=missed, waits=waits)


def _missed(moment: float, count: int) -> Planned:
    """The record of moments that nobody fires: it stands for the last of them."""
    reason = "no agent ran when it was due"
    return Planned(key=_key(moment), due=moments.iso(moment), missed=count, status=MISSED, reason=reason)


def _key(moment: float) -> str:
    return moments.iso(moment).replace("-", "").replace(":", "")


def _event(found: Progress, trigger: str, standing: list[str], schedule: Schedule, now: float) -> None:
    """Plans what is new of a trigger. Several that came at once, as while no agent ran, are one firing for the last."""
    known = found.seen.get(trigger)
    if known == standing:
        return
    found.seen[trigger] = standing
    if known is None:  # a trigger that somebody has added with an editor: what stands there was there before
        return
    planned: list[Planned] = []
    for event in standing:
        if event not in known:
            found.episodes += 1
            planned.append(_of_event(trigger, event, found.episodes, now))
    if schedule.misfire != "all":
        for one in planned[:-1]:
            one.status, one.reason = MISSED, f"{planned[-1].ref} came with it, and one firing stands for all"
    found.planned += planned


def _of_event(trigger: str, event: str, episode: int, now: float) -> Planned:
    """A firing by an event, named by that for ever; an alarm, which may come again, by its episode."""
    kind, _, what = trigger.partition(":")
    named = f"{what}-{episode}" if kind == "violation" else event.replace("@", "-").replace("/", "-")
    ref = event.rpartition(".")[0] if kind in ("approval", "file") else event
    return Planned(key=names.as_name(f"{kind}-{named}"), due=moments.iso(now), cause=trigger, ref=ref)
