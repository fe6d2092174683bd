"""Asynchronous requests as files of their endpoint: what was accepted, what became of it, and how long the queue is.

Below endpoints/NAME: queue/KEY.json is an accepted request until it is answered; answered/KEY.json says what became of
it. Either can be made only once for each key, and with the second it is decided. The answers themselves lie in results/
and failures/, and backlog.json says how the worker stands.
"""

import os
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import msgspec

from cupola.errors import BadOption, CupolaError, NotFound
from cupola.store import Store, files, names, records
from cupola.store.paths import open_directory
from cupola.store.records import Record

MODE = "asynchronous"
TTL, TIMEOUT = 21_600, 900  # seconds, where a request does not say
WEB = ("http://", "https://")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
QUEUED, WORKING, COMPLETED, FAILED = "Queued", "InProgress", "Completed", "Failed"


class Asynchronous(msgspec.Struct, kw_only=True):
    """How an endpoint answers asynchronous requests: a table in endpoint.toml.

    max_concurrency: how many at a time. notify: who is told of each answer: a URL, a command, or "activity" for a line
    there; "" for nobody. keep: seconds after which answers are removed, 0 for never.
    """

    max_concurrency: int = 4
    notify: str = ""
    keep: int = 0


class Accepted(Record, kw_only=True):
    """A request that was accepted: it will be answered once.

    key: its name among files, made of the inference id. headers: what the model is told beside the body. body or input:
    the payload itself, or its path in the workspace. ttl, timeout: seconds. output, failure: the paths of the answer.
    asked: a digest of all that was asked, by which the same request is known again. nonce: tells apart who made it.
    """

    key: str
    inference_id: str
    accepted: str
    user: str
    nonce: str
    headers: dict[str, str]
    body: bytes | None = None
    input: str | None = None
    ttl: int = TTL
    timeout: int = TIMEOUT
    output: str
    failure: str
    asked: str


class Answered(Record, kw_only=True):
    """What became of a request; draft: where its answer lay before it was decided that this one counts.

    status: "Completed" or "Failed", then `reason` says why. seconds: from the moment that the work on it began. size:
    bytes of the answer. attributes: the custom attributes that the model set.
    """

    key: str
    inference_id: str
    status: str
    reason: str | None = None
    accepted: str
    answered: str
    seconds: float
    input: str | None = None
    content_type: str = ""
    variant: str = ""
    attributes: str = ""
    output: str
    failure: str
    size: int
    draft: str
    asked: str
    host: str


class Backlog(msgspec.Struct, kw_only=True):
    """How the queue stands, as its worker sees it. queued: those that wait; working: keys that are under way.

    completed, failed: answered since there is the endpoint. reason: why nothing goes on, if so. deaths: how often the
    worker has died over a request that waits, by its key.
    """

    queued: int = 0
    working: list[str] = msgspec.field(default_factory=list)
    completed: int = 0
    failed: int = 0
    reason: str | None = None
    deaths: dict[str, int] = msgspec.field(default_factory=dict)


def recipient(text: str) -> str:
    """The text itself, if it says who can be told of answers. Raises BadOption for a web address elsewhere."""
    if text.startswith(WEB):
        try:
            host = urlsplit(text).hostname
        except ValueError:
            host = None
        if host not in LOOPBACK:
            raise BadOption(f"{text[:100]!a} is not an address of this host", hint="http://127.0.0.1:PORT/...")
    return text


def queue(endpoint: str) -> str:
    return f"endpoints/{endpoint}/queue"


def queue_path(endpoint: str, key: str) -> str:
    return f"endpoints/{endpoint}/queue/{key}.json"


def answered(endpoint: str) -> str:
    return f"endpoints/{endpoint}/answered"


def answered_path(endpoint: str, key: str) -> str:
    return f"endpoints/{endpoint}/answered/{key}.json"


def drafts(endpoint: str) -> str:
    return f"endpoints/{endpoint}/drafts"


def notices(endpoint: str) -> str:
    return f"endpoints/{endpoint}/notices"


def backlog_path(endpoint: str) -> str:
    return f"endpoints/{endpoint}/backlog.json"


def key_of(inference_id: str) -> str:
    """The name that the files of a request get: its inference id where that can be one."""
    return names.as_name(inference_id)


def location(store: Store, path: str) -> str:
    """The `file://` URI of a file of the workspace."""
    return f"file://{quote(str(store.root))}/{quote(path)}"


def waiting(store: Store, endpoint: str, key: str) -> Accepted:
    """A request that is in the queue. Raises NotFound, Corrupt."""
    return records.read(store, queue_path(endpoint, key), Accepted)


def outcome(store: Store, endpoint: str, key: str) -> Answered | None:
    """What became of a request; None while it waits."""
    try:
        return records.read(store, answered_path(endpoint, key), Answered)
    except NotFound:
        return None


def backlog(store: Store, endpoint: str) -> Backlog | None:
    """How the queue stands now: counted here, and with what the worker said last. None where nothing was ever asked."""
    found = said(store, endpoint)
    keys = set(keys_in(store, queue(endpoint)))
    if not keys and not found.completed and not found.failed:
        return None
    found.working = [key for key in found.working if key in keys]
    found.queued = len(keys) - len(found.working)
    return found


def said(store: Store, endpoint: str) -> Backlog:
    """What the worker said last."""
    try:
        return msgspec.json.decode(files.read_bytes(store, backlog_path(endpoint)), type=Backlog)
    except (CupolaError, msgspec.MsgspecError):  # the worker writes it again
        return Backlog()


def keys_in(store: Store, directory: str) -> list[str]:
    """The keys of the requests in a directory."""
    return [name.removesuffix(".json") for name in files.listing(store, directory) if name.endswith(".json")]


def by_age(store: Store, directory: str, known: dict[str, int] | None = None) -> list[tuple[int, str]]:
    """When each file of a directory was made (nanoseconds), and its key; the oldest first. `known`: made when."""
    try:
        descriptor = open_directory(store, directory)
    except FileNotFoundError:
        return []
    try:
        return sorted(_aged(descriptor, known or {}))
    finally:
        os.close(descriptor)


def _aged(descriptor: int, known: dict[str, int]) -> Iterator[tuple[int, str]]:
    for name in os.listdir(descriptor):
        key = name.removesuffix(".json")
        if key == name or name.startswith("."):
            continue
        try:
            yield known.get(key) or os.stat(name, dir_fd=descriptor).st_mtime_ns, key
        except FileNotFoundError:
            continue


def age(moment: str) -> float:
    """Seconds since a moment, by this host's clock."""
    from datetime import datetime

    return time.time() - datetime.fromisoformat(moment).timestamp()
