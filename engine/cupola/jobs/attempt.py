"""The side of a job that runs inside it: which attempt this is, how far it has come, what came out of it."""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from cupola.errors import CupolaError, DiskTrouble, ErrorInfo, Usage
from cupola.jobs import room
from cupola.jobs.attempts import Progress
from cupola.jobs.publication import Publication
from cupola.jobs.wish import Job
from cupola.jobs.wish import read as read_job
from cupola.store import Store, feed, files
from cupola.store.names import now
from cupola.store.trouble import FULL, trouble

WORKSPACE, JOB_DIR = "CUPOLA_WORKSPACE", "CUPOLA_JOB_DIR"
ATTEMPT, ATTEMPT_DIR, RUN_DIR = "CUPOLA_ATTEMPT", "CUPOLA_ATTEMPT_DIR", "CUPOLA_RUN_DIR"
REPORTS = 10  # a second; as many may come at once, so that the last of a few quick ones is not lost

T = TypeVar("T")


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
        """Says how far it is (0 to 1, or None when that is not known).

        Far more than ten a second are dropped, and what the disk will not take: no work ends for want of a word on it.
        """
        moment = time.monotonic()
        self._allowed = min(REPORTS, self._allowed + (moment - self._reported) * REPORTS)
        self._reported = moment
        if self._allowed < 1 and progress != 1:
            return
        self._allowed -= 1
        said = Progress(progress=progress, message=message, time=now())
        with contextlib.suppress(DiskTrouble):
            files.write_bytes(self.store, f"{self.directory}/progress.json", msgspec.json.encode(said), durable=False)
        feed.announce(self.store, "job", self.job.id, 0)

    def publish(self, publication: Publication) -> None:
        """Has this published when the attempt has ended by itself, and has not lost its job by then."""
        files.write_bytes(self.store, f"{self.directory}/publish.json", msgspec.json.encode(publication))

    def with_room(self, do: Callable[[], T]) -> T:
        """What `do` gives. On a full disk it is done anew when there is room, where workspace.toml lets jobs wait."""
        return room.wait_for(self.store, self.directory, do)

    def leave(self, name: str, value: Any) -> None:
        """Leaves output.json or error.json behind, from where the keeper takes it into the result."""
        files.write_bytes(self.store, f"{self.directory}/{name}.json", msgspec.json.encode(value))


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
    try:
        attempt = current()
    except CupolaError as error:
        with contextlib.suppress(CupolaError, KeyError):
            _leave_unread(error)
        _give_up(error)
    try:
        output = main(attempt) or {}
        attempt.with_room(partial(attempt.leave, "output", output))
    except CupolaError as error:
        with contextlib.suppress(CupolaError):
            attempt.with_room(partial(attempt.leave, "error", error.info()))
        _give_up(error)
    except Exception as error:
        with contextlib.suppress(CupolaError):
            attempt.with_room(partial(attempt.leave, "error", _info(error)))
        raise
    sys.exit(0)


def _info(error: Exception) -> ErrorInfo:
    """What there is to say of an error that is none of ours: a full disk is one, whoever has met it."""
    if isinstance(error, OSError) and error.errno in FULL:
        return trouble(error, str(error.filename or "")).info()
    return ErrorInfo(kind="Bug", message=f"{type(error).__name__}: {error}")


def _leave_unread(error: CupolaError) -> None:
    """Leaves the error of an attempt whose job could not be read."""
    root, directory = Path(os.environ[WORKSPACE]), os.environ[ATTEMPT_DIR]
    path = f"{os.path.relpath(directory, root)}/error.json"
    files.write_bytes(Store.open(root), path, msgspec.json.encode(error.info()))


def _give_up(error: CupolaError) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)
