"""What a job keeps over its attempts: each has a directory of its own, which begins as the last one's was left.

Of its own, since an attempt that has lost its job may still be writing: what it writes then goes nowhere.
"""

import contextlib
import os
import shutil

from cupola.jobs import attempts
from cupola.jobs.attempts import AttemptEnd
from cupola.jobs.wish import Job
from cupola.store import Store, files

VARIABLE = "CUPOLA_CHECKPOINTS"


def path(job: Job, number: int) -> str:
    """The directory of an attempt."""
    return f"{job.attempt(number)}/checkpoints"


def prepare(store: Store, job: Job, number: int) -> str:
    """Makes the directory of an attempt. Gives from where it has still to be filled, or "" when that is done.

    What a dead attempt has left is moved; what one that lost its job has left, which may yet run, has to be copied.
    """
    own = files.make_dir(store, path(job, number))
    before = [one for one in attempts.numbers(store, job) if one < number and files.listing(store, path(job, one))]
    if not before:
        return ""
    left = store.root / path(job, before[-1])
    end = attempts.optional(store, f"{job.attempt(before[-1])}/result.json", AttemptEnd)
    if end and end.cause == "lost":
        return str(left)
    os.rename(left, own)  # noqa: PTH104 - onto an empty directory: all of it or nothing
    return ""


def fill(origin: str, target: str) -> None:
    """Copies what an attempt has left, all of it or nothing; what its writer takes away meanwhile is not missed."""
    shutil.copytree(origin, f"{target}.part", symlinks=True, copy_function=_copy)
    os.rename(f"{target}.part", target)  # noqa: PTH104


def _copy(origin: str, target: str) -> str:
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(origin, target)
    return target
