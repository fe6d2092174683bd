"""The HTTP face of an endpoint, in plain ASGI: /invocations, /ping, /health, /version, and nothing else."""

import asyncio
import random
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from cupola.errors import BadInput, CupolaError
from cupola.serving import answers, payloads
from cupola.serving.guard import Guard
from cupola.serving.payloads import LIMIT, TooLarge, Unsupported
from cupola.serving.scoring import SMALL, Variant
from cupola.serving.tally import Counts

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
PATHS = {"/invocations": b"POST", "/ping": b"GET, HEAD", "/health": b"GET, HEAD", "/version": b"GET, HEAD"}
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


class Application:
    """The ASGI application of one server process. `draining`: each answer closes its connection."""

    def __init__(self, variants: Sequence[Variant], guard: Guard, version: dict[str, Any]) -> None:
        self.counts = Counts()
        self.draining = False
        self._variants = {one.name: one for one in variants}
        self._drawn = list(variants)
        self._weights = [one.weight for one in variants]
        self._guard = guard
        self._version = msgspec.json.encode(version)
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="batch")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            status, headers, body = await self._answer(scope, receive)
        except Failure as failure:
            status, body = failure.status, error_body(failure.status, failure.message)
            headers = [(b"content-type", b"application/json"), *failure.headers]
        except Gone:
            return
        headers.append((b"content-length", str(len(body)).encode()))
        if self.draining:
            headers.append(CLOSE)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, list[Header], bytes]:
        refusal = self._guard.refusal(scope["headers"], scope.get(OWN, False))
        if refusal:
            challenge = [(b"www-authenticate", b"Bearer")] if refusal.status == 401 else []
            raise Failure(refusal.status, refusal.message, *challenge)
        path, method = scope["path"], scope["method"]
        allowed = PATHS.get(path)
        if allowed is None:
            raise Failure(
                404, f"there is nothing here; POST /invocations predicts, {', '.join(sorted(PATHS)[1:])} answer"
            )
        if method.encode() not in allowed.split(b", "):
            raise Failure(405, f"{path} takes {allowed.decode()}", (b"allow", allowed))
        if path == "/invocations":
            return await self._timed(scope, receive)
        body = self._version if path == "/version" else b'{"status":"InService"}'
        return 200, [(b"content-type", b"application/json")], body

    async def _timed(self, scope: Scope, receive: Receive) -> tuple[int, list[Header], bytes]:
        """One prediction, counted: how long it took from its last byte on, and whether it failed."""
        headers = dict(scope["headers"])
        try:
            body = await read_body(headers, receive)
        except Failure:
            self.counts.add(0.0, True)
            raise
        started = time.perf_counter()
        failed = True
        try:
            answer = await self._predict(headers, body)
            failed = False
            return answer
        finally:
            self.counts.add(time.perf_counter() - started, failed)

    async def _predict(self, headers: dict[bytes, bytes], body: bytes) -> tuple[int, list[Header], bytes]:
        try:
            variant = self._variant(headers.get(b"x-amzn-sagemaker-target-variant"))
            media = answers.chosen(_text(headers, b"accept"))
            if b"content-encoding" in headers:
                body = payloads.inflate(body, _text(headers, b"content-encoding").strip().lower())
            content_type = _text(headers, b"content-type")
            if len(body) <= SMALL:
                answer = variant.answer(body, content_type, media)
            else:
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._beside, variant.answer, body, content_type, media)
        except CupolaError as error:
            raise Failure(_status(error), str(error)) from error
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            raise Failure(500, "the model failed on this request; the endpoint's log says how") from error
        served = (b"x-amzn-invoked-production-variant", variant.name.encode())
        return 200, [(b"content-type", media.encode()), served], answer

    def _variant(self, wanted: bytes | None) -> Variant:
        if wanted is not None:
            name = wanted.decode("latin-1")
            if name not in self._variants:
                raise BadInput(f"the endpoint has no variant {name!r}", hint=f"it has: {', '.join(self._variants)}")
            return self._variants[name]
        if len(self._drawn) == 1:
            return self._drawn[0]
        return random.choices(self._drawn, self._weights)[0]


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


def _status(error: CupolaError) -> int:
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, Unsupported):
        return 406 if error.message.startswith("answers") else 415
    return 400 if isinstance(error, BadInput) else 500


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
