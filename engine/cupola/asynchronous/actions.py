"""What a user can do with asynchronous requests: send one, see what became of it, list them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.asynchronous import accepting, records
from cupola.asynchronous.records import COMPLETED, QUEUED, WORKING, Accepted, Answered
from cupola.errors import BadInput, BadOption, NotFound
from cupola.jobs import amounts
from cupola.serving import calls
from cupola.serving.records import wish
from cupola.store import Store, files
from cupola.store.trouble import disk
from cupola.workspace import Workspace

SHOWN = 4096  # bytes of an answer
EVERY = 0.1
Name = Annotated[str, Arg(help="an endpoint of the mode asynchronous", completes="endpoint")]


class Request(msgspec.Struct, kw_only=True):
    """An asynchronous request and what became of it; `request` is its inference id.

    status: Queued, InProgress, Completed or Failed (then `reason` says why). output: where its answer is or will be;
    failure: where it is said instead that there is none. seconds: of work. answer: decoded where it is JSON, else as
    text; None where it is long, or nothing to read.
    """

    endpoint: str
    request: str
    status: str = QUEUED
    reason: str | None = None
    accepted: str = ""
    answered: str | None = None
    seconds: float | None = None
    input: str | None = None
    output: str
    failure: str
    variant: str = ""
    content_type: str = ""
    size: int | None = None
    answer: Any = None


@action("endpoint send", about="endpoint", waits="request")
def send(
    ws: Workspace,
    endpoint: Name,
    *,
    data: Annotated[
        str, Arg(help="a file of the workspace (of any size), - for standard input, the payload", completes="file")
    ],
    content_type: Annotated[str | None, Arg(help="what the payload is (default: found from the payload)")] = None,
    accept: Annotated[str, Arg(help="what the answer is to be")] = "",
    inference_id: Annotated[str | None, Arg(help="the same one a second time is the same request")] = None,
    ttl: Annotated[str | None, Arg(help="how long it may wait for its turn, as 10m (default: 6h)")] = None,
    timeout: Annotated[str | None, Arg(help="how long the work on it may take (default: 15m)")] = None,
) -> Request:
    """Put a request into the queue of an asynchronous endpoint: it is answered in its turn, into a file.

    It lies durably in the queue when this returns, and is answered once, whatever is killed meanwhile.
    """
    location, body = _payload(ws.store, data)
    if content_type is None:
        location, body, content_type = _typed(ws.store, location, body)
    headers = {"accept": accept, "content-type": content_type}
    if location is not None:
        headers[f"{accepting.OURS}inputlocation"] = records.location(ws.store, location)
    given = {"inference-id": inference_id} | {
        name: None if amount is None else _seconds(amount, option, most)
        for name, option, amount, most in (
            ("requestttlseconds", "--ttl", ttl, accepting.LONGEST),
            ("invocationtimeoutseconds", "--timeout", timeout, accepting.SLOWEST),
        )
    }
    headers |= {accepting.OURS + name: value for name, value in given.items() if value is not None}
    return _waiting(ws.store, endpoint, accepting.accept(ws.store, endpoint, headers, body))


@action("endpoint result", writes=False, about="endpoint")
def result(
    ws: Workspace, endpoint: Name, request: Annotated[str, Arg(help="the inference id of a request")]
) -> Request:
    """Show what became of an asynchronous request, and its answer where that is short."""
    found = find(ws.store, endpoint, request)
    if found.status == COMPLETED and (found.size or 0) <= SHOWN:
        try:
            text = files.read_bytes(ws.store, found.output)
        except NotFound:  # removed by hand
            return found
        found.answer = _read(text, found.content_type)
    return found


@action("endpoint results", writes=False, about="endpoint")
def results(
    ws: Workspace, endpoint: Name, *, limit: Annotated[int, Arg(help="how many at most", short="n")] = 50
) -> list[Request]:
    """List the asynchronous requests of an endpoint: those that wait, and before them what was answered last."""
    wish(ws.store, endpoint)
    queued = records.by_age(ws.store, records.queue(endpoint))
    waiting = [key for _, key in queued[:limit]]
    known = {key for _, key in queued}
    answered = records.by_age(ws.store, records.answered(endpoint))
    done = [key for _, key in reversed(answered) if key not in known][: max(0, limit - len(waiting))]
    found = []
    for key in [*reversed(waiting), *done]:
        try:
            found.append(_found(ws.store, endpoint, key))
        except NotFound:
            continue
    return found


def find(store: Store, endpoint: str, request: str) -> Request:
    """A request by its inference id. Raises NotFound."""
    wish(store, endpoint)
    try:
        return _found(store, endpoint, records.key_of(request))
    except NotFound:
        hint = f"`cupola endpoint results {endpoint}` lists them"
        raise NotFound(f"the endpoint {endpoint} has no request {request[:64]!r}", hint=hint) from None


def wait(
    store: Store,
    record: Request,
    timeout: float | None = None,
    progress: Callable[[Request], None] | None = None,
) -> Request:
    """Waits until a request is answered. Raises TimeoutError."""
    begun, told = time.monotonic(), ""
    while True:
        state = find(store, record.endpoint, record.request)
        if progress and state.status != told:
            told = state.status
            progress(state)
        if state.status not in (QUEUED, WORKING):
            return state
        if timeout is not None and time.monotonic() - begun > timeout:
            raise TimeoutError(f"the request {record.request} is still {state.status}")
        time.sleep(EVERY)


def _payload(store: Store, data: str) -> tuple[str | None, bytes]:
    """A file's path in the workspace, or a payload itself. Raises BadInput."""
    looks = data == "-" or data.lstrip()[:1] in ("{", "[") or "\n" in data
    path = None if looks else place.path(data.removeprefix("@")).resolve()
    if path is not None and path.is_file() and path.is_relative_to(store.root):
        return str(path.relative_to(store.root)), b""
    body = calls.payload(data)
    if len(body) > accepting.INLINE:
        said = f"a payload that is not a file of the workspace may have {accepting.INLINE:,} bytes"
        raise BadInput(said, where=data[:200] if path else None, hint="put it into the workspace and send that file")
    return None, body


def _seconds(text: str, option: str, most: int) -> str:
    found = round(amounts.seconds(text, option) or 0)
    if not 1 <= found <= most:
        raise BadOption(f"{option} {text} cannot be had", hint=f"from 1 s to {most // 3600} h")
    return str(found)


def _typed(store: Store, location: str | None, body: bytes) -> tuple[str | None, bytes, str]:
    """A payload and its content type. A small file that has to be put into the shape of a request is sent itself."""
    if location is None:
        return None, *calls.typed(body)
    known = calls.ENDINGS.get(Path(location).suffix.lower())
    if known:
        return location, b"", known
    with disk(location), open(files.absolute(store, location), "rb") as file:  # noqa: PTH123
        held = file.read(accepting.INLINE + 1)
    shaped, media = calls.typed(held)
    as_it_is = shaped == held or len(held) > accepting.INLINE
    return (location, b"", media) if as_it_is else (None, shaped, media)


def _found(store: Store, endpoint: str, key: str) -> Request:
    done = records.outcome(store, endpoint, key)
    return _done(endpoint, done) if done else _waiting(store, endpoint, records.waiting(store, endpoint, key))


def _waiting(store: Store, endpoint: str, asked: Accepted) -> Request:
    backlog = records.backlog(store, endpoint)
    return Request(
        endpoint=endpoint,
        request=asked.inference_id,
        status=WORKING if backlog and asked.key in backlog.working else QUEUED,
        accepted=asked.accepted,
        input=asked.input,
        output=asked.output,
        failure=asked.failure,
    )


def _done(endpoint: str, done: Answered) -> Request:
    return Request(
        endpoint=endpoint,
        request=done.inference_id,
        status=done.status,
        reason=done.reason,
        accepted=done.accepted,
        answered=done.answered,
        seconds=done.seconds,
        input=done.input,
        output=done.output,
        failure=done.failure,
        variant=done.variant,
        content_type=done.content_type,
        size=done.size,
    )


def _read(answer: bytes, content_type: str) -> Any:
    try:
        return msgspec.json.decode(answer) if content_type == "application/json" else answer.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
