"""The one check that stands before every route and every method of our servers: token, Host and Origin."""

import hmac
import re
from collections.abc import Callable, Iterable

import msgspec

from cupola.tokens.records import Token, Wanted, allows

LOOPBACK = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
SIGV4 = re.compile(rb"AWS4-HMAC-SHA256\b.*?\bCredential=([^/,\s]+)", re.IGNORECASE)

Headers = Iterable[tuple[bytes, bytes]]


class Refusal(msgspec.Struct, frozen=True):
    """Why a request is not let in: the HTTP status and one sentence."""

    status: int
    message: str


FOREIGN_HOST = Refusal(403, "this server answers only to its own name; the Host header names another")
FOREIGN_PAGE = Refusal(403, "requests from web pages of other origins are refused")
NO_TOKEN = Refusal(401, "a token is needed here: send `Authorization: Bearer TOKEN`, or as the AWS access key id")
WRONG_TOKEN = Refusal(401, "the token is not one that is known here")
NOT_ENOUGH = Refusal(403, "the token is not good for this; `cupola token ls` says what each is for")
ALL = Wanted()


class Guard:
    """Lets a request in or says why not.

    A connection of the same Unix user (`own`) needs no token; everyone else needs the user's own, which `token` gives,
    or one that `find` knows and that is good for what is wanted. A web page reaches nothing: the Host must be a
    loopback name or one of `hosts` (no rebinding), an Origin must be this very server.
    """

    def __init__(
        self,
        token: Callable[[], str],
        find: Callable[[str], Token | None] = lambda _: None,
        hosts: Iterable[str] = (),
    ) -> None:
        self._token = token
        self._find = find
        self._hosts = LOOPBACK | {one.lower().encode() for one in hosts}

    def refusal(self, headers: Headers, own: bool, wanted: Wanted = ALL) -> Refusal | None:
        """None when the request may come in; `headers` have lower-case names, as in ASGI."""
        host = origin = site = authorization = b""
        for name, value in headers:
            if name == b"host":
                if host:
                    return FOREIGN_HOST
                host = value.lower()
            elif name == b"authorization":
                authorization = value
            elif name == b"origin":
                origin = value.lower()
            elif name == b"sec-fetch-site":
                site = value.lower()
        if host and host.rpartition(b":")[0] not in self._hosts and host not in self._hosts:
            return FOREIGN_HOST
        if site in (b"cross-site", b"same-site") or (origin and origin.partition(b"://")[2] != host):
            return FOREIGN_PAGE
        return None if own else self._token_refusal(authorization, wanted)

    def _token_refusal(self, authorization: bytes, wanted: Wanted) -> Refusal | None:
        scheme, _, rest = authorization.partition(b" ")
        given = rest.strip() if scheme.lower() == b"bearer" else b""
        signed = SIGV4.match(authorization)
        if signed:
            given = signed.group(1)
        if not given:
            return NO_TOKEN
        if hmac.compare_digest(given, self._token().encode()):
            return None
        found = self._find(given.decode("latin-1"))
        if found is None:
            return WRONG_TOKEN
        return None if allows(found, wanted) else NOT_ENOUGH
