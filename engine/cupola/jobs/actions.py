"""What a user can do with jobs: submit a command, watch it, stop it, have it tried again."""

import os
import re
import warnings
from collections.abc import Iterator
from typing import Annotated

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.errors import BadOption, NotFound
from cupola.jobs import amounts, attempts, logs, records, wish
from cupola.jobs.code import is_python
from cupola.jobs.records import JobState
from cupola.search import evaluating
from cupola.store import names
from cupola.team import notes
from cupola.workspace import Workspace

Filter = Annotated[str | None, Arg(help="only those: 'kind = train and status = Failed'", completes="job filter")]
Sort = Annotated[str | None, Arg(help="by this field: submitted:desc", completes="job sort")]
Job = Annotated[str, Arg(help="a job: its id, the beginning of it, or its name", completes="job")]


class Submitted(msgspec.Struct, kw_only=True):
    """A job that was filed: `job` is its id."""

    job: str
    name: str
    status: str
    secondary_status: str = ""
    exit_code: int | None = None
    reason: str = ""


@action("job submit", waits="job")
def submit(
    ws: Workspace,
    command: Annotated[list[str], Arg(help="the command and its arguments, after --")],
    *,
    name: Annotated[str | None, Arg(help="what to call it; without one it gets a name of its own")] = None,
    cpus: Annotated[int, Arg(help="how many CPUs it gets, and so how many threads")] = 1,
    gpus: Annotated[int, Arg(help="how many GPUs it gets")] = 0,
    memory: Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")] = None,
    python: Annotated[str | None, Arg(help="run the command with this Python", completes="file")] = None,
    max_runtime: Annotated[str | None, Arg(help="the longest that it may run: 90s, 15m, 2h")] = None,
    retries: Annotated[int, Arg(help="how often it is tried again when it fails or is interrupted")] = 0,
    live: Annotated[bool, Arg(help="run script and src/ in place, not as they are now")] = False,
    checkpoints: Annotated[bool, Arg(help="go on after a reboot with what it left in $CUPOLA_CHECKPOINTS")] = False,
    host: Annotated[str | None, Arg(help="run it on this host only, not on any of yours that can")] = None,
    metric: Annotated[dict[str, str] | None, Arg(help="NAME=REGEX: a metric in its output", pairs=True)] = None,
) -> Submitted:
    """Run any command in the background, held to the CPUs, GPUs and memory that it asks for.

    It runs in the directory where it was filed, with the interpreter that the command names, and goes on when this
    program or the login session ends. Its script and the workspace's src/ are copied as they are now.

    Any host with an agent of yours that can run it may do so; one that falls silent loses it to another, which begins
    it anew ($CUPOLA_ATTEMPT counts). With --checkpoints a directory $CUPOLA_CHECKPOINTS goes from attempt to attempt,
    and a job that was interrupted (its host went down, its keeper was killed) is started again by itself.
    """
    if not command:
        raise BadOption("job submit needs a command", hint="cupola job submit -- python train.py")
    job = records.file(
        ws.store,
        kind="command",
        command=_with_python(command, python),
        name=name if name is None else names.check_name(name, "name of a job"),
        cpus=cpus,
        gpus=gpus,
        memory=amounts.size(memory),
        max_runtime=amounts.seconds(max_runtime),
        retries=retries,
        live=live,
        only_on=host,
        checkpoints=checkpoints,
        metrics=_patterns(metric or {}),
    )
    return Submitted(job=job.id, name=job.name, status="Queued")


@action("job ls", writes=False)
def ls(
    ws: Workspace,
    *,
    filter: Filter = None,
    sort: Sort = None,
    status: Annotated[str | None, Arg(help="only those: Queued, InProgress, Completed, Failed, Stopped")] = None,
    limit: Annotated[int | None, Arg(help="at most so many, the newest")] = None,
) -> list[JobState]:
    """List the jobs, the newest first."""
    found = [one for one in records.ls(ws.store) if status in (None, one.status)]
    notes.put_tags(ws.store, "job", {one.id: one for one in found})
    return evaluating.chosen(found, filter, sort, limit)


@action("job show", writes=False, about="job")
def show(ws: Workspace, job: Job) -> JobState:
    """Show how a job stands or how it ended, and why."""
    found = records.state(ws.store, job)
    notes.put_tags(ws.store, "job", {found.id: found})
    return found


@action("job log", writes=False, about="job", key="l")
def log(
    ws: Workspace,
    job: Job,
    *,
    follow: Annotated[bool, Arg(help="go on until the job ends", short="f")] = False,
    lines: Annotated[int | None, Arg(help="only the last lines", short="n")] = None,
    attempt: Annotated[int | None, Arg(help="of this attempt (default: the last)")] = None,
) -> Iterator[str]:
    """Print what a job has written, as it was written."""
    found = wish.find(ws.store, job)
    made = attempts.numbers(ws.store, found)
    number = attempt or max(made, default=1)
    if attempt is not None and attempt not in made:
        raise NotFound(f"job {found.id} has no attempt {attempt}", hint=f"it has {len(made)}")
    if lines is not None and lines < 0:
        raise BadOption(f"--lines is 0 or more, not {lines}")
    return _log(ws, found, number, lines, follow)


@action("job stop", about="job", key="x", confirm="y")
def stop(
    ws: Workspace, job: Job, *, reason: Annotated[str, Arg(help="why, for those who look at it later")] = ""
) -> JobState:
    """Stop a job: it is asked to end, and killed with all that it started when it has not after ten seconds."""
    return records.state(ws.store, records.stop(ws.store, job, reason).id)


@action("job retry", about="job", waits="job")
def retry(ws: Workspace, job: Job) -> JobState:
    """Run a job that is over once more, as it was filed."""
    return records.state(ws.store, records.retry(ws.store, job).id)


@action("job wait", writes=False, about="job")
def wait(
    ws: Workspace, job: Job, *, timeout: Annotated[str | None, Arg(help="the longest to wait: 90s, 15m")] = None
) -> JobState:
    """Wait until a job is over, and show how it ended."""
    return records.wait(ws.store, job, timeout=amounts.seconds(timeout, "--timeout"))


@action("job confirm", about="job", confirm="y", dry_run=True)
def confirm(
    ws: Workspace,
    job: Job,
    *,
    dry_run: Annotated[bool, Arg(help="show what would be signed, and sign nothing")] = False,
) -> wish.Job:
    """Sign a job whose job.json was edited by hand, so that it runs as it now stands; shows what that is."""
    return wish.find(ws.store, job) if dry_run else records.confirm(ws.store, job)


def _log(ws: Workspace, job: wish.Job, number: int, count: int | None, follow: bool) -> Iterator[str]:
    path = f"{job.attempt(number)}/log.txt"
    text, after = logs.last(ws.store, path, count) if count is not None else ("", 0)
    if text:
        yield text
    if count is None and not follow:
        yield from logs.whole(ws.store, path)
    if follow:
        yield from logs.follow(ws.store, job, number, after)


def _with_python(command: list[str], python: str | None) -> list[str]:
    if python is None:
        return command
    program = str(place.path(python))
    if not os.path.exists(program):  # noqa: PTH110 - Path's fails on a name that is too long
        raise BadOption(f"--python: there is no {python}")
    return [program, *command[1:]] if is_python(command[0]) else [program, *command]


def _patterns(metrics: dict[str, str]) -> dict[str, str]:
    for name, pattern in metrics.items():
        try:
            with warnings.catch_warnings(action="ignore"):
                re.compile(pattern)
        except re.error as error:
            raise BadOption(f"--metric {name}: {pattern!r} is not a regular expression: {error}") from None
    return metrics
