"""Which attempts this user's keepers have begun on this host: what was filed once runs once.

A signature holds for ever. Whoever may write to a workspace can take the traces of an attempt away, or carry a signed
job into another workspace of the same user, where other files lie at the paths that it names. It is remembered beside
the user's secret, out of their reach; a host on which the job has never run remembers nothing of it.
"""

import os

from cupola.jobs.wish import Job
from cupola.store.copies import state_dir


def first(job: Job, number: int) -> bool:
    """Writes down that the attempt begins; False where it has begun before, in whatever workspace.

    Where the state directory cannot be written nothing is remembered, and all begins.
    """
    directory = state_dir() / "begun" / job.submitted[:7]
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(directory / f"{job.id}-{number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    except OSError:
        return True
    return True
