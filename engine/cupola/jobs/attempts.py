"""The attempts of a job: jobs/YYYY-MM/ID/attempts/N/, each with one keeper and one end."""

from typing import Any

import msgspec

from cupola.errors import BadName, ErrorInfo, NotFound
from cupola.jobs.wish import QUEUE, Job, readable
from cupola.store import Store, files, names, records, runtime
from cupola.store.records import Record


class Started(Record, kw_only=True):
    """attempts/N/started.json: which keeper has this attempt, and what the attempt was given."""

    attempt: int
    keeper: runtime.Process
    process: runtime.Process | None = None
    user: str
    host: str
    started: str
    cpus: list[int] = msgspec.field(default_factory=list)
    gpus: list[int] = msgspec.field(default_factory=list)
    memory: int | None = None
    memory_held_by: str | None = None
    warm: bool = False
    seed: int | None = None


class Progress(Record, kw_only=True):
    """attempts/N/progress.json: how far the job says that it is (0 to 1), in its own words."""

    progress: float | None = None
    message: str = ""
    time: str = ""


class AttemptEnd(Record, kw_only=True):
    """attempts/N/result.json: how an attempt ended. `reason` says it in a sentence.

    cause: "end", "exit", "signal", "memory", "runtime", "stopped", "start" (could not be started), "interrupted".
    """

    attempt: int
    status: str
    secondary_status: str
    cause: str
    exit_code: int | None = None
    signal: str | None = None
    reason: str = ""
    started: str | None = None
    ended: str = ""
    host: str = ""
    usage: dict[str, Any] = msgspec.field(default_factory=dict)
    output: dict[str, Any] = msgspec.field(default_factory=dict)
    error: ErrorInfo | None = None


def numbers(store: Store, job: Job) -> list[int]:
    """The numbers of the attempts that were made or asked for, in order."""
    found = files.listing(store, f"{job.directory_in_store}/attempts")
    return sorted(int(one) for one in found if one.isdigit())


def optional(store: Store, path: str, kind: type[Any]) -> Any:
    """The record there, or None."""
    try:
        return records.read(store, path, kind)
    except NotFound:
        return None


def retries_left(job: Job, ends: list[AttemptEnd]) -> bool:
    """Whether the last end is one that is tried again by itself: failures and interruptions are counted apart."""
    if not ends or ends[-1].cause not in ("exit", "signal", "interrupted"):
        return False
    interrupted = ends[-1].cause == "interrupted"
    return sum((one.cause == "interrupted") == interrupted for one in ends) <= job.retries


def ends(store: Store, job: Job, made: list[int]) -> list[AttemptEnd]:
    """The ends of the attempts that have ended."""
    found = (optional(store, f"{job.attempt(number)}/result.json", AttemptEnd) for number in made)
    return [one for one in found if one]


def tried_again(store: Store, job: Job) -> bool:
    """Whether a job whose last attempt has ended is tried again by itself."""
    return bool(job.retries) and retries_left(job, ends(store, job, numbers(store, job)))


def open_here(store: Store) -> list[tuple[Job, Started]]:
    """The attempts that run now for this user on this host."""
    me = names.who()
    found = []
    for name in files.listing(store, QUEUE):
        try:
            job = readable(store, files.read_bytes(store, f"{QUEUE}/{name}").decode(errors="replace").strip())
        except (NotFound, BadName):
            continue
        if job is None or not (made := numbers(store, job)):
            continue
        if optional(store, f"{job.attempt(made[-1])}/result.json", AttemptEnd):
            continue
        started = optional(store, f"{job.attempt(made[-1])}/started.json", Started)
        if started and (started.user, started.host) == me and runtime.alive(started.keeper):
            found.append((job, started))
    return found
