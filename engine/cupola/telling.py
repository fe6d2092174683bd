"""Telling whoever waits how far an action is that does its work itself."""

import time

import msgspec

from cupola.jobs import records as jobs
from cupola.jobs.records import JobState
from cupola.store import names
from cupola.workspace import Workspace

EVERY = 0.1  # seconds between two words


class Teller:
    """Says the share that is done and what is looked at, as of a job of that kind."""

    def __init__(self, ws: Workspace, kind: str) -> None:
        user, host = names.who()
        self.tell = jobs.on_progress.get()
        self.told = 0.0
        self.state = JobState(
            id="", kind=kind, name=ws.root.name, status="InProgress", secondary_status="Running",
            user=user, host=host, submitted=names.now(),
        )  # fmt: skip

    def __call__(self, share: float, path: str) -> None:
        moment = time.monotonic()
        if self.tell and moment - self.told >= EVERY:
            self.told = moment
            self.tell(msgspec.structs.replace(self.state, progress=share, message=path))
