"""What a user can do for the health of a workspace: check."""

import time
from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.checking.records import Checked
from cupola.jobs import records as jobs
from cupola.jobs.records import JobState
from cupola.store import names
from cupola.workspace import Workspace

EVERY = 0.1  # seconds between two words on how far it is


@action("check", writes=False, waits="itself")
def check(
    ws: Workspace,
    *,
    repair: Annotated[bool, Arg(help="mend what can be; what is moved away is kept in .cupola/repaired")] = False,
) -> Checked:
    """Look the whole workspace over: torn or missing files, wrong checksums, what dead writers left.

    What looks wrong is looked at again some seconds later, so that work in progress is no problem. --repair removes
    what killed writers left (and keeps it), closes torn lines of journals, gives back the claims of the dead, mends
    modes, and writes no record anew.
    """
    from cupola.checking.survey import survey

    if repair:
        from cupola.team import roles

        ws.store.check_writable()
        roles.require(ws.settings, "check --repair", roles.MEMBER, names.who()[0])
    return survey(ws.store, repair, _Teller(ws))


class _Teller:
    """Tells whoever waits how far it is, as of a job."""

    def __init__(self, ws: Workspace) -> None:
        user, host = names.who()
        self.tell = jobs.on_progress.get()
        self.told = 0.0
        self.state = JobState(
            id="", kind="check", name=ws.root.name, status="InProgress", secondary_status="Running",
            user=user, host=host, submitted=names.now(),
        )  # fmt: skip

    def __call__(self, share: float, path: str) -> None:
        moment = time.monotonic()
        if self.tell and moment - self.told >= EVERY:
            self.told = moment
            self.tell(msgspec.structs.replace(self.state, progress=share, message=path))
