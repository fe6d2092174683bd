"""The HTTP face of an endpoint, in plain ASGI: predictions by three protocols, what can be asked, and how it is."""

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

import msgspec

from cupola.errors import BadInput, CupolaError
from cupola.registry.models import Prediction
from cupola.runtimes.native import Native
from cupola.runtimes.tables import Table
from cupola.serving import answers, drifting, eventstream, explaining, hosted, openapi, payloads
from cupola.serving.batching import Batches, one_thread
from cupola.serving.guard import Guard
from cupola.serving.hosted import Headers
from cupola.serving.http import (
    CLOSE,
    COMPLETE,
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
from cupola.serving.lineup import Call, Lineup, Placed, call
from cupola.serving.openmodels import Asked, OpenModels
from cupola.serving.payloads import TooLarge, Unsupported
from cupola.serving.records import MOST_ROWS
from cupola.serving.scoring import SMALL, Variant
from cupola.serving.shadows import Shadows
from cupola.serving.shelf import Shelf
from cupola.serving.tally import Counts
from cupola.tokens.records import INVOKE, READ, Wanted

STREAM = "/invocations-response-stream"
PATHS = dict.fromkeys(("/invocations", STREAM), b"POST") | dict.fromkeys(
    ("/ping", "/health", "/version", "/openapi.json", "/docs"), b"GET, HEAD"
)
JSON = [(b"content-type", b"application/json")]
HEAD = (  # of an answer at once
    b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nx-amzn-invoked-production-variant: %b\r\ncontent-length: %d\r\n\r\n"
)
PART_TIME = 60.0  # seconds that a client may take for a part of a stream

Answer = tuple[int, list[Header], bytes]
Work = Callable[[Headers, bytes], Awaitable[Answer | None]]
T = TypeVar("T")
Together = Callable[[], AbstractContextManager[None]]


class Told(Exception):
    """The request has failed, and its answer, which had begun, has said so."""


class Application:
    """The ASGI application of one server process. `draining`: each answer closes its connection.

    together: entered for each request that is in work; raises Failure 429 for one too many. shelf: the models that
    requests may name. batch_rows: the most rows of requests that are joined into one call of a native model.
    """

    def __init__(
        self,
        variants: Sequence[Variant],
        guard: Guard,
        version: dict[str, Any],
        together: Together | None = None,
        shelf: Shelf | None = None,
        batch_rows: int = MOST_ROWS,
    ) -> None:
        self._together = together
        self._shelf = shelf
        self.counts = Counts()
        self.draining = False
        self._round: float | None = None
        self._room = Room()
        self.lineup = Lineup(variants)
        self.shadows = Shadows()
        self._batches = {
            one.key: Batches(one.runtime.frames, one.runtime.predict, joins=one.runtime.by_row, most_rows=batch_rows)
            for one in variants
            if isinstance(one.runtime, Native)
        }
        self._guard = guard
        self._version = version
        self._name = str(version.get("endpoint", "model"))
        self._looking, self._asking = Wanted(READ, self._name), Wanted(INVOKE, self._name)
        self._open = self._models()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="batch", initializer=one_thread)

    def place(self, placed: Sequence[Placed]) -> None:
        """Shares the requests between the variants anew; one that is not named is held no more."""
        self.lineup.place(placed)
        self._batches = {key: self._batches[key] for key in self.lineup.held() if key in self._batches}
        self._open = self._models()

    @property
    def joins(self) -> bool:
        """Whether there is a model to which requests are joined."""
        return any(one.joins for one in self._batches.values())

    def _models(self) -> OpenModels:
        return OpenModels(self._name, self._version, self.lineup.production, self.lineup.chosen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive, send)
        except Failure as failure:
            answer = _failed(scope["path"], failure)
        except (Gone, Told):
            return
        if answer is None:
            return
        status, headers, body = answer
        headers.append((b"content-length", str(len(body)).encode()))
        if self.draining:
            headers.append(CLOSE)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def at_once(self, headers: list[Header], own: bool, body: bytes) -> bytes | None:
        """The whole answer to the usual POST /invocations where a compiled model can give it: one row as JSON.

        None for all else, also for what is wrong with it: `__call__` answers that, and says so.
        """
        begun = time.perf_counter()
        named = dict(headers)
        if self._together is not None or self.draining or not hosted.UNUSUAL.isdisjoint(named):
            return None
        if self._guard.refusal(headers, own, self._asking):
            return None
        try:
            variant, media = self.lineup.chosen(None), answers.chosen(text(named, b"accept"))
            answer = self._quick(variant, media, text(named, b"content-type"), body)
        except Exception:  # noqa: BLE001  it is met again where it is told
            return None
        if answer is None:
            return None
        taken, queued = time.perf_counter() - begun, self._queued(begun)
        self.counts.add(taken, False, queued=queued)
        self.counts.of(variant.key).add(taken, False, queued=queued)
        return HEAD % (media.encode(), variant.name.encode(), len(answer)) + answer

    def _queued(self, now: float) -> float:
        """Seconds since the first of the requests that the event loop has found together was begun with."""
        if self._round is None:
            self._round = now
            asyncio.get_running_loop().call_soon(self._end_round)
        return now - self._round

    def _end_round(self) -> None:
        self._round = None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        """The answer; None where it was sent in parts."""
        path, method = scope["path"], scope["method"]
        wanted = self._looking if method in ("GET", "HEAD") else self._asking
        refusal = self._guard.refusal(scope["headers"], scope.get(OWN, False), wanted)
        if refusal:
            challenge = [(b"www-authenticate", b"Bearer")] if refusal.status == 401 else []
            raise Failure(refusal.status, refusal.message, *challenge)
        if path == "/invocations" and method == "POST":
            return await self._together_with(scope, receive, self._invoke)
        if path == "/v2" or path.startswith("/v2/"):
            asked = self._open.asked(path, method)
            if asked.what == "infer":
                return await self._together_with(scope, receive, partial(self._infer, self._open, asked))
            return 200, [*JSON], msgspec.json.encode(self._open.tell(asked))
        allowed = PATHS.get(path)
        if allowed is None:
            raise Failure(
                404, f"there is nothing here; POST /invocations predicts, {', '.join(list(PATHS)[2:])} answer"
            )
        if method.encode() not in allowed.split(b", "):
            raise Failure(405, f"{path} takes {allowed.decode()}", (b"allow", allowed))
        if path == STREAM:
            return await self._together_with(scope, receive, partial(self._stream, receive, send))
        return self._page(path)

    def _page(self, path: str) -> Answer:
        if path == "/docs":
            return 200, [*openapi.PAGE_HEADERS], openapi.page(self._name, self.lineup.production).encode()
        if path == "/openapi.json":
            return 200, [*JSON], msgspec.json.encode(openapi.document(self._name, self.lineup.production))
        return 200, [*JSON], msgspec.json.encode(self._version if path == "/version" else {"status": "InService"})

    async def _together_with(self, scope: Scope, receive: Receive, work: Work) -> Answer | None:
        if self._together is None:
            return await self._timed(scope, receive, work)
        with self._together():
            await asyncio.sleep(0)  # what has come at the same time is counted before this one is worked on
            return await self._timed(scope, receive, work)

    async def _timed(self, scope: Scope, receive: Receive, work: Work) -> Answer | None:
        """One prediction, counted: how long it took from its last byte on, and whether it failed, and whose fault."""
        headers = dict(scope["headers"])
        now = Call()
        called = call.set(now)
        started = failed = None
        fault = False
        try:
            with self._room.taken() as place:
                body = await read_body(headers, receive, place)
                started = time.perf_counter()
                answer = await self._worked(work, headers, body)
                failed = False
                return answer
        except Gone:
            failed = False
            raise
        except Failure as failure:
            fault = failure.status >= 500
            raise
        except Told:
            fault = True
            raise
        finally:
            call.reset(called)
            taken = 0.0 if started is None else time.perf_counter() - started
            queued = now.queued + (started - scope[COMPLETE] if started and COMPLETE in scope else 0.0)
            self.counts.add(taken, failed is None, fault=fault, queued=queued)
            if now.variant is not None:
                self.counts.of(now.variant.key).add(taken, failed is None, fault=fault, queued=queued)

    async def _worked(self, work: Work, headers: Headers, body: bytes) -> Answer | None:
        try:
            if b"content-encoding" in headers:
                encoding = text(headers, b"content-encoding").strip().lower()
                body = await self._aside(body, partial(payloads.inflate, body, encoding))
            return await work(headers, body)
        except CupolaError as error:
            raise Failure(_status(error), str(error)) from error
        except (Failure, Gone, Told):
            raise
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            raise Failure(500, "the model failed on this request; the endpoint's log says how") from error

    async def _aside(self, body: bytes, work: Callable[[], T]) -> T:
        """Does what is quickly done at once, and the rest beside the event loop."""
        if len(body) <= SMALL:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._beside, copy_context().run, work)

    async def _invoke(self, headers: Headers, body: bytes) -> Answer:
        if self._shelf is not None and hosted.TARGET_MODEL in headers:
            return await self._from_shelf(self._shelf, headers, body)
        variant, media = self._asked(headers, b"accept")
        content_type = text(headers, b"content-type")
        if hosted.EXPLAIN in headers and hosted.is_explained(headers):
            return await self._explain(variant, media, headers, body)
        quick = self._quick(variant, media, content_type, body)
        if quick is not None:
            return 200, hosted.served(variant, headers, media), quick
        told = hosted.told(variant, headers)
        prediction = await self._predicted(variant, body, lambda one: one.table(body, content_type), told)
        answer = await self._aside(body, lambda: answers.encode(prediction, variant.classes, media))
        return 200, [*hosted.served(variant, headers, media), *hosted.attributes(told)], answer

    def _quick(self, variant: Variant, media: str, content_type: str, body: bytes) -> bytes | None:
        """What a compiled model answers to one row as JSON; None for all else, and where shadows get copies."""
        found = None if self.lineup.shadows else variant.quickly(body, content_type)
        if found is None:
            return None
        answer = answers.encode(found, variant.classes, media)
        drifting.count(found.values, found.probabilities, self.counts.of(variant.key).answers)
        return answer

    async def _from_shelf(self, shelf: Shelf, headers: Headers, body: bytes) -> Answer:
        """The answer of the model that the request names; it is loaded now if it is not at hand."""
        target = text(headers, hosted.TARGET_MODEL)
        others = {name: value for name, value in headers.items() if name != hosted.TARGET_MODEL}
        media = self._asked(others, b"accept")[1]
        if hosted.EXPLAIN in headers and hosted.is_explained(headers):
            raise BadInput("explanations are not offered for a target model")
        variant = shelf.at_hand(target)
        if variant is None:
            loop = asyncio.get_running_loop()
            variant = await loop.run_in_executor(self._beside, shelf.variant, target)
        content_type = text(headers, b"content-type")
        answer = await self._aside(body, partial(variant.answer, body, content_type, media))
        return 200, hosted.served(variant, headers, media), answer

    async def _explain(self, variant: Variant, media: str, headers: Headers, body: bytes) -> Answer:
        if media != answers.JSON:
            raise BadInput(f"explanations are given as {answers.JSON} only; accept it")
        content_type = text(headers, b"content-type")
        prediction = await self._predicted(variant, body, lambda one: one.table(body, content_type))

        def explained() -> bytes:
            found = explaining.explain(variant, variant.table(body, content_type))
            return answers.encode(prediction, variant.classes, media, {"explanations": found})

        answer = await asyncio.get_running_loop().run_in_executor(self._beside, explained)
        return 200, hosted.served(variant, headers, media), answer

    async def _infer(self, models: OpenModels, asked: Asked, headers: Headers, body: bytes) -> Answer:
        variant, request, inputs = await self._aside(body, lambda: models.read(asked, headers, body))
        prediction = await self._predicted(variant, body, lambda one: models.table(one, inputs))
        more, answer = await self._aside(body, lambda: models.write(variant, request, prediction, headers))
        return 200, [*more, (b"x-amzn-invoked-production-variant", variant.name.encode())], answer

    async def _predicted(
        self, variant: Variant, body: bytes, read: Callable[[Variant], Table], told: dict[str, str] | None = None
    ) -> Prediction:
        """What a variant says of a body, which `read` makes rows of as that variant knows them. Raises BadInput."""
        begun = time.perf_counter()
        if len(body) <= SMALL and variant.key in self._batches:
            prediction = await self._batches[variant.key].predict(read(variant), told)
        else:
            prediction = await self._aside(body, lambda: variant.predict(read(variant), told))
        self._seen(variant, read, prediction, time.perf_counter() - begun)
        return prediction

    def _seen(self, variant: Variant, read: Callable[[Variant], Table], prediction: Prediction, seconds: float) -> None:
        """Counts what a variant has answered within `seconds`, and has shadows answer the same rows."""
        drifting.count(prediction.values, prediction.probabilities, self.counts.of(variant.key).answers)
        for shadow, share in self.lineup.shadows:
            self.shadows.copy(shadow, share, read, prediction, seconds)

    async def _stream(self, receive: Receive, send: Send, headers: Headers, body: bytes) -> None:
        """Answers in parts, as an event stream. What is wrong with the request is told before the stream begins.

        Of its rows the first ones, which are answered together, are counted and copied to shadows.
        """
        if hosted.is_explained(headers):
            raise BadInput("a stream has no explanations; ask for them without one")
        accept = b"x-amzn-sagemaker-accept" if b"x-amzn-sagemaker-accept" in headers else b"accept"
        variant, media = self._asked(headers, accept)
        content_type = text(headers, b"content-type")
        begun, loop = time.perf_counter(), asyncio.get_running_loop()

        def first(prediction: Prediction) -> None:
            def read(one: Variant) -> Table:
                return one.table(body, content_type).first(len(prediction.values))

            loop.call_soon_threadsafe(self._seen, variant, read, prediction, time.perf_counter() - begun)

        told = hosted.told(variant, headers)
        parts = await self._aside(body, lambda: variant.stream(body, content_type, media, told, first))
        head = [*hosted.served(variant, headers, eventstream.MEDIA), (b"x-amzn-sagemaker-content-type", media.encode())]
        if self.draining:
            head.append(CLOSE)
        await send({"type": "http.response.start", "status": 200, "headers": head})
        left = asyncio.ensure_future(receive())  # ends when the client has left: nothing else comes after the body
        try:
            await self._send_parts(parts, send, left)
        finally:
            left.cancel()

    async def _send_parts(self, parts: Iterator[bytes], send: Send, left: "asyncio.Future[Any]") -> None:
        loop = asyncio.get_running_loop()
        broken: Exception | None = None
        while not left.done():
            try:
                part = await loop.run_in_executor(self._beside, next, parts, None)
                message = b"" if part is None else eventstream.part(part)
            except CupolaError as error:
                broken, message = error, eventstream.model_error(str(error), eventstream.BROKEN)
            except Exception as error:  # noqa: BLE001  the answer has begun: the stream itself has to say it
                traceback.print_exc(file=sys.stderr)
                broken = error
                message = eventstream.internal_failure("the model failed on this request; the endpoint's log says how")
            last = broken is not None or not message
            try:
                async with asyncio.timeout(PART_TIME):
                    await send({"type": "http.response.body", "body": message, "more_body": not last})
            except TimeoutError:
                raise Gone from None
            if broken is not None:
                raise Told
            if last:
                return
        raise Gone

    def _asked(self, headers: Headers, accept: bytes) -> tuple[Variant, str]:
        """The variant that is to answer, and the media type of its answer. Raises BadInput."""
        wanted = hosted.variant(headers, self.lineup.production)
        return self.lineup.chosen(wanted), answers.chosen(text(headers, accept))


def _failed(path: str, failure: Failure) -> Answer:
    """An error in the shape of the protocol that the path belongs to."""
    if path == "/v2" or path.startswith("/v2/"):
        body = msgspec.json.encode({"error": failure.message})
    else:
        body = error_body(failure.status, failure.message)
    return failure.status, [*JSON, *failure.headers], body


def _status(error: CupolaError) -> int:
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, Unsupported):
        return 406 if error.message.startswith("answers") else 415
    return 400 if isinstance(error, BadInput) else 500
