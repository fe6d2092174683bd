"""A forecast as the job that was filed for it."""

import sys
from typing import Any

import msgspec

from cupola.errors import CupolaError
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.forecasting import searching
from cupola.forecasting.records import ForecastSpec
from cupola.jobs import keeping
from cupola.jobs.attempt import Attempt
from cupola.jobs.publication import Directory, Publication
from cupola.registry.registration import prepare
from cupola.store import names


def work(attempt: Attempt) -> dict[str, Any]:
    """Forecasts what the job's spec says; its run is published when the attempt has ended and still has its job."""
    spec = msgspec.convert(attempt.spec, ForecastSpec)
    run = experiments.read(attempt.store, attempt.job.run or "")
    run.started, run.attempt = names.now(), attempt.number
    try:
        searching.search(attempt, spec, run)
    except Exception as error:
        run.status, run.ended = "Failed", names.now()
        run.reason = str(error) if isinstance(error, CupolaError) else f"{type(error).__name__}: {error}"
        try:
            _publish(attempt, run, [])
        except CupolaError as trouble:
            print(f"what became of the run cannot be written: {trouble}", file=sys.stderr)
        raise
    _publish(attempt, run, _registered(attempt, run, spec.register) if spec.register else [])
    keeping.forget(attempt)
    return {"run": run.id, "model": run.model, "metrics": run.metrics}


def _registered(attempt: Attempt, run: Run, model: str) -> list[Directory]:
    """The version, ready to be put in its place with the run's record; a refusal leaves the run be."""
    attempt.report(0.97, f"registering {model}")
    origin = f"{run.directory}/attempts/{attempt.number}/version"
    try:
        version = attempt.with_room(lambda: prepare(attempt.store, run, model, at=origin))
    except CupolaError as error:
        run.notes.append(f"it was not registered as {model}: {error}")
        return []
    run.model = version.ref
    return [Directory(origin=origin, target=version.directory, kind="model", ref=version.ref)]


def _publish(attempt: Attempt, run: Run, directories: list[Directory]) -> None:
    content = msgspec.to_builtins(run)
    found = Publication(directories=directories, path=experiments.path(run), content=content, kind="run", ref=run.id)
    attempt.with_room(lambda: attempt.publish(found))
