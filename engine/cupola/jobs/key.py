"""The key that proves who filed a job or an endpoint: a user takes it along to every host that is to run theirs."""

from typing import Annotated

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.errors import Refused
from cupola.store import names, secret
from cupola.workspace import Workspace

HOW = "cupola key export | ssh OTHER cupola key import /dev/stdin"


class KeyState(msgspec.Struct, kw_only=True):
    """This user's key on this host. fingerprint: alike wherever the key is; before: where the one is that it replaced.

    how: the command that takes it to another host.
    """

    user: str
    host: str
    fingerprint: str
    path: str
    before: str | None = None
    how: str = HOW


@action("key show", writes=False, anywhere=True)
def show(ws: Workspace | None) -> KeyState:
    """Show by which key your jobs and endpoints are signed on this host, and how to take it to another.

    Hosts on which you have the same key run each other's jobs; a host with another key leaves them alone.
    """
    return _state(str(secret.config_dir() / "secret"))


@action("key export", writes=False, anywhere=True)
def export(
    ws: Workspace | None,
    path: Annotated[
        str | None, Arg(help="a new file, which only you can read (default: print it)", completes="file")
    ] = None,
) -> KeyState | str:
    """Write your key to a file for another host, or print it. Whoever has it can file jobs that run as you."""
    if path is None:
        return secret.secret().hex()
    target = place.path(path)
    if ws and target.resolve().is_relative_to(ws.root.resolve()):
        raise Refused("others can read what lies in the workspace", where=path, hint="write the key to another place")
    secret.export(target)
    return _state(str(target))


@action("key import", role="viewer", anywhere=True, confirm="y")
def import_(
    ws: Workspace | None, path: Annotated[str, Arg(help="what `key export` has written", completes="file")]
) -> KeyState:
    """Take the key in a file as yours on this host, so that it runs what you have filed on others.

    A key that is replaced is kept beside it. What it has signed here waits until `job confirm` or `endpoint confirm`.
    """
    before = secret.replace(place.path(path))
    state = _state(str(secret.config_dir() / "secret"))
    state.before = str(before) if before else None
    return state


def _state(path: str) -> KeyState:
    user, host = names.who()
    return KeyState(user=user, host=host, fingerprint=secret.fingerprint(), path=path)
