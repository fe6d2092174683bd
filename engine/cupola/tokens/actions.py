"""What a user can do with API tokens: make one, list them, revoke one."""

from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadOption, Conflict, NotFound
from cupola.jobs import amounts
from cupola.store import names
from cupola.tokens import records
from cupola.tokens.records import INVOKE, SCOPES, Token
from cupola.workspace import Workspace

NEVER = "never"
LONGEST = 100  # characters of a pattern

Name = Annotated[str, Arg(help="the token's name", completes="token")]


class TokenState(msgspec.Struct, kw_only=True):
    """A token as `token ls` prints it; status: "Active" or "Expired"."""

    name: str
    status: str
    scopes: list[str]
    endpoints: list[str]
    created: str
    expires: str | None


class NewToken(TokenState, kw_only=True):
    """A token that was just made, and for this once its text."""

    token: str


@action("token create")
def create(
    ws: Workspace,
    name: Annotated[str, Arg(help="what it is for, or who gets it")],
    *,
    scope: Annotated[list[str] | None, Arg(help="what it is good for; invoke, unless told", choices=SCOPES)] = None,
    endpoint: Annotated[
        list[str] | None, Arg(help="only for these: a name, or a pattern such as churn-*", completes="endpoint")
    ] = None,
    expires: Annotated[str, Arg(help="how long it counts: 12h, 30d; never")] = "90d",
) -> NewToken:
    """Make a token for clients that are not your own Unix user on this host; it is shown this once.

    invoke asks endpoints for predictions, read reads what the gateway has (MLflow's API too), manage does all that your
    own clients can. It counts in this workspace, for what runs as you. Clients send it as `Authorization: Bearer
    TOKEN`, as the AWS access key id, or as MLFLOW_TRACKING_TOKEN.
    """
    names.check_name(name, "name of a token")
    scopes = list(dict.fromkeys(scope or [INVOKE]))
    unknown = [one for one in scopes if one not in SCOPES]
    if unknown:
        raise BadOption(f"there is no scope {unknown[0]!r}", hint=f"the scopes are {', '.join(SCOPES)}")
    for one in endpoint or []:
        names.check_name(one.replace("*", "x").replace("?", "x"), "name or pattern of an endpoint")
    if any(one.name == name for one in records.ls(ws.store)):
        raise Conflict(f"there is a token {name!r} already", hint=f"`cupola token revoke {name}` ends it")
    seconds = None if expires == NEVER else amounts.seconds(expires, "--expires") or 0.0
    if seconds is not None and seconds < 1:
        raise BadOption(f"--expires {expires}: such a token lets nobody in", hint="12h, 30d, never")
    made = Token(
        name=name,
        workspace=str(ws.root),
        scopes=scopes,
        endpoints=endpoint or [],
        created=names.now(),
        expires=None if seconds is None else records.after(seconds),
    )
    return NewToken(**msgspec.structs.asdict(_state(made)), token=records.create(made))


@action("token ls", writes=False)
def ls(ws: Workspace) -> list[TokenState]:
    """List your tokens for this workspace; what they are is kept nowhere."""
    return [_state(one) for one in records.ls(ws.store)]


@action("token revoke", confirm="y")
def revoke(ws: Workspace, name: Name) -> TokenState:
    """Revoke a token: from now on it lets nobody in."""
    gone = records.revoke(ws.store, name)
    if not gone:
        raise NotFound(f"there is no token {name!r} here", hint="`cupola token ls` lists them")
    return _state(gone[-1])


def _state(token: Token) -> TokenState:
    return TokenState(
        name=token.name,
        status="Expired" if records.expired(token) else "Active",
        scopes=token.scopes,
        endpoints=token.endpoints,
        created=token.created,
        expires=token.expires,
    )
