"""What a user can do for the health of a workspace: check it, empty its trash."""

from typing import Annotated

from cupola.actions import Arg, action
from cupola.checking.records import Checked
from cupola.checking.trash import Emptied
from cupola.errors import BadOption
from cupola.jobs import amounts
from cupola.store import names
from cupola.telling import Teller
from cupola.workspace import Workspace


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
    return survey(ws.store, repair, Teller(ws, "check"))


@action("trash empty", dry_run=True)
def empty(
    ws: Workspace,
    *,
    older_than: Annotated[str, Arg(help="only what has lain there for so long: 12h, 30d")] = "30d",
    yes: Annotated[bool, Arg(help="do it: nothing brings that back")] = False,
    dry_run: Annotated[bool, Arg(help="only list it, with its size")] = False,
) -> Emptied:
    """Remove for good what was moved to the trash, and what check --repair has moved away, where that is long ago.

    Without --yes it only says how much that would be. What runs and models say of a dataset that is gone stays as it
    is, and check goes on to know that it was removed on purpose.
    """
    from cupola.checking import trash

    age = amounts.seconds(older_than, "--older-than") or 0.0
    if not yes and not dry_run:
        planned = trash.empty(ws.store, age, dry_run=True)
        if planned.gone:
            hint = "--yes does it, --dry-run lists them"
            raise BadOption(planned.text.splitlines()[-1], where="--yes", hint=hint)
    return trash.empty(ws.store, age, dry_run)
