"""What a user can do with endpoints: deploy, look, update, call, stop, remove."""

import os
from typing import Annotated

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.asynchronous import records as requests
from cupola.asynchronous.records import Asynchronous
from cupola.errors import BadOption, NotFound, Refused
from cupola.registry import records as models
from cupola.runtimes.records import CHOICES
from cupola.search import evaluating
from cupola.serving import benches, calls, network, options, records, wishing
from cupola.serving.benches import Benched
from cupola.serving.calls import Invocation
from cupola.serving.records import Endpoint, EndpointState, Serverless, Variant
from cupola.serving.rollouts import STRATEGIES
from cupola.store import Store, files, names
from cupola.team import notes, verdicts
from cupola.tokens import records as tokens
from cupola.workspace import Workspace

ALL_TRAFFIC = "AllTraffic"

Filter = Annotated[
    str | None,
    Arg(help="only those: 'status = InService and variants.model contains churn'", completes="endpoint filter"),
]
Sort = Annotated[str | None, Arg(help="by this field: traffic.rps:desc", completes="endpoint sort")]
Name = Annotated[str, Arg(help="an endpoint", completes="endpoint")]
Workers = Annotated[int | None, Arg(help="server processes")]
MaxWorkers = Annotated[
    int | None,
    Arg(help="as many server processes while requests queue, where the host has CPUs for them; 0 for no more"),
]
Memory = Annotated[str | None, Arg(help="limit for all its server processes together, as 512M or 2G; 0 for none")]
Idle = Annotated[
    str | None, Arg(help="serverless, asynchronous: how long nobody asks before its servers end, as 90s or 5m")
]
MaxConcurrency = Annotated[
    int | None, Arg(help="serverless: requests at once, one more is answered 429; asynchronous: worked on at once")
]
Notify = Annotated[
    str | None,
    Arg(help="asynchronous: told of each answer: http://127.0.0.1:PORT/PATH, a command, or 'activity'; '' for nobody"),
]
Runtime = Annotated[
    str | None,
    Arg(help="what runs the models; auto (the default) is compiled where it says the same, faster", choices=CHOICES),
]
BatchRows = Annotated[
    int | None,
    Arg(help="rows of requests that are joined into one call of a native model, at most; 1 for none"),
]
Keep = Annotated[str | None, Arg(help="asynchronous: how long answers are kept, as 7d; 0 for ever")]
Provisioned = Annotated[int | None, Arg(help="serverless: server processes that stay when nobody asks")]
Target = Annotated[
    list[str] | None,
    Arg(help="models that requests may name (TargetModel): churn-eu, 'churn-*'; '' for none", completes="model"),
]
TargetMemory = Annotated[str | None, Arg(help="for those of them that are loaded, in each server process: 512M, 2G")]
DryRun = Annotated[bool, Arg(help="only say what would be done")]


class Log(msgspec.Struct, kw_only=True):
    """The end of an endpoint's log, and where all of it lies (relative to the workspace)."""

    endpoint: str
    path: str
    text: str


class Removed(msgspec.Struct, kw_only=True):
    """What was (or with --dry-run would be) moved to the trash; `trash` is the token that brings it back."""

    removed: list[str]
    trash: str | None = None
    dry_run: bool = False


@action("endpoint deploy", about="model", key="d", waits="endpoint", dry_run=True, role="deployer")
def deploy(
    ws: Workspace,
    model: Annotated[str, Arg(help="a model: churn, churn@3, churn@champion", completes="model")],
    *,
    name: Annotated[str, Arg(help="the endpoint to make", completes="endpoint")],
    mode: Annotated[str, Arg(help="how it serves", choices=records.MODES)] = "realtime",
    workers: Workers = None,
    max_workers: MaxWorkers = None,
    memory: Memory = None,
    runtime: Runtime = None,
    batch_rows: BatchRows = None,
    idle: Idle = None,
    max_concurrency: MaxConcurrency = None,
    provisioned: Provisioned = None,
    notify: Notify = None,
    keep: Keep = None,
    target: Target = None,
    target_memory: TargetMemory = None,
    dry_run: DryRun = False,
) -> EndpointState:
    """Serve a registered version over HTTP, on this host, from now on.

    In the mode serverless its servers end when nobody asks, and the next request is held until one is there again. In
    the mode asynchronous requests lie in a queue on the disk (`endpoint send`), and answers become files.
    The agent starts its server processes; what they see stands in endpoints/NAME/status.json. An endpoint of that name
    that serves already is updated: the new servers take over when they are ready, and no request fails. Without
    --workers and --batch-rows there are as many server processes, and batches of such a size, as `endpoint bench` has
    found to be best for this version.
    """
    names.check_name(name, "name of an endpoint")
    if mode not in records.MODES:
        raise BadOption(f"the mode {mode!r} does not exist", hint=f"today there is: {', '.join(records.MODES)}")
    version = wishing.deployable(ws, model)
    before = _existing(ws, name)
    user, host = names.who()
    variants = [Variant(name=ALL_TRAFFIC, model=version.ref)]
    wished = before or Endpoint(name=name, host=host, user=user, variants=variants)
    wished = msgspec.structs.replace(wished, mode=mode, desired="InService", host=host, user=user, variants=variants)
    wished.rollout = msgspec.structs.replace(wished.rollout, at_once=False, back=False)
    if before and records.state_of(ws.store, before).status == "Failed":
        wished.generation += 1
    queued = mode == requests.MODE
    wished.asynchronous = (wished.asynchronous or Asynchronous()) if queued else None
    sleeps = mode == "serverless" or (queued and (idle or (before and before.asynchronous and before.serverless)))
    wished.serverless = (wished.serverless or Serverless()) if sleeps else None
    if workers is None and version.load_test:
        workers = min(version.load_test.workers, os.cpu_count() or 1)
    if batch_rows is None and version.load_test:
        batch_rows = version.load_test.batch_rows
    options.put(
        wished,
        workers=workers, max_workers=max_workers, memory=memory, runtime=runtime, batch_rows=batch_rows,
        idle=idle, max_concurrency=max_concurrency, provisioned=provisioned, notify=notify, keep=keep, target=target,
        target_memory=target_memory,
    )  # fmt: skip
    return wishing.send(ws, wished, before, dry_run)


@action("endpoint ls", writes=False)
def ls(ws: Workspace, *, filter: Filter = None, sort: Sort = None) -> list[EndpointState]:
    """List the endpoints, by name."""
    found = records.ls(ws.store)
    _put_notes(ws.store, found)
    return evaluating.chosen(found, filter, sort)


@action("endpoint show", writes=False, about="endpoint")
def show(ws: Workspace, endpoint: Name) -> EndpointState:
    """Show one endpoint: what it serves, where, and how its requests go."""
    found = records.find(ws.store, endpoint)
    _put_notes(ws.store, [found])
    return found


@action("endpoint update", about="endpoint", waits="endpoint", dry_run=True, role="deployer")
def update(
    ws: Workspace,
    endpoint: Name,
    *,
    model: Annotated[str | None, Arg(help="the version to serve from now on", completes="model")] = None,
    variant: Annotated[dict[str, str] | None, Arg(help="serve side by side: N=MODEL:WEIGHT", pairs=True)] = None,
    rollout: Annotated[str | None, Arg(help="how it is changed", choices=STRATEGIES)] = None,
    share: Annotated[
        float | None,
        Arg(help="of the requests first (CANARY, SHADOW), at each step (LINEAR); of the servers (ROLLING)"),
    ] = None,
    bake: Annotated[str | None, Arg(help="how long each step is watched, as 90s or 10m")] = None,
    alarm: Annotated[
        list[str] | None,
        Arg(help="brings back what was served before: 'error_rate > 5%', 'p99_ms > 200', 'drift > 0.2'"),
    ] = None,
    workers: Workers = None,
    max_workers: MaxWorkers = None,
    memory: Memory = None,
    runtime: Runtime = None,
    batch_rows: BatchRows = None,
    idle: Idle = None,
    max_concurrency: MaxConcurrency = None,
    provisioned: Provisioned = None,
    notify: Notify = None,
    keep: Keep = None,
    target: Target = None,
    target_memory: TargetMemory = None,
    dry_run: DryRun = False,
) -> EndpointState:
    """Change what an endpoint serves, how many processes it has, or how it is changed; also mends one that has failed.

    No request fails: new servers are started and take over when they are ready, while the old ones answer what they
    have. ALL_AT_ONCE gives the new version all requests then; CANARY a share first, LINEAR a share more at each step,
    ROLLING replaces some of the servers at a time; each step is watched (--bake), and an alarm brings back what was
    served before. SHADOW only copies requests to it, and reports how its answers differ. With --variant several
    versions are served side by side, by their weights. What is not given stays as endpoint.toml says.
    """
    before = records.wish(ws.store, endpoint)
    changed = msgspec.structs.replace(before)
    if model is not None and variant:
        raise BadOption(
            "--model and --variant exclude each other", hint=f"--variant {ALL_TRAFFIC}={model} is the former"
        )
    wanted = [wishing.variant(ws, name, given) for name, given in (variant or {}).items()]
    if model is not None:
        name = wishing.SHADOW if rollout == "SHADOW" else ALL_TRAFFIC
        wanted = [Variant(name=name, model=wishing.deployable(ws, model).ref)]
    if rollout == "SHADOW":
        changed.variants = _with_shadows(before, wanted, 1.0 if share is None else share)
        changed.rollout = msgspec.structs.replace(before.rollout, at_once=True, back=False)
    else:
        changed.variants = wanted or before.variants
        changed.rollout = wishing.plan(before.rollout, rollout, share, bake, alarm)
    if changed.asynchronous and idle and not changed.serverless:
        changed.serverless = Serverless()
    options.put(
        changed,
        workers=workers, max_workers=max_workers, memory=memory, runtime=runtime, batch_rows=batch_rows,
        idle=idle, max_concurrency=max_concurrency, provisioned=provisioned, notify=notify, keep=keep, target=target,
        target_memory=target_memory,
    )  # fmt: skip
    state = records.state_of(ws.store, before)
    if state.status == "Failed" or state.update_failed or changed == before:
        changed.generation += 1
    return wishing.send(ws, changed, before, dry_run)


@action("endpoint invoke", writes=False, about="endpoint", key="i")
def invoke(
    ws: Workspace,
    endpoint: Name,
    *,
    data: Annotated[str, Arg(help="a file, - for standard input, or the payload itself", completes="file")],
    content_type: Annotated[str | None, Arg(help="what the payload is (default: found from the payload)")] = None,
    accept: Annotated[str, Arg(help="what the answer is to be")] = "application/json",
    explain: Annotated[bool, Arg(help="with what each column adds to the answer")] = False,
) -> Invocation:
    """Send rows to an endpoint and give its answer: JSON (one record is enough), CSV, JSON Lines, npy, Parquet."""
    found = records.find(ws.store, endpoint)
    return calls.invoke(ws.store, found, data, content_type, accept, explain)


@action("endpoint bench", about="endpoint", key="b", waits="itself")
def bench(
    ws: Workspace,
    endpoint: Name,
    *,
    p99: Annotated[float, Arg(help="milliseconds within which 99 of 100 requests are to be answered")] = 50.0,
    rate: Annotated[
        float | None, Arg(help="requests a second that are needed (default: as many as there can be)")
    ] = None,
    workers: Annotated[
        int | None, Arg(help="server processes to try at most (default: one for each CPU of this host)")
    ] = None,
    seconds: Annotated[float, Arg(help="how long each step takes")] = 3.0,
    data: Annotated[
        str | None, Arg(help="the body of each request (default: the rows of the model's sample)", completes="file")
    ] = None,
    variant: Annotated[str | None, Arg(help="which of its variants (default: the largest)")] = None,
) -> Benched:
    """Find out how many requests a second a model holds on this host, and with how many server processes.

    Server processes of its own are asked for more and more until one in a hundred waits longer than --p99, with one
    process, of a native model with batches of different sizes, then with more; the endpoint is left alone. The fewest
    that hold what is needed are recommended, with the size of batches that holds most, and from then on `endpoint
    deploy` of this version starts so where it is not told otherwise.
    """
    wish = records.wish(ws.store, endpoint)
    return benches.run(
        ws.store, wish, variant=variant, target_ms=p99, needed=rate, workers=workers, seconds=seconds, data=data
    )


@action("endpoint log", writes=False, about="endpoint", key="l")
def log(ws: Workspace, endpoint: Name, *, lines: Annotated[int, Arg(help="how many of the last lines")] = 200) -> Log:
    """Show the end of an endpoint's log."""
    records.wish(ws.store, endpoint)
    path = records.log_path(endpoint)
    return Log(endpoint=endpoint, path=path, text=calls.last_lines(ws.store, path, lines))


@action("endpoint stop", about="endpoint", key="x", waits="endpoint", confirm="name")
def stop(ws: Workspace, endpoint: Name) -> EndpointState:
    """Stop serving, and keep the endpoint: what is in flight is answered, `endpoint start` serves again."""
    before = records.wish(ws.store, endpoint)
    return wishing.send(ws, msgspec.structs.replace(before, desired="OutOfService"), before, False)


@action("endpoint start", about="endpoint", waits="endpoint")
def start(ws: Workspace, endpoint: Name) -> EndpointState:
    """Serve again what was stopped or has failed."""
    before = records.wish(ws.store, endpoint)
    again = msgspec.structs.replace(before, desired="InService", generation=before.generation + 1)
    return wishing.send(ws, again, before, False)


@action("endpoint open", about="endpoint", waits="endpoint", dry_run=True, role="deployer", confirm="y")
def open_(
    ws: Workspace,
    endpoint: Name,
    *,
    address: Annotated[str, Arg(help="an IP address of this host and a port; 0.0.0.0:8443 for all its networks")],
    certificate: Annotated[str | None, Arg(help="your own, in PEM; one is made, unless told", completes="file")] = None,
    certificate_key: Annotated[str | None, Arg(help="its key, in PEM", completes="file")] = None,
    dry_run: DryRun = False,
) -> EndpointState:
    """Let other hosts ask an endpoint, over TLS and with a token; there has to be one (`token create`).

    Its loopback port stays as it is. A certificate that is made here signs itself, and lies in
    $XDG_CONFIG_HOME/cupola/tls/HOST: give clients certificate.pem to check this host by.
    """
    before = records.wish(ws.store, endpoint)
    if not any(not tokens.expired(one) for one in tokens.ls(ws.store)):
        raise Refused(
            f"{endpoint} is not opened to other hosts while there is no token, which they need",
            hint=f"`cupola token create NAME --endpoint {endpoint}`, then again",
        )
    pair = [None if one is None else str(place.path(one)) for one in (certificate, certificate_key)]
    wished = msgspec.structs.replace(before, network=network.wanted(address, pair[0], pair[1]))
    return wishing.send(ws, wished, before, dry_run)


@action("endpoint close", about="endpoint", waits="endpoint")
def close(ws: Workspace, endpoint: Name) -> EndpointState:
    """Have an endpoint listen on this host only, as at first."""
    before = records.wish(ws.store, endpoint)
    return wishing.send(ws, msgspec.structs.replace(before, network=None), before, False)


@action("endpoint confirm", about="endpoint", waits="endpoint", role="deployer")
def confirm(ws: Workspace, endpoint: Name) -> EndpointState:
    """Sign an endpoint.toml that was edited by hand, so that it takes effect."""
    before = records.wish(ws.store, endpoint)
    for variant in before.variants:
        variant.model = wishing.deployable(ws, variant.model).ref
    if before.rollout.strategy == "SHADOW":
        raise BadOption("a shadow is no rollout of all variants", hint="give the variant `shadow = 1.0` instead")
    wishing.checked(before.rollout)
    wishing.possible(before)
    user, host = names.who()
    return wishing.send(ws, msgspec.structs.replace(before, user=user, host=host), None, False)


@action("endpoint rm", about="endpoint", key="D", dry_run=True, confirm="name")
def rm(ws: Workspace, endpoint: Name, *, dry_run: DryRun = False) -> Removed:
    """Move an endpoint to the trash; its servers answer what they have, and end."""
    records.wish(ws.store, endpoint)
    if dry_run:
        return Removed(removed=[endpoint], dry_run=True)
    token = files.trash(ws.store, records.directory(endpoint))
    records.poke(ws.store, endpoint)
    return Removed(removed=[endpoint], trash=token)


@action("endpoint restore", waits="endpoint")
def restore(ws: Workspace, trash: Annotated[str, Arg(help="the token that `endpoint rm` gave")]) -> EndpointState:
    """Bring an endpoint back from the trash; it is served again if it was."""
    name = files.untrash(ws.store, trash, records.DIRECTORY).rpartition("/")[2]
    records.poke(ws.store, name)
    return records.state_of(ws.store, records.wish(ws.store, name))


def _existing(ws: Workspace, name: str) -> Endpoint | None:
    try:
        return records.wish(ws.store, name)
    except NotFound:
        return None


def _with_shadows(before: Endpoint, wanted: list[Variant], share: float) -> list[Variant]:
    """The variants that answer, as they are, and new shadows. Raises BadOption."""
    if not wanted:
        raise BadOption("which version is to be the shadow?", hint="--model MODEL, or --variant NAME=MODEL")
    if not 0 < share <= 1:
        raise BadOption(f"a share of {share:g} cannot be copied", hint="above 0, up to 1: 1 copies every request")
    named = {one.name for one in wanted}
    for one in before.variants:
        if one.name in named and not one.shadow:
            raise BadOption(f"the variant {one.name} answers requests", hint="give the shadow another name")
    kept = [one for one in before.variants if one.name not in named]
    return [*kept, *(msgspec.structs.replace(one, weight=0.0, shadow=share) for one in wanted)]


def _put_notes(store: Store, found: list[EndpointState]) -> None:
    """Adds what people say of these endpoints, and of the data behind them."""
    notes.put_tags(store, "endpoint", {one.name: one for one in found})
    if bad := verdicts.bad(store):
        data = {one.ref: verdicts.data(one) for one in models.ls(store)}
        for one in found:
            one.bad = verdicts.words(bad, [ref for variant in one.variants for ref in data.get(variant.model, [])])


from cupola.asynchronous import actions as _more  # noqa: E402, F401  more verbs on endpoints, behind these
from cupola.serving import changing as _changing  # noqa: E402, F401
