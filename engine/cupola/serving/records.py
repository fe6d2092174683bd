"""Endpoints as files: the wish (endpoint.toml, endpoint.sig), what its keeper saw (status.json), and both in one."""

import contextlib
import hashlib
import time
from collections.abc import Callable

import msgspec

from cupola.errors import CupolaError, NotFound, WorkFailed
from cupola.store import Store, files, names, records, runtime, secret
from cupola.store.records import Record

DIRECTORY = "endpoints"
MODES = ("realtime",)
SETTLED = ("InService", "Failed", "OutOfService")


class Variant(msgspec.Struct, kw_only=True):
    """One model behind an endpoint; `weight` is its share of the requests beside the other variants' weights."""

    name: str
    model: str
    weight: float = 1.0


class Endpoint(Record, kw_only=True):
    """What is wished for: endpoints/NAME/endpoint.toml, written by actions and by hand.

    model of a variant: exact, as churn@3-7f3a. host, user: where and as whom it runs. memory: bytes for all its
    server processes together, 0 for no limit. desired: "InService" or "OutOfService". generation: counted up to have
    the servers replaced though nothing else has changed.
    """

    name: str
    mode: str = "realtime"
    desired: str = "InService"
    workers: int = 1
    memory: int = 0
    host: str
    user: str
    generation: int = 0
    variants: list[Variant]

    def payload(self) -> bytes:
        """What its signature is made over."""
        bare = msgspec.structs.replace(self, revision=0, format=0)
        return b"endpoint\0" + msgspec.json.encode(bare, order="deterministic")

    def digest(self) -> str:
        """Tells two wishes apart, whatever their comments and revisions."""
        return hashlib.sha256(self.payload()).hexdigest()


class Signatures(msgspec.Struct):
    """endpoint.sig: the MACs of the wish and of the one that it replaces (so that a kill between leaves one valid)."""

    macs: list[str] = msgspec.field(default_factory=list)


class Traffic(msgspec.Struct, kw_only=True):
    """Counts since the keeper started; rates and latencies over the last 60 s.

    series: a row per second of the last 60: [unix time, requests per second, p50 ms, p99 ms, errors].
    """

    requests: int = 0
    errors: int = 0
    rps: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    series: list[list[float | None]] = msgspec.field(default_factory=list)


class EndpointStatus(Record, kw_only=True):
    """What the keeper of an endpoint saw: endpoints/NAME/status.json.

    wish: the digest of the wish that the status is about. variants: what is served now. update_failed: that is not what
    is wished for, as `reason` says. workers: server processes that are ready. port: kept while nothing is served.
    socket: the Unix socket on `host`, for those who want no TCP. restarts: servers that died and came back.
    """

    name: str
    status: str
    reason: str | None = None
    host: str
    user: str
    url: str | None = None
    port: int | None = None
    socket: str | None = None
    process: runtime.Process | None = None
    pids: list[int] = msgspec.field(default_factory=list)
    workers: int = 0
    restarts: int = 0
    variants: list[Variant] = msgspec.field(default_factory=list)
    wish: str = ""
    update_failed: bool = False
    traffic: Traffic = msgspec.field(default_factory=Traffic)
    started: str | None = None
    updated: str | None = None


class EndpointState(msgspec.Struct, kw_only=True):
    """An endpoint as `endpoint ls` and `endpoint show` print it: the wish and what became of it.

    variants: what is served, or what is to be served where nothing is. update_failed: the last wish could not be had,
    and what was served before goes on. workers_ready: server processes that are ready, of `workers`. gateway: the
    endpoint_url for the hosted service's clients (None while no gateway has run).
    """

    name: str
    endpoint: str
    status: str
    reason: str | None = None
    mode: str = MODES[0]
    variants: list[Variant] = msgspec.field(default_factory=list)
    url: str | None = None
    gateway: str | None = None
    workers: int = 0
    workers_ready: int = 0
    pids: list[int] = msgspec.field(default_factory=list)
    restarts: int = 0
    memory: int = 0
    traffic: Traffic = msgspec.field(default_factory=Traffic)
    user: str = ""
    host: str = ""
    desired: str = ""
    update_failed: bool = False
    started: str | None = None
    updated: str | None = None


class Gateway(Record, kw_only=True):
    """.cupola/gateways/HOST-USER.json: the stable port at which a user's gateway on a host serves this workspace."""

    host: str
    user: str
    port: int
    url: str
    process: runtime.Process | None = None


def directory(name: str) -> str:
    return f"{DIRECTORY}/{name}"


def wish_path(name: str) -> str:
    return f"{DIRECTORY}/{name}/endpoint.toml"


def status_path(name: str) -> str:
    return f"{DIRECTORY}/{name}/status.json"


def log_path(name: str) -> str:
    return f"{DIRECTORY}/{name}/log.txt"


def gateway_path(host: str, user: str) -> str:
    return f".cupola/gateways/{host}-{user}.json"


def local_path(store: Store, name: str, kind: str) -> str:
    """Where the sockets and locks of an endpoint lie on this host: kind "sock" (HTTP), "poke", "lock" or "json"."""
    key = hashlib.sha256(f"{store.root}\0{name}".encode()).hexdigest()[:20]
    return str(runtime.runtime_dir() / f"endpoint-{key}.{kind}")


def wish(store: Store, name: str) -> Endpoint:
    """The wish as it stands in the file, signed or not. Raises NotFound, Corrupt."""
    names.check_name(name, "name of an endpoint")
    try:
        return records.read_toml(store, wish_path(name), Endpoint)
    except NotFound:
        raise NotFound(f"there is no endpoint {name!r} here", hint="`cupola endpoint ls` lists them") from None


def wishes(store: Store) -> list[Endpoint]:
    """The wish of every endpoint whose file can be read, by name."""
    return [one for one in _each(store).values() if isinstance(one, Endpoint)]


def has_keeper(store: Store, name: str) -> bool:
    """Whether a keeper of the endpoint runs on this host."""
    held = runtime.lock(local_path(store, name, "lock"), wait=False)
    if held:
        held.release()
    return held is None


def poke(store: Store, name: str) -> None:
    """Has the endpoint's keeper, if there is one, look at its wish now."""
    import socket

    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with line, contextlib.suppress(OSError):
        line.sendto(b"look", local_path(store, name, "poke"))


def signed(store: Store, endpoint: Endpoint) -> bool:
    """Whether this user's own secret has signed the wish: only then does a keeper run it."""
    return any(secret.verify(endpoint.payload(), mac) for mac in _macs(store, endpoint.name))


def wanted(store: Store) -> list[str]:
    """The endpoints that want a keeper here and now, and have none: what the agent starts."""
    me = (*names.who(), "InService")
    mine = [one for one in wishes(store) if (one.user, one.host, one.desired) == me]
    return [one.name for one in mine if signed(store, one) and not has_keeper(store, one.name)]


def gateway(store: Store) -> Gateway | None:
    """Where this user's gateway on this host serves the workspace, or did last; its port stays."""
    user, host = names.who()
    return _gateway(store, user, host)


def has_gateway() -> bool:
    """Whether this user's gateway runs on this host."""
    held = runtime.lock(runtime.runtime_dir() / "gateway.lock", wait=False)
    if held:
        held.release()
    return held is None


def save(store: Store, endpoint: Endpoint, expected: Endpoint | None = None) -> None:
    """Signs a wish and writes it: the old or the new one is there and signed, whenever this is killed.

    Raises Conflict when the file is not `expected` any more.
    """
    before = [mac for mac in _macs(store, endpoint.name) if expected and secret.verify(expected.payload(), mac)]
    macs = Signatures([secret.sign(endpoint.payload()), *before])
    files.write_bytes(store, f"{directory(endpoint.name)}/endpoint.sig", msgspec.json.encode(macs) + b"\n")
    records.write_toml(store, wish_path(endpoint.name), endpoint, kind="endpoint", ref=endpoint.name, expected=expected)


def status(store: Store, name: str) -> EndpointStatus | None:
    """What the keeper wrote last, None before it wrote anything."""
    try:
        return records.read(store, status_path(name), EndpointStatus)
    except NotFound:
        return None


def find(store: Store, name: str) -> EndpointState:
    """The endpoint of that name. Raises NotFound."""
    return state_of(store, wish(store, name))


def ls(store: Store) -> list[EndpointState]:
    """Every endpoint here, by name; one of which something cannot be read says so in its reason."""
    return [_listed(store, name, one) for name, one in _each(store).items()]


def state_of(store: Store, endpoint: Endpoint) -> EndpointState:
    """A wish and what became of it."""
    seen = status(store, endpoint.name)
    word, reason = _status(store, endpoint, seen)
    alive = seen if seen and seen.host == endpoint.host else None
    door = _gateway(store, endpoint.user, endpoint.host)
    return EndpointState(
        name=endpoint.name,
        endpoint=endpoint.name,
        status=word,
        reason=reason,
        mode=endpoint.mode,
        variants=alive.variants if alive and alive.variants else endpoint.variants,
        url=alive.url if alive else None,
        gateway=door.url if door else None,
        workers=endpoint.workers,
        workers_ready=alive.workers if alive else 0,
        pids=alive.pids if alive else [],
        restarts=alive.restarts if alive else 0,
        memory=endpoint.memory,
        traffic=alive.traffic if alive else Traffic(),
        user=endpoint.user,
        host=endpoint.host,
        desired=endpoint.desired,
        update_failed=bool(alive and alive.update_failed and alive.wish == endpoint.digest()),
        started=alive.started if alive else None,
        updated=alive.updated if alive else None,
    )


def wait(
    store: Store,
    name: str,
    *,
    timeout: float | None = None,
    progress: Callable[[EndpointState], None] | None = None,
) -> EndpointState:
    """Waits until the endpoint is as wished. Raises WorkFailed when it has failed (with the reason) or on timeout."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        found = find(store, name)
        if progress:
            progress(found)
        if found.status == "Failed" or found.update_failed:
            raise WorkFailed(f"the endpoint {name}: {found.reason}", where=wish_path(name))
        if found.status == found.desired:
            return found
        if deadline and time.monotonic() > deadline:
            raise WorkFailed(f"the endpoint {name} is still {found.status}", where=wish_path(name))
        time.sleep(0.05)


def _each(store: Store) -> dict[str, Endpoint | CupolaError]:
    found: dict[str, Endpoint | CupolaError] = {}
    for name in files.listing(store, DIRECTORY):
        try:
            found[name] = wish(store, name)
        except NotFound:
            continue
        except CupolaError as error:
            found[name] = error
    return found


def _listed(store: Store, name: str, found: Endpoint | CupolaError) -> EndpointState:
    try:
        return state_of(store, found) if isinstance(found, Endpoint) else _unreadable(name, found)
    except CupolaError as error:
        return _unreadable(name, error)


def _unreadable(name: str, error: CupolaError) -> EndpointState:
    return EndpointState(name=name, endpoint=name, status="Failed", reason=str(error))


def _status(store: Store, endpoint: Endpoint, seen: EndpointStatus | None) -> tuple[str, str | None]:
    if (endpoint.user, endpoint.host) == names.who() and not signed(store, endpoint):
        why = f"endpoint.toml was edited; `cupola endpoint confirm {endpoint.name}` signs it, and it takes effect"
        return (seen.status if seen and seen.status != "Failed" else "Creating"), why
    if seen is None:
        return ("Creating" if endpoint.desired == "InService" else "OutOfService"), None
    if endpoint.desired == "OutOfService" and _keeper_is_gone(seen):
        return "OutOfService", None
    if seen.wish != endpoint.digest():
        return ("Updating" if seen.status in ("InService", "Updating") else "Creating"), None
    if seen.status in ("InService", "Creating", "Updating") and _keeper_is_gone(seen):
        return "OutOfService", "its keeper is not running; `cupola agent start` brings it back"
    return seen.status, seen.reason


def _keeper_is_gone(seen: EndpointStatus) -> bool:
    here = (seen.user, seen.host) == names.who()
    return here and (seen.process is None or not runtime.alive(seen.process))


def _gateway(store: Store, user: str, host: str) -> Gateway | None:
    try:
        return records.read(store, gateway_path(host, user), Gateway)
    except CupolaError:  # the gateway writes it again when it starts
        return None


def _macs(store: Store, name: str) -> list[str]:
    try:
        return msgspec.json.decode(files.read_bytes(store, f"{directory(name)}/endpoint.sig"), type=Signatures).macs
    except (NotFound, msgspec.MsgspecError):
        return []
