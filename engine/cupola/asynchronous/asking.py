"""Asking the servers of an endpoint over its Unix socket, a request at a time, patiently."""

import http.client
import socket
import time
from collections.abc import Mapping

import msgspec

from cupola.serving.records import local_path
from cupola.store import Store

DEATHS = 3  # servers that end while they work on one request: then it is the request's fault
AGAIN = (429, 503)  # they have too much to do at the moment
PAUSE = 0.2


class Reply(msgspec.Struct, frozen=True):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotServed(Exception):
    """Nobody listens for the endpoint now."""


class Died(Exception):
    """Server after server ended while it worked on the request."""


class Late(Exception):
    """There was no answer in time."""


class Line:
    """A connection to an endpoint's servers, made when it is needed. `path`: of the Unix socket."""

    def __init__(self, store: Store, endpoint: str) -> None:
        self._path = local_path(store, endpoint, "sock")
        self._connection = http.client.HTTPConnection("localhost")

    def ask(self, headers: Mapping[str, str], body: bytes, deadline: float) -> Reply:
        """The answer to a request by `deadline` (monotonic). Raises NotServed, Died, Late."""
        deaths = 0
        while deaths < DEATHS:
            kept = self._connection.sock is not None
            try:
                reply = self._once(headers, body, deadline)
            except TimeoutError:
                self.close()
                raise Late from None
            except (FileNotFoundError, ConnectionRefusedError):
                raise NotServed from None
            except (OSError, http.client.HTTPException):
                self.close()
                deaths += not kept  # a kept connection may have been closed by a server that was replaced
                continue
            if reply.status not in AGAIN:
                return reply
            time.sleep(PAUSE)
        raise Died

    def close(self) -> None:
        self._connection.close()

    def _once(self, headers: Mapping[str, str], body: bytes, deadline: float) -> Reply:
        if self._connection.sock is None:
            self._connection.sock = socket.socket(socket.AF_UNIX)
            self._limit(deadline)
            try:
                self._connection.sock.connect(self._path)
            except OSError:
                self.close()
                raise
        self._limit(deadline)
        self._connection.request("POST", "/invocations", body, dict(headers))
        self._limit(deadline)
        response = self._connection.getresponse()
        answer = response.read()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, answer)

    def _limit(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.sock.settimeout(left)
