"""The fits of an attempt, kept for the next one: what a kill, or a host that goes down, does not take away.

Each is a file among the checkpoints of the job, with a MAC by this user's secret, without which none is unpickled; and
it says of which rows and folds it is, and by which packages it was made. What does not fit is fitted again.
"""

import contextlib
import hashlib
import pickle
from typing import Any

from cupola.autopilot.fits import Answer
from cupola.autopilot.problem import Problem
from cupola.errors import CupolaError
from cupola.jobs import checkpoints
from cupola.jobs.attempt import Attempt
from cupola.store import Store, files, secret
from cupola.training import saving

MAC = 64  # characters in front of what is signed
Fits = dict[tuple[str, int, int], Answer]


class Kept:
    """The fits of a job on a problem, by (candidate, repeat, fold)."""

    def __init__(self, attempt: Attempt, problem: Problem) -> None:
        self.store: Store = attempt.store
        self.directory = checkpoints.path(attempt.job, attempt.number)
        self.job, self.made_of = attempt.job.id, _made_of(problem)

    def keep(self, candidate: str, repeat: int, fold: int, answer: Answer) -> None:
        """Writes one, where the disk takes it; a fit that could not be kept is made again after a kill."""
        data = pickle.dumps((self.made_of, (candidate, repeat, fold), answer), protocol=5)
        name = hashlib.sha256(candidate.encode()).hexdigest()[:16]
        with contextlib.suppress(CupolaError):
            mac = secret.sign(self._payload(data)).encode()
            files.write_bytes(self.store, f"{self.directory}/{name}-{repeat}-{fold}", mac + data, durable=False)

    def all(self) -> Fits:
        """Those that earlier attempts have left."""
        found: Fits = {}
        for name in files.listing(self.store, self.directory):
            with contextlib.suppress(CupolaError):
                data = files.read_bytes(self.store, f"{self.directory}/{name}")
                if not secret.verify(self._payload(data[MAC:]), data[:MAC].decode(errors="replace")):
                    continue
                made_of, key, answer = pickle.loads(data[MAC:])  # signed by this user
                if made_of == self.made_of:
                    found[key] = answer
        return found

    def forget(self) -> None:
        """Throws them away, once there is a model."""
        files.discard(files.absolute(self.store, self.directory))

    def _payload(self, data: bytes) -> bytes:
        return b"fit\0" + self.job.encode() + b"\0" + hashlib.sha256(data).digest()


def _made_of(problem: Problem) -> Any:
    """What a fit must have been made of to be one of this problem: rows, truth, folds, the flow, packages."""
    digest = hashlib.sha256(problem.truth.tobytes())
    digest.update((problem.training.flow.sha256 if problem.training.flow else "").encode())
    for part in (problem.rows, problem.test, *(rest for folds in problem.folds for _, rest in folds)):
        digest.update(part.tobytes())
    return digest.hexdigest(), saving.packages()
