"""Tokens as files of their user alone: $XDG_CONFIG_HOME/cupola/tokens/HASH.json, 0600, each named by the token's hash.

Who shows a token is looked up by its SHA-256: it is there or it is not, so nothing is compared, a revoked one is gone
at once, and who reads the directory cannot use what is in it. (A token is 160 random bits: no salt, no slow hash.)
"""

import contextlib
import datetime
import hashlib
import os
import secrets
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from cupola.errors import CupolaError
from cupola.store import Store, names, secret
from cupola.store.trouble import disk

INVOKE, READ, MANAGE = "invoke", "read", "manage"
SCOPES = (INVOKE, READ, MANAGE)
PREFIX = "cupola_"


class Wanted(msgspec.Struct, frozen=True):
    """What a request needs: a scope, and for which endpoint.

    Scope "": any token will do. Who says nothing asks for all.
    """

    scope: str = MANAGE
    endpoint: str | None = None


class Token(msgspec.Struct, kw_only=True):
    """A token as it is kept.

    workspace: the only one in which it counts. scopes: `invoke` asks endpoints for predictions (and how they are),
    `read` reads, `manage` does all. endpoints: names or patterns of the only ones it is for; [] for all, and for what
    is no endpoint's. expires: a time, None for never.
    """

    name: str
    workspace: str
    scopes: list[str]
    endpoints: list[str] = msgspec.field(default_factory=list)
    created: str
    expires: str | None = None


def directory() -> Path:
    return secret.config_dir() / "tokens"


def create(token: Token) -> str:
    """Keeps a new token; gives its text, which is written down nowhere. Raises DiskTrouble."""
    text = PREFIX + secrets.token_hex(20)
    path = _path(text)
    with disk(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".tmp-{names.new_id()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(msgspec.json.encode(token))
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    return text


def ls(store: Store) -> list[Token]:
    """The tokens for this workspace, those that have expired among them, by name."""
    return sorted((one for _, one in _each(store)), key=lambda one: (one.name, one.created))


def revoke(store: Store, name: str) -> list[Token]:
    """Removes the tokens of that name; gives them. Raises DiskTrouble."""
    found = [(path, one) for path, one in _each(store) if one.name == name]
    for path, _ in found:
        with disk(str(path)):
            path.unlink(missing_ok=True)
    return [one for _, one in found]


def find(store: Store, text: str) -> Token | None:
    """The token of that text, if it counts in this workspace now. Raises nothing: what cannot be read is no token."""
    if not text.startswith(PREFIX) or len(text) > 100:
        return None
    found = _read(_path(text))
    return found if found and found.workspace == str(store.root) and not expired(found) else None


def expired(token: Token) -> bool:
    return token.expires is not None and token.expires <= names.now()


def after(seconds: float) -> str:
    """The time in so many seconds, written as `names.now` writes it."""
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def allows(token: Token, wanted: Wanted) -> bool:
    """Whether a token is good for what a request needs."""
    if wanted.scope == "":
        return True
    if token.endpoints and not any(fnmatchcase(wanted.endpoint or "", one) for one in token.endpoints):
        return False
    of_endpoint = {INVOKE} if wanted.endpoint else set()
    enough = {READ: {READ, MANAGE} | of_endpoint, INVOKE: {INVOKE, MANAGE}}.get(wanted.scope, {MANAGE})
    return not enough.isdisjoint(token.scopes)


def _path(text: str) -> Path:
    return directory() / f"{hashlib.sha256(text.encode()).hexdigest()}.json"


def _each(store: Store) -> list[tuple[Path, Token]]:
    with disk(str(directory())), contextlib.suppress(FileNotFoundError):
        read = [(path, _read(path)) for path in directory().glob("*.json")]
        return [(path, one) for path, one in read if one and one.workspace == str(store.root)]
    return []


def _read(path: Path) -> Token | None:
    """A token's file; None where there is none, or where others could have written it."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            mine = found.st_uid == os.getuid() and not found.st_mode & 0o077
            return msgspec.json.decode(file.read(), type=Token) if mine else None
    except (OSError, msgspec.MsgspecError, CupolaError):
        return None
