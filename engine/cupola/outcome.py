"""What became of an action that got no answer: found by what it was filed under, and never by doing it again.

An action that a mount swallowed may have been done in full, in part or not at all. What it made is named after what it
was filed under (`store.names.filed_under`), so that it can be told from all else once the mount answers again.
"""

import contextlib
from typing import Any

from cupola.errors import Corrupt, NotFound
from cupola.store import Store, files, journals
from cupola.store.names import ids_under

NOTES = ".cupola/notes"


def of(store: Store, filed: str) -> tuple[str, str] | None:
    """The kind and reference of what was made under `filed`; None where nothing of it is here, or not all of it.

    ("note", WHERE) is a line in a journal: a comment, an approval, or that some other action was done. Raises
    DiskTrouble while the mount does not answer.
    """
    ids = ids_under(filed)
    return _execution(store, ids) or _job(store, ids) or _model(store, ids) or _line(store, filed)


def _execution(store: Store, ids: set[str]) -> tuple[str, str] | None:
    """The execution of a pipeline: one without the job that drives it was not started."""
    from cupola.pipelines import records as pipelines

    for name in pipelines.names_of_executed(store):
        for id in ids.intersection(files.listing(store, f"{pipelines.DIRECTORY}/{name}/executions")):
            with contextlib.suppress(NotFound, Corrupt):  # who made its directory was killed before it was an execution
                if _job(store, {pipelines.read(store, name, id).job}):
                    return "pipeline", id
    return None


def _job(store: Store, ids: set[str]) -> tuple[str, str] | None:
    """The job, or the run that it is for: a run without its job was not filed, nor was a job that no agent looks at."""
    from cupola.jobs import records as jobs
    from cupola.jobs import wish

    for id in ids & wish.directories(store).keys():
        state = jobs.state(store, id)
        if id in files.listing(store, wish.QUEUE) or state.status != "Queued":
            return ("run", state.run.rpartition("/")[2]) if state.run else ("job", id)
    return None


def _model(store: Store, ids: set[str]) -> tuple[str, str] | None:
    from cupola.registry import records as models

    for name in models.names(store):
        for version in models.versions(store, name):
            if version.id in ids:
                return "model", version.ref
    return None


def _line(store: Store, filed: str) -> tuple[str, str] | None:
    from cupola.registry import records as models

    places = [f"{NOTES}/{kind}" for kind in files.listing(store, NOTES)]
    for name in models.names(store):
        places += [models.aliases_path(name), *map(models.approvals_path, models.versions(store, name))]
    for place in places:
        if any(_under(entry, filed) for entry in journals.read(store, f"{place}/{store.writer}.jsonl")[0]):
            return "note", place
    return None


def _under(entry: dict[str, Any], filed: str) -> bool:
    return entry.get("filed") == filed
