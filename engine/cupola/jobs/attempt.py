"""The side of a job that runs inside it: which attempt this is, how far it has come, what came out of it."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from cupola.errors import CupolaError, ErrorInfo, Usage
from cupola.jobs.attempts import Progress
from cupola.jobs.wish import Job
from cupola.jobs.wish import read as read_job
from cupola.store import Store, feed, files
from cupola.store.names import now

WORKSPACE, JOB_DIR = "CUPOLA_WORKSPACE", "CUPOLA_JOB_DIR"
ATTEMPT, ATTEMPT_DIR, RUN_DIR = "CUPOLA_ATTEMPT", "CUPOLA_ATTEMPT_DIR", "CUPOLA_RUN_DIR"
REPORTS = 10  # a second; as many may come at once, so that the last of a few quick ones is not lost


class Attempt:
    """One attempt of a job, seen from within. `directory` and `run_directory` are relative to the workspace."""

    def __init__(self, store: Store, job: Job, number: int) -> None:
        self.store = store
        self.job = job
        self.number = number
        self.directory = job.attempt(number)
        self.run_directory = run_directory(job.run, number) if job.run else None
        self._reported = time.monotonic()
        self._allowed = float(REPORTS)

    @property
    def spec(self) -> dict[str, Any]:
        return self.job.spec

    def report(self, progress: float | None, message: str = "") -> None:
        """Says how far it is (0 to 1, or None when that is not known); far more than ten a second are dropped."""
        moment = time.monotonic()
        self._allowed = min(REPORTS, self._allowed + (moment - self._reported) * REPORTS)
        self._reported = moment
        if self._allowed < 1 and progress != 1:
            return
        self._allowed -= 1
        said = Progress(progress=progress, message=message, time=now())
        files.write_bytes(self.store, f"{self.directory}/progress.json", msgspec.json.encode(said), durable=False)
        feed.announce(self.store, "job", self.job.id, 0)

    def leave(self, name: str, value: Any) -> None:
        """Leaves output.json or error.json behind, from where the keeper takes it into the result."""
        files.write_bytes(self.store, f"{self.directory}/{name}.json", msgspec.json.encode(value), durable=False)


def run_directory(run: str, number: int) -> str:
    """Where an attempt of a run ("EXPERIMENT/RUN") writes."""
    return f"experiments/{run}/attempts/{number}"


def current() -> Attempt:
    """The attempt that this process is. Raises Usage outside of a job."""
    try:
        root, job, number = (os.environ[name] for name in (WORKSPACE, JOB_DIR, ATTEMPT))
    except KeyError:
        raise Usage("this runs only as a job of a workspace") from None
    store = Store.open(Path(root))
    return Attempt(store, read_job(store, os.path.relpath(job, root)), int(number))


def work(main: Callable[[Attempt], dict[str, Any] | None]) -> NoReturn:
    """Runs `main` as the work of this job: what it returns is the job's output, a CupolaError that it raises its error.

    Ends the process with 0 or 1. Anything else that is raised is a bug, and ends with its traceback in the log.
    """
    attempt = current()
    try:
        output = main(attempt) or {}
    except CupolaError as error:
        attempt.leave("error", error.info())
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        attempt.leave("error", ErrorInfo(kind="Bug", message=f"{type(error).__name__}: {error}"))
        raise
    attempt.leave("output", output)
    sys.exit(0)
