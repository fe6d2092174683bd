"""The gateway: one process per agent, a stable loopback port per workspace, and behind it every endpoint by its name.

`POST /endpoints/NAME/invocations`, as the hosted service's clients send it, is passed on over the endpoint's Unix
socket. It waits while an endpoint comes up, and answers errors in the hosted service's shapes.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import uvloop
from uvicorn.server import ServerState

from cupola.errors import BadName, CupolaError, NotFound
from cupola.jobs import agents
from cupola.serving import connection, listening, records
from cupola.serving.connection import Connection
from cupola.serving.guard import Guard
from cupola.serving.http import OWN, Failure, Gone, Header, Receive, Room, Scope, Send, read_body
from cupola.serving.records import EndpointStatus
from cupola.serving.upstream import Answer, Lost, Pool
from cupola.store import Store, names, runtime, secret
from cupola.store import records as store_records

ANSWER_TIME = 60.0
COMING_TIME = 30.0  # seconds for which a request waits for an endpoint that is coming up
SERVING = ("Creating", "Updating", "InService")
PASSED_ON = (b"content-type", b"accept", b"content-encoding")
PASSED_BACK = (b"content-type", b"x-amzn-invoked-production-variant", b"x-amzn-sagemaker-custom-attributes")
LATER = ("async-invocations", "invocations-response-stream")


class Refused(Exception):
    """An answer in the hosted service's shape of an error."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        self.status, self.kind, self.message, self.more = status, kind, message, more


class Gateway:
    """The ASGI application of one workspace."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._room = Room()
        self._store = store
        self._guard = guard
        self._pools: dict[str, Pool] = {}
        self._seen: dict[str, tuple[int, EndpointStatus]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            status, headers, body = await self._answer(scope, receive)
        except Refused as refused:
            status, headers = refused.status, _json(refused.kind)
            body = msgspec.json.encode({"Message": refused.message, **refused.more})
        except Failure as failure:
            kind = "ServiceUnavailable" if failure.status == 503 else "ValidationError"
            status, headers = failure.status, [*_json(kind), *failure.headers]
            body = msgspec.json.encode({"Message": failure.message})
        except Gone:
            return
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, list[Header], bytes]:
        refusal = self._guard.refusal(scope["headers"], scope.get(OWN, False))
        if refusal:
            raise Refused(refusal.status, "AccessDeniedException", refusal.message)
        path, method = scope["raw_path"].decode("ascii"), scope["method"]
        if path in ("/ping", "/health") and method in ("GET", "HEAD"):
            return 200, [(b"content-type", b"application/json")], b'{"status":"ok"}'
        parts = path.split("/")
        if len(parts) != 4 or parts[:2] != ["", "endpoints"] or parts[3] not in ("invocations", *LATER):
            raise Refused(
                404, "UnknownOperationException", "there is nothing here; POST /endpoints/NAME/invocations predicts"
            )
        if method != "POST":
            raise Refused(405, "UnknownOperationException", f"{path} takes POST")
        if parts[3] in LATER:
            raise Refused(400, "ValidationError", f"{parts[3]} is not offered by endpoints of the mode realtime")
        return await self._invoke(unquote(parts[2]), dict(scope["headers"]), receive)

    async def _invoke(
        self, name: str, headers: dict[bytes, bytes], receive: Receive
    ) -> tuple[int, list[Header], bytes]:
        try:
            with self._room.taken(headers) as place:
                body = await read_body(headers, receive, place)
                async with asyncio.timeout(ANSWER_TIME):
                    answer = await self._ask(name, headers, body)
        except TimeoutError:
            said = f"the endpoint {name} has not answered within {ANSWER_TIME:.0f} s"
            raise _model_error(504, said) from None
        except Lost:
            said = f"the server process of {name} that worked on this request is gone"
            raise _model_error(500, said) from None
        if answer.status == 200:
            back = [(one, answer.headers[one]) for one in PASSED_BACK if one in answer.headers]
            return 200, back, bytes(answer.body)
        raise _model_error(answer.status, _message(answer))

    async def _ask(self, name: str, headers: dict[bytes, bytes], body: bytes) -> Answer:
        request: bytes | None = None
        coming = time.monotonic() + COMING_TIME
        while True:
            status = await self._serving(name, coming)
            if request is None:
                request = _request(status, headers, body)
            path = status.socket or ""
            pool = self._pools.setdefault(path, Pool(path))
            try:
                return await pool.ask(request)
            except OSError:
                if time.monotonic() > coming:
                    said = f"Endpoint {name} does not answer: its keeper is gone, and has not come back."
                    raise Refused(503, "ServiceUnavailable", said) from None
                await asyncio.sleep(0.05)

    async def _serving(self, name: str, coming: float) -> EndpointStatus:
        """The status of an endpoint that can be asked; waits while it is coming up. Raises Refused."""
        try:
            names.check_name(name)
        except BadName:
            raise Refused(400, "ValidationError", f"Endpoint {name[:100]!a} not found.") from None
        while True:
            seen = self._local(name)
            if seen is not None and seen.status in SERVING and seen.socket:
                return seen
            state = await asyncio.get_running_loop().run_in_executor(None, self._find, name)
            if state.status not in SERVING or time.monotonic() > coming:
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

        On SIGTERM it answers what it has, and ends.
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        while not ended.is_set():
            for root in agents.registered():
                if root not in self.open:
                    self.open.add(root)
                    await self._open(root)
            for one in list(self.state.connections):
                one.look(loop.time(), False)  # type: ignore[union-attr]
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
        settings = connection.config(Gateway(store, Guard(secret.token)))

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


def _request(status: EndpointStatus, headers: dict[bytes, bytes], body: bytes) -> bytes:
    """What is sent on to the endpoint. Raises Refused for a variant that it does not have."""
    wanted = headers.get(b"x-amzn-sagemaker-target-variant", b"").decode("latin-1")
    if wanted and wanted not in [one.name for one in status.variants]:
        raise Refused(400, "ValidationError", f"Endpoint {status.name} has no variant {wanted[:100]!a}.")
    lines = [b"POST /invocations HTTP/1.1", b"host: localhost", b"content-length: %d" % len(body)]
    for name, value in headers.items():
        if name in PASSED_ON or name.startswith(b"x-amzn-sagemaker-"):
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


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
