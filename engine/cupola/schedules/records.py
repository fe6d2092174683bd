"""Schedules as files: what is to be started when, and what came of it. Below schedules/NAME/:

schedule.toml        the wish, as actions and people write it; schedule.sig: its signatures
progress.json        up to which moment, and which events, it has been decided what is fired; what waits to be started
firings/KEY.json     a firing: when it was due, when and by which host it was fired, and what it has started
"""

import contextlib
from typing import Any

import msgspec

from cupola.errors import Corrupt, NewerFormat, NotFound
from cupola.schedules import pinning
from cupola.store import Store, files, names, records, secret
from cupola.store.records import Record

DIRECTORY = "schedules"
MISFIRES = ("once", "skip", "all")
OVERLAPS = ("skip", "queue", "allow")
MOST_MISSED = 100  # firings that `all` makes up for at most
STARTING, STARTED, SKIPPED, MISSED, FAILED = "Starting", "Started", "Skipped", "Missed", "Failed"


class Schedule(Record, kw_only=True):
    """What is wished for: schedules/NAME/schedule.toml.

    action, arguments: what a firing runs ("pipeline run", "train", ...). One of cron, every, at says when, by the
    clock of `zone`; `on` which events fire it too ("dataset:flights"). misfire: what becomes of firings that were
    missed while no agent ran. overlap: what when the last one still runs. user: as whom; host: the only one that fires
    it, "" for any of the user's. since: moments before it do not count. code: what it runs as it was when it was
    signed (`pinning`), "" for whatever is there then. id: the same in no other schedule, also of that name.
    """

    name: str
    id: str
    action: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    cron: str = ""
    every: str = ""
    at: str = ""
    zone: str = "UTC"
    on: list[str] = msgspec.field(default_factory=list)
    misfire: str = "once"
    overlap: str = "skip"
    enabled: bool = True
    user: str
    host: str = ""
    since: str
    code: str = ""

    @property
    def given(self) -> tuple[str, str, str]:
        """When it is due, as `moments` takes it."""
        return self.cron, self.every, self.at

    @property
    def pipeline(self) -> str:
        """The pipeline that it runs, "" where it runs something else."""
        return str(self.arguments.get("pipeline", "")) if self.action == "pipeline run" else ""

    def payload(self) -> bytes:
        """What its signature is made over."""
        bare = msgspec.structs.replace(self, revision=1, format=1)
        return b"schedule\0" + msgspec.json.encode(bare, order="deterministic")


class Signatures(msgspec.Struct):
    """schedule.sig: the MACs of the wish and of the one that it replaces (so that a kill between leaves one valid)."""

    macs: list[str] = []


class Planned(msgspec.Struct, kw_only=True):
    """A firing that was decided on. key: what names it for ever; cause: "time", or the event ("dataset:flights").

    ref: what the event is about ("flights@4"). missed: how many before it were missed, for which it makes up.
    waits: it waits for the one before to be over, whatever `overlap` says.
    """

    key: str
    due: str
    cause: str = "time"
    ref: str = ""
    missed: int = 0
    waits: bool = False
    status: str = ""
    reason: str = ""


class Progress(Record, kw_only=True):
    """progress.json, written under the schedule's claim. id: of the schedule that it is about.

    until: all that was due up to then has been decided. seen: by trigger, the events that are known. episodes: how
    many violations began. planned: what was decided and is not yet carried out, in order.
    """

    id: str
    until: str
    seen: dict[str, list[str]] = msgspec.field(default_factory=dict)
    episodes: int = 0
    planned: list[Planned] = msgspec.field(default_factory=list)


class Firing(Record, kw_only=True):
    """firings/KEY.json: what became of a firing.

    due: when it was due, or when its event was seen. status: Starting, Started, Skipped (`reason` says why), Missed
    or Failed. kind, started: what it has started, as "execution" or "job", and its id. seconds: from due to fired.
    """

    key: str
    schedule: str
    due: str
    cause: str = "time"
    ref: str = ""
    missed: int = 0
    status: str = STARTING
    reason: str = ""
    fired: str
    seconds: float = 0.0
    user: str
    host: str
    kind: str = ""
    started: str = ""


def directory(name: str) -> str:
    return f"{DIRECTORY}/{name}"


def wish_path(name: str) -> str:
    return f"{DIRECTORY}/{name}/schedule.toml"


def firing_path(name: str, key: str) -> str:
    return f"{DIRECTORY}/{name}/firings/{key}.json"


def claim_name(name: str) -> str:
    """The claim of whoever decides and fires."""
    return f"schedules/{name}"


def wish(store: Store, name: str) -> Schedule:
    """The wish as it stands in the file, signed or not. Raises NotFound, Corrupt."""
    names.check_name(name, "name of a schedule")
    try:
        found = records.read_toml(store, wish_path(name), Schedule)
    except NotFound:
        raise NotFound(f"there is no schedule {name!r} here", hint="`cupola schedule ls` lists them") from None
    if found.name != name:
        why = f"it says that its name is {found.name[:100]!r}; as its directory, it is {name!r}"
        raise Corrupt(why, where=wish_path(name), hint="mend it with an editor")
    return found


def save(store: Store, schedule: Schedule, expected: Schedule | None = None) -> None:
    """Signs a wish and writes it: the old or the new one is there and signed, whenever this is killed."""

    def sign() -> None:
        before = [mac for mac in _macs(store, schedule.name) if expected and secret.verify(expected.payload(), mac)]
        macs = Signatures([secret.sign(schedule.payload()), *before])
        files.write_bytes(store, f"{directory(schedule.name)}/schedule.sig", msgspec.json.encode(macs) + b"\n")

    path = wish_path(schedule.name)
    records.write_toml(store, path, schedule, kind="schedule", ref=schedule.name, expected=expected, before=sign)


def signed(store: Store, schedule: Schedule) -> bool:
    """Whether this user's own secret has signed the wish: only then is it fired."""
    payload = schedule.payload()
    return any(secret.verify(payload, mac) for mac in _macs(store, schedule.name))


def progress(store: Store, schedule: Schedule) -> Progress:
    """How far a schedule is; of one whose progress was another's of that name, or is lost, as at its beginning."""
    with contextlib.suppress(NotFound, Corrupt):
        found = records.read(store, f"{directory(schedule.name)}/progress.json", Progress)
        if found.id == schedule.id:
            return found
    return Progress(id=schedule.id, until=schedule.since)


def write_progress(store: Store, name: str, found: Progress) -> None:
    """Writes it; only whoever holds the schedule's claim may."""
    records.write(store, f"{directory(name)}/progress.json", found, kind="schedule", ref=name)


def firing(store: Store, name: str, key: str) -> Firing | None:
    """The firing of that key, if it has begun."""
    try:
        return records.read(store, firing_path(name, key), Firing)
    except NotFound:
        return None


def write_firing(store: Store, found: Firing) -> None:
    path = firing_path(found.schedule, found.key)
    records.write(store, path, found, kind="schedule", ref=found.schedule)


def firings(store: Store, name: str) -> list[Firing]:
    """What became of the firings of a schedule, the newest first; those that cannot be read are left out."""
    found = []
    for one in files.listing(store, f"{directory(name)}/firings"):
        with contextlib.suppress(NotFound, Corrupt, NewerFormat):
            found.append(records.read(store, f"{directory(name)}/firings/{one}", Firing))
    return sorted(found, key=lambda one: (one.fired, one.key), reverse=True)


def unsigned(store: Store, schedule: Schedule) -> str:
    """Why its user has to confirm it before it is fired; "" where nothing has changed since it was signed.

    Whether a signature of another user holds can only be told by that user.
    """
    if schedule.user == names.who()[0] and not signed(store, schedule):
        return f"schedule.toml is not what {schedule.user} signed; `cupola schedule confirm {schedule.name}`"
    if changed := pinning.changed(store, schedule):
        return f"{changed} has changed since {schedule.user} signed it; `cupola schedule confirm {schedule.name}`"
    return ""


def _macs(store: Store, name: str) -> list[str]:
    try:
        return msgspec.json.decode(files.read_bytes(store, f"{directory(name)}/schedule.sig"), type=Signatures).macs
    except (NotFound, msgspec.MsgspecError):
        return []
