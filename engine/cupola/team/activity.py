"""The activity feed: who did what and when, on any record or in the whole workspace.

Most of it is read from the records themselves (`deeds`), so that it is as complete as they are. What leaves no such
trace - a deployment, a removal, a change of settings - is written down by `tell` when the action has been done:
`.cupola/notes/activity/WRITER.jsonl`, a journal per writer as all notes are, which goes with the workspace into git.
"""

import contextlib
from bisect import insort
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.store import Store, feed, journals, names

if TYPE_CHECKING:
    from cupola.actions import Action
    from cupola.team.deeds import Act
    from cupola.team.subjects import Subject

JOURNAL = ".cupola/notes/activity"
LONGEST = 500  # characters of a command
order = attrgetter("time", "kind", "ref", "verb", "user", "host", "text")
NOT_YET = "~"  # after every time: something of it may be going on
# Actions that the record they are about tells of, with who and when.
TOLD = {
    "dataset import", "autopilot", "forecast", "train", "job submit", "job stop", "job retry", "run note", "run tag",
    "comment", "tag", "dataset mark", "view save", "view rm", "model register", "model add", "model chain",
    "model approve", "model reject", "model alias", "model import", "model stage", "endpoint send", "endpoint metric",
}  # fmt: skip
OF_THE_HOST = {"agent", "key", "merge", "token"}  # or of one copy: what a merge brings says itself who did it
KINDS = {"tune": "tuning"}  # of verbs that are no kind of record themselves
PAST = {"confirm": "confirmed", "deploy": "deployed", "restore": "restored", "rm": "removed", "set": "changed"}
PAST |= {"new": "made", "edit": "edited", "undo": "took back a change of", "redo": "changed again"}
PAST |= {"fix": "mended", "open": "opened", "close": "closed", "add": "added", "fire": "fired"}
PAST |= {"step": "changed", "unstep": "changed"}
PAST |= {"empty": "emptied", "tune": "tuned", "pause": "paused", "resume": "resumed", "extend": "extended"}
PAST |= dict.fromkeys(("mlruns", "mlflow-db", "wandb", "tensorboard", "optuna"), "imported")
PAST |= {"start": "started", "stop": "stopped", "update": "updated", "bench": "load-tested", "runtime": "measured"}
PAST |= {"run": "ran", "retry": "retried", "answer": "answered"}
PAST |= {"promote": "promoted", "rollback": "rolled back", "remove": "changed", "weights": "changed"}


def tell(store: Store, action: "Action", arguments: dict[str, Any], result: Any) -> None:
    """Writes down that an action was done, if no record says it; what keeps it from being written is no error."""
    domain, _, word = action.name.partition(" ")
    if action.name in TOLD or domain in OF_THE_HOST or arguments.get("dry_run"):
        return
    from cupola.arguments import command_line

    text, verb = command_line(action, arguments), PAST.get(word or domain, word or domain)
    note(store, verb, KINDS.get(domain, domain), _refs(result), text)


def note(store: Store, verb: str, kind: str, refs: Iterable[str], text: str) -> None:
    """Writes down what was done to records; what keeps it from being written is no error."""
    user, host = names.who()
    done = {"op": "did", "verb": verb, "kind": kind, "user": user, "host": host, "value": text[:LONGEST]}
    with contextlib.suppress(OSError, CupolaError, UnicodeEncodeError):
        entries = [done | {"ref": ref} for ref in refs]
        path = f"{JOURNAL}/{store.writer}.jsonl"
        feed.announce(store, "activity", kind, journals.append(store, path, entries), path)


def newest(store: Store, reference: str | None = None) -> Iterator["Act"]:
    """What was done, the newest first; on one record, or on all versions of what `reference` names without a version.

    Every reader sees the same order. A record that is gone is found by its exact name. What only the files of a job's
    attempts say is opened as late as its time comes: whoever wants the last fifty acts of ten thousand runs opens few
    of them. Raises NotFound, Ambiguous.
    """
    from cupola.team import subjects

    called: dict[str, str] = {}
    if reference is None:
        return _named(_merged(*_everything(store, called)), called)
    try:
        subject = subjects.find(store, reference)
    except NotFound as error:
        kind, colon, rest = reference.partition(":")
        gone = rest if colon and kind in subjects.FINDERS else reference
        found = [
            act for act in _merged(*_everything(store, called)) if act.ref == gone or act.ref.startswith(f"{gone}@")
        ]
        if not found:
            raise error from None
        return iter(found)
    whole = subject.name if subject.kind in ("dataset", "model") and "@" not in subject.ref else None
    acts = [act for act in _of(store, subject) if act.kind == subject.kind]
    acts = [act for act in acts if act.ref == subject.ref or (whole and act.ref.partition("@")[0] == whole)]
    return _named(_merged(acts), {subject.ref: subject.name} if subject.kind in ("run", "job") else {})


def _named(acts: Iterable["Act"], called: dict[str, str]) -> Iterator["Act"]:
    """The acts with the names of what they were done to, where these are known by ids."""
    for act in acts:
        yield msgspec.structs.replace(act, name=called[act.ref]) if act.ref in called else act


class _Later(NamedTuple):
    """Acts that are still in files: none of them is newer than `latest`."""

    latest: str
    directory: str
    kind: str
    ref: str


def _merged(acts: list["Act"], later: Iterable[_Later] = (), store: Store | None = None) -> Iterator["Act"]:
    """The acts, the newest first, each once; what cannot be read has no time, and did nothing."""
    from cupola.team import deeds

    known = sorted({one for one in acts if one.time}, key=order)
    waiting = sorted(later)
    before = None
    while known or waiting:
        while waiting and (not known or waiting[-1].latest >= known[-1].time):
            one = waiting.pop()
            assert store is not None
            for act in deeds.of_attempts(store, one.directory, one.kind, one.ref):
                if act.time:
                    insort(known, act, key=order)
        if known and (act := known.pop()) != before:
            before = act
            yield act


def _everything(store: Store, called: dict[str, str]) -> tuple[list["Act"], list[_Later], Store]:
    """What _merged takes; `called` gets the names of runs and jobs, by their ids."""
    from cupola.datasets import records as datasets
    from cupola.experiments import records as runs
    from cupola.jobs import records as jobs
    from cupola.jobs import wish
    from cupola.registry import records as models
    from cupola.team import deeds
    from cupola.team.notes import COLLECTIONS

    acts, later = [*told(store)], []
    for name in datasets.names(store):
        for version in datasets.versions(store, name):
            acts += deeds.of_dataset(version)
    directories = wish.directories(store)
    for run in runs.ls(store):
        called[run.id] = run.name
        if run.tuning or run.part_of:  # what somebody did was to tune, to forecast or to start an autopilot
            continue
        acts += deeds.of_run(run)
        if deeds.in_attempts(run) and run.job in directories:
            later.append(_Later(run.ended or NOT_YET, directories[run.job], "run", run.id))
    for job in jobs.ls(store):
        called[job.id] = job.name
        if not job.run:
            acts += deeds.of_job(job)
            if deeds.in_attempts(job):
                later.append(_Later(job.ended or NOT_YET, directories[job.id], "job", job.id))
    for name in models.names(store):
        for model in models.versions(store, name):
            acts += deeds.of_model(store, model)
        acts += deeds.of_aliases(store, name)
    for kind in COLLECTIONS:
        acts += deeds.of_notes(store, kind)
    return acts, later, store


def _of(store: Store, subject: "Subject") -> Iterator["Act"]:
    """What the versions of a dataset or model, or a single run or job, say of themselves, and what was said of them."""
    from cupola.datasets import records as datasets
    from cupola.experiments import records as runs
    from cupola.jobs import records as jobs
    from cupola.jobs import wish
    from cupola.registry import records as models
    from cupola.team import deeds

    if subject.kind == "dataset":
        for version in datasets.versions(store, subject.name):
            yield from deeds.of_dataset(version)
    elif subject.kind == "model":
        for model in models.versions(store, subject.name):
            yield from deeds.of_model(store, model)
        yield from deeds.of_aliases(store, subject.name)
    elif subject.kind in ("run", "job"):
        work = runs.find(store, subject.ref) if subject.kind == "run" else jobs.state(store, subject.ref)
        yield from deeds.of_run(work) if isinstance(work, runs.Run) else deeds.of_job(work)
        job = work.job if isinstance(work, runs.Run) else work.id
        if deeds.in_attempts(work) and (directory := wish.directories(store).get(job)):
            yield from deeds.of_attempts(store, directory, subject.kind, subject.ref)
    yield from deeds.of_notes(store, subject.kind)
    yield from told(store)


def told(store: Store) -> Iterator["Act"]:
    """What `tell` has written down, in the order that every reader sees."""
    from cupola.team.deeds import Act

    fields = ("time", "user", "host", "verb", "kind", "ref", "value")
    for entry in journals.folded(store, JOURNAL):
        if entry.get("op") == "did":
            time, user, host, verb, kind, ref, text = (str(entry.get(name, "")) for name in fields)
            yield Act(time=time, user=user, host=host, verb=verb, kind=kind, ref=ref, text=text)


def _refs(result: Any) -> list[str]:
    """The exact names of the records that came out of an action, or went with it."""
    from cupola.references import reference

    if isinstance(result, list | tuple):
        return [ref for one in result for ref in _refs(one)]
    removed = getattr(result, "removed", None)
    if isinstance(removed, list):
        return [str(one) for one in removed]
    ref = getattr(result, "ref", None)
    if isinstance(ref, str):
        return [ref]
    try:
        return [_of_path(reference(result))]
    except TypeError:
        return [""]


def _of_path(ref: str) -> str:
    """flights@1-7f3a for datasets/flights/1-7f3a, by which a restored version is named."""
    collection, *rest = ref.split("/")
    return "@".join(rest) if collection in ("datasets", "models") and rest else ref
