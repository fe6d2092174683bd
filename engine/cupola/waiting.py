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
from cupola.workspace import Workspace

CHANGING = ("Creating", "Updating", "Deleting")
FAILED = ("Failed", "Stopped")
EVERY = 0.1
NAMING = ("run", "job", "endpoint", "id", "name")


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
    stopped, TimeoutError after `timeout` seconds.
    """
    if action.waits == "endpoint":
        ended = _endpoint(workspace, name_of(action, record), timeout, progress)
    else:
        from cupola.jobs import records as jobs

        ended = jobs.wait(workspace.store, name_of(action, record), progress=progress, timeout=timeout)
        if not ended.over:
            raise TimeoutError(f"job {ended.id} is still {ended.status}")
    if ended.status in FAILED:
        raise _failure(action, ended)
    return refresh(workspace, action, record)


def refresh(workspace: Workspace, action: Action, record: Any) -> Any:
    """The record as it is now: of the same type, with what its job, run or endpoint says now."""
    shown = "run" if action.waits == "run" else action.waits
    name = record.run if shown == "run" else name_of(action, record)
    fresh = actions.run(workspace, f"{shown} show", **{_first(f"{shown} show"): name})
    if type(fresh) is type(record):
        return fresh
    known = {one for one in record.__struct_fields__ if hasattr(fresh, one) and one not in NAMING}
    return msgspec.structs.replace(record, **{one: getattr(fresh, one) for one in known})


def name_of(action: Action, record: Any) -> str:
    """The job or the endpoint that the record stands for."""
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


def _endpoint(workspace: Workspace, name: str, timeout: float | None, progress: Callable[[Any], None] | None) -> Any:
    begun, told = time.monotonic(), None
    while True:
        state = actions.run(workspace, "endpoint show", **{_first("endpoint show"): name})
        if progress and (state.status, state.reason) != told:
            told = (state.status, state.reason)
            progress(state)
        if state.status not in CHANGING:
            return state
        if timeout is not None and time.monotonic() - begun > timeout:
            raise TimeoutError(f"endpoint {name} is still {state.status}")
        time.sleep(EVERY)


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
    error = getattr(ended, "error", None)
    message = error.message if error else ended.reason or f"it ended as {ended.status}"
    hint = error.hint if error and error.hint else f"`cupola job log {ended.id}` says more"
    return WorkFailed(message, where=f"job {ended.id}", hint=hint)
