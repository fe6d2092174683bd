"""The HTTP face of an endpoint, in plain ASGI: /invocations, /ping, /health, /version, and nothing else."""

import asyncio
import random
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from cupola.errors import BadInput, CupolaError
from cupola.serving import answers, payloads
from cupola.serving.guard import Guard
from cupola.serving.http import (
    CLOSE,
    OWN,
    Failure,
    Gone,
    Header,
    Receive,
    Room,
    Scope,
    Send,
    error_body,
    read_body,
    text,
)
from cupola.serving.payloads import TooLarge, Unsupported
from cupola.serving.scoring import SMALL, Variant
from cupola.serving.tally import Counts

PATHS = {"/invocations": b"POST", "/ping": b"GET, HEAD", "/health": b"GET, HEAD", "/version": b"GET, HEAD"}


class Application:
    """The ASGI application of one server process. `draining`: each answer closes its connection."""

    def __init__(self, variants: Sequence[Variant], guard: Guard, version: dict[str, Any]) -> None:
        self.counts = Counts()
        self.draining = False
        self._room = Room()
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
                404, f"there is nothing here; POST /invocations predicts, {', '.join(list(PATHS)[1:])} answer"
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
        started = failed = None
        try:
            with self._room.taken(headers) as place:
                body = await read_body(headers, receive, place)
                started = time.perf_counter()
                answer = await self._predict(headers, body)
                failed = False
                return answer
        except Gone:
            failed = False
            raise
        finally:
            taken = 0.0 if started is None else time.perf_counter() - started
            self.counts.add(taken, failed is None)

    async def _predict(self, headers: dict[bytes, bytes], body: bytes) -> tuple[int, list[Header], bytes]:
        try:
            variant = self._variant(headers.get(b"x-amzn-sagemaker-target-variant"))
            media = answers.chosen(text(headers, b"accept"))
            if b"content-encoding" in headers:
                body = payloads.inflate(body, text(headers, b"content-encoding").strip().lower())
            content_type = text(headers, b"content-type")
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


def _status(error: CupolaError) -> int:
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, Unsupported):
        return 406 if error.message.startswith("answers") else 415
    return 400 if isinstance(error, BadInput) else 500
