"""The gateway: one process per agent, a stable loopback port per workspace, and behind it every endpoint by its name.

`POST /endpoints/NAME/invocations`, as the hosted service's clients send it, is passed on over the endpoint's Unix
socket. It waits while an endpoint comes up, and answers errors in the hosted service's shapes. What else an endpoint
answers is passed on as it is (`passing`).
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
import uvloop
from uvicorn.server import ServerState

from cupola.asynchronous import accepting
from cupola.asynchronous import records as requests
from cupola.errors import BadInput, BadName, Conflict, CupolaError, NotFound
from cupola.jobs import agents
from cupola.mlflow.app import Mlflow
from cupola.mlflow.app import is_for as is_mlflow
from cupola.serving import connection, listening, passing, records, relaying
from cupola.serving.connection import Connection
from cupola.serving.guard import Guard
from cupola.serving.http import OWN, Failure, Gone, Header, Receive, Room, Scope, Send, read_body
from cupola.serving.relaying import ANSWER_TIME
from cupola.serving.status import EndpointStatus
from cupola.serving.upstream import Answer, Lost, Pool, Upstream
from cupola.store import Store, names, runtime, secret
from cupola.store import records as store_records
from cupola.tokens import records as tokens
from cupola.tokens.records import Wanted

COMING_TIME = 30.0  # seconds for which a request waits for an endpoint that is coming up
GONE_TIME = 1.5  # seconds for which it waits for a keeper that is gone
PASSED_ON = (b"content-type", b"accept", b"content-encoding", b"accept-encoding", b"inference-header-content-length")
PASSED_BACK = (
    b"content-type", b"content-encoding", b"content-security-policy", b"x-content-type-options", b"allow",
    b"retry-after", b"x-amzn-invoked-production-variant", b"x-amzn-sagemaker-custom-attributes",
    b"x-amzn-sagemaker-inference-id", b"x-amzn-sagemaker-content-type", b"inference-header-content-length",
    b"x-amzn-sagemaker-new-session-id",
)  # fmt: skip
INVOKE, QUEUED, STREAMED = "invocations", "async-invocations", "invocations-response-stream"


Told = tuple[int, list[Header], bytes]
T = TypeVar("T")


class Refused(Exception):
    """An answer in the hosted service's shape of an error."""

    def __init__(self, status: int, kind: str, message: str, *headers: Header, **more: Any) -> None:
        self.status, self.kind, self.message, self.headers, self.more = status, kind, message, headers, more


class Gateway:
    """The ASGI application of one workspace."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._room = Room()
        self._store = store
        self._guard = guard
        self._under_way: Counter[str] = Counter()
        self._pools: dict[str, Pool] = {}
        self._seen: dict[str, tuple[int, EndpointStatus]] = {}
        self._mlflow = Mlflow(store, guard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if is_mlflow(scope["path"]):
            await self._mlflow(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive, send)
        except (Refused, Failure) as error:
            answer = _told(scope["path"], error)
        except Gone:
            return
        if answer is None:
            return
        status, headers, body = answer
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> Told | None:
        """The answer; None where it was sent in parts."""
        path, method = scope["raw_path"].decode("ascii"), scope["method"]
        refusal = self._guard.refusal(scope["headers"], scope.get(OWN, False), _wanted(path, method))
        if refusal:
            raise Refused(refusal.status, "AccessDeniedException", refusal.message)
        parts = path.split("/")
        if len(parts) == 4 and parts[1] == "endpoints" and parts[3] in (INVOKE, QUEUED, STREAMED):
            if method != "POST":
                raise Refused(405, "UnknownOperationException", f"{path} takes POST")
            name, headers = unquote(parts[2]), dict(scope["headers"])
            if parts[3] == QUEUED:
                return await self._accept(name, scope["headers"], receive)
            if parts[3] == STREAMED:
                await self._stream(name, headers, receive, send)
                return None
            return await self._invoke(name, headers, receive)
        if path in ("/ping", "/health") and method in ("GET", "HEAD"):
            return 200, [(b"content-type", b"application/json")], b'{"status":"ok"}'
        if passed := passing.target(path):
            return await self._pass(passed, method, dict(scope["headers"]), receive)
        if len(parts) == 5 and parts[1] == "pipelines" and parts[3] == "steps":
            if method != "POST":
                raise Refused(405, "UnknownOperationException", f"{path} takes POST")
            return await self._callback(unquote(parts[2]), unquote(parts[4]), dict(scope["headers"]), receive)
        if passing.is_told(path):
            told = await asyncio.get_running_loop().run_in_executor(None, passing.tell, self._store, path, method)
            return 200, [(b"content-type", b"application/json")], told
        raise Refused(
            404, "UnknownOperationException", "there is nothing here; POST /endpoints/NAME/invocations predicts"
        )

    async def _invoke(self, name: str, headers: dict[bytes, bytes], receive: Receive) -> Told:
        answer = await self._asked(name, b"POST /invocations", headers, receive)
        if answer.status == 200:
            return 200, _back(answer), bytes(answer.body)
        raise _failed(answer)

    async def _pass(self, to: passing.Target, method: str, headers: dict[bytes, bytes], receive: Receive) -> Told:
        line = f"{'GET' if method == 'HEAD' else method} {to.path}".encode()
        answer = await self._asked(to.endpoint, line, headers, receive)
        return answer.status, _back(answer), bytes(answer.body)

    async def _asked(self, name: str, line: bytes, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        """What an endpoint answers to a request. Raises Refused where it does not."""
        try:
            with self._room.taken() as place:
                body = await read_body(headers, receive, place)
                async with asyncio.timeout(ANSWER_TIME):
                    return await self._ask(name, line, headers, body, Pool.ask)
        except TimeoutError:
            raise _model_error(504, relaying.late(name)) from None
        except Lost:
            raise _model_error(500, relaying.lost(name)) from None

    async def _stream(self, name: str, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        """An answer in parts: the events of the endpoint, whole ones only, so that one of ours may follow."""
        line = f"POST /{STREAMED}".encode()
        try:
            with self._room.taken() as place:
                body = await read_body(headers, receive, place)
                async with asyncio.timeout(ANSWER_TIME):
                    pool, upstream, answer = await self._ask(name, line, headers, body, _begin)
                    if answer.status != 200:
                        answer.body += await relaying.rest(upstream)
        except TimeoutError:
            raise _model_error(504, relaying.late(name)) from None
        except Lost:
            raise _model_error(500, relaying.lost(name)) from None
        if answer.status != 200:
            pool.keep(upstream)
            raise _failed(answer)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _back(answer)})
            await relaying.relay(name, upstream, receive, send)
        except BaseException:
            upstream.close()
            raise
        pool.keep(upstream)

    async def _accept(self, name: str, given: list[Header], receive: Receive) -> tuple[int, list[Header], bytes]:
        """A request for the queue of an asynchronous endpoint: it lies on the disk when this answers."""
        headers = dict(given)
        with self._room.taken() as place:
            body = await read_body(headers, receive, place)
        told = {one.decode("latin-1"): value.decode("latin-1") for one, value in headers.items()}
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(None, accepting.accept, self._store, name, told, body)
        except (NotFound, BadName):
            raise Refused(400, "ValidationError", f"Endpoint {name[:100]!a} not found.") from None
        except CupolaError as error:
            said = error.message + (f" ({error.hint})" if error.hint else "")
            if isinstance(error, BadInput | Conflict):
                raise Refused(400, "ValidationError", said) from None
            raise Refused(503, "ServiceUnavailable", said) from None
        locations = (b"outputlocation", found.output), (b"failurelocation", found.failure)
        back = [(b"x-amzn-sagemaker-" + one, requests.location(self._store, path).encode()) for one, path in locations]
        answer = msgspec.json.encode({"InferenceId": found.inference_id})
        return 202, [(b"content-type", b"application/json"), *back], answer

    async def _callback(self, execution: str, step: str, headers: dict[bytes, bytes], receive: Receive) -> Told:
        """The answer to a Callback of a pipeline."""
        from cupola.pipelines import callbacks

        with self._room.taken() as place:
            body = await read_body(headers, receive, place)
        loop = asyncio.get_running_loop()
        try:
            told = await loop.run_in_executor(None, callbacks.posted, self._store, execution, step, bytes(body))
        except NotFound as error:
            raise Refused(404, "ResourceNotFound", error.message) from None
        except CupolaError as error:
            raise Refused(409 if isinstance(error, Conflict) else 400, "ValidationError", error.message) from None
        return 200, [(b"content-type", b"application/json")], told

    async def _ask(
        self,
        name: str,
        line: bytes,
        headers: dict[bytes, bytes],
        body: bytes,
        how: Callable[[Pool, bytes], Awaitable[T]],
    ) -> T:
        request: bytes | None = None
        coming, gone = time.monotonic() + COMING_TIME, 0.0
        while True:
            status = await self._serving(name, coming)
            if request is None:
                request = _request(status, line, headers, body)
            path = status.socket or ""
            pool = self._pools.setdefault(path, Pool(path))
            try:
                with self._one_more(status, line):
                    return await how(pool, request)
            except OSError:
                gone = gone or time.monotonic() + GONE_TIME
                if time.monotonic() > gone:
                    said = f"Endpoint {name} does not answer: its keeper is gone, and has not come back."
                    raise Refused(503, "ServiceUnavailable", said) from None
                await asyncio.sleep(0.05)

    @contextlib.contextmanager
    def _one_more(self, status: EndpointStatus, line: bytes) -> Iterator[None]:
        """A prediction is under way while this is entered; raises Refused 429 for one more than the endpoint takes.

        The endpoint counts all its doors itself, but not while it sleeps or wakes.
        """
        name = status.name if line.startswith(b"POST") else ""
        if name and 0 < status.max_concurrency <= self._under_way[name]:
            said = f"the endpoint has its {status.max_concurrency} requests at once in work; try again in a moment"
            raise _throttled(said)
        self._under_way[name] += 1
        try:
            yield
        finally:
            self._under_way[name] -= 1

    async def _serving(self, name: str, coming: float) -> EndpointStatus:
        """The status of an endpoint that can be asked; waits while it is coming up. Raises Refused."""
        try:
            names.check_name(name)
        except BadName:
            raise Refused(400, "ValidationError", f"Endpoint {name[:100]!a} not found.") from None
        while True:
            seen = self._local(name)
            if seen is not None and seen.status in records.SERVING and seen.socket:
                return seen
            state = await asyncio.get_running_loop().run_in_executor(None, self._find, name)
            if state.status not in records.SERVING or time.monotonic() > coming:
                why = f": {state.reason}" if state.reason else "."
                raise Refused(400, "ValidationError", f"Endpoint {name} is not in service, it is {state.status}{why}")
            await asyncio.sleep(0.05)

    def _local(self, name: str) -> EndpointStatus | None:
        """What the endpoint's keeper wrote on this host's own disk."""
        path = records.local_path(self._store, name, "json")
        try:
            changed = os.stat(path).st_mtime_ns  # noqa: PTH116
            if name not in self._seen or self._seen[name][0] != changed:
                found = msgspec.json.decode(Path(path).read_bytes(), type=EndpointStatus)
                self._seen[name] = changed, found
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return self._seen[name][1]

    def _find(self, name: str) -> records.EndpointState:
        try:
            return records.find(self._store, name)
        except NotFound:
            raise Refused(400, "ValidationError", f"Endpoint {name} not found.") from None
        except CupolaError as error:
            raise Refused(503, "ServiceUnavailable", str(error)) from None


class Doors:
    """The listening port of each workspace that this user's agent serves."""

    def __init__(self) -> None:
        self.state = ServerState()
        self.open: set[Path] = set()
        self.servers: list[asyncio.Server] = []

    async def keep(self) -> None:
        """Opens a door for every workspace as it is registered, and ends what takes too long.

        On SIGTERM it answers what it has, and ends; likewise when its host's runtime directory is gone.
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        found = agents.gateway_file()
        found.write_bytes(msgspec.json.encode(runtime.current()))  # whoever finds it may tell it to end
        while not ended.is_set() and found.exists():
            for root in agents.registered():
                if root not in self.open:
                    self.open.add(root)
                    await self._open(root)
            connection.tend(self.state.connections, loop.time())
            try:
                await asyncio.wait_for(ended.wait(), 1.0)
            except TimeoutError:
                continue
        for server in self.servers:
            server.close()
        if self.state.tasks:
            await asyncio.wait(self.state.tasks, timeout=ANSWER_TIME)

    async def _open(self, root: Path) -> None:
        """A workspace that cannot be opened now is tried again in a second."""
        loop = asyncio.get_running_loop()
        try:
            store, listener = await loop.run_in_executor(None, _listener, root)
        except (CupolaError, OSError) as error:
            print(names.now(), f"{root}: {error}", file=sys.stderr, flush=True)
            self.open.discard(root)
            return
        settings = connection.config(Gateway(store, Guard(secret.token, partial(tokens.find, store))))

        def connect() -> Connection:
            return Connection(settings, self.state, loop)

        self.servers.append(await loop.create_server(connect, sock=listener, backlog=listening.BACKLOG))


def main(argv: list[str]) -> int:
    """Is the gateway of this user on this host, for every workspace that the agent serves; ends when there is one."""
    held = runtime.lock(runtime.runtime_dir() / "gateway.lock", wait=False)
    if held is None:
        return 0
    listening.allow_many()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Doors().keep())
    return 0


def _listener(root: Path) -> tuple[Store, socket.socket]:
    """The workspace, and a socket on the port that it always had; a new port is written down."""
    store = Store.open(root)
    before = records.gateway(store)
    listener = listening.tcp(before.port if before else 0)
    port = listener.getsockname()[1]
    user, host = names.who()
    now = records.Gateway(host=host, user=user, port=port, url=listening.url(port), process=runtime.current())
    store_records.write(store, records.gateway_path(host, user), now, kind="gateway", ref=f"{host}-{user}")
    return store, listener


async def _begin(pool: Pool, request: bytes) -> tuple[Pool, Upstream, Answer]:
    return pool, *await pool.begin(request)


def _request(status: EndpointStatus, line: bytes, headers: dict[bytes, bytes], body: bytes) -> bytes:
    """What is sent on to the endpoint. Raises Refused for a variant that it does not have."""
    wanted = headers.get(b"x-amzn-sagemaker-target-variant", b"").decode("latin-1")
    if wanted and wanted not in [one.name for one in status.variants]:
        raise Refused(400, "ValidationError", f"Endpoint {status.name} has no variant {wanted[:100]!a}.")
    lines = [line + b" HTTP/1.1", b"host: localhost", b"content-length: %d" % len(body)]
    for name, value in headers.items():
        if name in PASSED_ON or name.startswith(b"x-amzn-sagemaker-"):
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _wanted(path: str, method: str) -> Wanted:
    """What a token must be good for."""
    looking = method in ("GET", "HEAD")
    passed = passing.target(path)
    parts = path.split("/")
    endpoint = passed.endpoint if passed else unquote(parts[2]) if parts[1:2] == ["endpoints"] and parts[2:] else None
    if endpoint is not None:
        return Wanted(tokens.READ if looking else tokens.INVOKE, endpoint)
    if path in ("/ping", "/health", "/v2", "/v2/health/live", "/v2/health/ready"):
        return Wanted("")
    return Wanted(tokens.READ if looking or passing.is_open(path) else tokens.MANAGE)


def _throttled(message: str) -> Refused:
    return Refused(429, "ThrottlingException", message, (b"retry-after", b"1"))


def _back(answer: Answer) -> list[Header]:
    return [(one, answer.headers[one]) for one in PASSED_BACK if one in answer.headers]


def _failed(answer: Answer) -> Refused:
    return _throttled(_message(answer)) if answer.status == 429 else _model_error(answer.status, _message(answer))


def _told(path: str, error: Refused | Failure) -> Told:
    """An error in the shape of the protocol that the path belongs to."""
    if isinstance(error, Failure):
        kind = "ServiceUnavailable" if error.status == 503 else "ValidationError"
        error = Refused(error.status, kind, error.message, *error.headers)
    if passing.is_open(path):
        body: dict[str, Any] = {"error": error.more.get("OriginalMessage", error.message)}
        return (
            error.more.get("OriginalStatusCode", error.status),
            [*_json(error.kind), *error.headers],
            msgspec.json.encode(body),
        )
    body = {"Message": error.message, **error.more}
    return error.status, [*_json(error.kind), *error.headers], msgspec.json.encode(body)


def _model_error(status: int, message: str) -> Refused:
    said = f"Received {'client' if status < 500 else 'server'} error ({status}) from primary with message: {message}"
    return Refused(424, "ModelError", said, OriginalStatusCode=status, OriginalMessage=message)


def _message(answer: Answer) -> str:
    try:
        return str(msgspec.json.decode(answer.body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return answer.body.decode(errors="replace")[:1000]


def _json(kind: str) -> list[Header]:
    return [(b"content-type", b"application/json"), (b"x-amzn-errortype", kind.encode())]
