"""What people do to jobs: file one, stop it, have it tried again, sign what was edited by hand."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from cupola import place
from cupola.errors import BadOption, CupolaError, NotFound, NotReady, Refused
from cupola.jobs import agents, attempts, moved, publication, wish
from cupola.jobs.code import snapshot
from cupola.jobs.environment import allowed
from cupola.jobs.wish import Asked, Job
from cupola.store import Store, feed, files, names, records, secret
from cupola.store.trouble import disk


def file(
    store: Store,
    *,
    kind: str,
    command: list[str],
    spec: dict[str, Any] | None = None,
    id: str | None = None,
    name: str | None = None,
    run: str | None = None,
    cpus: int = 1,
    gpus: int = 0,
    memory: int | None = None,
    max_runtime: float | None = None,
    retries: int = 0,
    live: bool = False,
    source: bool = False,
    only_on: str | None = None,
    checkpoints: bool = False,
    metrics: dict[str, str] | None = None,
    directory: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Job:
    """Files a job, signed, and tells the agent, which is started when there is none; returns at once.

    `id` may be drawn before (names.new_id) by who has to write it elsewhere first. `spec` is what the work reads.
    memory in bytes, max_runtime in seconds. source: the work imports from src/, of which it gets a copy as a command
    does. Raises BadOption, DiskTrouble, AgentTrouble (then nothing was filed).
    """
    if not command or not all(isinstance(word, str) and "\0" not in word for word in command):
        raise BadOption("a job needs a command")
    agents.ensure()
    _check_limits(cpus, gpus, memory, max_runtime, retries, _slots(store, only_on))
    variables = allowed(os.environ) if environment is None else environment
    where = directory or place.here()
    user, host = names.who()
    job = Job(
        id=id or names.new_id(), kind=kind, name=name or names.word_name(), command=command,
        interpreter=_program(command[0], where, variables), directory=str(where), environment=variables,
        cpus=cpus, gpus=gpus, memory=memory, max_runtime=max_runtime, retries=retries,
        user=user, host=host, root=str(store.root), version="" if kind == "command" else moved.version(),
        only_on=only_on, checkpoints=checkpoints, submitted=names.now(), spec=spec or {}, run=run, live=live,
        metrics=metrics or {},
    )  # fmt: skip
    with disk(job.directory_in_store):
        _write(store, job, (kind == "command" or source) and not live)
    agents.tell(store.root, job.id)
    return job


def stop(store: Store, reference: str, reason: str = "") -> Job:
    """Asks that a job be stopped: SIGTERM to all of it, ten seconds later SIGKILL. Raises NotReady when it is over."""
    job = wish.find(store, reference)
    number = max(attempts.numbers(store, job), default=1)
    ended = attempts.optional(store, f"{job.attempt(number)}/result.json", attempts.AttemptEnd)
    if ended and not attempts.tried_again(store, job, ended):
        raise NotReady(f"job {job.id} is over: {ended.status}")
    if ended:
        number += 1
    path = f"{job.attempt(number)}/stop.json"
    files.create_bytes(store, path, msgspec.json.encode(_asked(reason)))
    feed.announce(store, "job", job.id, 0)
    if job.user == names.who()[0]:
        agents.tell(store.root, job.id)
    return job


def retry(store: Store, reference: str) -> Job:
    """Asks for one more attempt of a job that is over. Raises NotReady while it is not, Refused for another's job."""
    job = wish.find(store, reference)
    number = max(attempts.numbers(store, job), default=0)
    ended = attempts.optional(store, f"{job.attempt(number)}/result.json", attempts.AttemptEnd)
    if not ended or attempts.tried_again(store, job, ended) or not publication.is_done(store, job, ended):
        raise NotReady(f"job {job.id} is not over", hint=f"`cupola job stop {job.id}` stops it")
    if not wish.verified(job):
        hint = "`cupola key` shows how a user takes the secret that signs jobs to another host"
        raise Refused(f"job {job.id} was filed by {job.user} on {job.host}, with another secret than yours", hint=hint)
    agents.ensure()
    asked = msgspec.structs.replace(_asked(""), mac=secret.sign(wish.retry_payload(job, number + 1)))
    feed.announce(store, "job", job.id, number + 1)  # before, so that no digest is believed should this be killed next
    files.create_bytes(store, f"{job.attempt(number + 1)}/filed.json", msgspec.json.encode(asked))
    wish.enqueue(store, job)
    feed.announce(store, "job", job.id, 0)
    agents.tell(store.root, job.id)
    return job


def confirm(store: Store, reference: str) -> Job:
    """Signs a job that was edited by hand, so that it runs. Raises Refused where it is another user's."""
    job = wish.find(store, reference)
    if job.user != names.who()[0]:
        raise Refused(f"job {job.id} is {job.user}'s; only {job.user} can confirm it")
    agents.ensure()
    job.mac = secret.sign(job.payload())
    records.write(store, f"{job.directory_in_store}/job.json", job, kind="job", ref=job.id)
    wish.enqueue(store, job)
    agents.tell(store.root, job.id)
    return job


def _write(store: Store, job: Job, copied: bool) -> None:
    """The queue's wish first: a job that is there is also in the queue, whatever happens in between."""
    staged = files.staging(store)
    try:
        (staged / "attempts" / "1").mkdir(parents=True)
        if copied:
            job.code = snapshot(store.root, staged, job.command, Path(job.directory))
        job.mac = secret.sign(job.payload())
        (staged / "job.json").write_bytes(msgspec.json.format(msgspec.json.encode(job), indent=1) + b"\n")
        wish.enqueue(store, job)
        files.publish_dir(store, staged, job.directory_in_store)
    except BaseException:
        files.discard(staged)
        with contextlib.suppress(CupolaError):
            files.remove(store, f"{wish.QUEUE}/{job.id}")
        raise
    feed.announce(store, "job", job.id, job.revision)


def _asked(reason: str) -> Asked:
    user, host = names.who()
    return Asked(user=user, host=host, time=names.now(), reason=reason)


def _program(word: str, directory: Path, variables: dict[str, str]) -> str | None:
    """The file that the first word of a command means, or None (the job will say so when it starts)."""
    if "/" in word:
        path = directory / word
        return os.path.normpath(path) if os.access(path, os.X_OK) and path.is_file() else None
    return shutil.which(word, path=variables.get("PATH", os.defpath))


def _slots(store: Store, host: str | None) -> dict[str, Any]:
    """What the host that is to run it has to give. Raises BadOption where no agent of this user has ever served it."""
    user, here = names.who()
    if host in (None, here):
        return agents.slots()
    try:
        return agents.record(store, host).slots
    except NotFound:
        known = ", ".join(agents.hosts(store, user)) or "none"
        hint = f"hosts that do: {known}; `cupola agent start` in the workspace there makes one known"
        raise BadOption(f"--host: no agent of {user} on {host} serves this workspace", hint=hint) from None


def _check_limits(
    cpus: int, gpus: int, memory: int | None, max_runtime: float | None, retries: int, slots: dict[str, Any]
) -> None:
    have = slots.get("cpus") or os.cpu_count() or 1
    if not 0 <= cpus <= have:
        raise BadOption(f"--cpus is between 0 and {have} on this host, not {cpus}")
    total = slots.get("memory") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if memory is not None and not 0 < memory <= total:
        raise BadOption(f"--memory is more than 0 and at most the {total // 2**20} MB of this host, not {memory} bytes")
    cards = slots.get("gpus", 0)
    if not 0 <= gpus <= cards:
        have_gpus = (
            f"between 0 and {cards} on this host" if cards else "0 on this host, which has no GPU that can be used"
        )
        raise BadOption(f"--gpus is {have_gpus}, not {gpus}")
    if max_runtime is not None and max_runtime <= 0:
        raise BadOption(f"--max-runtime is more than 0, not {max_runtime}")
    if retries < 0:
        raise BadOption(f"--retries is 0 or more, not {retries}")
