"""The process that fires a schedule: decides under the schedule's claim what is due, and starts it, each thing once.

Whatever line it is killed at, the next one goes on: what was decided stands in progress.json, a firing that has begun
in its file, and what it has made is named after the firing (`store.names.filed_under`), so that it is found and not
made again.
"""

import contextlib
import os
import time
from typing import Any

from cupola import actions, outcome, place
from cupola.errors import Conflict, CupolaError, NotFound
from cupola.references import reference
from cupola.schedules import deciding, moments, pinning, records, triggers
from cupola.schedules.records import FAILED, SKIPPED, STARTED, STARTING, Firing, Planned, Progress, Schedule
from cupola.store import claims, files, names
from cupola.store.claims import Claim
from cupola.waiting import SHOWN_BY
from cupola.workspace import Workspace

LONGER = 2.0  # seconds beyond the lease of a claim
KEPT = 200  # firings of a schedule whose records stay
OVER = ("Completed", "Succeeded", "Failed", "Stopped")
BY_HAND = "by hand"
STANDING = ("endpoint", "note")  # what a firing changes, and which is not over at some time


def main(argv: list[str]) -> int:
    """Fires what is due of the schedule argv[1] in the workspace argv[0], unless somebody else is at it."""
    root, name = argv
    os.environ[place.VARIABLE] = root
    ws = Workspace.open(root)
    fire_due(ws, name, ws.store.mount.lease_seconds + LONGER)
    return 0


def fire_due(ws: Workspace, name: str, patience: float = 0.0) -> None:
    """Decides what is due of a schedule and starts it. Does nothing where it is not ours, or somebody else is at it.

    patience: seconds for which another who has the claim is waited for: it may be a host that has died with it, which
    only who watches the claim for the lease can tell.
    """
    deadline = time.monotonic() + patience
    while (claim := claims.take(ws.store, records.claim_name(name))) is None:
        if time.monotonic() >= deadline:
            return
        time.sleep(0.1)
    try:
        schedule = records.wish(ws.store, name)
        if mine(schedule) and schedule.enabled and records.signed(ws.store, schedule):
            _work(ws, schedule, claim)
            _prune(ws, name)
    except NotFound:  # it was removed meanwhile
        pass
    finally:
        if claims.renew(ws.store, claim):
            claims.release(ws.store, claim)


def mine(schedule: Schedule) -> bool:
    """Whether this user's agents on this host fire it."""
    user, host = names.who()
    return schedule.user == user and schedule.host in ("", host)


def standing(ws: Workspace, schedule: Schedule) -> dict[str, list[str]]:
    """What stands in the workspace now of what fires a schedule."""
    return {one: triggers.events(ws.store, one) for one in schedule.on}


def fire(ws: Workspace, schedule: Schedule) -> Firing:
    """Fires a schedule now, whatever it waits for. Raises what the action raises."""
    planned = Planned(key=f"hand-{names.new_id()}", due=names.now(), cause=BY_HAND)
    return _fire(ws, schedule, planned, None)


def _work(ws: Workspace, schedule: Schedule, claim: Claim) -> None:
    before = records.progress(ws.store, schedule)
    found = deciding.decide(schedule, before, standing(ws, schedule), time.time())
    if found is not before:
        records.write_progress(ws.store, schedule.name, found)
    while found.planned and claims.renew(ws.store, claim):
        if not _carry_out(ws, schedule, found, claim):
            return
        found.planned = found.planned[1:]
        records.write_progress(ws.store, schedule.name, found)


def _carry_out(ws: Workspace, schedule: Schedule, found: Progress, claim: Claim) -> bool:
    """Does what was planned first; False where it waits, or somebody else has taken over."""
    planned = found.planned[0]
    there = records.firing(ws.store, schedule.name, planned.key)
    if there and there.status != STARTING:
        return True
    if planned.status:
        records.write_firing(ws.store, _record(schedule, planned, planned.status, planned.reason))
        return True
    running = "" if there or schedule.overlap == "allow" else _running(ws, schedule)
    if running and (planned.waits or (schedule.overlap == "queue" and len(found.planned) == 1)):
        return False
    if running:
        more = "" if schedule.overlap == "skip" else ", and another waits for it"
        why = f"{running}, which it had started before, still ran{more}"
        records.write_firing(ws.store, _record(schedule, planned, SKIPPED, why))
        return True
    try:
        _fire(ws, schedule, planned, there, claim)
    except CupolaError:  # it is said in its record
        return claims.renew(ws.store, claim)
    return claims.renew(ws.store, claim)


def _fire(
    ws: Workspace, schedule: Schedule, planned: Planned, there: Firing | None, claim: Claim | None = None
) -> Firing:
    """Starts what a schedule runs and writes down what that was. `there`: the record of one that was killed at it."""
    found = there or _record(schedule, planned, STARTING)
    if there is None:
        records.write_firing(ws.store, found)
    try:
        if changed := pinning.changed(ws.store, schedule):
            hint = f"`cupola schedule confirm {schedule.name}` lets it run as it is now"
            raise Conflict(f"{changed} is not as it was when {schedule.user} signed the schedule", hint=hint)
        found.kind, found.started = _start(ws, schedule, found, again=there is not None)
        found.status, found.reason = STARTED, ""
    except CupolaError as error:
        found.status, found.reason = FAILED, str(error)
        raise
    finally:
        if found.status != STARTING and (claim is None or claims.renew(ws.store, claim)):
            records.write_firing(ws.store, found)
    return found


def _start(ws: Workspace, schedule: Schedule, firing: Firing, again: bool) -> tuple[str, str]:
    """Runs the action, filed under the firing; the kind and the name of what that has started.

    A try that was killed may have left a part that is in the way of the same names: the second has others.
    """
    waits = actions.find(schedule.action).waits or ""
    idents = [f"{schedule.id}-{firing.key}-{number}" for number in (1, 2)]
    if again and (made := _made(ws, idents)):
        return made
    arguments = _filled(schedule.arguments, {"{ref}": firing.ref, "{due}": firing.due})
    for ident in idents:
        try:
            with names.filed_under(ident):
                result = ws.action(schedule.action, **arguments)
        except Conflict:
            if made := _made(ws, idents):
                return made
            if ident == idents[-1]:
                raise
            continue
        return _kind(waits), str(getattr(result, SHOWN_BY.get(waits, waits), "") or reference(result))
    raise AssertionError("unreachable")


def _made(ws: Workspace, idents: list[str]) -> tuple[str, str] | None:
    found = next((made for ident in idents if (made := outcome.of(ws.store, ident))), None)
    return found and (_kind(found[0]), found[1])


def _kind(waits: str) -> str:
    """What is started where an action waits for that: of a pipeline an execution."""
    return "execution" if waits == "pipeline" else waits


def _filled(value: Any, words: dict[str, str]) -> Any:
    """The arguments, with what the firing knows in the place of {ref} and {due}."""
    if isinstance(value, str):
        for word, meant in words.items():
            value = value.replace(word, meant)
        return value
    if isinstance(value, dict):
        return {key: _filled(one, words) for key, one in value.items()}
    return [_filled(one, words) for one in value] if isinstance(value, list) else value


def _running(ws: Workspace, schedule: Schedule) -> str:
    """What the schedule has started last, where that still runs; "" where it is over."""
    before = records.firings(ws.store, schedule.name)
    last = next((one for one in before if one.status == STARTED and one.cause != BY_HAND), None)
    if last is None or last.kind in STANDING:
        return ""
    name = "pipeline show" if last.kind == "execution" else f"{last.kind} show"
    with contextlib.suppress(NotFound):
        state = actions.run(ws, name, **{actions.find(name).parameters[0].name: last.started})
        return "" if state.status in OVER else f"{last.kind} {last.started}"
    return ""


def _record(schedule: Schedule, planned: Planned, status: str, reason: str = "") -> Firing:
    user, host = names.who()
    return Firing(
        key=planned.key, schedule=schedule.name, due=planned.due, cause=planned.cause, ref=planned.ref,
        missed=planned.missed, status=status, reason=reason, fired=names.now(),
        seconds=round(time.time() - moments.of(planned.due), 3), user=user, host=host,
    )  # fmt: skip


def _prune(ws: Workspace, name: str) -> None:
    """Lets the oldest records of firings go, once there are many more than are kept."""
    directory = f"{records.directory(name)}/firings"
    if len(files.listing(ws.store, directory)) > KEPT + KEPT // 2:
        for one in records.firings(ws.store, name)[KEPT:]:
            files.remove(ws.store, records.firing_path(name, one.key))
