"""The activity feed: who did what and when, on any record or in the whole workspace.

Most of it is read from the records themselves (`deeds`), so that it is as complete as they are. What leaves no such
trace - a deployment, a removal, a change of settings - is written down by `tell` when the action has been done:
`.cupola/notes/activity/WRITER.jsonl`, a journal per writer as all notes are, which goes with the workspace into git.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cupola.errors import CupolaError, NotFound
from cupola.store import Store, feed, journals, names

if TYPE_CHECKING:
    from cupola.actions import Action
    from cupola.team.deeds import Act
    from cupola.team.subjects import Subject

JOURNAL = ".cupola/notes/activity"
LONGEST = 500  # characters of a command
# Actions that the record they are about tells of, with who and when.
TOLD = {
    "dataset import", "train", "job submit", "job stop", "job retry", "run note", "run tag", "comment", "tag",
    "model register", "model approve", "model reject", "model alias",
}  # fmt: skip
OF_THE_HOST = {"agent"}
PAST = {"confirm": "confirmed", "deploy": "deployed", "restore": "restored", "rm": "removed", "set": "changed"}
PAST |= {"start": "started", "stop": "stopped", "update": "updated"}


def tell(store: Store, action: "Action", arguments: dict[str, Any], result: Any) -> None:
    """Writes down that an action was done, if no record says it; what keeps it from being written is no error."""
    domain, _, word = action.name.partition(" ")
    if action.name in TOLD or domain in OF_THE_HOST or arguments.get("dry_run"):
        return
    from cupola.arguments import command_line

    user, host = names.who()
    text = command_line(action, arguments)[:LONGEST]
    done = {"op": "did", "verb": PAST.get(word, word or domain), "kind": domain, "user": user, "host": host}
    with contextlib.suppress(OSError, CupolaError, UnicodeEncodeError):
        entries = [done | {"ref": ref, "value": text} for ref in _refs(result)]
        journals.append(store, f"{JOURNAL}/{store.writer}.jsonl", entries)
        feed.announce(store, "activity", "", 0)


def ls(store: Store, reference: str | None = None) -> list["Act"]:
    """What was done, the newest first; on one record, or on all versions of what `reference` names without a version.

    Every reader sees the same order. A record that is gone is found by its exact name. Raises NotFound, Ambiguous.
    """
    from cupola.team import deeds, subjects

    if reference is None:
        return _ordered(_everything(store))
    try:
        subject = subjects.find(store, reference)
    except NotFound as error:
        kind, colon, rest = reference.partition(":")
        gone = rest if colon and kind in subjects.FINDERS else reference
        found = [act for act in _everything(store) if act.ref == gone or act.ref.startswith(f"{gone}@")]
        if not found:
            raise error from None
        return _ordered(found)
    whole = subject.kind in ("dataset", "model") and "@" not in reference
    told = [*_of(store, subject), *deeds.of_notes(store, subject.kind), *_journal(store)]
    mine = (act for act in told if act.kind == subject.kind)
    return _ordered(act for act in mine if act.ref == subject.ref or (whole and _named(act.ref, subject.name)))


def _ordered(acts: Iterable["Act"]) -> list["Act"]:
    """The newest first; what cannot be read has no time, and did nothing."""
    timed = {one for one in acts if one.time}
    order = ("time", "kind", "ref", "verb", "user", "host", "text")
    return sorted(timed, key=lambda one: [getattr(one, name) for name in order], reverse=True)


def _named(ref: str, name: str) -> bool:
    return ref.partition("@")[0] == name


def _everything(store: Store) -> Iterator["Act"]:
    from cupola.datasets import records as datasets
    from cupola.experiments import records as runs
    from cupola.jobs import wish
    from cupola.registry import records as models
    from cupola.team import deeds
    from cupola.team.notes import COLLECTIONS

    for name in datasets.names(store):
        for version in datasets.versions(store, name):
            yield from deeds.of_dataset(version)
    jobs = wish.directories(store)
    for run in runs.ls(store):
        yield from deeds.of_run(store, run, jobs)
    for directory in jobs.values():
        job = wish.readable(store, directory)
        if job is not None and not job.run:
            yield from deeds.of_job(store, job)
    for name in models.names(store):
        for model in models.versions(store, name):
            yield from deeds.of_model(store, model)
        yield from deeds.of_aliases(store, name)
    for kind in COLLECTIONS:
        yield from deeds.of_notes(store, kind)
    yield from _journal(store)


def _of(store: Store, subject: "Subject") -> Iterator["Act"]:
    """What the versions of a dataset or model, or a single run or job, say of themselves."""
    from cupola.datasets import records as datasets
    from cupola.experiments import records as runs
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
    elif subject.kind == "run":
        yield from deeds.of_run(store, runs.find(store, subject.ref), wish.directories(store))
    elif subject.kind == "job":
        yield from deeds.of_job(store, wish.find(store, subject.ref))


def _journal(store: Store) -> Iterator["Act"]:
    from cupola.team.deeds import Act

    for entry in journals.folded(store, JOURNAL):
        if entry.get("op") == "did":
            said = {name: str(entry.get(name, "")) for name in ("time", "user", "host", "verb", "kind", "ref")}
            yield Act(text=str(entry.get("value", "")), **said)


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
