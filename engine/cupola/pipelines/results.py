"""What steps have come to, kept by what that depended on: pipelines/NAME/results/KEY.json.

The newest of a key replaces the one before. A result is taken again while it is not too old and what it names is
still there: a run, a version, the files that it has written.
"""

import contextlib
from pathlib import Path

import msgspec

from cupola.datasets import records as datasets
from cupola.errors import CupolaError, NotFound
from cupola.experiments import records as experiments
from cupola.pipelines import fingerprints
from cupola.pipelines.fingerprints import Fingerprint
from cupola.pipelines.records import DIRECTORY, StepState
from cupola.registry import records as models
from cupola.store import Store, files
from cupola.store.names import now

FILES = "files"  # of the outputs: the digests of the files that were written


class Result(msgspec.Struct, kw_only=True):
    """A step that has succeeded, in which execution, and the digests of what it has written."""

    execution: str
    state: StepState
    files: dict[str, str] = {}


def keep(store: Store, pipeline: str, execution: str, state: StepState, written: list[str]) -> None:
    """Keeps what a step has come to, for later executions. Raises DiskTrouble."""
    digests = {path: said for path in written if (said := fingerprints.digest(store, path))}
    result = Result(execution=execution, state=state, files=digests)
    path = _path(pipeline, fingerprints.key(state.fingerprint))
    files.write_bytes(store, path, msgspec.json.encode(result), durable=False)


def take(store: Store, pipeline: str, found: Fingerprint, expire_after: float | None) -> Result | None:
    """What a step has come to before with the same fingerprint; None where there is nothing that still holds."""
    try:
        data = files.read_bytes(store, _path(pipeline, fingerprints.key(found)))
        result = msgspec.json.decode(data, type=Result)
    except (NotFound, msgspec.MsgspecError):
        return None
    if result.state.fingerprint != found or (expire_after is not None and age(result.state.ended) > expire_after):
        return None
    return result if _there(store, result) else None


def forget(store: Store, pipeline: str, there: list[str]) -> None:
    """Removes what steps have come to in executions that are not there any more."""
    for name in files.listing(store, f"{DIRECTORY}/{pipeline}/results"):
        path = f"{DIRECTORY}/{pipeline}/results/{name}"
        with contextlib.suppress(NotFound, msgspec.MsgspecError):
            if msgspec.json.decode(files.read_bytes(store, path), type=Result).execution not in there:
                files.remove(store, path)


def _there(store: Store, result: Result) -> bool:
    outputs = result.state.outputs
    try:
        for path, digest in result.files.items():
            if fingerprints.digest(store, path) != digest:
                return False
        kind = result.state.type
        if kind == "Training":
            experiments.find(store, str(outputs["run"]))
        elif kind == "RegisterModel":
            models.find(store, str(outputs["ref"]))
        elif kind == "Transform":
            return Path(str(outputs["output"])).exists()
        elif isinstance(outputs.get("dataset"), str) and outputs.get("version"):
            datasets.find(store, f"{outputs['dataset']}@{outputs['version']}")
    except (CupolaError, KeyError):
        return False
    return True


def age(moment: str | None) -> float:
    """How many seconds ago that was."""
    from datetime import datetime

    if moment is None:
        return float("inf")
    return (datetime.fromisoformat(now()) - datetime.fromisoformat(moment)).total_seconds()


def _path(pipeline: str, key: str) -> str:
    return f"{DIRECTORY}/{pipeline}/results/{key}.json"
