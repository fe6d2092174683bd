"""Waiting for what an action started, in the terms of the record that it gave."""

from collections.abc import Callable
from typing import Any

from cupola.actions import Action
from cupola.workspace import Workspace

CHANGING = ("Creating", "Updating", "Deleting")
FAILED = ("Failed", "Stopped")
EVERY = 0.1


def wait(
    workspace: Workspace,
    action: Action,
    record: Any,
    *,
    timeout: float | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Any:
    """Waits until the work behind `record` has ended, or an endpoint has become what it should; the record as it then is.

    `progress` gets the state of the job or of the endpoint whenever it changes. Raises WorkFailed when the work failed or
    was stopped, TimeoutError after `timeout` seconds.
    """
    if action.waits == "endpoint":
        ended = _wait_for_endpoint(workspace, record, timeout, progress)
    else:
        from cupola.jobs import records as jobs

        ended = jobs.wait(workspace.store, job_of(record), progress=progress, timeout=timeout)
        if not ended.over:
            raise TimeoutError(f"job {ended.id} is still {ended.status}")
    if ended.status in FAILED:
        raise _failure(action, ended)
    return refresh(workspace, action, record)
