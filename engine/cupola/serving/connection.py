"""One HTTP connection: uvicorn's own protocol, with bounds on what a client sends, how slowly, and how slowly it reads.

What a connection may cost: headers, a piece of a body, requests that were sent ahead, and one answer that is not read.
"""

import asyncio
import logging
import select
import time
from collections.abc import Callable, Iterable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from cupola.serving import peers
from cupola.serving.http import COMPLETE, OWN, ROOM, STREAMED, Header, error_body
from cupola.serving.payloads import LIMIT

HEAD_LIMIT = 64 * 1024  # bytes of request line and headers
DISCARDED = 4 * LIMIT  # bytes of a refused body that are still read, so that the client gets to read the refusal
FRAME_LIMIT = 16  # bytes around a chunk of a body; what goes beyond counts as headers do
AHEAD = 100  # requests on one connection that wait for the answers to those before
CONNECTIONS = 1000  # of one process
HEAD_TIME, BODY_TIME, IDLE_TIME = 10.0, 60.0, 75.0  # seconds
READ_TIME = 30.0  # seconds in which a client must have read something of its answer
QUIET = 1.0  # seconds of waiting after which a connection may have to go for the sake of another
DRAIN_IDLE_TIME = 5.0  # seconds that an idle connection gets for one more request while its server is replaced

MOST_KNOWN, LONGEST_KNOWN = 256, 2048  # heads of requests, and bytes of one, that are known again

IDLE, HEAD, BODY, WORK = "idle", "head", "body", "work"

AtOnce = Callable[[list[Header], bool, bytes], bytes | None]

_known: dict[bytes, tuple[list[Header], int]] = {}  # what the parser has made of a head: headers, bytes of the body


def config(app: Any) -> Config:
    """What uvicorn has to know: no middleware, no logs, no headers of its own."""
    found = Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=int(IDLE_TIME),
    )
    found.load()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a line for each bad request would fill the disk
    return found


class Connection(HttpToolsProtocol):
    """Knows who is at its other end, and how long it has waited for what.

    at_once: the whole answer to a POST /invocations, by its headers, whether it is our own user's, and its body; None
    where the application has to be asked. It spares a task for what takes microseconds. A client sends the same head
    again and again: one that was parsed before is known, and not parsed anew.
    """

    def __init__(
        self, config: Config, state: ServerState, loop: asyncio.AbstractEventLoop, at_once: AtOnce | None = None
    ) -> None:
        super().__init__(config, state, {}, loop)
        self._at_once = at_once
        self._may_be_at_once = False
        self._held: bytes | None = None  # the body so far of a request that the application has not been told of
        self._plain: tuple[list[Header], int] | None = None  # what was answered at once of what has just come
        self.phase, self.since = IDLE, loop.time()
        self._own = False
        self._head = 0
        self._discarded = 0
        self._unread, self._unread_since = 0, self.since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._own = peers.is_own(transport.get_extra_info("socket"))
        if len(self.connections) > CONNECTIONS and not self._make_room():
            self.refuse(503, "this server has too many connections; try again in a moment")

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing() or (self.phase == IDLE and not self._head and self._answered_as_known(data)):
            return
        if self.phase != WORK:
            self._head += len(data)
        self._may_be_at_once = self._at_once is not None  # the first of what has come together: others wait their turn
        self._plain = None
        super().data_received(data)
        if self._plain is not None:
            _remember(data, *self._plain)
        if self._held is not None:
            self._tell()
        if self.phase == HEAD and self._head > HEAD_LIMIT:
            self.refuse(431, f"the headers are over the limit of {HEAD_LIMIT:,} bytes")
        elif self.phase == BODY and self._head > HEAD_LIMIT:
            self.refuse(400, "there is too much beside the body between its chunks")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[OWN] = self._own  # type: ignore[literal-required]
        self._enter(HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase == HEAD:  # what follows a body in chunks says nothing here
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= AHEAD:
            raise TooManyAhead
        self._enter(BODY)
        self._head = self._discarded = 0
        if self._may_be_at_once and self._is_plain():
            self._held = b""
        else:
            super().on_headers_complete()
        self._may_be_at_once = False

    def on_body(self, body: bytes) -> None:
        self._head -= len(body) + FRAME_LIMIT
        if self._held is not None:
            self._held += body
            return
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > DISCARDED:
                self.transport.abort()
            return
        if STREAMED in self.scope:
            self.since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._held is not None:
            if self._answered():
                return
            self._tell()
        self.scope[COMPLETE] = time.perf_counter()  # type: ignore[literal-required]
        self._head = 0
        self._enter(WORK if not self.cycle.response_complete else IDLE)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.phase == WORK and not self.pipeline:
            self._enter(IDLE)
        super().on_response_complete()

    def _is_plain(self) -> bool:
        """Whether this is a POST /invocations that nothing is before, and that says how long it is and no more."""
        return (
            self.url == b"/invocations"
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)
            and all(name != b"transfer-encoding" for name, _ in self.headers)
        )

    def _answered(self) -> bool:
        """Answers at once a request that has come as a whole, if that can be."""
        assert self._held is not None
        if not self._answer_at_once(self.headers, self._held):
            return False
        self._plain = self.headers, len(self._held)
        self._held = None
        self._head = 0
        return True

    def _answered_as_known(self, data: bytes) -> bool:
        """Answers at once what has come, if it is one whole request with a head that is known."""
        if self._at_once is None or self.flow.write_paused or not (self.cycle is None or self.cycle.response_complete):
            return False
        end = data.find(b"\r\n\r\n", 0, LONGEST_KNOWN) + 4
        headers, length = _known.get(data[:end], ([], -1))
        if len(data) != end + length or not self._answer_at_once(headers, data[end:]):
            return False
        self._unset_keepalive_if_required()
        return True

    def _answer_at_once(self, headers: list[Header], body: bytes) -> bool:
        assert self._at_once is not None
        answer = self._at_once(headers, self._own, body)
        if answer is None:
            return False
        self.transport.write(answer)
        self._enter(IDLE)
        return True

    def _tell(self) -> None:
        """Leaves to the application what was held."""
        assert self._held is not None
        body, self._held = self._held, None
        super().on_headers_complete()
        if body:
            super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, "this is not an HTTP request that can be understood")

    def refuse(self, status: int, message: str) -> None:
        """Answers what has come in so far, and closes; only closes where that would be taken for another's answer."""
        cycle = self.cycle
        if cycle is not None and (
            self.pipeline or (not cycle.response_complete if self.phase in (IDLE, HEAD) else cycle.response_started)
        ):
            self.transport.abort()
            return
        body = error_body(status, message)
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def look(self, now: float, draining: bool) -> None:
        """Called every second: ends what takes too long."""
        waited = now - self.since
        unread = self.transport.get_write_buffer_size()
        if unread != self._unread or not unread:
            self._unread, self._unread_since = unread, now
        if now - self._unread_since > READ_TIME:
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self.phase == IDLE and waited > (DRAIN_IDLE_TIME if draining else IDLE_TIME) and not self._has_come():
            self.transport.close()
        elif self.phase == HEAD and waited > HEAD_TIME:
            self.refuse(408, f"the headers took longer than {HEAD_TIME:.0f} s")
        elif self.phase == BODY and waited > BODY_TIME:
            self.refuse(408, f"the body took longer than {BODY_TIME:.0f} s")

    def _has_come(self) -> bool:
        """Whether something waits to be read: where this process stood still, it may have come long ago."""
        waiting = select.poll()
        waiting.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    def _make_room(self) -> bool:
        """Ends the connection that keeps this server waiting for the longest time, if there is one; others' first."""
        deadline = self.loop.time() - QUIET
        there = [one for one in self.connections if isinstance(one, Connection) and not one.transport.is_closing()]
        waiting = [one for one in there if one.phase != WORK and one.since < deadline]
        if not waiting:
            return False
        min(waiting, key=lambda one: (one._own, one.since)).transport.abort()
        return True

    def _enter(self, phase: str) -> None:
        self.phase, self.since = phase, self.loop.time()


def _remember(data: bytes, headers: list[Header], length: int) -> None:
    """Remembers the head of a plain request (`_is_plain`) that was answered at once, if `data` was it and no more."""
    end = data.find(b"\r\n\r\n", 0, LONGEST_KNOWN) + 4
    if end >= 4 and len(data) == end + length:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[data[:end]] = headers, length


class TooManyAhead(Exception):
    """A client sends requests without waiting for any answer."""


def tend(connections: Iterable[Any], now: float, draining: bool = False) -> None:
    """Called every second: ends what takes too long, and who leaves the most unread where that is too much together."""
    there = [one for one in connections if isinstance(one, Connection)]
    for one in there:
        one.look(now, draining)
    unread = sorted(((one.transport.get_write_buffer_size(), id(one), one) for one in there), reverse=True)
    total = sum(size for size, _, _ in unread)
    for size, _, one in unread:
        if total <= ROOM:
            return
        one.transport.abort()
        total -= size
