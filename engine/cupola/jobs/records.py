"""What is on disk of a job, and what it amounts to: `jobs/YYYY-MM/ID/`.

job.json            the wish, written and signed by its filer
code/               the script and src/ as they were when it was filed
attempts/N/         filed.json (a retry that somebody asked for), started.json (made by the keeper: whoever makes it
                    has the attempt), beat.json (the keeper lives), stop.json, progress.json, log.txt, metrics.jsonl,
                    output.json, error.json, publish.json (what is to be published), result.json (the end; made once,
                    by the keeper, or by the agent when the keeper is gone), published.json, late.json (what a keeper
                    had to say that had lost the job by then)
"""

import contextlib
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import msgspec

from cupola.errors import Corrupt, CupolaError, ErrorInfo, NewerFormat
from cupola.jobs import agents, publication, room
from cupola.jobs.attempt import run_directory
from cupola.jobs.attempts import (
    AttemptEnd,
    Progress,
    Started,
    is_here,
    is_of_an_earlier_boot,
    numbers,
    optional,
    tried_again,
)
from cupola.jobs.filing import confirm, file, retry, stop
from cupola.jobs.wish import Asked, Job, directories, find, readable, verified
from cupola.store import Store, digests, files, names, reading, runtime

__all__ = [
    "AttemptEnd", "Job", "JobState", "Progress", "Started", "confirm", "file", "find", "log_path", "ls", "on_progress",
    "retry", "some", "state", "state_of", "stop", "wait",
]  # fmt: skip

OVER = ("Completed", "Failed", "Stopped")
BETWEEN_POKES = 5.0


class JobState(msgspec.Struct, kw_only=True):
    """What a job amounts to at this moment.

    host: where it runs or ran; before that where it was filed, or is to run. heard: when one that runs last wrote a
    log, a report or a metric.
    """

    id: str
    kind: str
    name: str
    status: str
    secondary_status: str
    user: str
    host: str
    submitted: str
    started: str | None = None
    ended: str | None = None
    heard: str | None = None
    exit_code: int | None = None
    reason: str = ""
    attempt: int = 0
    run: str | None = None
    progress: float | None = None
    message: str = ""
    command: list[str] = []
    cpus: int = 1
    gpus: int = 0
    memory: int | None = None
    usage: dict[str, Any] = {}
    output: dict[str, Any] = {}
    error: ErrorInfo | None = None
    tags: list[str] = []

    @property
    def over(self) -> bool:
        return self.status in OVER


def state(store: Store, reference: str) -> JobState:
    """What the job of that id, prefix or name amounts to now."""
    return state_of(store, find(store, reference))


def state_of(store: Store, job: Job) -> JobState:
    """What a job amounts to: the state of its highest attempt."""
    made = numbers(store, job)
    now = JobState(status="Queued", secondary_status="Waiting", attempt=max(made, default=0), **_wish(job))
    if not made:
        return _trusted(store, job, now)
    directory = job.attempt(made[-1])
    if end := optional(store, f"{directory}/result.json", AttemptEnd):
        return _ended(store, job, now, end)
    started = optional(store, f"{directory}/started.json", Started)
    stopping = optional(store, f"{directory}/stop.json", Asked)
    if started:
        now.started, now.host = started.started, started.host
        progress = optional(store, f"{directory}/progress.json", Progress) or Progress()
        now.progress, now.message = progress.progress, progress.message
        now.status, now.secondary_status = "InProgress", "Running"
        now.heard = _heard(store, job, directory, now.attempt)
    if waits := room.waits(store, directory):
        now.secondary_status, now.message = "WaitingForRoom", room.WAITS
    if gone := _gone(started) if started else "":
        now.secondary_status, now.message = "Interrupted", f"{gone}; the agent has not yet said what comes next"
    if stopping:
        now.status, now.secondary_status = "Stopping", "Stopping"
    return now if started or waits else _trusted(store, job, now)


def _gone(started: Started) -> str:
    """Why the keeper of an attempt that has no end is known to be gone; "" when it lives or is another host's."""
    if is_of_an_earlier_boot(started):
        return "its host went down"
    return "its keeper is gone" if is_here(started) and not runtime.alive(started.keeper) else ""


def ls(store: Store) -> list[JobState]:
    """Every job here, newest first."""
    found = reading.read(store, JOBS, _places(store)).values()
    return sorted(found, key=lambda job: job.submitted, reverse=True)


def some(store: Store, ids: set[str]) -> dict[str, JobState]:
    """The jobs of these ids that are here, by id."""
    places = [place for one, place in directories(store).items() if one in ids]
    return {state.id: state for state in reading.read(store, JOBS, places).values()}


def _places(store: Store) -> list[str]:
    return list(directories(store).values())


def _state_at(store: Store, place: str) -> JobState | None:
    """The state of the job there; one whose attempt cannot be read stands among the others as failed, and says so."""
    job = readable(store, place)
    if job is None:
        return None
    try:
        return state_of(store, job)
    except (Corrupt, NewerFormat) as error:
        return JobState(status="Failed", secondary_status="Unreadable", reason=str(error), attempt=0, **_wish(job))


def _parts(place: str, attempt: int) -> list[str]:
    """What says how a job has ended: its wish, which attempts there are, what lies in them, and how the last ended."""
    made = [f"{place}/attempts/{number}" for number in range(1, attempt + 1)]
    return [f"{place}/job.json", f"{place}/attempts", *made, f"{place}/attempts/{attempt}/result.json"]


JOBS = digests.Kind(
    name="job",
    type=JobState,
    counted=False,
    places=_places,
    read=_state_at,
    revision=lambda state: state.attempt,
    parts=_parts,
    settled=lambda _: lambda state: state.over,
)


on_progress: ContextVar[Callable[[JobState], None] | None] = ContextVar("on_progress", default=None)


def wait(
    store: Store,
    reference: str,
    *,
    progress: Callable[[JobState], None] | None = None,
    timeout: float | None = None,
) -> JobState:
    """Waits until the job is over, durably, and returns how it ended (as it stands when `timeout` seconds have passed).

    Whenever its state has changed, `progress` (else what `on_progress` holds) is called with it.
    """
    tell = progress or on_progress.get()
    job = find(store, reference)
    begun = ensured = time.monotonic()
    told = None
    while True:
        now = state_of(store, job)
        if tell and now != told:
            tell(now)
            told = now
        moment = time.monotonic()
        if now.over:
            if now.attempt:  # its keeper may not have come to that yet, and what is said now has to last
                files.sync_names(store, job.attempt(now.attempt))
            return now
        if timeout is not None and moment - begun >= timeout:
            return now
        if moment - ensured > BETWEEN_POKES and (job.user, job.host) == names.who():
            agents.ensure()
            ensured = moment
        time.sleep(min(0.2, 0.01 + (moment - begun) / 20))


def log_path(store: Store, reference: str, attempt: int | None = None) -> str:
    """Where the log of an attempt (default: the last one) lies, relative to the workspace."""
    job = find(store, reference)
    number = attempt or max(numbers(store, job), default=1)
    return f"{job.attempt(number)}/log.txt"


def _heard(store: Store, job: Job, directory: str, attempt: int) -> str | None:
    """When anything was last written by a running attempt."""
    written = [f"{directory}/{name}" for name in ("log.txt", "progress.json", "started.json")]
    if job.run:
        written.append(f"{run_directory(job.run, attempt)}/metrics.jsonl")
    times = []
    for path in written:
        with contextlib.suppress(OSError, CupolaError):
            times.append(files.absolute(store, path).stat().st_mtime)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(times))) if times else None


def _wish(job: Job) -> dict[str, Any]:
    shown = "id", "kind", "name", "user", "submitted", "run", "command", "cpus", "gpus", "memory"
    return {name: getattr(job, name) for name in shown} | {"host": job.only_on or job.host}


def _trusted(store: Store, job: Job, now: JobState) -> JobState:
    """A queued job says what it waits for: its user, where its signature does not hold, else what its agent says."""
    now.message = agents.waits_for(store, job.id, job.user, job.only_on or job.host)
    if (job.user, job.host) == names.who() and not verified(job):
        now.secondary_status = "Pending"
        now.message = f"job.json is not what {job.user} filed; `cupola job confirm {job.id}` shows it and signs it"
    return now


def _ended(store: Store, job: Job, now: JobState, end: AttemptEnd) -> JobState:
    now.started, now.ended, now.exit_code, now.reason = end.started, end.ended, end.exit_code, end.reason
    now.usage, now.output, now.error = end.usage, end.output, end.error
    now.status, now.secondary_status = end.status, end.secondary_status
    now.host = end.host or now.host
    if not publication.is_done(store, job, end):
        now.status, now.secondary_status = "InProgress", "Publishing"
        return now
    if tried_again(store, job, end):
        now.status, now.secondary_status = "Queued", "Retrying"
        now.message = agents.waits_for(store, job.id, job.user, job.only_on or job.host)
    return now
