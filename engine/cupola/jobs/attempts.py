"""The attempts of a job: jobs/YYYY-MM/ID/attempts/N/, each with one keeper and one end.

Attempts are the claims of a job, and bear their numbers: whoever makes attempts/N/started.json has the job, renews it
by attempts/N/beat.json, and loses it to attempt N+1. How attempt N has ended is said once, in its result.json: by its
keeper, or by the agent that has found it dead or lost. A retry that its user asks for is a signed filed.json in the
directory of the next number, which is then claimed like the first.
"""

import re
from typing import Any

import msgspec

from cupola.errors import BadInput, BadName, Corrupt, ErrorInfo, NotFound
from cupola.jobs.wish import QUEUE, Job, readable
from cupola.store import Store, claims, feed, files, names, records, runtime
from cupola.store.records import Record

TRIED_AGAIN = ("exit", "signal", "interrupted", "lost")
GIVEN_UP = 10  # hosts that a job may lose, or interruptions that one with checkpoints goes on after
NUMBER = re.compile("([0-9]{1,9})")


class Started(Record, kw_only=True):
    """attempts/N/started.json: which keeper has this attempt, and what the attempt was given."""

    attempt: int
    nonce: str = ""
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

    cause: "end", "exit", "signal", "memory", "runtime", "stopped", "start" (could not be started), "disk" (it was full,
    and jobs are to fail then), "interrupted" (its keeper or its host went down), "lost" (another host has taken the job
    over). publishes: what it has left is, or is being, published.
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
    publishes: bool = False
    usage: dict[str, Any] = msgspec.field(default_factory=dict)
    output: dict[str, Any] = msgspec.field(default_factory=dict)
    error: ErrorInfo | None = None


def series(job: Job) -> claims.Series:
    """The claims of a job: its attempts."""
    return claims.Series(f"{job.directory_in_store}/attempts", "{number}/started.json", "{number}/beat.json", NUMBER)


def claim(store: Store, job: Job, started: Started) -> claims.Claim:
    """The claim that an attempt is, by what its started.json says."""
    owner = claims.Owner(
        number=started.attempt, nonce=started.nonce, user=started.user, host=started.host, process=started.keeper,
        time=started.started,
    )  # fmt: skip
    return claims.Claim(series(job), owner, claims.Beat(), store.mount.lease_seconds)


def by_this_process() -> dict[str, Any]:
    """Who begins an attempt, as started.json says it."""
    user, host = names.who()
    return {"keeper": runtime.current(), "user": user, "host": host, "started": names.now()}


def begin(store: Store, job: Job, mine: Started) -> bool:
    """Makes started.json; False when somebody else has the attempt. Raises DiskTrouble, ReadOnly."""
    return files.create_bytes(store, series(job).claim_path(mine.attempt), _pretty(mine))


def record_end(store: Store, job: Job, end: AttemptEnd) -> bool:
    """Makes result.json; False when the attempt had ended already. Raises DiskTrouble, ReadOnly."""
    made = files.create_bytes(store, f"{job.attempt(end.attempt)}/result.json", _pretty(end))
    feed.announce(store, "job", job.id, 0)
    return made


def record_late(store: Store, job: Job, end: AttemptEnd) -> None:
    """Writes late.json: how an attempt ended that had lost its job by then. Raises DiskTrouble, ReadOnly."""
    files.write_bytes(store, f"{job.attempt(end.attempt)}/late.json", _pretty(end))


def is_here(started: Started) -> bool:
    """Whether its keeper is or was a process of this host as it runs now, so that its death is known for certain."""
    return started.host == names.who()[1] and started.keeper.boot == runtime.boot()


def is_of_an_earlier_boot(started: Started) -> bool:
    """Whether its keeper was a process of this host before it went down (one of another container may live)."""
    return started.host == names.who()[1] and not runtime.same_kernel(started.keeper)


def numbers(store: Store, job: Job) -> list[int]:
    """The numbers of the attempts that were made or asked for, in order."""
    return sorted(series(job).numbers(store))


def optional(store: Store, path: str, kind: type[Any]) -> Any:
    """The record there, or None."""
    try:
        return records.read(store, path, kind)
    except NotFound:
        return None


def retries_left(job: Job, ends: list[AttemptEnd]) -> bool:
    """Whether the last end is one that is tried again by itself: failures, interruptions and lost hosts apart.

    A job that lost its host goes on elsewhere, and one with checkpoints after an interruption, unasked. What was wrong
    with the input is wrong the next time too.
    """
    if not ends or ends[-1].cause not in TRIED_AGAIN or (ends[-1].error and ends[-1].error.kind == BadInput.__name__):
        return False
    cause = ends[-1].cause
    allowed = GIVEN_UP if cause == "lost" or (cause == "interrupted" and job.checkpoints) else job.retries
    failures = ("exit", "signal")
    return sum(one.cause == cause or (one.cause in failures and cause in failures) for one in ends) <= allowed


def ends(store: Store, job: Job, made: list[int]) -> list[AttemptEnd]:
    """The ends of the attempts that have ended."""
    found = (optional(store, f"{job.attempt(number)}/result.json", AttemptEnd) for number in made)
    return [one for one in found if one]


def tried_again(store: Store, job: Job, end: AttemptEnd) -> bool:
    """Whether a job is tried again by itself after an attempt that has ended so, whatever has come of the next one."""
    return retries_left(job, [end]) and retries_left(job, ends(store, job, list(range(1, end.attempt + 1))))


def open_here(store: Store) -> list[tuple[Job, Started]]:
    """The attempts that run now for this user on this host."""
    return [(job, started) for job, started in kept_here(store) if not ends(store, job, [started.attempt])]


def kept_here(store: Store) -> list[tuple[Job, Started]]:
    """The attempts of open jobs of this user that have a keeper on this host, also those that have ended or lost."""
    me = names.who()[0]
    found = []
    for name in files.listing(store, QUEUE):
        try:
            job = readable(store, files.read_bytes(store, f"{QUEUE}/{name}").decode(errors="replace").strip())
        except (NotFound, BadName, Corrupt):
            continue
        if job is not None and job.user == me:
            found += [(job, one) for one in _keepers_here(store, job)]
    return found


def _keepers_here(store: Store, job: Job) -> list[Started]:
    """The attempts of a job whose keeper is a process of this host that runs."""
    found = []
    for number in numbers(store, job):
        started = optional(store, f"{job.attempt(number)}/started.json", Started)
        if started and is_here(started) and runtime.alive(started.keeper):
            found.append(started)
    return found


def _pretty(record: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
