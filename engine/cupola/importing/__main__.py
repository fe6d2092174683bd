"""`python -m cupola.importing`: an import, as the job that was filed for it."""

import importlib
import signal
from pathlib import Path
from typing import Any

import msgspec

from cupola.importing.records import Imported
from cupola.importing.work import Work
from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt

READERS = {
    "mlruns": "cupola.mlflow.mlruns", "mlflow-db": "cupola.mlflow.database", "wandb": "cupola.importing.wandb",
    "tensorboard": "cupola.importing.tensorboard", "optuna": "cupola.importing.optuna",
}  # fmt: skip


def main() -> None:
    attempt.work(_import)


def _import(job: Attempt) -> dict[str, Any]:
    work = Work(job.store, job.report, job.with_room)
    signal.signal(signal.SIGTERM, lambda *_: work.stop())
    paths = dict(job.spec)
    bring = importlib.import_module(READERS[paths.pop("from")]).bring
    done: Imported = bring(work, **{name: Path(one) for name, one in paths.items()})
    found: dict[str, Any] = msgspec.to_builtins(done)
    return found


if __name__ == "__main__":
    main()
