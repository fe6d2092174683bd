"""Calling an endpoint from here: over its Unix socket where it runs here, else over HTTP with the token."""

import base64
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from cupola import place
from cupola.errors import BadInput, BadOption, NotReady, WorkFailed
from cupola.serving.records import EndpointState, local_path
from cupola.store import Store, journals, names, secret

TIMEOUT = 60.0
TAIL = 1 << 20
LONGEST_MEDIA = 200
ENDINGS = {
    ".csv": "text/csv",
    ".jsonl": "application/jsonlines",
    ".ndjson": "application/jsonlines",
    ".npy": "application/x-npy",
    ".parquet": "application/x-parquet",
}
MAGIC = {b"PAR1": "application/x-parquet", b"\x93NUMPY": "application/x-npy"}


class Invocation(msgspec.Struct, kw_only=True):
    """What an endpoint answered: `answer` decoded where it is JSON, as text, or in base64 where it is neither (npy)."""

    endpoint: str
    variant: str
    content_type: str
    milliseconds: float
    answer: Any


def payload(data: str) -> bytes:
    """What `--data` means: standard input for "-", the payload itself when it looks like one, else a file."""
    if data == "-":
        return sys.stdin.buffer.read()
    if data.lstrip()[:1] in ("{", "[") or "\n" in data:
        return data.encode()
    path = place.path(data.removeprefix("@"))
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if "," in data:
            return data.encode()
        raise BadInput("there is no such file", where=str(path), hint="give a file, - or the payload itself") from None
    except OSError as error:
        raise BadInput(f"it cannot be read: {error.strerror}", where=str(path)) from error


def invoke(
    store: Store,
    endpoint: EndpointState,
    data: str,
    content_type: str | None,
    accept: str,
    explain: bool = False,
) -> Invocation:
    """Sends what `data` means.

    Raises NotReady when nothing answers or it runs on another host, BadInput for what the endpoint refuses, WorkFailed,
    BadOption for a media type that is none.
    """
    body = payload(data)
    body, media = typed(body, data) if content_type is None else (body, content_type)
    for option, value in (("--content-type", media), ("--accept", accept)):
        if not (value.isascii() and value.isprintable() and len(value) <= LONGEST_MEDIA):
            raise BadOption(f"{option}: {value[:60]!a} is no media type", hint="application/json and text/csv are some")
    import http.client

    connection = _connection(store, endpoint)
    headers = {"Content-Type": media, "Accept": accept, "Authorization": f"Bearer {secret.token()}"}
    if explain:
        headers["X-Amzn-SageMaker-Enable-Explanations"] = "`true`"
    begun = time.perf_counter()
    try:
        connection.request("POST", "/invocations", body, headers)
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        why = endpoint.reason or f"it is {endpoint.status}"
        raise NotReady(f"the endpoint {endpoint.name} does not answer ({error}): {why}", where=endpoint.url) from error
    finally:
        connection.close()
    milliseconds = (time.perf_counter() - begun) * 1e3
    if response.status != 200:
        raise _refusal(endpoint, response.status, answer)
    given = response.headers.get("content-type", "")
    return Invocation(
        endpoint=endpoint.name,
        variant=response.headers.get("x-amzn-invoked-production-variant", ""),
        content_type=given,
        milliseconds=round(milliseconds, 3),
        answer=_decoded(answer, given),
    )


def last_lines(store: Store, path: str, lines: int) -> str:
    """The last lines of a log."""
    try:
        size = os.path.getsize(store.root / path)  # noqa: PTH202
    except OSError:
        return ""
    data, _ = journals.tail(store, path, max(0, size - TAIL))
    return "".join(data.decode(errors="replace").splitlines(keepends=True)[-lines:] if lines > 0 else [])


def typed(body: bytes, file: str = "") -> tuple[bytes, str]:
    """A payload and its content type: what the ending of its file says, else what it looks like.

    One record, or a list of them, is put into the shape that endpoints take.
    """
    if known := ENDINGS.get(Path(file).suffix.lower()):
        return body, known
    for magic, media in MAGIC.items():
        if body.startswith(magic):
            return body, media
    text = body.lstrip()
    if text[:1] not in (b"{", b"["):
        return body, "text/csv"
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        if text[:1] == b"[":
            return b'{"instances": ' + text + b"}", "application/json"  # the endpoint says what is wrong with it
        first = text.partition(b"\n")[0]
        lines = text[:1] == b"{" and first.rstrip().endswith(b"}")
        return body, "application/jsonlines" if lines else "application/json"
    if isinstance(value, list):
        return msgspec.json.encode({"instances": value}), "application/json"
    shapes = {"dataframe_split", "dataframe_records", "instances", "inputs"}
    if not shapes & set(value):
        return msgspec.json.encode({"dataframe_records": [value]}), "application/json"
    return body, "application/json"


def _decoded(answer: bytes, media: str) -> Any:
    if media == "application/json":
        return msgspec.json.decode(answer)
    return base64.b64encode(answer).decode() if media in MAGIC.values() else answer.decode()


def _connection(store: Store, endpoint: EndpointState) -> Any:
    import http.client
    import socket

    class Local(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(TIMEOUT)
            self.sock.connect(path)

    path = local_path(store, endpoint.name, "sock")
    if Path(path).exists():
        return Local("localhost", timeout=TIMEOUT)
    if not endpoint.url:
        why = endpoint.reason or f"it is {endpoint.status}"
        raise NotReady(f"the endpoint {endpoint.name} does not serve: {why}", where=endpoint.name)
    if endpoint.host != names.host():  # at that port of this host is somebody else, who would be sent the token
        there = f"`cupola endpoint open {endpoint.name}` lets other hosts ask it"
        hint = f"ask {endpoint.network} with a token" if endpoint.network else there
        raise NotReady(f"the endpoint {endpoint.name} runs on {endpoint.host}, not here", hint=hint)
    return http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=TIMEOUT)


def _refusal(endpoint: EndpointState, status: int, answer: bytes) -> Exception:
    try:
        message = str(msgspec.json.decode(answer)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        message = f"HTTP status {status}"
    kind = BadInput if 400 <= status < 500 else WorkFailed
    return kind(message, where=f"endpoint {endpoint.name}")
