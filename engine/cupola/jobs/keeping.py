"""What a job has found out, kept for its next attempt: what a kill, or a host that goes down, does not take away.

Each is a file among the checkpoints of the job, with a MAC by this user's secret of it and of what it was made of:
what is not this user's, or was made of something else (by other packages, say), is not unpickled, and made again.
"""

import contextlib
import hashlib
import pickle
from typing import Any

from cupola.errors import CupolaError
from cupola.jobs import checkpoints
from cupola.jobs.attempt import Attempt
from cupola.store import Store, files, secret

MAC = 64  # characters in front of what is signed


class Kept(dict[Any, Any]):
    """By key what earlier attempts have left, made of the same; what is put in lasts, where the disk takes it.

    made_of: anything whose repr tells it from all else.
    """

    def __init__(self, attempt: Attempt, made_of: Any) -> None:
        self.store: Store = attempt.store
        self.directory = checkpoints.path(attempt.job, attempt.number)
        self._of = f"kept\0{attempt.job.id}\0{made_of!r}\0".encode()
        super().__init__(self._left())

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        data = pickle.dumps((key, value), protocol=5)
        name = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        with contextlib.suppress(CupolaError):
            mac = secret.sign(self._payload(data)).encode()
            files.write_bytes(self.store, f"{self.directory}/{name}", mac + data, durable=False)

    def _left(self) -> dict[Any, Any]:
        found = {}
        for name in files.listing(self.store, self.directory):
            with contextlib.suppress(CupolaError):
                data = files.read_bytes(self.store, f"{self.directory}/{name}")
                if not secret.verify(self._payload(data[MAC:]), data[:MAC].decode(errors="replace")):
                    continue
                key, value = pickle.loads(data[MAC:])  # signed by this user
                found[key] = value
        return found

    def _payload(self, data: bytes) -> bytes:
        return self._of + hashlib.sha256(data).digest()


def forget(attempt: Attempt) -> None:
    """Throws away what was kept, once there is what it was kept for."""
    files.discard(files.absolute(attempt.store, checkpoints.path(attempt.job, attempt.number)))
