"""The part of the gateway that MLflow's clients talk to: which request is which, and answers in MLflow's shape."""

import asyncio
import functools
import os
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from cupola.errors import CupolaError
from cupola.mlflow import artifacts, experiments, logged, registered, runs, wanted, wire
from cupola.mlflow.actions import VERSION
from cupola.mlflow.services import services
from cupola.mlflow.wire import Json, Trouble
from cupola.serving.guard import ALL, Guard
from cupola.serving.http import OWN, STREAMED, Failure, Gone, Header, Receive, Room, Scope, Send, read_body
from cupola.store import Store, names
from cupola.team import roles
from cupola.tokens.records import READ, Wanted
from cupola.workspace import Workspace

PREFIXES = ("/api/2.0/mlflow/", "/api/3.0/mlflow/", "/api/2.0/mlflow-artifacts/")
FILES = b"/api/2.0/mlflow-artifacts/artifacts/"
THREADS = 8
FEATURES: Json = {
    "store_type": "FileStore", "workspaces_enabled": False, "trace_archival_enabled": False,
    "multipart_uploads_enabled": False, "multipart_downloads_enabled": False,
    "presigned_upload_run_id_supported": False, "presigned_upload_model_id_supported": False, "features_enabled": {},
}  # fmt: skip
JSON = (b"content-type", b"application/json")

READING = Wanted(READ)  # what a token must be good for; for all else it must be good for all

Handler = Callable[[Any], Json]


def is_for(path: str) -> bool:
    """Whether a request is one of MLflow's clients."""
    return path.startswith(PREFIXES) or path == "/version"


class Mlflow:
    """The ASGI application for one workspace. Files are read and written by threads, never by the loop."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self.store = store
        self._guard = guard
        self.experiments, self.runs, self.logged, self.artifacts, self.registered = services(store)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mlflow")
        self.room = Room()
        self.routes = self._routes()
        self._settling = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more: list[Header] = []
        try:
            if scope["raw_path"].startswith(FILES) and scope["method"] in ("GET", "PUT"):
                self._admit(scope)
                if scope["method"] == "GET":
                    await self._download(scope, send)
                    return
                await self._upload(scope, receive)
                status, answer = 200, b"{}"
            else:
                status, answer = 200, await self._answer(scope, receive)
        except Gone:
            return
        except Trouble as error:
            status, answer = error.status, _error(error)
        except CupolaError as error:
            known = wire.of_error(error)
            status, answer = known.status, _error(known)
        except Failure as failure:
            code = "TEMPORARILY_UNAVAILABLE" if failure.status == 503 else "BAD_REQUEST"
            status, answer, more = failure.status, _error(Trouble(failure.message, code)), failure.headers
        except Exception:  # noqa: BLE001 - a bug must not look like a lost connection
            traceback.print_exc()
            bug = Trouble("a bug keeps this from being answered; `cupola agent log` says more", "INTERNAL_ERROR")
            status, answer = bug.status, _error(bug)
        headers = [JSON, (b"content-length", str(len(answer)).encode()), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer})

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        self._admit(scope)
        method, path = scope["method"], scope["raw_path"].decode("ascii", "replace")
        if path == "/version":
            return VERSION.encode()
        if path in ("/api/3.0/mlflow/server-info", "/api/3.0/mlflow/server-features"):
            return msgspec.json.encode(FEATURES)
        word = path.removeprefix("/api/2.0/mlflow/")
        route = self.routes.get((method, word))
        if route is None and word.startswith("logged-models/"):
            route = self._of_logged(method, word)
        if route is None:
            raise Trouble(f"{method} {unquote(path)[:200]} is not offered here", "ENDPOINT_NOT_FOUND")
        kind, handler = route
        headers = dict(scope["headers"])
        asked: Any
        with self.room.taken() as place:
            if method == "GET":
                asked = wire.query(_pairs(scope), kind)
            else:
                given = await read_body(headers, receive, place)
                asked = wire.body(given, kind) if given or method != "DELETE" else wire.query(_pairs(scope), kind)
            found = await self.work(self._handle, method != "GET" and not path.endswith("/search"), handler, asked)
        self._settle()
        return msgspec.json.encode(found)

    def _admit(self, scope: Scope) -> None:
        """Raises Trouble for a request that may not come in."""
        looking = scope["method"] in ("GET", "HEAD") or scope["path"].endswith("/search")
        refusal = self._guard.refusal(scope["headers"], scope.get(OWN, False), READING if looking else ALL)
        if refusal:
            raise Trouble(refusal.message, "UNAUTHENTICATED" if refusal.status == 401 else "PERMISSION_DENIED")

    async def _upload(self, scope: Scope, receive: Receive) -> None:
        """Takes an artifact, a piece at a time, however large it is; it is durable when the client gets its answer."""
        scope[STREAMED] = True
        path = scope["raw_path"].removeprefix(FILES).decode("ascii", "replace")
        upload = await self.work(self._begin, path)
        try:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                if piece := message.get("body", b""):
                    await self.work(upload.write, piece)
                more = message.get("more_body", False)
            await self.work(upload.commit)
        finally:
            await self.work(upload.close)

    def _begin(self, path: str) -> artifacts.Upload:
        self._require()
        return artifacts.Upload(self.store, self.artifacts.spot(path))

    async def _download(self, scope: Scope, send: Send) -> None:
        path = scope["raw_path"].removeprefix(FILES).decode("ascii", "replace")
        descriptor, size = await self.work(self.artifacts.open, path)
        try:
            headers = [
                (b"content-type", b"application/octet-stream"),
                (b"content-length", str(size).encode()),
                (b"content-disposition", b"attachment"),
                (b"x-content-type-options", b"nosniff"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            at = 0
            while at < size:
                piece = await self.work(os.pread, descriptor, min(artifacts.PIECE, size - at), at)
                if not piece:
                    raise Gone  # it has become shorter: the client sees that the answer is not whole
                at += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            os.close(descriptor)

    async def work(self, function: Callable[..., Any], *given: Any) -> Any:
        """Runs a function in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, functools.partial(function, *given))

    def _handle(self, writes: bool, handler: Handler, asked: Any) -> Json:
        if writes:
            self._require()
        return handler(asked)

    def _require(self) -> None:
        """Raises ReadOnly, Refused where this user may not write."""
        self.store.check_writable()
        roles.require(Workspace(self.store).settings, "logging with MLflow", roles.MEMBER, names.who()[0])

    def _settle(self) -> None:
        """Has the records of runs brought up to date a little later."""
        if not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_later(runs.RECORD_EVERY, self._later)

    def _later(self) -> None:
        def done(settled: "asyncio.Future[bool]") -> None:
            self._settling = False
            if not settled.cancelled() and settled.exception() is None and settled.result():
                self._settle()

        asyncio.get_running_loop().run_in_executor(self.threads, self.runs.settle).add_done_callback(done)

    def _routes(self) -> dict[tuple[str, str], tuple[type, Handler]]:
        of, run = self.experiments, self.runs
        return {
            ("POST", "experiments/create"): (experiments.Create, of.create),
            ("GET", "experiments/get"): (experiments.Asked, of.get),
            ("GET", "experiments/get-by-name"): (experiments.Named, of.get_by_name),
            ("POST", "experiments/search"): (experiments.Search, of.search),
            ("GET", "experiments/search"): (experiments.Search, of.search),
            ("POST", "experiments/update"): (experiments.Asked, of.rename),
            ("POST", "experiments/delete"): (experiments.Asked, run.delete_experiment),
            ("POST", "experiments/restore"): (experiments.Asked, run.restore_experiment),
            ("POST", "experiments/set-experiment-tag"): (experiments.Asked, of.set_tag),
            ("POST", "experiments/delete-experiment-tag"): (experiments.Asked, of.delete_tag),
            ("POST", "runs/create"): (wanted.Create, run.create),
            ("GET", "runs/get"): (wanted.OfRun, run.get),
            ("POST", "runs/update"): (wanted.Update, run.update),
            ("POST", "runs/delete"): (wanted.OfRun, run.delete),
            ("POST", "runs/restore"): (wanted.OfRun, run.restore),
            ("POST", "runs/log-metric"): (wanted.LogMetric, run.log_metric),
            ("POST", "runs/log-parameter"): (wanted.Keyed, run.log_param),
            ("POST", "runs/set-tag"): (wanted.Keyed, run.set_tag),
            ("POST", "runs/delete-tag"): (wanted.Keyed, run.delete_tag),
            ("POST", "runs/log-batch"): (wanted.Batch, run.log_batch),
            ("POST", "runs/log-inputs"): (wanted.Linked, run.log_inputs),
            ("POST", "runs/outputs"): (wanted.Linked, run.log_outputs),
            ("POST", "runs/log-model"): (wanted.LogModel, run.log_model),
            ("POST", "runs/search"): (wanted.Search, run.search),
            ("GET", "metrics/get-history"): (wanted.Historic, run.history),
            ("GET", "artifacts/list"): (artifacts.OfRun, self.artifacts.list_of_run),
            ("GET", "/api/2.0/mlflow-artifacts/artifacts"): (artifacts.Listed, self.artifacts.list),
            ("POST", "logged-models"): (logged.Create, self.logged.create),
            ("POST", "logged-models/search"): (logged.Search, self.logged.search),
            **self._registry(),
        }

    def _registry(self) -> dict[tuple[str, str], tuple[type, Handler]]:
        of, models, versions = self.registered, "registered-models", "model-versions"
        asked = registered.Asked
        return {
            ("POST", f"{models}/create"): (registered.Create, of.create),
            ("GET", f"{models}/get"): (asked, of.get),
            ("PATCH", f"{models}/update"): (asked, of.update),
            ("POST", f"{models}/rename"): (asked, of.rename),
            ("DELETE", f"{models}/delete"): (asked, of.delete),
            ("GET", f"{models}/search"): (registered.Search, of.search),
            ("GET", f"{models}/get-latest-versions"): (asked, of.latest),
            ("POST", f"{models}/get-latest-versions"): (asked, of.latest),
            ("POST", f"{models}/set-tag"): (asked, of.set_tag),
            ("DELETE", f"{models}/delete-tag"): (asked, of.delete_tag),
            ("POST", f"{models}/alias"): (asked, of.set_alias),
            ("DELETE", f"{models}/alias"): (asked, of.delete_alias),
            ("GET", f"{models}/alias"): (asked, of.by_alias),
            ("POST", f"{versions}/create"): (registered.CreateVersion, of.create_version),
            ("GET", f"{versions}/get"): (asked, of.get_version),
            ("PATCH", f"{versions}/update"): (asked, of.update_version),
            ("DELETE", f"{versions}/delete"): (asked, of.delete_version),
            ("POST", f"{versions}/transition-stage"): (asked, of.move),
            ("GET", f"{versions}/search"): (registered.Search, of.search_versions),
            ("GET", f"{versions}/get-download-uri"): (asked, of.download_uri),
            ("POST", f"{versions}/set-tag"): (asked, of.set_version_tag),
            ("DELETE", f"{versions}/delete-tag"): (asked, of.delete_version_tag),
        }

    def _of_logged(self, method: str, path: str) -> tuple[type, Handler] | None:
        """The routes whose paths name a logged model."""
        id, *rest = path.removeprefix("logged-models/").split("/")
        of, change = self.logged, logged.Change
        if rest[:1] == ["tags"] and len(rest) == 2 and method == "DELETE":
            return change, lambda _: of.delete_tag(id, unquote(rest[1]))
        if rest == ["artifacts", "directories"] and method == "GET":
            return artifacts.Listed, lambda asked: self.artifacts.list_of_logged(id, asked)
        found: dict[tuple[str, ...], Callable[[str, Any], Json]] = {
            ("GET",): lambda id, _: of.get(id),
            ("PATCH",): of.change,
            ("DELETE",): lambda id, _: of.delete(id),
            ("PATCH", "tags"): of.set_tags,
            ("POST", "params"): of.add_params,
        }
        handler = found.get((method, *rest))
        return None if handler is None else (change, lambda asked: handler(id, asked))


def _pairs(scope: Scope) -> list[tuple[str, str]]:
    text = scope["query_string"].decode("ascii", "replace")
    return parse_qsl(text, keep_blank_values=True, max_num_fields=1000)


def _error(trouble: Trouble) -> bytes:
    return msgspec.json.encode({"error_code": trouble.code, "message": trouble.message})
