"""`python -m cupola.datasets import`: the work of an import, as the job that was filed for it."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from cupola.datasets.records import ImportOptions
from cupola.errors import Usage
from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt


def main(arguments: list[str]) -> None:
    if arguments != ["import"]:
        raise Usage("this is run by a job: `cupola dataset import` files it")
    attempt.work(_import)


def _import(job: Attempt) -> dict[str, Any]:
    from cupola.datasets import importing

    options = msgspec.convert(job.spec["options"], ImportOptions)
    version = importing.run(job.store, job.spec["dataset"], Path(job.spec["source"]), options, job.report)
    return {"dataset": version.dataset, "version": version.version, "ref": version.ref}


if __name__ == "__main__":
    main(sys.argv[1:])
