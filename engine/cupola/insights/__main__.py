"""`python -m cupola.insights`: the job that `dataset report` files."""

from typing import Any

from cupola.datasets import records as datasets
from cupola.insights import records
from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt


def main() -> None:
    attempt.work(_report)


def _report(job: Attempt) -> dict[str, Any]:
    from cupola.insights import examining

    version = datasets.find(job.store, job.spec["dataset"])
    target = job.spec["target"]
    made = examining.report(job.store, version, target, job.report)
    job.with_room(lambda: records.keep(job.store, version, target, made))
    return {"dataset": version.ref, "target": target, "warnings": len(made.warnings)}


if __name__ == "__main__":
    main()
