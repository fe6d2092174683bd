"""What an attempt makes visible outside of its own directories: all of it, and only once its end is decided.

A job leaves it ready in its attempt (`attempt.publish`). The keeper makes result.json, which only one can make of an
attempt, and then publishes; when it dies in between, an agent does. So nothing of an attempt that has lost its job, or
that was given up, is ever published, however late its processes go on.
"""

import contextlib
from typing import Any

import msgspec

from cupola.errors import Conflict, NotFound
from cupola.jobs import attempts
from cupola.jobs.attempts import AttemptEnd
from cupola.jobs.wish import Job
from cupola.store import Store, feed, files, names, records
from cupola.store.records import Record


class Directory(msgspec.Struct, kw_only=True):
    """A whole directory that goes to a name which was claimed for it, and the record that it then is."""

    origin: str
    target: str
    kind: str
    ref: str


class Publication(Record, kw_only=True):
    """attempts/N/publish.json: directories to put in their places, then what the record at `path` is to be."""

    directories: list[Directory] = msgspec.field(default_factory=list)
    path: str
    content: dict[str, Any]
    kind: str
    ref: str


class Published(Record, kw_only=True):
    """attempts/N/published.json: since when all of it is in its place."""

    time: str


def left(store: Store, job: Job, number: int) -> bool:
    """Whether an attempt has left something to publish."""
    return attempts.optional(store, _path(job, number), Publication) is not None


def is_done(store: Store, job: Job, end: AttemptEnd) -> bool:
    """Whether all that an attempt publishes is in its place."""
    return not end.publishes or attempts.optional(store, _done(job, end.attempt), Published) is not None


def is_awaited(store: Store, job: Job, end: AttemptEnd) -> bool:
    """Whether something that an attempt has left is still to be published; not where its record was removed since."""
    if is_done(store, job, end):
        return False
    found = attempts.optional(store, _path(job, end.attempt), Publication)
    return found is None or bool(files.listing(store, found.path.rpartition("/")[0]))


def conclude(store: Store, job: Job, number: int) -> None:
    """Says that all of an attempt is in its place. Raises DiskTrouble, ReadOnly."""
    files.write_bytes(store, _done(job, number), msgspec.json.encode(Published(time=names.now())))


def publish(store: Store, job: Job, end: AttemptEnd) -> None:
    """Publishes what the attempt that has ended so has left; doing it twice, or two at once, changes nothing more.

    One that comes so late that a later attempt has published by now puts back what that one has said.
    """
    if not end.publishes:
        return
    found = records.read(store, _path(job, end.attempt), Publication)
    for directory in found.directories:
        _put(store, directory)
    _replace(store, found)
    if not attempts.optional(store, _done(job, end.attempt), Published):
        conclude(store, job, end.attempt)
    for number in attempts.numbers(store, job):
        if number > end.attempt and attempts.optional(store, _done(job, number), Published):
            _replace(store, records.read(store, _path(job, number), Publication))


def _put(store: Store, directory: Directory) -> None:
    with contextlib.suppress(Conflict, NotFound):
        files.publish_dir(store, files.absolute(store, directory.origin), directory.target)
    if not files.listing(store, directory.target):
        raise NotFound("what an attempt has made is not there", where=directory.origin)
    feed.announce(store, directory.kind, directory.ref, 1)


def _replace(store: Store, found: Publication) -> None:
    """Replaces the record, told before as well as after: no digest may go on believing the old one in between."""
    before = msgspec.json.decode(files.read_bytes(store, found.path), type=dict[str, Any])
    content = before | found.content | {"revision": before["revision"]}
    if content == before:
        return
    content["revision"] += 1
    feed.announce(store, found.kind, found.ref, content["revision"], found.path)
    files.write_bytes(store, found.path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    feed.announce(store, found.kind, found.ref, content["revision"], found.path)


def _path(job: Job, number: int) -> str:
    return f"{job.attempt(number)}/publish.json"


def _done(job: Job, number: int) -> str:
    return f"{job.attempt(number)}/published.json"
