"""A schedule and how it stands: when it comes next, what it did last, why it does not."""

import contextlib
import time
from typing import Any

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.jobs import agents
from cupola.schedules import moments, records, saying, triggers
from cupola.schedules.records import Firing, Schedule
from cupola.store import Store, files, names

SHOWN = 5  # of the next firings
SAME = ("user", "host", "action", "arguments", "cron", "every", "at", "zone", "on", "misfire", "overlap")


class ScheduleState(msgspec.Struct, kw_only=True):
    """A schedule as `schedule ls` and `schedule show` print it.

    status: Active, Paused, Pending (its user has not signed it as it stands: `reason`), Failed (it cannot be read) or
    Over (its one moment has passed). runs: the command of a firing. when: in words. next: the coming moments, `notes`
    what is odd about them. missed: what becomes of firings that are missed while no agent runs.
    """

    name: str
    status: str
    reason: str = ""
    runs: str = ""
    pipeline: str = ""
    when: str = ""
    next: list[str] = []
    notes: list[str] = []
    missed: str = ""
    overlapping: str = ""
    waiting: int = 0
    last: Firing | None = None
    user: str = ""
    host: str = ""
    action: str = ""
    arguments: dict[str, Any] = {}
    cron: str = ""
    every: str = ""
    at: str = ""
    zone: str = ""
    on: list[str] = []
    misfire: str = ""
    overlap: str = ""


def ls(store: Store) -> list[ScheduleState]:
    """Every schedule here, by name; one that cannot be read says so in its reason."""
    found = []
    for name in files.listing(store, records.DIRECTORY):
        try:
            found.append(state_of(store, records.wish(store, name)))
        except NotFound:
            continue
        except CupolaError as error:
            found.append(ScheduleState(name=name, status=records.FAILED, reason=str(error)))
    return found


def coming(store: Store) -> dict[str, str]:
    """By pipeline when it is run next by a schedule of its, as far as that is for the clock to say."""
    found: dict[str, str] = {}
    for name in files.listing(store, records.DIRECTORY):
        with contextlib.suppress(CupolaError):
            one = records.wish(store, name)
            since = moments.of(one.since)
            soon = moments.coming(time.time(), since, one.zone, one.given, 1) if one.enabled else []
            if one.pipeline and soon:
                found[one.pipeline] = min(found.get(one.pipeline, "9"), moments.iso(soon[0]))
    return found


def state_of(store: Store, schedule: Schedule) -> ScheduleState:
    """A schedule and how it stands."""
    return of(store, schedule, records.unsigned(store, schedule))


def of(store: Store, schedule: Schedule, unsigned: str = "") -> ScheduleState:
    """A schedule and how it stands; unsigned: why its user has to confirm it, if so."""
    moment = time.time()
    seen = records.progress(store, schedule)
    state = ScheduleState(
        name=schedule.name, status="Active", runs=saying.command(schedule), pipeline=schedule.pipeline,
        missed=saying.misfire(schedule), overlapping=saying.overlap(schedule), waiting=len(seen.planned),
        last=next(iter(records.firings(store, schedule.name)), None),
        **{one: getattr(schedule, one) for one in SAME},
    )  # fmt: skip
    try:
        state.when = saying.when(schedule)
        coming = moments.coming(moment, moments.of(schedule.since), schedule.zone, schedule.given, SHOWN)
        state.notes = [*saying.shifts(schedule, coming), *triggers.awaited(store, schedule.on)]
    except CupolaError as error:
        state.status, state.reason = records.FAILED, str(error)
        return state
    state.next = [moments.iso(one) for one in coming] if schedule.enabled else []
    if not schedule.enabled:
        state.status = "Paused"
    elif unsigned:
        state.status, state.reason, state.next = "Pending", unsigned, []
    elif not coming and not schedule.on:
        state.status = "Over"
    if (
        state.status == "Active"
        and (schedule.user, schedule.host or names.host()) == names.who()
        and not agents.running()
    ):
        state.notes.append("no agent runs on this host: nothing is fired here until one does, `cupola agent start`")
    return state
