"""A thread of the agent for each workspace that folds what has ended into digests, when there is something to fold."""

import threading
import time
from pathlib import Path

from cupola.errors import CupolaError
from cupola.experiments.records import RUNS
from cupola.jobs import agents
from cupola.jobs.records import JOBS
from cupola.store import Store
from cupola.store.folding import Folder

EVERY, EVERY_NETWORK = 15.0, 30.0  # seconds between passes
SWEEP = 60.0  # seconds between looks at what was changed with no line in the feed


class Digesting(threading.Thread):
    """Folds the runs and the jobs of a workspace, again and again."""

    def __init__(self, root: Path) -> None:
        super().__init__(name=f"digests of {root}", daemon=True)
        self.root = root
        self.store: Store | None = None
        self.folders: list[Folder] = []  # type: ignore[type-arg]
        self.next_sweep = time.monotonic() + SWEEP
        self.trouble = ""

    def run(self) -> None:
        while agents.is_registered(self.root):
            network = self.store is not None and self.store.mount.network
            time.sleep(EVERY_NETWORK if network else EVERY)
            self.fold()

    def fold(self) -> None:
        """One pass over each kind. A workspace in trouble is tried again next time; the trouble is said once."""
        sweep = time.monotonic() > self.next_sweep
        try:
            if self.store is None:
                self.store = Store.open(self.root)
                self.folders = [Folder(self.store, RUNS), Folder(self.store, JOBS)]
            for folder in self.folders:
                folder.fold(sweep=sweep)
            self.store.shown.clear()
            self.trouble = ""
        except (CupolaError, OSError) as error:
            if str(error) != self.trouble:
                self.trouble = str(error)
                agents.say(f"{self.root}: digests: {error}")
        if sweep:
            self.next_sweep = time.monotonic() + SWEEP
