"""What our HTTP faces have in common: errors as answers, bodies within bounds. Light: the gateway has nothing else."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import msgspec

from cupola.serving.payloads import LIMIT

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

ROOM = 8 * LIMIT
SMALL = 64 * 1024  # bytes of a body that take no room: as many as there are connections are little

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
    429: "REQUEST_LIMIT_EXCEEDED",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
OWN = "cupola.own"  # set in the scope by our protocol: the connection is of our own Unix user
COMPLETE = "cupola.complete"  # set in the scope by our protocol: when the last byte of the request was there
STREAMED = "cupola.streamed"  # set in the scope by who takes a body piece by piece: it may take long while it goes on
CLOSE = (b"connection", b"close")


class Failure(Exception):
    """An answer that is an error: its status, its sentence, and headers that go with it."""

    def __init__(self, status: int, message: str, *headers: Header) -> None:
        self.status, self.message, self.headers = status, message, list(headers)


class Gone(Exception):
    """The client has left; nobody waits for an answer."""


class Room:
    """The bytes that the bodies in work may take together; who comes when it is full is asked to come again.

    They are counted as they come: one that is only announced keeps nobody out. Small ones always have room.
    """

    def __init__(self, size: int = ROOM) -> None:
        self.free = size

    @contextlib.contextmanager
    def taken(self) -> Iterator["Place"]:
        """A place for a request's body."""
        place = Place(self)
        try:
            yield place
        finally:
            self.free += place.size


class Place:
    """What one body holds of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size = 0

    def reach(self, size: int) -> None:
        """Makes it at least that large. Raises Failure 503."""
        more = size - self.size
        if more <= 0 or size <= SMALL:
            return
        if more > self._room.free:
            message = "there are too many large requests in work; try again in a moment"
            raise Failure(503, message, (b"retry-after", b"1"))
        self._room.free -= more
        self.size = size


def error_body(status: int, message: str) -> bytes:
    """An error as JSON, in MLflow's shape."""
    return msgspec.json.encode({"error_code": CODES.get(status, "ERROR"), "message": message})


async def read_body(headers: dict[bytes, bytes], receive: Receive, place: Place) -> bytes:
    """The whole body, unless it is over the limit: then no more of it is kept. Raises Failure 413 and 503, Gone."""
    announced = headers.get(b"content-length")
    if announced is not None and int(announced) > LIMIT:
        raise _too_large()
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        body = message["body"]
        if len(body) > LIMIT:
            raise _too_large()
        place.reach(len(body))
        return bytes(body)
    parts = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        parts += message["body"]
        place.reach(min(len(parts), LIMIT))
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
