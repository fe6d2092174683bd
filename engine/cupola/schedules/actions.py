"""What a user can do with schedules: make one for a pipeline or any work, look, pause, fire by hand, remove."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from cupola import actions
from cupola.actions import Action, Arg, action
from cupola.arguments import parse
from cupola.errors import BadOption, CupolaError, NotFound, Refused
from cupola.jobs import agents
from cupola.pipelines import definition
from cupola.schedules import cron, firing, moments, pinning, records, states, triggers
from cupola.schedules.records import MISFIRES, OVERLAPS, Firing, Schedule
from cupola.schedules.states import ScheduleState
from cupola.store import claims, files, names
from cupola.workspace import Workspace

Name = Annotated[str, Arg(help="a schedule", completes="schedule")]
Cron = Annotated[
    str | None, Arg(help="minute hour day month weekday: '0 3 * * mon-fri', '*/15 * * * *', or @daily, @hourly")
]
Every = Annotated[str | None, Arg(help="how long from one to the next, as 15m or 1h30m")]
At = Annotated[str | None, Arg(help="once, at this moment: 2026-12-01T03:00")]
Zone = Annotated[str | None, Arg(help="by whose clock cron and at are meant, as Europe/Berlin (default: UTC)")]
On = Annotated[
    list[str] | None,
    Arg(help="on each dataset:NAME (new version), approval:MODEL, violation:ENDPOINT (alarm), file:PATH; '' for none"),
]
Misfire = Annotated[
    str | None, Arg(help="what becomes of firings that are missed while no agent runs", choices=MISFIRES)
]
Overlap = Annotated[
    str | None, Arg(help="what a firing does while what the last one started still runs", choices=OVERLAPS)
]
Host = Annotated[str | None, Arg(help="the only host that fires it (default: any of yours); '' for any")]
Live = Annotated[
    bool | None,
    Arg(help="run what stands in the workspace then, whoever wrote it, and not only what you sign now"),
]
DryRun = Annotated[bool, Arg(help="only say when it would fire, and what it would run")]


def _wrong(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """What is wrong with the times and events of a schedule, as they are typed."""
    looks: dict[str, Callable[[Any], Any]] = {
        "cron": cron.parse, "zone": cron.zone, "every": moments.seconds,
        "at": lambda text: moments.at(text, "UTC"), "on": lambda texts: [triggers.check(one) for one in texts if one],
    }  # fmt: skip
    found = {}
    for name, look in looks.items():
        try:
            if given.get(name):
                look(given[name])
        except CupolaError as error:
            found[name] = error.message
    return found


def _wrong_for_pipeline(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """And with the parameters that its pipeline is given."""
    return _wrong(ws, given) | definition.wrong_parameters(ws.store, given)


class Removed(msgspec.Struct, kw_only=True):
    """What was (or with --dry-run would be) moved to the trash; `trash` is the token that brings it back."""

    removed: list[str]
    trash: str | None = None
    dry_run: bool = False


@action("pipeline schedule", about="pipeline", key="c", dry_run=True, check=_wrong_for_pipeline)
def schedule_pipeline(
    ws: Workspace,
    pipeline: Annotated[str, Arg(help="a pipeline", completes="pipeline")],
    *,
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    on: On = None,
    zone: Zone = None,
    param: Annotated[
        dict[str, str] | None,
        Arg(help="a parameter of the pipeline; {ref} is what fired it, {due} when", short="p", pairs=True),
    ] = None,
    name: Annotated[str | None, Arg(help="what to call the schedule (default: as the pipeline)")] = None,
    misfire: Misfire = None,
    overlap: Overlap = None,
    host: Host = None,
    live: Live = None,
    dry_run: DryRun = False,
) -> ScheduleState:
    """Run a pipeline by the clock, or when something happens: unattended, as you, from now on.

    Your agent fires it; of several hosts, one. It runs the pipeline and src/ as they are now: where they change, it
    waits until `schedule confirm`, unless it is --live. What becomes of firings that are missed while no agent runs is
    said by --misfire: `once` (the default) makes up for all by one, `skip` leaves them out, `all` makes up for each.
    """
    found, _ = definition.read(ws.store, pipeline)
    if not found.path.endswith(".py"):
        definition.given(found, dict(param or {}))
    arguments: dict[str, Any] = {"pipeline": pipeline} | ({"param": param} if param else {})
    wanted = _new(ws, name or pipeline, "pipeline run", arguments)
    wanted = _timed(wanted, cron, every, at, zone, on, misfire, overlap, host)
    return _send(ws, _pinned(ws, wanted, not live), None, dry_run)


@action("schedule add", dry_run=True, check=_wrong)
def add(
    ws: Workspace,
    command: Annotated[list[str], Arg(help="after --, what to run: train --dataset flights ..., job submit -- CMD")],
    *,
    name: Annotated[str, Arg(help="what to call the schedule")],
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    on: On = None,
    zone: Zone = None,
    misfire: Misfire = None,
    overlap: Overlap = None,
    host: Host = None,
    live: Live = None,
    dry_run: DryRun = False,
) -> ScheduleState:
    """Do any work by the clock, or when something happens: train, tune, transform, a job, a deployment.

    In what is run {ref} stands for what has fired it (flights@4), {due} for when it was due. As for a pipeline, it runs
    src/ and the script as they are now, and other firings are said by --misfire and --overlap.
    """
    chosen, words = _action(command)
    wanted = _new(ws, name, chosen.name, parse(chosen.parameters, words))
    wanted = _timed(wanted, cron, every, at, zone, on, misfire, overlap, host)
    return _send(ws, _pinned(ws, wanted, not live), None, dry_run)


@action("schedule set", about="schedule", dry_run=True, check=_wrong)
def set_(
    ws: Workspace,
    schedule: Name,
    *,
    cron: Cron = None,
    every: Every = None,
    at: At = None,
    on: On = None,
    zone: Zone = None,
    misfire: Misfire = None,
    overlap: Overlap = None,
    host: Host = None,
    live: Live = None,
    dry_run: DryRun = False,
) -> ScheduleState:
    """Change when a schedule fires, or what it does about missed and overlapping firings; what is not given stays."""
    before = _own(ws, schedule)
    changed = _timed(before, cron, every, at, zone, on, misfire, overlap, host)
    return _send(ws, changed if live is None else _pinned(ws, changed, not live), before, dry_run)


@action("schedule ls", writes=False)
def ls(ws: Workspace) -> list[ScheduleState]:
    """List the schedules, by name, with when they fire next and what the last firing has started."""
    return states.ls(ws.store)


@action("schedule show", writes=False, about="schedule")
def show(ws: Workspace, schedule: Name) -> ScheduleState:
    """Show a schedule: when it fires next, what it runs, what becomes of firings that are missed."""
    return states.state_of(ws.store, records.wish(ws.store, schedule))


@action("schedule history", writes=False, about="schedule")
def history(
    ws: Workspace, schedule: Name, *, limit: Annotated[int | None, Arg(help="at most so many, the newest")] = None
) -> list[Firing]:
    """List the firings of a schedule, the newest first: when each was due, where it was fired, what it has started."""
    records.wish(ws.store, schedule)
    return records.firings(ws.store, schedule)[:limit]


@action("schedule pause", about="schedule")
def pause(ws: Workspace, schedule: Name) -> ScheduleState:
    """Fire a schedule no more until it is resumed; what it has started goes on."""
    before = records.wish(ws.store, schedule)
    return _send(ws, msgspec.structs.replace(before, enabled=False), before)


@action("schedule resume", about="schedule")
def resume(ws: Workspace, schedule: Name) -> ScheduleState:
    """Fire a schedule again from now on; what came while it was paused is left out."""
    before = _own(ws, schedule, paused=True)
    return _send(ws, msgspec.structs.replace(before, enabled=True), before, begins=True)


@action("schedule fire", about="schedule")
def fire(ws: Workspace, schedule: Name) -> Firing:
    """Fire a schedule now, whatever it waits for, also where it is paused."""
    return firing.fire(ws, _own(ws, schedule))


@action("schedule confirm", about="schedule", confirm="y")
def confirm(ws: Workspace, schedule: Name) -> ScheduleState:
    """Sign a schedule as it stands, so that it fires from now on, as you.

    That is for one that was edited by hand, one whose pipeline or src/ has changed since it was signed, and somebody
    else's, which you take over.
    """
    before = records.wish(ws.store, schedule)
    user, _ = names.who()
    changed = msgspec.structs.replace(before, user=user)
    return _send(ws, _pinned(ws, changed, bool(before.code)), before, begins=True)


@action("schedule rm", about="schedule", key="D", dry_run=True, confirm="y")
def rm(ws: Workspace, schedule: Name, *, dry_run: DryRun = False) -> Removed:
    """Move a schedule to the trash; what it has started goes on."""
    records.wish(ws.store, schedule)
    if dry_run:
        return Removed(removed=[schedule], dry_run=True)
    return Removed(removed=[schedule], trash=files.trash(ws.store, records.directory(schedule)))


@action("schedule restore")
def restore(ws: Workspace, trash: Annotated[str, Arg(help="the token that `schedule rm` gave")]) -> ScheduleState:
    """Bring a schedule back from the trash; it fires again from now on."""
    name = files.untrash(ws.store, trash, records.DIRECTORY).rpartition("/")[2]
    before = records.wish(ws.store, name)
    if not records.signed(ws.store, before):
        return states.state_of(ws.store, before)
    return _send(ws, msgspec.structs.replace(before), before, begins=True)


def _new(ws: Workspace, name: str, what: str, arguments: dict[str, Any]) -> Schedule:
    """A schedule that there is not yet. Raises BadOption where there is."""
    names.check_name(name, "name of a schedule")
    try:
        records.wish(ws.store, name)
    except NotFound:
        user, _ = names.who()
        return Schedule(
            name=name, id=names.new_id(), action=what, arguments=arguments, user=user, since=moments.iso(time.time())
        )
    hint = f"`cupola schedule set {name}` changes it; --name gives this one another name"
    raise BadOption(f"there is a schedule {name!r} already", hint=hint)


def _timed(
    before: Schedule,
    given: str | None,
    every: str | None,
    at: str | None,
    zone: str | None,
    on: list[str] | None,
    misfire: str | None,
    overlap: str | None,
    host: str | None,
) -> Schedule:
    """The schedule with what is given in the place of what was. Raises BadOption for what cannot be."""
    times = {name: value for name, value in {"cron": given, "every": every, "at": at}.items() if value is not None}
    if len([one for one in times.values() if one]) > 1:
        raise BadOption("one of --cron, --every and --at says when, not several", hint="make a schedule for each")
    cleared = dict.fromkeys(("cron", "every", "at"), "") if any(times.values()) else {}
    more = {"zone": zone, "misfire": misfire, "overlap": overlap, "host": host}
    changes: dict[str, Any] = cleared | times | {name: value for name, value in more.items() if value is not None}
    if on is not None:
        changes["on"] = [triggers.check(one) for one in on if one]
    return msgspec.structs.replace(before, **changes)


def _checked(chosen: Action, wanted: Schedule) -> None:
    """Raises BadOption for what a person can write, and no agent could follow."""
    if not any(wanted.given) and not wanted.on:
        raise BadOption(
            "when is it to be fired?", hint="--cron '0 3 * * *', --every 15m, --at 2026-12-01T03:00 or --on"
        )
    cron.zone(wanted.zone)
    if wanted.cron:
        cron.parse(wanted.cron)
    if wanted.every:
        moments.seconds(wanted.every)
    for one in wanted.on:
        triggers.check(one)
    for name, value, known in (("misfire", wanted.misfire, MISFIRES), ("overlap", wanted.overlap, OVERLAPS)):
        if value not in known:
            raise BadOption(f"there is no {name} {value!r}", hint=f"there are: {', '.join(known)}")
    known_parameters = {one.name: one for one in chosen.parameters}
    if unknown := next((one for one in wanted.arguments if one not in known_parameters), None):
        raise BadOption(f"{chosen.name} has no option {unknown!r}")
    if missing := next(
        (one.name for one in chosen.parameters if one.required and one.name not in wanted.arguments), None
    ):
        raise BadOption(f"{chosen.name} needs {missing}")


def _pinned(ws: Workspace, wanted: Schedule, pinned: bool) -> Schedule:
    """The schedule, which runs only what stands there now, or whatever stands there then."""
    code = pinning.of(ws.store, wanted.action, wanted.arguments) if pinned else ""
    return msgspec.structs.replace(wanted, code=code)


def _own(ws: Workspace, name: str, paused: bool = False) -> Schedule:
    """A schedule that this user has signed as it stands. Raises Refused: what runs as somebody is theirs to say."""
    found = records.wish(ws.store, name)
    hint = f"`cupola schedule confirm {name}`, once you have looked at it, signs it as yours"
    if found.user != names.who()[0]:
        raise Refused(f"the schedule {name} is {found.user}'s, and runs as {found.user}", hint=hint)
    if not records.signed(ws.store, found):
        raise Refused(f"{records.wish_path(name)} is not what {found.user} signed", hint=hint)
    if not paused and (changed := pinning.changed(ws.store, found)):
        raise Refused(f"{changed} has changed since {found.user} signed the schedule {name}", hint=hint)
    return found


def _send(
    ws: Workspace, wanted: Schedule, before: Schedule | None, dry_run: bool = False, *, begins: bool = False
) -> ScheduleState:
    """Writes a wish and wakes who fires it. begins: what came before now does not count."""
    _checked(_find(wanted.action), wanted)
    moment = time.time()
    if wanted.at and (before is None or wanted.at != before.at) and moments.at(wanted.at, wanted.zone) <= moment:
        raise BadOption(f"--at {wanted.at} ({wanted.zone}) has passed", hint=f"it is {moments.iso(moment)}")
    fresh = before is None or begins or (wanted.given, wanted.zone) != (before.given, before.zone)
    if fresh:
        wanted.since = moments.iso(moment)
    if dry_run:
        return states.of(ws.store, wanted)
    with claims.held(ws.store, records.claim_name(wanted.name)):
        if before is None or fresh or wanted.on != before.on:
            _begin(ws, wanted, moment)
        records.save(ws.store, wanted, before)
    agents.register(ws.root)
    agents.ensure()
    agents.poke(workspace=str(ws.root))
    return states.state_of(ws.store, wanted)


def _begin(ws: Workspace, wanted: Schedule, moment: float) -> None:
    """Takes down where it begins: what stands there now of its triggers is known, and fires nothing."""
    found = records.progress(ws.store, wanted)
    found.until, found.seen, found.planned = moments.iso(moment), firing.standing(ws, wanted), []
    records.write_progress(ws.store, wanted.name, found)


def _action(command: list[str]) -> tuple[Action, list[str]]:
    """The action that a command begins with, and the words that follow. Raises BadOption."""
    known = {one.name for one in actions.domain(command[0])} if command[0] in actions.DOMAINS else set()
    for length in (2, 1):
        if (name := " ".join(command[:length])) in known:
            return _find(name), command[length:]
    said = " ".join(command[:2])[:60]
    raise BadOption(f"{said!r} is nothing that can be run", hint="as -- train --dataset flights --estimator ...")


def _find(name: str) -> Action:
    """The action of that name, if it is one that starts work. Raises BadOption."""
    chosen = actions.find(name)
    if chosen.waits in (None, "itself", "request"):
        hint = "train, tune, transform, job submit, pipeline run, endpoint deploy do"
        raise BadOption(f"{name} starts no work in the background, which is what a schedule is for", hint=hint)
    return chosen
