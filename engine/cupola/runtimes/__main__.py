"""`python -m cupola.runtimes`: compiles a version and compares it with itself as it is, as the job filed for it."""

from typing import Any

import msgspec

from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt


def main() -> None:
    attempt.work(work)


def work(job: Attempt) -> dict[str, Any]:
    """The report on the version that the job names. Raises NotFound, Corrupt, Refused."""
    import threadpoolctl

    from cupola.registry import records
    from cupola.runtimes import choosing

    job.report(0.0, "comparing the compiled model with the native one")
    with threadpoolctl.threadpool_limits(1):  # as in a server process
        kept = choosing.found(job.store, records.find(job.store, job.spec["model"]))
    found: dict[str, Any] = msgspec.to_builtins(kept.report)
    return found


if __name__ == "__main__":
    main()
