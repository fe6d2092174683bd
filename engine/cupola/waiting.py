"""Waiting for what an action started, in the terms of the record that it gave."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from cupola import actions
from cupola.actions import Action
from cupola.errors import WorkFailed
from cupola.references import reference
from cupola.store import names
from cupola.workspace import Workspace

CHANGING = ("Creating", "Updating", "RollingBack", "Deleting")
FAILED = ("Failed", "Stopped")
EVERY = 0.1
OF_THE_WISH = ("wished", "desired", "mode", "workers", "max_workers", "memory", "batch_rows")  # make it another one
BY_WHOM = 2.0  # seconds in which it is found out who made that
COMING_BACK = 30.0  # seconds in which the keeper of an endpoint that has died is waited for
SHOWN_BY = {"run": "run", "forecast": "run", "autopilot": "autopilot", "pipeline": "execution"}  # what `show` is told
NAMING = ("run", "job", "endpoint", "id", "name", "output")  # what a record means by them is its own affair


def wait(
    workspace: Workspace,
    action: Action,
    record: Any,
    *,
    timeout: float | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Any:
    """Waits until the work behind `record` has ended, or an endpoint is what it should be; the record as it is then.

    `progress` gets the state of the job or endpoint whenever it changes. Raises WorkFailed when the work failed or was
    stopped, or a change of an endpoint was rolled back, TimeoutError after `timeout` seconds.
    """
    if action.waits == "endpoint":
        ended = _endpoint(workspace, record, timeout, progress)
    elif action.waits == "tuning":
        ended = _tuning(workspace, record.tuning, timeout, progress)
    elif action.waits == "pipeline":
        ended = _execution(workspace, record.execution, timeout, progress)
    elif action.waits == "request":
        ended = _request(workspace, record, timeout, progress)
    else:
        from cupola.jobs import records as jobs

        ended = jobs.wait(workspace.store, name_of(action, record), progress=progress, timeout=timeout)
        if not ended.over:
            raise TimeoutError(f"job {ended.id} is still {ended.status}")
    if ended.status in FAILED or _gone(ended) or getattr(ended, "update_failed", False):
        raise _failure(action, ended)
    return refresh(workspace, action, record)


def refresh(workspace: Workspace, action: Action, record: Any) -> Any:
    """The record as it is now: of the same type, with what its job, run or endpoint says now."""
    if action.waits == "request":
        return actions.run(workspace, "endpoint result", endpoint=record.endpoint, request=record.request)
    shown = "run" if action.waits == "run" else action.waits
    held = SHOWN_BY.get(shown or "")
    name = getattr(record, held) if held else name_of(action, record)
    fresh = actions.run(workspace, f"{shown} show", **{_first(f"{shown} show"): name})
    if type(fresh) is type(record):
        return fresh
    left = fresh.output if action.waits == "job" else {}
    known = {one: getattr(fresh, one) for one in record.__struct_fields__ if hasattr(fresh, one) and one not in NAMING}
    return msgspec.structs.replace(
        record, **known | {one: left[one] for one in record.__struct_fields__ if one in left}
    )


def name_of(action: Action, record: Any) -> str:
    """The job, the tuning or the endpoint that the record stands for."""
    if action.waits == "endpoint":
        return str(getattr(record, "endpoint", None) or record.name)
    return str(getattr(record, "job", None) or reference(record))


@contextmanager
def progress_to(progress: Callable[[Any], None]) -> Iterator[None]:
    """Tells `progress` of the jobs that actions themselves wait for."""
    from cupola.jobs.records import on_progress

    token = on_progress.set(progress)
    try:
        yield
    finally:
        on_progress.reset(token)


def _endpoint(workspace: Workspace, asked: Any, timeout: float | None, progress: Callable[[Any], None] | None) -> Any:
    """Raises WorkFailed as soon as somebody wishes for something else."""
    name = str(asked.endpoint)
    since = names.now()
    begun = here = time.monotonic()
    told = None
    while True:
        state = actions.run(workspace, "endpoint show", **{_first("endpoint show"): name})
        if state.revision != asked.revision and any(getattr(state, one) != getattr(asked, one) for one in OF_THE_WISH):
            raise _overtaken(workspace, state, since)
        if not _gone(state):
            here = time.monotonic()
        if progress and (state.status, state.reason) != told:
            told = (state.status, state.reason)
            progress(state)
        if state.status not in CHANGING and (not _gone(state) or time.monotonic() - here > COMING_BACK):
            return state
        if timeout is not None and time.monotonic() - begun > timeout:
            raise TimeoutError(f"endpoint {name} is still {state.status}")
        time.sleep(EVERY)


def _overtaken(workspace: Workspace, state: Any, since: str) -> WorkFailed:
    """Why a change is waited for no more; who has made the other one is written down right after it."""
    from cupola.team import activity

    deadline = time.monotonic() + BY_WHOM
    acts: list[Any] = []
    while not acts and time.monotonic() < deadline:
        time.sleep(EVERY)
        acts = [act for act in activity.newest(workspace.store, f"endpoint:{state.name}") if act.time >= since]
    whose = f" ({acts[0].user}: {acts[0].text})" if acts else ""
    return WorkFailed(
        f"before this change was done another one has overtaken it, revision {state.revision} of endpoint.toml{whose}",
        where=f"endpoint {state.name}",
        hint=f"`cupola endpoint show {state.name}` says what is served, `cupola activity endpoint:{state.name}` why",
    )


def _tuning(workspace: Workspace, name: str, timeout: float | None, progress: Callable[[Any], None] | None) -> Any:
    begun = time.monotonic()
    told = None
    while True:
        state = actions.run(workspace, "tuning show", tuning=name)
        if progress and state != told:
            told = state
            progress(state)
        if state.over:
            return state
        if timeout is not None and time.monotonic() - begun > timeout:
            raise TimeoutError(f"the tuning {state.name} is still {state.status}")
        time.sleep(EVERY)


def _execution(workspace: Workspace, name: str, timeout: float | None, progress: Callable[[Any], None] | None) -> Any:
    from cupola.pipelines import standing

    begun = time.monotonic()
    told = None
    while True:
        looked = time.monotonic()
        state = standing.find(workspace.store, name)
        if progress and state != told:
            told = state
            progress(state)
        if state.over:
            return state
        if timeout is not None and time.monotonic() - begun > timeout:
            raise TimeoutError(f"the execution {name} is still {state.status}")
        took = time.monotonic() - looked
        time.sleep(max(3 * took, min(EVERY, 0.01 + (time.monotonic() - begun) / 20)))


def _request(workspace: Workspace, record: Any, timeout: float | None, progress: Callable[[Any], None] | None) -> Any:
    from cupola.asynchronous import actions as requests

    return requests.wait(workspace.store, record, timeout, progress)


def _gone(ended: Any) -> bool:
    """Whether it is an endpoint that should serve, and whose keeper is not there: an agent starts another one."""
    return ended.status == "OutOfService" and getattr(ended, "desired", "") == "InService"


def _first(action: str) -> str:
    return actions.find(action).parameters[0].name


def _failure(action: Action, ended: Any) -> WorkFailed:
    """Why the work that was waited for came to nothing."""
    if action.waits == "endpoint":
        return WorkFailed(
            ended.reason or "it could not be started",
            where=f"endpoint {ended.name}",
            hint=f"`cupola endpoint log {ended.name}` says more",
        )
    if action.waits == "request":
        return WorkFailed(ended.reason or "it was not answered", where=f"request {ended.request}")
    if action.waits == "pipeline":
        hint = (
            f"`cupola pipeline show {ended.execution}` says more, `cupola pipeline retry {ended.execution}` goes on "
            f"with the code of then, `cupola pipeline run {ended.pipeline}` with what is in src/ now"
        )
        where = f"execution {ended.execution} of {ended.pipeline}"
        return WorkFailed(ended.reason or f"it ended as {ended.status}", where=where, hint=hint)
    if action.waits == "tuning":
        hint = f"`cupola tuning trials {ended.name}` says more, and `cupola job log {ended.jobs[-1]}`"
        return WorkFailed(ended.reason or f"it ended as {ended.status}", where=f"tuning {ended.name}", hint=hint)
    error = getattr(ended, "error", None)
    message = error.message if error else ended.reason or f"it ended as {ended.status}"
    hint = error.hint if error and error.hint else f"`cupola job log {ended.id}` says more"
    where = f"job {ended.id}, {error.where}" if error and error.where else f"job {ended.id}"
    return WorkFailed(message, where=where, hint=hint)
