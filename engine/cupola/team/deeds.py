"""Who did what and when, as the records themselves say it: nothing here depends on the feed, which is rotated."""

import shlex
from collections.abc import Iterator
from typing import Any

import msgspec

from cupola.datasets.records import DatasetVersion
from cupola.experiments.records import Run
from cupola.jobs import attempts, wish
from cupola.jobs.attempts import AttemptEnd
from cupola.jobs.wish import Asked, Job
from cupola.registry import records as models
from cupola.registry.records import ModelVersion
from cupola.store import Store, journals
from cupola.team import notes

SHOWN = 200  # characters of a command


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did: `verb` in the past tense ("registered"), on the record `ref` of that kind."""

    time: str
    user: str
    host: str
    verb: str
    kind: str
    ref: str
    text: str = ""


def of_dataset(version: DatasetVersion) -> Iterator[Act]:
    text = f"{version.rows:,} rows from {version.source.rpartition('/')[2]}"
    yield _act(version, version.imported, "imported", "dataset", version.ref, text)


def of_run(store: Store, run: Run, jobs: dict[str, str]) -> Iterator[Act]:
    """`jobs`: where each job lies. The job says how an attempt went; a completed run says it alone."""
    yield _act(run, run.submitted, "trained", "run", run.id, f"{run.name}: {run.estimator} on {run.dataset}")
    job = wish.readable(store, jobs[run.job]) if run.status != "Completed" and run.job in jobs else None
    if job is not None:
        yield from _attempts(store, job, "run", run.id)
    elif run.ended:
        yield _act(run, run.ended, run.status.lower(), "run", run.id, run.reason or _score(run))


def of_job(store: Store, job: Job) -> Iterator[Act]:
    """A job that is no training; of an import that went well its dataset tells."""
    if job.kind != "import":
        yield _act(job, job.submitted, "submitted", "job", job.id, f"{job.name}: {shlex.join(job.command)[:SHOWN]}")
    for act in _attempts(store, job, "job", job.id):
        if job.kind != "import" or act.verb != "completed":
            yield act


def of_model(store: Store, model: ModelVersion) -> Iterator[Act]:
    yield _act(model, model.registered, "registered", "model", model.ref, model.description or f"from run {model.run}")
    for entry in journals.folded(store, f"{model.directory}/approvals"):
        status = entry.get("status")
        verb = "trusted" if "trusted" in entry else _plain(status).lower()
        if verb:
            yield _said(entry, verb, "model", model.ref, entry.get("note"))


def of_aliases(store: Store, name: str) -> Iterator[Act]:
    for entry in journals.folded(store, f"{models.DIRECTORY}/{name}/aliases"):
        version = entry.get("version")
        verb, ref = ("aliased", f"{name}@{version}") if isinstance(version, str) else ("unaliased", name)
        yield _said(entry, verb, "model", ref, entry.get("alias"))


def of_notes(store: Store, kind: str) -> Iterator[Act]:
    verbs = {"comment": "commented", "tag": "tagged", "untag": "untagged"}
    for entry in notes.entries(store, kind):
        if entry.get("op") in verbs:
            yield _said(entry, verbs[entry["op"]], kind, _plain(entry.get("ref")), entry.get("value"))


def _attempts(store: Store, job: Job, kind: str, ref: str) -> Iterator[Act]:
    """What was asked of a job, and how its attempts ended: an attempt that somebody stopped was ended by them."""
    for number in attempts.numbers(store, job):
        directory = job.attempt(number)
        if asked := attempts.optional(store, f"{directory}/filed.json", Asked):
            yield _act(asked, asked.time, "retried", kind, ref, asked.reason)
        stop = attempts.optional(store, f"{directory}/stop.json", Asked)
        if stop:
            yield _act(stop, stop.time, "stopped", kind, ref, stop.reason)
        end = attempts.optional(store, f"{directory}/result.json", AttemptEnd)
        if end and not (stop and end.status == "Stopped"):
            yield _act(job, end.ended, end.status.lower(), kind, ref, end.reason)


def _score(run: Run) -> str:
    value = run.metrics.get(run.metric)
    return "" if value is None else f"{run.metric} {value:.4g}"


def _act(by: Any, time: str, verb: str, kind: str, ref: str, text: str) -> Act:
    return Act(time=time, user=by.user, host=by.host, verb=verb, kind=kind, ref=ref, text=text)


def _said(entry: dict[str, Any], verb: str, kind: str, ref: str, text: Any) -> Act:
    who = {name: _plain(entry.get(name)) for name in ("time", "user", "host")}
    return Act(verb=verb, kind=kind, ref=ref, text=_plain(text), **who)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else ""
