"""`cupola.run()`: begins a run of any script."""

import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from cupola.experiments.records import Run
from cupola.store import names
from cupola.team import notes
from cupola.tracking import ending, joining, surroundings, values
from cupola.tracking.active import ActiveRun, end_all, open_runs, set_variables
from cupola.tracking.writer import writer
from cupola.workspace import Workspace


def run(
    name: str | None = None,
    *,
    experiment: str = "default",
    params: Mapping[str, Any] | None = None,
    tags: Iterable[str] = (),
    workspace: Any = None,
) -> ActiveRun:
    """Begins a run, for a `with` block or to be ended by `end()`.

    It lies in `workspace` (a path, or what `cupola.open` gave), else in $CUPOLA_WORKSPACE, else in the workspace that
    the working directory lies in. In a job of Cupola it is the job's run: attempts of the job are attempts of the run.
    A process that was started by one with an open run joins that run, and so do the processes of one torchrun.

    Raises NotFound where there is no workspace; ReadOnly for one that you may not write; Refused for a viewer; BadName,
    BadOption, BadInput. No disk that is full, failing or silent stops the script after that.
    """
    opened = joining.workspace(workspace)
    names.check_name(experiment, "name of an experiment")
    if name is not None:
        names.check_name(name, "name of a run")
    given = [notes.check_tag(one) for one in ([tags] if isinstance(tags, str) else tags)]
    return _begin(opened, name, experiment, values.params_of(params or {}), given)


def current() -> ActiveRun | None:
    """The run that was begun last and has not ended, in this process."""
    return open_runs[-1] if open_runs else None


def join(root: str, experiment: str, one: str) -> ActiveRun:
    """The handle of a run that another process has sent."""
    for made in open_runs:
        if made.id == one:
            return made
    before = set_variables({joining.RUN: f"{experiment}/{one}/{joining.BEGUN}", joining.WORKSPACE: root})
    try:
        return run(experiment=experiment, workspace=root)
    finally:
        set_variables(before)


_begun: list[str] = []  # ids of the runs that this process has begun
_beginning = threading.Lock()


def _begin(opened: Workspace, name: str | None, experiment: str, params: dict[str, Any], tags: list[str]) -> ActiveRun:
    store = opened.store
    with _beginning, joining.turn(store):
        seat = joining.seat(store, experiment, _begun)
        record = _record(seat, name, params, tags)
        made = ActiveRun(opened, seat, record)
        if seat.owner and joining.shared():
            made.write()
        _begun.append(seat.id)
    surroundings.look()
    open_runs.append(made)
    made._variables = set_variables({joining.RUN: joining.variable(seat), joining.WORKSPACE: str(opened.root)})
    if not seat.owner and params:
        made.log_params(params)
    ending.watch(end_all)
    writer().wake(made._pen)
    return made


def _record(seat: joining.Seat, name: str | None, params: dict[str, Any], tags: list[str]) -> Run:
    user, host = names.who()
    before, now = seat.before, names.now()
    job = seat.job
    return Run(
        revision=before.revision if before else 1,
        id=seat.id,
        name=name or (before.name if before else job.job.name if job and not _begun else names.word_name()),
        experiment=seat.experiment,
        status="InProgress",
        secondary_status="Running",
        user=user,
        host=host,
        submitted=before.submitted if before else now,
        started=now,
        params=params,
        tags=list(dict.fromkeys([*(before.tags if before else ()), *tags])),
        job=job.job.id if job else "",
        attempt=seat.attempt,
        environment=surroundings.environment(),
        process=surroundings.process(),
    )


def _in_child() -> None:
    global _beginning
    _beginning = threading.Lock()
    _begun.clear()
    for made in open_runs:
        made.in_child()


os.register_at_fork(after_in_child=_in_child)
