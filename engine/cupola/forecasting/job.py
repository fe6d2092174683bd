"""A forecast as the job that was filed for it."""

from typing import Any

import msgspec

from cupola.errors import CupolaError
from cupola.experiments import records as experiments
from cupola.forecasting import searching
from cupola.forecasting.records import ForecastSpec
from cupola.jobs import keeping
from cupola.jobs.attempt import Attempt
from cupola.store import names
from cupola.training.job import failed, publish, register


def work(attempt: Attempt) -> dict[str, Any]:
    """Forecasts what the job's spec says; its run is published when the attempt has ended and still has its job."""
    spec = msgspec.convert(attempt.spec, ForecastSpec)
    run = experiments.read(attempt.store, attempt.job.run or "")
    run.started, run.attempt = names.now(), attempt.number
    try:
        searching.search(attempt, spec, run)
    except Exception as error:
        failed(attempt, run, str(error) if isinstance(error, CupolaError) else f"{type(error).__name__}: {error}")
        raise
    version = register(attempt, run, spec.register) if spec.register else None
    publish(attempt, run, [version] if version else [])
    keeping.forget(attempt)
    return {"run": run.id, "model": run.model, "metrics": run.metrics}
