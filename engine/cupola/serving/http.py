"""What our HTTP faces have in common: errors as answers, bodies within bounds. Light: the gateway has nothing else."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from cupola.serving.payloads import LIMIT

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    413: "REQUEST_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
OWN = "cupola.own"  # set in the scope by our protocol: the connection is of our own Unix user
CLOSE = (b"connection", b"close")


class Failure(Exception):
    """An answer that is an error: its status, its sentence, and headers that go with it."""

    def __init__(self, status: int, message: str, *headers: Header) -> None:
        self.status, self.message, self.headers = status, message, list(headers)


class Gone(Exception):
    """The client has left; nobody waits for an answer."""


def error_body(status: int, message: str) -> bytes:
    """An error as JSON, in MLflow's shape."""
    return msgspec.json.encode({"error_code": CODES.get(status, "ERROR"), "message": message})


async def read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The whole body, unless it is over the limit: then no more of it is kept. Raises Failure 413, Gone."""
    announced = headers.get(b"content-length")
    if announced is not None and int(announced) > LIMIT:
        raise _too_large()
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        body = message["body"]
        if len(body) > LIMIT:
            raise _too_large()
        return bytes(body)
    parts = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        parts += message["body"]
        if len(parts) > LIMIT:
            raise _too_large()
        if not message.get("more_body"):
            return bytes(parts)
        message = await receive()


def _too_large() -> Failure:
    return Failure(413, f"the body is over the limit of {LIMIT:,} bytes; send fewer rows a request")


def text(headers: dict[bytes, bytes], name: bytes) -> str:
    """A header as text, "" where it is missing."""
    return headers.get(name, b"").decode("latin-1")
