"""What a schedule does, in words: when it fires, what it runs, what becomes of what was missed."""

from datetime import datetime, timedelta
from itertools import pairwise

from cupola import actions
from cupola.arguments import command_line
from cupola.errors import CupolaError
from cupola.schedules import cron, moments
from cupola.schedules.records import MOST_MISSED, Schedule

NO_TIME = timedelta()
SAID_MISFIRE = {
    "once": "firings that are missed while no agent runs are made up for by one, as soon as one runs again",
    "skip": "firings that are missed while no agent runs are left out",
    "all": f"each firing that is missed while no agent runs is made up for, one after another, the last {MOST_MISSED}",
}
SAID_OVERLAP = {
    "skip": "a firing is left out while what the one before has started still runs",
    "queue": "a firing waits while what the one before has started still runs; one waits, others are left out",
    "allow": "a firing starts also while what the one before has started still runs",
}
SAID_EVENT = {
    "dataset": "on each new version of the dataset {}",
    "approval": "on each approval of a version of {}",
    "violation": "on each violation that the endpoint {} sees",
    "file": "when the file {} appears or changes",
}


def misfire(schedule: Schedule) -> str:
    return SAID_MISFIRE.get(schedule.misfire, schedule.misfire)


def overlap(schedule: Schedule) -> str:
    return SAID_OVERLAP.get(schedule.overlap, schedule.overlap)


def command(schedule: Schedule) -> str:
    """The command line of what it runs."""
    try:
        return command_line(actions.find(schedule.action), schedule.arguments)
    except (CupolaError, AttributeError, TypeError, ValueError):
        return schedule.action


def when(schedule: Schedule) -> str:
    """When it fires. Raises BadOption for what cannot be read."""
    parts = []
    if schedule.cron:
        cron.parse(schedule.cron)
        cron.zone(schedule.zone)
        parts.append(f"{schedule.cron} ({schedule.zone})")
    if schedule.every:
        moments.seconds(schedule.every)
        parts.append(f"every {schedule.every}")
    if schedule.at:
        moments.at(schedule.at, schedule.zone)
        parts.append(f"at {schedule.at} ({schedule.zone})")
    for one in schedule.on:
        kind, _, what = one.partition(":")
        parts.append(SAID_EVENT[kind].format(what) if kind in SAID_EVENT else one)
    return ", ".join(parts)


def shifts(schedule: Schedule, coming: list[float]) -> list[str]:
    """What is odd about the next moments: clocks that are put forward or back just then."""
    here = cron.zone(schedule.zone)
    if schedule.at:
        wanted = datetime.fromisoformat(schedule.at.strip())
        note = "" if wanted.tzinfo else cron.shift(wanted.replace(microsecond=0), here)
        return [note] if note and coming else []
    if not schedule.cron or not coming:
        return []
    return _jumps(schedule, coming)


def _jumps(schedule: Schedule, coming: list[float]) -> list[str]:
    """Where the clock of the zone is put forward or back between two of the moments."""
    shown = [datetime.fromtimestamp(one, cron.zone(schedule.zone)) for one in coming]
    found = []
    for before, behind in pairwise(shown):
        change = (behind.utcoffset() or NO_TIME) - (before.utcoffset() or NO_TIME)
        if change:
            way = "forward" if change > NO_TIME else "back"
            found.append(f"the clock of {schedule.zone} is put {way} before {behind:%Y-%m-%d %H:%M %Z}")
    return found
