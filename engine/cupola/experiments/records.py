"""What is on disk of a run, and what it amounts to: `experiments/EXPERIMENT/RUN/`.

run.json            written by the filer (status Queued); replaced once, by the attempt that ends it
code.patch          what was changed and not committed where it was filed, if that is a git repository
attempts/N/         metrics.jsonl, artifacts/, model/ of each attempt of the run's job

Until a run has Completed its status is that of its job. Tags and comments of people are journals of their own
(`cupola.team.notes`).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from cupola.errors import Ambiguous, Corrupt, DiskTrouble, NewerFormat, NotFound
from cupola.store import Store, digests, files, records
from cupola.store.records import Record
from cupola.team import notes
from cupola.team.notes import Comment

DIRECTORY = "experiments"
OVER = ("Completed", "Failed", "Stopped")


class Code(msgspec.Struct, kw_only=True):
    """The code as it was when the run was filed. dirty: tracked files differed from the commit; patch: the file that
    holds the difference (relative to the run), None where there is none or it was too large."""

    commit: str | None = None
    dirty: bool = False
    patch: str | None = None


class Run(Record, kw_only=True):
    """A training run.

    params: the parameters that were given. metrics: by name with the split in front ("validation_roc_auc");
    metric_errors: the standard error of each. metric: the one that runs are compared by. dataset: the exact version.
    notes: what happened in training that is worth knowing. model: the version that --register made of it, if any;
    model_directory: where the fitted model lies in the workspace. usage: seconds, cpu_seconds, peak_memory (bytes).
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
    classes: list[Any] | None = None
    positive: Any = None
    split: dict[str, Any] = msgspec.field(default_factory=dict)
    rows: dict[str, int] = msgspec.field(default_factory=dict)
    seed: int | None = None
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
    found = list(digests.read(store, RUNS, _places(store)).values())
    _overlay(store, found)
    found.sort(key=lambda run: (run.submitted, run.id), reverse=True)
    if not filter:
        return found
    from cupola.experiments import search

    return search.select(filter, found, search.fields(found))


def find(store: Store, reference: str) -> Run:
    """The run of that id, unique beginning of an id, EXPERIMENT/ID or name. Raises NotFound, Ambiguous."""
    known = directories(store)
    wanted = reference.rpartition("/")[2]
    matches = [wanted] if wanted in known else [one for one in known if wanted and one.startswith(wanted)]
    found = [run for one in matches if (run := _read(store, known[one], one))]
    if not found:
        every = digests.read(store, RUNS, _places(store)).values()
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


def metrics(store: Store, run: Run) -> list[dict[str, Any]]:
    """The metrics as they were logged: seq, time, name, value, step. A line that is not whole yet is left out."""
    directory = attempt_directory(store, run)
    if directory is None:
        return []
    try:
        data = files.read_bytes(store, f"{directory}/metrics.jsonl")
    except NotFound:
        return []
    return [entry for line in data.splitlines() if (entry := _entry(line)) is not None]


def artifacts(store: Store, run: Run) -> list[str]:
    """The names of the run's artifacts."""
    directory = attempt_directory(store, run)
    return files.listing(store, f"{directory}/artifacts") if directory else []


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

    One whose record cannot be read stands among the others as failed, and says so.
    """
    try:
        return read(store, f"{experiment}/{one}")
    except NotFound:
        return None
    except (Corrupt, NewerFormat) as error:
        return Run(
            id=one, name=one, experiment=experiment, status="Failed", secondary_status="Unreadable", user="", host="",
            submitted="", reason=str(error),
        )  # fmt: skip
    except DiskTrouble as trouble:
        if isinstance(trouble.__cause__, NotADirectoryError | IsADirectoryError):
            return None
        raise


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
    unsure = [run for run in found if run.status != "Completed" and run.job]
    if not unsure:
        return
    from cupola.jobs import records as jobs

    states = jobs.some(store, {run.job for run in unsure})
    for run in unsure:
        if run.job in states:
            _follow(run, states[run.job])


def _follow(run: Run, state: Any) -> None:
    if run.over and state.attempt <= run.attempt:
        return
    run.status, run.secondary_status, run.attempt = state.status, state.secondary_status, state.attempt
    run.started, run.ended = state.started, state.ended
    run.progress, run.message = state.progress, state.message
    run.reason = state.error.message if state.error else state.reason


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return entry if isinstance(entry, dict) and "name" in entry else None
