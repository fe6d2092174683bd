"""What a user can do with another copy of a workspace: merge it into this one."""

from typing import Annotated

from cupola import place
from cupola.actions import Arg, action
from cupola.merging.records import Merged
from cupola.telling import Teller
from cupola.workspace import Workspace


@action("merge", waits="itself", dry_run=True)
def merge(
    ws: Workspace,
    directory: Annotated[str, Arg(help="another copy of this workspace: a directory", completes="directory")],
    *,
    dry_run: Annotated[bool, Arg(help="say what would be taken, and take nothing")] = False,
) -> Merged:
    """Take over from another copy of this workspace all that is missing or newer there.

    What is newer is judged by content, whatever the times of files say, and nothing is lost: where both copies have
    changed the same thing, it is named, with where the other one is kept. What was deleted there stays here. Work may
    go on in both meanwhile, and a merge that was killed is completed by the next.
    """
    from cupola.merging.merge import merge as merged

    return merged(ws.store, place.path(directory), dry_run=dry_run, tell=Teller(ws, "merge"))
