"""What workspace.toml lets the jobs of a workspace use together on one host."""

from cupola.errors import CupolaError
from cupola.jobs.amounts import size
from cupola.jobs.wish import Job
from cupola.settings import Slots
from cupola.store import Store, files
from cupola.store.root import MARK
from cupola.workspace import Workspace


class Shares:
    """Follows workspace.toml; one that cannot be read leaves the last that could be."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.read = b""
        self.slots = Slots()

    def exceeded(self, job: Job, running: list[Job]) -> str | None:
        """Of what the job, beside those that run, would use more than there is for the workspace; or None."""
        for kind, limit in self._limits().items():
            wanted = getattr(job, kind) or 0
            used = sum(getattr(one, kind) or 0 for one in running)
            if limit is not None and wanted and wanted + used > limit:
                return kind
        return None

    def never(self, job: Job) -> str | None:
        """Of what the job alone wants more than there is for the workspace; or None."""
        return self.exceeded(job, [])

    def _limits(self) -> dict[str, int | None]:
        self._look()
        return {"cpus": self.slots.cpus, "gpus": self.slots.gpus, "memory": self._memory()}

    def _look(self) -> None:
        try:
            data = files.read_bytes(self.store, MARK)
            if data != self.read:
                self.slots = Workspace(self.store).settings.slots
                self.read = data
        except CupolaError:
            return

    def _memory(self) -> int | None:
        try:
            return size(self.slots.memory, "slots.memory")
        except CupolaError:
            return None
