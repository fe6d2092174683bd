"""Sessions as the hosted service has them: whoever opens one is answered by the same variant from then on.

Nothing is kept of a session: its id says which variant it is of, and until when.
"""

import datetime
import hashlib
import re
import secrets
import time
from collections.abc import Iterable

from cupola.errors import BadInput

NEW = b"NEW_SESSION"
LIFE = 24 * 3600  # seconds
SHAPE = re.compile(rb"[0-9a-f]{16}-[0-9a-f]{16}-[0-9a-f]{8,10}")


def opened(key: str) -> bytes:
    """What a client gets that has opened a session, with the variant of that key."""
    ends = int(time.time()) + LIFE
    until = datetime.datetime.fromtimestamp(ends, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{secrets.token_hex(8)}-{_digest(key)}-{ends:x}; Expires={until}".encode()


def key_of(session: bytes, keys: Iterable[str]) -> str | None:
    """The key of a session's variant; None where that is served no more. Raises BadInput for what is no session."""
    _, digest, ends = session.split(b"-") if SHAPE.fullmatch(session) else (b"", b"", b"0")
    if int(ends, 16) < time.time():
        raise BadInput("there is no such session, or it is over; NEW_SESSION opens one")
    return next((key for key in keys if _digest(key).encode() == digest), None)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
