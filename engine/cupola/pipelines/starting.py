"""What people and schedules do to executions: start one, stop it, have what failed done again."""

import contextlib
import hashlib
import sys
from typing import Any

import msgspec

from cupola.errors import BadInput, BadOption, Conflict, CupolaError, NotReady, Refused
from cupola.jobs import filing
from cupola.jobs import records as jobs
from cupola.jobs import wish as wishes
from cupola.pipelines import definition, functions, graph, records, standing
from cupola.pipelines.records import Execution, Pipeline
from cupola.store import files, names
from cupola.workspace import Workspace

KIND = "pipeline"
RETRIES = 5  # of a driver that was killed


def start(
    ws: Workspace,
    name: str,
    parameters: dict[str, Any] | None = None,
    *,
    steps: list[str] | None = None,
    origin: str | None = None,
    cache: bool = True,
) -> Execution:
    """Starts an execution of a pipeline, and comes back at once: a job of this user's drives it.

    steps: run only these; what they refer to of others comes from the execution `origin` (default: the newest that has
    succeeded). cache: whether results of earlier executions are taken where nothing has changed. Raises NotFound,
    BadInput, BadOption, NotReady, AgentTrouble (then nothing was started).
    """
    pipeline, text = definition.read(ws.store, name)
    user, host = names.who()
    in_python = pipeline.path.endswith(".py")
    chosen = list(dict.fromkeys(steps or []))
    if not in_python:
        for one in chosen:
            pipeline.step(one)
    if found := functions.wrong(pipeline, chosen, ws.root):
        raise BadInput(f"line {found[0].line}: step {found[0].name}: {found[1]}", where=pipeline.path)
    base = _origin(ws, name, chosen, origin)
    if chosen and not in_python:
        _check_chosen(ws, pipeline, chosen, base)
    made = Execution(
        id=names.new_id(), pipeline=name, user=user, host=host, submitted=names.now(), definition=pipeline,
        parameters=dict(parameters or {}) if in_python else definition.given(pipeline, parameters or {}),
        text=text if in_python else "", steps=chosen, origin=base, cache=cache,
        job=names.new_id(),
    )  # fmt: skip
    made = _created(ws, made)
    try:
        _drive(ws, made, made.job)
    except CupolaError:
        files.discard(files.absolute(ws.store, made.directory))
        raise
    return made


def stop(ws: Workspace, reference: str, reason: str = "") -> Execution:
    """Stops an execution and what its steps do in the background. Raises NotReady where it is over."""
    found = records.find(ws.store, reference)
    now = standing.of(ws.store, found)
    if now.over:
        raise NotReady(f"the execution {found.id} is over: {now.status}", where=found.pipeline)
    records.ask(ws.store, found, "stop")
    said = reason or "its pipeline was stopped"
    for job in [now.jobs[-1], *(one.job for one in now.steps if one.job and not one.over)]:
        with contextlib.suppress(CupolaError):
            filing.stop(ws.store, job, said)
    return found


def retry(ws: Workspace, reference: str) -> Execution:
    """Goes on with an execution that has failed or was stopped: what has succeeded is not done again.

    Raises NotReady while it runs, or where it has succeeded, Refused for another user's.
    """
    found = records.find(ws.store, reference)
    now = standing.of(ws.store, found)
    if now.status == "Succeeded" or not now.over:
        hint = (
            f"`cupola pipeline stop {found.id}` stops it" if not now.over else f"`cupola pipeline run {found.pipeline}`"
        )
        raise NotReady(f"the execution {found.id} is {now.status}", where=found.pipeline, hint=hint)
    if found.user != names.who()[0]:
        raise Refused(f"the execution {found.id} is {found.user}'s", hint=f"`cupola pipeline run {found.pipeline}`")
    first = jobs.find(ws.store, found.job)
    if not wishes.verified(first) or first.spec.get("seal") != seal(records.as_filed(ws.store, found)):
        raise Refused("execution.json is not what was filed", where=found.directory, hint="start another one")
    job = names.new_id()
    _drive(ws, records.as_filed(ws.store, found), job)
    records.ask(ws.store, found, "retry", job=job)
    return found


def seal(execution: Execution) -> str:
    """What tells this execution from any other: its job, whose wish is signed, does no other than was asked for."""
    return hashlib.sha256(msgspec.json.encode(execution, order="deterministic")).hexdigest()


def _created(ws: Workspace, wanted: Execution) -> Execution:
    """The execution, written; the same one that somebody was killed at before its job was filed is gone on with."""
    try:
        records.create(ws.store, wanted)
    except Conflict:
        there = records.read(ws.store, wanted.pipeline, wanted.id)
        same = msgspec.structs.replace(wanted, submitted=there.submitted, revision=there.revision)
        if same != there or there.job in wishes.directories(ws.store):
            raise
        return there
    return wanted


def _drive(ws: Workspace, execution: Execution, job: str) -> None:
    """Files the job that drives it. It takes no CPU: its steps do."""
    jobs.file(
        ws.store,
        id=job,
        kind=KIND,
        name=execution.pipeline,
        command=[sys.executable, "-m", "cupola.pipelines"],
        spec={"pipeline": execution.pipeline, "execution": execution.id, "seal": seal(execution)},
        cpus=0,
        retries=RETRIES,
        checkpoints=True,
        source=True,
        directory=ws.root,
    )


def _check_chosen(ws: Workspace, pipeline: Pipeline, chosen: list[str], origin: str) -> None:
    """Raises NotReady where a step that was chosen needs one that was not, and that has not succeeded before."""
    there = (
        {one.name for one in standing.find(ws.store, origin).steps if one.status == "Succeeded"} if origin else set()
    )
    for name in chosen:
        for other in graph.needed(pipeline.step(name)):
            if other not in chosen and other not in there:
                hint = "choose it too, or name an execution in which it has succeeded (--origin)"
                raise NotReady(f"{name} needs {other}, which was not chosen", where=pipeline.name, hint=hint)


def _origin(ws: Workspace, name: str, steps: list[str], given: str | None) -> str:
    """The execution that what is not run is taken from."""
    if given is not None:
        found = records.find(ws.store, given)
        if found.pipeline != name:
            raise BadOption(f"{given} is an execution of {found.pipeline}", where="--origin")
        return found.id
    if not steps:
        return ""
    for one in records.executions(ws.store, name):
        if standing.of(ws.store, one).status == "Succeeded":
            return one.id
    return ""
