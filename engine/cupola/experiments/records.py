"""What is on disk of a run, and what it amounts to: `experiments/EXPERIMENT/RUN/`.

run.json            written by the filer (status Queued) and replaced once, by the attempt that ends it; that of a
                    script (`cupola.tracking`) by the script alone, while it runs
code.patch          what was changed and not committed where it was filed, if that is a git repository
attempts/N/         metrics.jsonl, artifacts/, model/ of each attempt of the run's job; a script without a job has
                    one attempt. Other processes of a training log to metrics.WHO.jsonl, one each.

Until a run has Completed its status is that of its job; without one, that of the process that wrote it. Tags and
comments of people are journals of their own (`cupola.team.notes`).
"""

import contextlib
import heapq
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cupola.errors import Ambiguous, Corrupt, CupolaError, DiskTrouble, NewerFormat, NotFound
from cupola.store import Store, digests, files, reading, records, runtime
from cupola.store.names import who
from cupola.store.records import Record
from cupola.store.trouble import disk
from cupola.team import notes, verdicts
from cupola.team.notes import Comment

DIRECTORY = "experiments"
OVER = ("Completed", "Failed", "Stopped")


class Code(msgspec.Struct, kw_only=True):
    """The code as it was when the run was filed. dirty: tracked files differed from the commit; patch: the file that
    holds the difference (relative to the run), None where there is none or it was too large."""

    commit: str | None = None
    dirty: bool = False
    patch: str | None = None


class Latest(NamedTuple):
    """The value of a metric that counts in MLflow: a number or "NaN", "Infinity", "-Infinity"; milliseconds; step."""

    value: float | str
    timestamp: int
    step: int


class Mlflow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What MLflow's clients know of a run that they have logged (`cupola.mlflow.live`).

    writer: whose gateway has begun it. user: as the client calls them. status: in MLflow's words. start, end:
    milliseconds since 1970. inputs: datasets, models: those that went in; outputs: those that came out; all as the
    protocol has them.
    """

    writer: str
    user: str = ""
    status: str = "RUNNING"
    start: int | None = None
    end: int | None = None
    tags: dict[str, str] = {}
    latest: dict[str, Latest] = {}
    inputs: list[Any] = []
    models: list[Any] = []
    outputs: list[Any] = []


class Run(Record, kw_only=True):
    """A training run.

    params: the parameters that were given. metrics: by name with the split in front ("validation_roc_auc");
    metric_errors: the standard error of each. metric: the one that runs are compared by. dataset: the exact version.
    notes: what happened in training that is worth knowing; one that begins with "warning: " says what is amiss.
    model: the version that --register made of it, if any; model_directory: where the fitted model lies in the
    workspace. usage: seconds, cpu_seconds, peak_memory (bytes).
    process: the one that a script's run is in. heard: when a script without a job that is under way last wrote.
    flow: the one that prepares the rows, NAME@HASH as it was when the run was filed; looked_up: the versions of other
    datasets that its joins look columns up in.
    options: what `train` was given beyond data, estimator and parameters, as it takes it.
    bad: which of its data somebody has marked as bad, and why.
    tuning, trial: the id of the tuning that it is a trial of, and its number there; worker: whose of the tuning's.
    part_of: the id of the run whose job tried it, as one of its candidates (an autopilot's, a forecast's).
    mlflow: of a run that came from MLflow.
    """

    id: str
    name: str
    experiment: str
    status: str = "Queued"
    secondary_status: str = ""
    user: str
    host: str
    submitted: str
    started: str | None = None
    ended: str | None = None
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    metric_errors: dict[str, float] = msgspec.field(default_factory=dict)
    metric: str = ""
    tags: list[str] = msgspec.field(default_factory=list)
    comments: list[Comment] = msgspec.field(default_factory=list)
    dataset: str = ""
    target: str = ""
    estimator: str = ""
    task: str = ""
    features: list[str] = msgspec.field(default_factory=list)
    flow: str = ""
    looked_up: list[str] = msgspec.field(default_factory=list)
    classes: list[Any] | None = None
    positive: Any = None
    split: dict[str, Any] = msgspec.field(default_factory=dict)
    rows: dict[str, int] = msgspec.field(default_factory=dict)
    seed: int | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    job: str = ""
    attempt: int = 0
    code: Code = msgspec.field(default_factory=Code)
    environment: dict[str, Any] = msgspec.field(default_factory=dict)
    usage: dict[str, Any] = msgspec.field(default_factory=dict)
    reason: str = ""
    progress: float | None = None
    message: str = ""
    notes: list[str] = msgspec.field(default_factory=list)
    model: str | None = None
    model_directory: str | None = None
    process: runtime.Process | None = None
    heard: str | None = None
    tuning: str = ""
    trial: int | None = None
    worker: str = ""
    part_of: str = ""
    bad: str = ""
    mlflow: Mlflow | None = None

    @property
    def directory(self) -> str:
        return f"{DIRECTORY}/{self.experiment}/{self.id}"

    @property
    def over(self) -> bool:
        return self.status in OVER


def path(run: Run) -> str:
    """Where the record lies."""
    return f"{run.directory}/run.json"


def read(store: Store, place: str) -> Run:
    """The record of the run at "EXPERIMENT/ID" as it is on disk. Raises NotFound, Corrupt."""
    return records.read(store, f"{DIRECTORY}/{place}/run.json", Run)


def directories(store: Store) -> dict[str, str]:
    """The experiment of every run by the run's id."""
    return {run: experiment for experiment in names(store) for run in _runs(store, experiment)}


def names(store: Store) -> list[str]:
    """The experiments that there are."""
    return files.listing(store, DIRECTORY)


def ls(store: Store, filter: str | None = None) -> list[Run]:
    """All runs, the newest first; `filter` is in the search language. Raises BadOption for a filter that is wrong."""
    found = list(reading.read(store, RUNS, _places(store)).values())
    _overlay(store, found)
    found.sort(key=lambda run: (run.submitted, run.id), reverse=True)
    if not filter:
        return found
    from cupola.search import evaluating
    from cupola.search.fields import Fields

    return evaluating.select(filter, found, Fields(found))


def page(store: Store, some: Iterable[Run], limit: int) -> list[Run]:
    """The newest of these as `ls` shows them; what was given stays as it is on the disk."""
    newest = heapq.nlargest(limit, some, key=lambda run: (run.submitted, run.id))
    shown = [msgspec.structs.replace(run, tags=[*run.tags], comments=[*run.comments]) for run in newest]
    _overlay(store, shown)
    return shown


def find(store: Store, reference: str) -> Run:
    """The run of that id, unique beginning of an id, EXPERIMENT/ID or name. Raises NotFound, Ambiguous."""
    known = directories(store)
    wanted = reference.rpartition("/")[2]
    matches = [wanted] if wanted in known else [one for one in known if wanted and one.startswith(wanted)]
    found = [run for one in matches if (run := _read(store, known[one], one))]
    if not found:
        every = reading.read(store, RUNS, _places(store)).values()
        found = [run for run in every if run.name == wanted]
    if not found:
        raise NotFound(f"there is no run {reference!r} here", hint="`cupola run ls` lists them")
    if len(found) > 1:
        several = ", ".join(sorted(run.id for run in found)[:5])
        raise Ambiguous(f"{reference!r} could be the runs {several}", hint="give more letters of the id")
    _overlay(store, found)
    return found[0]


def attempt_directory(store: Store, run: Run) -> str | None:
    """The directory of the attempt that is believed: the one that ended the run, else the highest."""
    number = run.attempt
    if not run.over or not number:
        made = [int(one) for one in files.listing(store, f"{run.directory}/attempts") if one.isdigit()]
        number = max([number, *made])
    return f"{run.directory}/attempts/{number}" if number else None


def artifacts(store: Store, run: Run) -> list[str]:
    """The names of the run's artifacts."""
    directory = attempt_directory(store, run)
    return files.listing(store, f"{directory}/artifacts") if directory else []


def artifact_sizes(store: Store, run: Run) -> dict[str, int]:
    """The bytes of every artifact by its name; those in directories by their path below the run's artifacts."""
    directory = attempt_directory(store, run)
    if not directory or "artifacts" not in files.listing(store, directory):
        return {}
    top = files.absolute(store, f"{directory}/artifacts")
    with disk(f"{directory}/artifacts"):
        found = [Path(below, name) for below, _, names in os.walk(top) for name in names]
        return {str(one.relative_to(top)): one.stat().st_size for one in sorted(found) if not one.is_symlink()}


def artifact_path(store: Store, run: Run, name: str) -> str:
    """Where an artifact ("confusion.json") lies in the workspace. Raises NotFound where there is none."""
    if name not in artifacts(store, run):
        raise NotFound(f"run {run.id} has no artifact {name!r}")
    return f"{attempt_directory(store, run)}/artifacts/{name}"


def _runs(store: Store, experiment: str) -> list[str]:
    """The runs of an experiment; a file that somebody put among the experiments has none."""
    try:
        return files.listing(store, f"{DIRECTORY}/{experiment}")
    except DiskTrouble as trouble:
        if isinstance(trouble.__cause__, NotADirectoryError):
            return []
        raise


def _read(store: Store, experiment: str, one: str) -> Run | None:
    """The run in that directory; None where there is none (a filing under way, or it has just gone to the trash).

    One whose record cannot be read stands among the others as failed, and says so. An empty one is what a power cut
    leaves of a short run that was not settled yet, and is none.
    """
    try:
        return read(store, f"{experiment}/{one}")
    except NotFound:
        return None
    except (Corrupt, NewerFormat) as error:
        if is_empty(store, f"{DIRECTORY}/{experiment}/{one}"):
            return None
        return Run(
            id=one, name=one, experiment=experiment, status="Failed", secondary_status="Unreadable", user="", host="",
            submitted="", reason=str(error),
        )  # fmt: skip
    except DiskTrouble as trouble:
        if isinstance(trouble.__cause__, NotADirectoryError | IsADirectoryError):
            return None
        raise


def is_empty(store: Store, directory: str) -> bool:
    """Whether the record of the run in a directory is a file without a byte."""
    try:
        return not files.read_bytes(store, f"{directory}/run.json")
    except CupolaError:
        return False


def _places(store: Store) -> list[str]:
    return [f"{DIRECTORY}/{experiment}/{one}" for one, experiment in directories(store).items()]


def _read_place(store: Store, place: str) -> Run | None:
    return _read(store, *place.split("/")[1:])


def _settled(store: Store) -> Callable[[Run], bool]:
    """A run has ended, or its job is not open: then only somebody who tries it again changes the record."""
    from cupola.jobs.wish import QUEUE

    waiting = set(files.listing(store, QUEUE))
    return lambda run: run.over or bool(run.job and run.job not in waiting)


RUNS = digests.Kind(
    name="run",
    type=Run,
    counted=True,
    places=_places,
    read=_read_place,
    revision=lambda run: run.revision,
    parts=lambda place, _: [f"{place}/run.json"],
    settled=_settled,
)


def _overlay(store: Store, found: list[Run]) -> None:
    """What the jobs say of runs that have not completed, and what people say of all of them."""
    notes.replay(notes.entries(store, "run"), {run.id: run for run in found})
    verdicts.put_on_made(store, found)
    for run in found:
        if run.process and not run.job and not run.over:
            _look_after(store, run)
    unsure = [run for run in found if run.status != "Completed" and run.job]
    if not unsure:
        return
    from cupola.jobs import records as jobs

    states = jobs.some(store, {run.job for run in unsure})
    for run in unsure:
        if run.job in states:
            _follow(run, states[run.job])


def is_dead(run: Run) -> bool:
    """Whether a script's process is known to be gone without having ended its run: one of this host."""
    process = run.process
    if process is None or run.over or run.host != who()[1]:
        return False
    return not runtime.same_kernel(process) or (process.boot == runtime.boot() and not runtime.alive(process))


def _look_after(store: Store, run: Run) -> None:
    """What is known of a script that runs without a job: whether its process is there, when it wrote last."""
    if is_dead(run):
        run.status, run.secondary_status = "Failed", "Interrupted"
        run.reason = "its process is gone and has not said why: it was killed, or the host went down"
        return
    written = [path(run), f"{run.directory}/attempts/{run.attempt}/metrics.jsonl"]
    times = []
    for one in written:
        with contextlib.suppress(OSError, CupolaError):
            times.append(files.absolute(store, one).stat().st_mtime)
    run.heard = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(times))) if times else None


def _follow(run: Run, state: Any) -> None:
    if run.tuning or run.part_of:
        _follow_worker(run, state)
        return
    if run.over and state.attempt <= run.attempt:
        return
    run.status, run.secondary_status, run.attempt = state.status, state.secondary_status, state.attempt
    run.started, run.ended = state.started, state.ended
    run.progress, run.message = state.progress, state.message
    run.reason = state.error.message if state.error else state.reason


def _follow_worker(run: Run, state: Any) -> None:
    """A trial or a candidate goes as long as the attempt of the job that makes it; what that has ended is its own."""
    if run.over:
        return
    if state.attempt == run.attempt and not state.over:
        run.heard = state.heard
        return
    stopped = state.status == "Stopped" and state.attempt == run.attempt
    run.status, run.secondary_status = "Stopped" if stopped else "Failed", "Interrupted"
    if run.part_of:
        run.reason = "the search that tried it was stopped" if stopped else "the job that tried it is gone"
    else:
        run.reason = "its tuning was stopped" if stopped else "the worker of its tuning is gone; the others go on"
