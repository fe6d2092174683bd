"""Accepting a request: what is asked is checked, and lies in the queue durably before anybody is told so."""

import hashlib
import os
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import msgspec

from cupola.asynchronous import records
from cupola.asynchronous.records import Accepted
from cupola.errors import BadInput, BadName, Conflict, CupolaError, NotFound
from cupola.serving.records import local_path, wish
from cupola.store import Store, files, names
from cupola.store.paths import open_file
from cupola.store.trouble import disk

INLINE = 128_000  # bytes of a body
LARGEST = 1 << 30  # bytes of an input file
LONGEST = 7 * 24 * 3600  # seconds that a request may wait
SLOWEST = 3600  # seconds that the work on one may take
SENT_ON = ("custom-attributes", "target-variant", "target-model", "inference-id", "enable-explanations", "session-id")
OURS = "x-amzn-sagemaker-"
ID = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,63}")
FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)?")


def accept(store: Store, endpoint: str, headers: Mapping[str, str], body: bytes) -> Accepted:
    """Puts a request into the queue of an endpoint; the same one a second time is the one that is there already.

    headers: as the hosted service's clients send them, names in lower case. Raises BadInput for what the client got
    wrong, NotFound where there is no such endpoint, Conflict when another request has that inference id, DiskTrouble
    when it could not be written.
    """
    wished = wish(store, endpoint)
    if wished.mode != records.MODE:
        said = f"the endpoint {endpoint} is of the mode {wished.mode}, and takes no asynchronous requests"
        raise BadInput(said, hint=f"deploy one with --mode {records.MODE}")
    if wished.desired != "InService":
        raise BadInput(f"the endpoint {endpoint} is not in service, it is {wished.desired}")
    asked = _read(store, endpoint, headers, body)
    path = records.queue_path(endpoint, asked.key)
    mine = files.create_bytes(store, path, msgspec.json.encode(asked))
    there = asked if mine else _there(store, endpoint, asked.key) or asked
    done = records.outcome(store, endpoint, asked.key)
    if done is not None:
        if mine:
            files.remove(store, path)
        there = msgspec.structs.replace(asked, output=done.output, failure=done.failure, asked=done.asked)
    if there.asked != asked.asked or there.inference_id != asked.inference_id:
        raise Conflict(f"another request has the inference id {asked.inference_id!r} already", where=endpoint)
    poke(store, endpoint)
    return there


def poke(store: Store, endpoint: str) -> None:
    """Has the endpoint's worker, if there is one on this host, look at its queue now."""
    import contextlib
    import socket

    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with line, contextlib.suppress(OSError):
        line.sendto(b"look", local_path(store, endpoint, "queue"))


def _there(store: Store, endpoint: str, key: str) -> Accepted | None:
    try:
        return records.waiting(store, endpoint, key)
    except NotFound:  # it was answered just now
        return None


def _read(store: Store, endpoint: str, headers: Mapping[str, str], body: bytes) -> Accepted:
    given = {name.removeprefix(OURS): value for name, value in headers.items() if name.startswith(OURS)}
    location = given.get("inputlocation")
    if bool(body) == (location is not None):
        raise BadInput("send either a body or X-Amzn-SageMaker-InputLocation, and not both")
    if len(body) > INLINE:
        hint = "put it into a file of the workspace, and name that in X-Amzn-SageMaker-InputLocation"
        raise BadInput(f"the body is over the limit of {INLINE:,} bytes", hint=hint)
    inference = given.get("inference-id") or names.new_id()
    if not ID.fullmatch(inference):
        raise BadInput("an inference id is 1 to 64 printable ASCII characters, and begins with no space")
    key = records.key_of(inference)
    input = None if location is None else input_path(store, location)
    told = {name: given[name] for name in SENT_ON if name in given} | {"inference-id": inference}
    told = {OURS + name: value for name, value in told.items()}
    told["content-type"] = given.get("content-type") or headers.get("content-type", "")
    told["accept"] = given.get("accept") or headers.get("accept", "").replace("*/*", "")
    extension = _extension(given.get("s3outputpathextension", ""))
    filename = given.get("filename")
    if filename is not None and not (len(filename) <= 32 and FILENAME.fullmatch(filename)):
        raise BadInput("X-Amzn-SageMaker-Filename is 1 to 32 letters, digits, '-', '_' and at most one '.'")
    output, failure = (
        "/".join(["endpoints", endpoint, kind, *extension, *([key, filename] if filename else [key + end])])
        for kind, end in (("results", ".out"), ("failures", "-error.out"))
    )
    ttl = _seconds(given, "requestttlseconds", records.TTL, LONGEST)
    timeout = _seconds(given, "invocationtimeoutseconds", records.TIMEOUT, SLOWEST)
    asked = hashlib.sha256(msgspec.json.encode([told, body, input, output, ttl, timeout], order="sorted"))
    return Accepted(
        key=key,
        inference_id=inference,
        accepted=names.now(),
        user=names.who()[0],
        nonce=names.new_id(),
        headers=told,
        body=body or None,
        input=input,
        ttl=ttl,
        timeout=timeout,
        output=output,
        failure=failure,
        asked=asked.hexdigest(),
    )


def input_path(store: Store, location: str) -> str:
    """The path in the workspace of what a `file://` URI names. Raises BadInput for anything else."""
    wrong = BadInput("the input location is to be the file:// URI of a file in the workspace", where=location[:200])
    if not location.startswith("file://") or not location.isprintable():
        raise wrong
    host, slash, rest = location.removeprefix("file://").partition("/")
    try:
        path = unquote_to_bytes(slash + rest).decode()
    except UnicodeDecodeError:
        raise wrong from None
    root = f"{store.root}/"
    if host not in ("", "localhost") or not path.startswith(root) or path.startswith(f"{root}.cupola/"):
        raise wrong
    inside = path[len(root) :]
    try:
        with disk(inside):
            descriptor = open_file(store, inside)
    except BadName:
        raise wrong from None
    except NotFound:
        raise BadInput("there is no such input file", where=inside) from None
    except CupolaError as error:
        raise BadInput(f"the input cannot be read: {error.message}", where=inside) from None
    try:
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if size > LARGEST:
        raise BadInput(f"the input has {size:,} bytes, and the limit is {LARGEST:,}; `cupola transform` has none")
    return inside


def _extension(text: str) -> list[str]:
    parts = [one for one in text.split("/") if one]
    try:
        return [names.check_name(one, "part of an output path") for one in parts]
    except BadName as error:
        raise BadInput(f"X-Amzn-SageMaker-S3OutputPathExtension: {error.message}", hint=error.hint) from None


def _seconds(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise BadInput(f"{OURS}{name} is a number of seconds from 1 to {most:,}, not {text[:40]!a}")
    return int(text)
