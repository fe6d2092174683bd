"""Actions that do their work as a job, and wait for it."""

from typing import Any

from cupola.errors import WorkFailed, from_info
from cupola.jobs import records as jobs
from cupola.store import Store


def done(
    store: Store, *, kind: str, command: list[str], spec: dict[str, Any], name: str, **more: Any
) -> dict[str, Any]:
    """Files a job (`more` as `filing.file` takes it), waits for it, and gives its output, as `output` does."""
    return output(store, jobs.file(store, kind=kind, command=command, spec=spec, name=name, **more).id)


def output(store: Store, job: str) -> dict[str, Any]:
    """What a job gives, once it has ended; one that the user interrupts is stopped.

    Raises the error that the job has left, and WorkFailed for one that ended without a word.
    """
    try:
        ended = jobs.wait(store, job)
    except KeyboardInterrupt:
        jobs.stop(store, job, "interrupted")
        raise
    if ended.error and ended.error.kind != "Bug":
        raise from_info(ended.error)
    if ended.status != "Completed":
        message = ended.error.message if ended.error else ended.reason or f"it ended as {ended.status}"
        raise WorkFailed(
            f"the {ended.kind} failed: {message.partition(chr(10))[0]}",
            where=f"job {job}",
            hint=f"`cupola job log {job}` says more",
        )
    return ended.output
