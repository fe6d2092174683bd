"""Endpoints as files: the wish (endpoint.toml, endpoint.sig), what its keeper saw (status.json), and both in one."""

import contextlib
import hashlib
from typing import Any

import msgspec

from cupola.asynchronous import records as requests
from cupola.asynchronous.records import Asynchronous, Backlog
from cupola.errors import Corrupt, CupolaError, NotFound
from cupola.runtimes.records import AUTO
from cupola.serving import network
from cupola.serving.network import Network
from cupola.serving.rollouts import Plan, Rollout
from cupola.serving.status import Alarm, EndpointStatus, ShadowReport, Traffic, VariantState
from cupola.store import Store, files, names, records, runtime, secret
from cupola.store.records import Record

DIRECTORY = "endpoints"
MODES = ("realtime", "serverless", "asynchronous")
MOST_ROWS = 256  # of the requests that are joined into one call of a native model, unless told otherwise
SERVING = ("Creating", "Updating", "InService", "RollingBack", "UpdateRollbackFailed")


class Variant(msgspec.Struct, kw_only=True):
    """One model behind an endpoint; `weight` is its share of the requests beside the other variants' weights.

    shadow: above 0 it is a shadow: that share of the requests is copied to it, and nobody gets what it answers.
    """

    name: str
    model: str
    weight: float = 1.0
    shadow: float = 0.0


class Serverless(msgspec.Struct, kw_only=True):
    """How an endpoint of the mode serverless comes and goes.

    idle: seconds without a request after which its servers end. provisioned: of them, those that stay.
    max_concurrency: requests that may be in work at once, those that wait for a server among them.
    """

    idle: float = 300.0
    max_concurrency: int = 20
    provisioned: int = 0


class Targets(msgspec.Struct, kw_only=True):
    """The models that requests may name (`X-Amzn-SageMaker-Target-Model`), beside what the variants serve.

    models: names, or patterns such as churn-*. memory: bytes that a server process has for those that are loaded.
    """

    models: list[str]
    memory: int = 1 << 30


class Endpoint(Record, kw_only=True):
    """What is wished for: endpoints/NAME/endpoint.toml, written by actions and by hand.

    model of a variant: exact, as churn@3-7f3a. host, user: where and as whom it runs. memory: bytes for all its server
    processes together, 0 for no limit. max_workers: as many server processes there may be while requests queue, 0 for
    no more than `workers`. rollout: how a change of the variants is made. desired: "InService" or "OutOfService".
    generation: counted up to have the servers replaced though nothing else has changed. runtime: which one is to run
    the models ("auto": the compiled one where it was measured to say the same, and faster). batch_rows: the most rows
    of requests that are joined into one call of a native model; 1 joins none. serverless: of that mode, and of an
    asynchronous endpoint that sleeps while its queue is empty. asynchronous: only of that mode. network: where other
    hosts reach it, if they do. targets: which other models requests may name, if any.
    """

    name: str
    mode: str = "realtime"
    desired: str = "InService"
    workers: int = 1
    max_workers: int = 0
    memory: int = 0
    host: str
    user: str
    generation: int = 0
    runtime: str = AUTO
    batch_rows: int = MOST_ROWS
    serverless: Serverless | None = None
    asynchronous: Asynchronous | None = None
    network: Network | None = None
    targets: Targets | None = None
    rollout: Plan = msgspec.field(default_factory=Plan)
    variants: list[Variant]

    def payload(self) -> bytes:
        """What its signature is made over: all that is not as usual, so that a setting that is new to Cupola, and has
        its usual value, leaves signatures as they are."""
        bare = msgspec.structs.replace(self, revision=1, format=1)
        return b"endpoint\0" + msgspec.json.encode(_unusual(bare), order="deterministic")

    def digest(self) -> str:
        """Tells two wishes apart, whatever their comments and revisions."""
        return hashlib.sha256(self.payload()).hexdigest()


class Signatures(msgspec.Struct):
    """endpoint.sig: the MACs of the wish and of the one that it replaces (so that a kill between leaves one valid)."""

    macs: list[str] = msgspec.field(default_factory=list)


class EndpointState(msgspec.Struct, kw_only=True):
    """An endpoint as `endpoint ls` and `endpoint show` print it: the wish and what became of it.

    variants: what is served, or what is to be served where nothing is. wished: what is wished for, by the wish of that
    revision. update_failed: the last wish could not be had,
    and what was served before goes on. workers_ready: server processes that are ready, of `workers`. asleep: there are
    none, and the next request wakes them (only of the mode serverless, InService all the same). backlog: of an
    asynchronous endpoint, how its queue stands. network: where other hosts reach it. gateway: the endpoint_url for the
    hosted service's clients (None while no gateway has run). bad: which data that it was made from somebody has marked
    as bad, and why.
    """

    name: str
    endpoint: str
    status: str
    reason: str | None = None
    mode: str = MODES[0]
    variants: list[VariantState] = msgspec.field(default_factory=list)
    wished: list[Variant] = msgspec.field(default_factory=list)
    revision: int = 0
    rollout: Rollout | None = None
    alarms: list[Alarm] = msgspec.field(default_factory=list)
    shadows: list[ShadowReport] = msgspec.field(default_factory=list)
    url: str | None = None
    network: str | None = None
    targets: Targets | None = None
    gateway: str | None = None
    workers: int = 0
    max_workers: int = 0
    workers_ready: int = 0
    batch_rows: int = MOST_ROWS
    asleep: bool = False
    serverless: Serverless | None = None
    asynchronous: Asynchronous | None = None
    backlog: Backlog | None = None
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
    tags: list[str] = msgspec.field(default_factory=list)
    bad: str = ""


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


def metrics_path(name: str) -> str:
    """The journals of what was logged for an endpoint, for its alarms."""
    return f"{DIRECTORY}/{name}/metrics"


def log_path(name: str) -> str:
    return f"{DIRECTORY}/{name}/log.txt"


def gateway_path(host: str, user: str) -> str:
    return f".cupola/gateways/{host}-{user}.json"


def local_path(store: Store, name: str, kind: str) -> str:
    """Where the sockets and locks of an endpoint lie on this host: kind "sock" (HTTP), "poke", "queue" (pokes its
    worker), "lock" or "json"."""
    key = hashlib.sha256(f"{store.root}\0{name}".encode()).hexdigest()[:20]
    return str(runtime.runtime_dir() / f"endpoint-{key}.{kind}")


def wish(store: Store, name: str) -> Endpoint:
    """The wish as it stands in the file, signed or not. Raises NotFound, Corrupt."""
    names.check_name(name, "name of an endpoint")
    try:
        found = records.read_toml(store, wish_path(name), Endpoint)
    except NotFound:
        raise NotFound(f"there is no endpoint {name!r} here", hint="`cupola endpoint ls` lists them") from None
    if found.name != name:  # a change of it would be written to another endpoint
        why = f"it says that its name is {found.name[:100]!r}; as its directory, it is {name!r}"
        raise Corrupt(why, where=wish_path(name), hint="mend it with an editor")
    return found


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

    Raises Conflict when the file is not `expected` any more; what somebody else has wished then stays signed.
    """

    def sign() -> None:
        before = [mac for mac in _macs(store, endpoint.name) if expected and secret.verify(expected.payload(), mac)]
        macs = Signatures([secret.sign(endpoint.payload()), *before])
        files.write_bytes(store, f"{directory(endpoint.name)}/endpoint.sig", msgspec.json.encode(macs) + b"\n")

    path = wish_path(endpoint.name)
    records.write_toml(store, path, endpoint, kind="endpoint", ref=endpoint.name, expected=expected, before=sign)


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
        variants=alive.variants if alive and alive.variants else unserved(endpoint),
        wished=endpoint.variants,
        revision=endpoint.revision,
        rollout=alive.rollout if alive else None,
        alarms=alive.alarms if alive else [],
        shadows=alive.shadows if alive else [],
        url=alive.url if alive else None,
        network=network.url(endpoint.network) if endpoint.network else None,
        targets=endpoint.targets,
        gateway=door.url if door else None,
        workers=endpoint.workers,
        max_workers=endpoint.max_workers,
        workers_ready=alive.workers if alive else 0,
        batch_rows=endpoint.batch_rows,
        asleep=bool(alive and alive.asleep),
        serverless=endpoint.serverless,
        asynchronous=endpoint.asynchronous,
        backlog=requests.backlog(store, endpoint.name) if endpoint.mode == requests.MODE else None,
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


def unserved(endpoint: Endpoint) -> list[VariantState]:
    """The variants that are wished for, before any of them is served."""
    return [
        VariantState(name=one.name, model=one.model, weight=one.weight, shadow=one.shadow) for one in endpoint.variants
    ]


def _unusual(value: Any) -> Any:
    """A record without the fields that have their default."""
    if isinstance(value, msgspec.Struct):
        fields = ((one, getattr(value, one.name)) for one in msgspec.structs.fields(value))
        return {one.encode_name: _unusual(found) for one, found in fields if found != _default(one)}
    return [_unusual(one) for one in value] if isinstance(value, list) else value


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


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
        elsewhere = (
            None if endpoint.host == names.who()[1] else f"{endpoint.host}, where it runs, has said nothing here"
        )
        return ("Creating" if endpoint.desired == "InService" else "OutOfService"), elsewhere
    gone = _keeper_is_gone(seen)
    alone = gone and any(runtime.alive(one) for one in seen.servers)
    if endpoint.desired == "OutOfService" and gone and not alone:
        return "OutOfService", None
    if seen.wish != endpoint.digest():
        return ("Updating" if seen.status in SERVING and seen.status != "Creating" else "Creating"), None
    if alone:
        return seen.status, "its keeper is not running, and its servers go on; `cupola agent start` brings it back"
    if seen.status in SERVING and gone:
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
