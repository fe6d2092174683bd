"""One HTTP connection: uvicorn's own protocol, with bounds on what a client may send and how slowly."""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from cupola.serving import peers
from cupola.serving.http import OWN, error_body
from cupola.serving.payloads import LIMIT

HEAD_LIMIT = 64 * 1024  # bytes of request line and headers
DISCARDED = 4 * LIMIT  # bytes of a refused body that are still read, so that the client gets to read the refusal
CONNECTIONS = 1000  # of one process
HEAD_TIME, BODY_TIME, IDLE_TIME = 10.0, 60.0, 75.0  # seconds
DRAIN_IDLE_TIME = 5.0  # seconds that an idle connection gets for one more request while its server is replaced

IDLE, HEAD, BODY, WORK = "idle", "head", "body", "work"


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
    return found


class Connection(HttpToolsProtocol):
    """Knows who is at its other end, and how long it has waited for what."""

    def __init__(self, config: Config, state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, state, {}, loop)
        self.phase, self.since = IDLE, loop.time()
        self._own = False
        self._head = 0
        self._discarded = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._own = peers.is_own(transport.get_extra_info("socket"))
        if len(self.connections) > CONNECTIONS:
            self.refuse(503, "this server has too many connections; try again in a moment")

    def data_received(self, data: bytes) -> None:
        if self.phase in (IDLE, HEAD):
            self._head += len(data)
        super().data_received(data)
        if self.phase == HEAD and self._head > HEAD_LIMIT:
            self.refuse(431, f"the headers are over the limit of {HEAD_LIMIT:,} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[OWN] = self._own  # type: ignore[literal-required]
        self._enter(HEAD)

    def on_headers_complete(self) -> None:
        self._enter(BODY)
        self._head = self._discarded = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > DISCARDED:
                self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._enter(WORK if not self.cycle.response_complete else IDLE)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.phase == WORK and not self.pipeline:
            self._enter(IDLE)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, "this is not an HTTP request that can be understood")

    def refuse(self, status: int, message: str) -> None:
        """Answers whatever has come in so far, and closes."""
        body = error_body(status, message)
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def look(self, now: float, draining: bool) -> None:
        """Called every second: ends what takes too long."""
        waited = now - self.since
        if self.phase == IDLE and waited > (DRAIN_IDLE_TIME if draining else IDLE_TIME):
            self.transport.close()
        elif self.phase == HEAD and waited > HEAD_TIME:
            self.refuse(408, f"the headers took longer than {HEAD_TIME:.0f} s")
        elif self.phase == BODY and waited > BODY_TIME:
            if self.cycle.response_complete or self.cycle.response_started:
                self.transport.abort()
            else:
                self.refuse(408, f"the body took longer than {BODY_TIME:.0f} s")

    def _enter(self, phase: str) -> None:
        self.phase, self.since = phase, self.loop.time()
