"""What a user can do with endpoints: deploy, look, update, call, stop, remove."""

from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadOption, NotFound, Refused
from cupola.jobs import agents
from cupola.registry import records as models
from cupola.registry.records import APPROVED
from cupola.serving import calls, records
from cupola.serving.calls import Invocation
from cupola.serving.records import Endpoint, EndpointState, Variant
from cupola.store import files, names
from cupola.workspace import Workspace

ALL_TRAFFIC = "AllTraffic"
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LARGEST = 64  # server processes of one endpoint

Name = Annotated[str, Arg(help="an endpoint", completes="endpoint")]
Workers = Annotated[int | None, Arg(help="server processes")]
Memory = Annotated[str | None, Arg(help="limit for all its server processes together, as 512M or 2G; 0 for none")]
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
    memory: Memory = None,
    dry_run: DryRun = False,
) -> EndpointState:
    """Serve a registered version over HTTP, on this host, from now on.

    The agent starts its server processes; what they see stands in endpoints/NAME/status.json. An endpoint of that name
    that serves already is updated: the new servers take over when they are ready, and no request fails.
    """
    names.check_name(name, "name of an endpoint")
    if mode not in records.MODES:
        raise BadOption(f"the mode {mode!r} does not exist", hint=f"today there is: {', '.join(records.MODES)}")
    version = _deployable(ws, model)
    before = _existing(ws, name)
    user, host = names.who()
    variants = [Variant(name=ALL_TRAFFIC, model=version.ref)]
    wished = before or Endpoint(name=name, host=host, user=user, variants=variants)
    wished = msgspec.structs.replace(wished, mode=mode, desired="InService", host=host, user=user, variants=variants)
    if before and records.state_of(ws.store, before).status == "Failed":
        wished.generation += 1
    return _wish(ws, _sized(wished, workers, memory), before, dry_run)


@action("endpoint ls", writes=False)
def ls(ws: Workspace) -> list[EndpointState]:
    """List the endpoints, by name."""
    return records.ls(ws.store)


@action("endpoint show", writes=False, about="endpoint")
def show(ws: Workspace, endpoint: Name) -> EndpointState:
    """Show one endpoint: what it serves, where, and how its requests go."""
    return records.find(ws.store, endpoint)


@action("endpoint update", about="endpoint", waits="endpoint", dry_run=True, role="deployer")
def update(
    ws: Workspace,
    endpoint: Name,
    *,
    model: Annotated[str | None, Arg(help="the version to serve from now on", completes="model")] = None,
    variant: Annotated[dict[str, str] | None, Arg(help="serve side by side: N=MODEL:WEIGHT", pairs=True)] = None,
    workers: Workers = None,
    memory: Memory = None,
    dry_run: DryRun = False,
) -> EndpointState:
    """Change what an endpoint serves, or with how many processes; also mends one that has failed.

    With --variant several versions are served side by side, each with requests in proportion to its weight (1 where
    none is given). New servers are started and take over when all of them are ready, while the old ones answer what
    they have (ALL_AT_ONCE): no request fails. When the new ones cannot serve, the old ones go on; `reason` says why.
    """
    before = records.wish(ws.store, endpoint)
    changed = msgspec.structs.replace(before, generation=before.generation + 1)
    if model is not None and variant:
        raise BadOption(
            "--model and --variant exclude each other", hint=f"--variant {ALL_TRAFFIC}={model} is the former"
        )
    if model is not None:
        changed.variants = [Variant(name=ALL_TRAFFIC, model=_deployable(ws, model).ref)]
    if variant:
        changed.variants = [_variant(ws, name, given) for name, given in variant.items()]
    return _wish(ws, _sized(changed, workers, memory), before, dry_run)


@action("endpoint invoke", writes=False, about="endpoint", key="i")
def invoke(
    ws: Workspace,
    endpoint: Name,
    *,
    data: Annotated[str, Arg(help="a file, - for standard input, or the payload itself", completes="file")],
    content_type: Annotated[str | None, Arg(help="what the payload is (default: found from the payload)")] = None,
    accept: Annotated[str, Arg(help="what the answer is to be")] = "application/json",
) -> Invocation:
    """Send a payload to an endpoint and give its answer: {"instances": [...]}, one record as JSON, CSV, JSON Lines."""
    return calls.invoke(ws.store, records.find(ws.store, endpoint), calls.payload(data), content_type, accept)


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
    return _wish(ws, msgspec.structs.replace(before, desired="OutOfService"), before, False)


@action("endpoint start", about="endpoint", waits="endpoint")
def start(ws: Workspace, endpoint: Name) -> EndpointState:
    """Serve again what was stopped or has failed."""
    before = records.wish(ws.store, endpoint)
    again = msgspec.structs.replace(before, desired="InService", generation=before.generation + 1)
    return _wish(ws, again, before, False)


@action("endpoint confirm", about="endpoint", waits="endpoint", role="deployer")
def confirm(ws: Workspace, endpoint: Name) -> EndpointState:
    """Sign an endpoint.toml that was edited by hand, so that it takes effect."""
    before = records.wish(ws.store, endpoint)
    for variant in before.variants:
        variant.model = _deployable(ws, variant.model).ref
    user, host = names.who()
    return _wish(ws, msgspec.structs.replace(before, user=user, host=host), None, False)


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
    name = files.untrash(ws.store, trash).rpartition("/")[2]
    records.poke(ws.store, name)
    return records.state_of(ws.store, records.wish(ws.store, name))


def _existing(ws: Workspace, name: str) -> Endpoint | None:
    try:
        return records.wish(ws.store, name)
    except NotFound:
        return None


def _deployable(ws: Workspace, model: str) -> models.ModelState:
    """The version, if it may be deployed. Raises Refused where it is not approved and has to be."""
    version = models.find(ws.store, model)
    hint = f"`cupola model approve {version.name}@{version.version} --note WHY`"
    if ws.settings.deployments_need_approval and version.status != APPROVED:
        why = f"{version.ref} is {version.status}, and workspace.toml says that deployments need approval"
        raise Refused(why, hint=hint)
    if version.storage == "pickle" and not models.trusted(ws.store, version):
        raise Refused(
            f"{version.ref} is a pickle, which can run any code, and you have not signed it",
            hint=f"`cupola model verify {version.name}@{version.version} --trust`, if you know where it comes from",
        )
    return version


def _variant(ws: Workspace, name: str, given: str) -> Variant:
    """MODEL or MODEL:WEIGHT."""
    names.check_name(name, "name of a variant")
    model, colon, weight = given.partition(":")
    try:
        share = float(weight) if colon else 1.0
    except ValueError:
        share = -1.0
    if not 0 < share < 1e9:
        raise BadOption(
            f"{weight!r} is not the weight of a variant", hint=f"a number above 0, as in {name}={model}:0.1"
        )
    return Variant(name=name, model=_deployable(ws, model).ref, weight=share)


def _sized(wished: Endpoint, workers: int | None, memory: str | None) -> Endpoint:
    if workers is not None:
        if not 1 <= workers <= LARGEST:
            raise BadOption(f"{workers} server processes cannot be had", hint=f"from 1 to {LARGEST}")
        wished.workers = workers
    if memory is not None:
        wished.memory = _bytes(memory)
    return wished


def _bytes(text: str) -> int:
    number, unit = text.strip().upper().removesuffix("B").removesuffix("I"), ""
    if number[-1:] in UNITS:
        number, unit = number[:-1], number[-1:]
    try:
        size = int(float(number) * UNITS[unit])
    except (ValueError, OverflowError):
        size = -1
    if size < 0 or 0 < size < 1 << 20:
        raise BadOption(f"{text!r} is not a size of memory", hint="write 512M or 2G, or 0 for no limit")
    return size


def _wish(ws: Workspace, wished: Endpoint, before: Endpoint | None, dry_run: bool) -> EndpointState:
    """Writes a wish and wakes who makes it true."""
    if dry_run:
        state = records.state_of(ws.store, wished)
        state.variants, state.workers, state.memory = wished.variants, wished.workers, wished.memory
        return state
    records.save(ws.store, wished, before)
    agents.register(ws.root)
    agents.ensure()
    records.poke(ws.store, wished.name)
    agents.poke(endpoint=wished.name, workspace=str(ws.root))
    return records.find(ws.store, wished.name)
