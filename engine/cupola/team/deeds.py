"""Who did what and when, as the records themselves say it: nothing here depends on the feed, which is rotated."""

import shlex
from collections.abc import Iterator
from typing import Any

import msgspec

from cupola.datasets.records import DatasetVersion
from cupola.experiments.records import Run
from cupola.jobs import attempts, wish
from cupola.jobs.attempts import AttemptEnd
from cupola.jobs.records import JobState
from cupola.jobs.wish import Asked
from cupola.registry import records as models
from cupola.registry.records import ModelVersion
from cupola.store import Store, journals
from cupola.team import notes

SHOWN = 200  # characters of a command


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did: `verb` in the past tense ("registered"), on the record `ref` of that kind.

    name: what people call a run or a job, whose `ref` is an id. mentions: the people whom a comment names as @user.
    said: what tells this comment from any other. unread: it names the user who asks, who has not said that they have
    read it.
    """

    time: str
    user: str
    host: str
    verb: str
    kind: str
    ref: str
    text: str = ""
    mentions: tuple[str, ...] = ()
    said: str = ""
    name: str = ""
    unread: bool = False


def of_dataset(version: DatasetVersion) -> Iterator[Act]:
    text = f"{version.rows:,} rows from {version.source.rpartition('/')[2]}"
    yield _act(version, version.imported, "imported", "dataset", version.ref, text)


def of_run(run: Run) -> Iterator[Act]:
    """What a run says by itself; where `in_attempts`, its attempts say how it went."""
    what = " on ".join(one for one in (run.estimator, run.dataset) if one)
    yield _act(run, run.submitted, "trained", "run", run.id, f"{run.name}: {what}" if what else run.name)
    if run.ended and not in_attempts(run):
        yield _act(run, run.ended, run.status.lower(), "run", run.id, run.reason or _score(run))


def of_job(job: JobState) -> Iterator[Act]:
    """What the state of a job that is no training says by itself; of an import that went well its dataset tells.

    That a worker of a tuning was filed is told of the tuning.
    """
    if job.kind not in ("import", "tune"):
        yield _act(job, job.submitted, "submitted", "job", job.id, f"{job.name}: {shlex.join(job.command)[:SHOWN]}")
    if job.ended and not in_attempts(job) and (job.kind, job.status) != ("import", "Completed"):
        yield _act(job, job.ended, job.status.lower(), "job", job.id, job.reason)


def in_attempts(work: Run | JobState) -> bool:
    """Whether only the files of the attempts say who stopped it, who tried it again, and how that went.

    A run that has completed says alone how it did.
    """
    if isinstance(work, Run) and (work.status == "Completed" or not work.job or work.tuning):
        return False
    if work.attempt > 1 or work.status in ("Stopped", "Stopping"):
        return True
    return bool(work.ended) and work.status not in ("Completed", "Failed")


def of_attempts(store: Store, directory: str, kind: str, ref: str) -> Iterator[Act]:
    """What was asked of the job in a directory, and how its attempts ended: one that was stopped was ended by whom."""
    job = wish.readable(store, directory)
    for number in attempts.numbers(store, job) if job else ():
        assert job is not None
        attempt = job.attempt(number)
        if asked := attempts.optional(store, f"{attempt}/filed.json", Asked):
            yield _act(asked, asked.time, "retried", kind, ref, asked.reason)
        stop = attempts.optional(store, f"{attempt}/stop.json", Asked)
        if stop:
            yield _act(stop, stop.time, "stopped", kind, ref, stop.reason)
        end = attempts.optional(store, f"{attempt}/result.json", AttemptEnd)
        if end and not (stop and end.status == "Stopped") and (job.kind, end.status) != ("import", "Completed"):
            yield _act(job, end.ended, end.status.lower(), kind, ref, end.reason)


def of_model(store: Store, model: ModelVersion) -> Iterator[Act]:
    source = f"from {model.origin}" if model.origin else f"from run {model.run}"
    verb = "imported" if model.origin else "registered"
    yield _act(model, model.registered, verb, "model", model.ref, model.description or source)
    for entry in journals.folded(store, models.approvals_path(model)):
        stage, status = _plain(entry.get("stage")), _plain(entry.get("status"))
        verb = "trusted" if "trusted" in entry else f"moved to {stage}" if stage else status.lower()
        if verb:
            yield _said(entry, verb, "model", model.ref, entry.get("note"))


def of_aliases(store: Store, name: str) -> Iterator[Act]:
    for entry in journals.folded(store, models.aliases_path(name)):
        version = entry.get("version")
        verb, ref = ("aliased", f"{name}@{version}") if isinstance(version, str) else ("unaliased", name)
        yield _said(entry, verb, "model", ref, entry.get("alias"))


def of_notes(store: Store, kind: str) -> Iterator[Act]:
    verbs = {"comment": "commented", "tag": "tagged", "untag": "untagged", "bad": "marked bad", "good": "marked good"}
    for entry in notes.entries(store, kind):
        verb = verbs.get(_plain(entry.get("op")))
        if verb == "commented":
            text = _plain(entry.get("value"))
            more = {"mentions": tuple(notes.mentions(text)), "said": f"{kind}/{entry['writer']}/{entry.get('seq')}"}
            yield _said(entry, verb, kind, _plain(entry.get("ref")), text, **more)
        elif verb:
            yield _said(entry, verb, kind, _plain(entry.get("ref")), entry.get("value"))


def _score(run: Run) -> str:
    value = run.metrics.get(run.metric)
    return "" if value is None else f"{run.metric} {value:.4g}"


def _act(by: Any, time: str, verb: str, kind: str, ref: str, text: str) -> Act:
    return Act(time=time, user=by.user, host=by.host, verb=verb, kind=kind, ref=ref, text=text)


def _said(entry: dict[str, Any], verb: str, kind: str, ref: str, text: Any, **more: Any) -> Act:
    time, user, host = (_plain(entry.get(name)) for name in ("time", "user", "host"))
    return Act(time=time, user=user, host=host, verb=verb, kind=kind, ref=ref, text=_plain(text), **more)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else ""
