"""Wishes for endpoints as commands make them: what may be deployed, how a change is planned, and who is told."""

import math

import msgspec

from cupola.errors import BadOption, Refused
from cupola.jobs import agents, amounts
from cupola.registry import records as models
from cupola.registry.records import APPROVED
from cupola.runtimes.records import CHOICES
from cupola.serving import alarms, records
from cupola.serving.records import Endpoint, EndpointState, Serverless, Variant
from cupola.serving.rollouts import SHARE, STRATEGIES, Plan
from cupola.store import names
from cupola.workspace import Workspace

LARGEST = 64  # server processes of one endpoint
LARGEST_BATCH = 4096  # rows
SHORTEST_IDLE = 1.0
MOST_AT_ONCE = 1000
STAGED = ("CANARY", "LINEAR", "ROLLING")
BAKE = 60.0  # seconds for which each step of a staged change is watched, unless told
SHADOW = "shadow"
USUAL_ALARMS = ["error_rate > 5%"]  # of a staged change, where none is given


def deployable(ws: Workspace, model: str) -> models.ModelState:
    """The version, if it may be deployed. Raises Refused where it is not approved and has to be."""
    version = models.find(ws.store, model)
    hint = f"`cupola model approve {version.name}@{version.version} --note WHY`"
    if ws.settings.deployments_need_approval and version.status != APPROVED:
        why = f"{version.ref} is {version.status}, and workspace.toml says that deployments need approval"
        raise Refused(why, hint=hint)
    if not models.loadable(ws.store, version):
        what = "is a pickle" if version.storage == "pickle" else "brings its own code"
        raise Refused(
            f"{version.ref} {what}, which can run any code, and you have not signed it",
            hint=f"`cupola model verify {version.name}@{version.version} --trust`, if you know where it comes from",
        )
    return version


def variant(ws: Workspace, name: str, given: str) -> Variant:
    """MODEL or MODEL:WEIGHT."""
    names.check_name(name, "name of a variant")
    model, colon, share = given.partition(":")
    return Variant(
        name=name, model=deployable(ws, model).ref, weight=weight(name, share, f"{name}={model}:0.1") if colon else 1.0
    )


def weight(name: str, text: str, example: str) -> float:
    """The weight of a variant as it is written. Raises BadOption."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e9:
        raise BadOption(
            f"{text!r} is not the weight of the variant {name}", hint=f"a number from 0 on, as in {example}"
        )
    return found


def plan(before: Plan, strategy: str | None, share: float | None, bake: str | None, alarm: list[str] | None) -> Plan:
    """How a change is made: as the endpoint says, but for what is given. Raises BadOption."""
    found = msgspec.structs.replace(before, at_once=False, back=False)
    if strategy is not None:
        found.strategy, found.share, found.bake = strategy, SHARE, BAKE if strategy in STAGED else 0.0
    if share is not None:
        found.share = share
    if bake is not None:
        found.bake = amounts.seconds(bake, "--bake") or 0.0
    if alarm is not None:
        found.alarms = [one for one in alarm if one.strip()]
    elif strategy in STAGED and not found.alarms:
        found.alarms = list(USUAL_ALARMS)
    return checked(found)


def checked(found: Plan) -> Plan:
    """A plan that can be followed. Raises BadOption."""
    if found.strategy not in STRATEGIES:
        raise BadOption(f"there is no rollout {found.strategy!r}", hint=f"there are: {', '.join(STRATEGIES)}")
    if not 0 < found.share <= 1:
        raise BadOption(f"a share of {found.share:g} cannot be had", hint="above 0, up to 1: 0.1 is a tenth")
    if not (0 <= found.bake <= 7 * 86400 and math.isfinite(found.bake)):
        raise BadOption(f"a bake of {found.bake:g} seconds cannot be had", hint="from 0 to 7 days")
    for one in found.alarms:
        alarms.rule(one)
    return found


def possible(wished: Endpoint) -> None:
    """Raises BadOption for what no option could have written, but an editor can."""
    asleep, answering = wished.serverless, [one for one in wished.variants if not one.shadow]
    rules = [
        ("mode", wished.mode, wished.mode in records.MODES),
        ("desired", wished.desired, wished.desired in ("InService", "OutOfService")),
        ("runtime", wished.runtime, wished.runtime in CHOICES),
        ("workers", wished.workers, 1 <= wished.workers <= LARGEST),
        ("max_workers", wished.max_workers, 0 <= wished.max_workers <= LARGEST),
        ("batch_rows", wished.batch_rows, 1 <= wished.batch_rows <= LARGEST_BATCH),
        ("memory", wished.memory, wished.memory >= 0),
        ("serverless", asleep, asleep is None or _can_sleep(asleep)),
        ("weight", [one.weight for one in answering], any(one.weight for one in answering)),
        *(("weight", one.weight, 0 <= one.weight < 1e9) for one in wished.variants),
        *(("shadow", one.shadow, 0 <= one.shadow <= 1) for one in wished.variants),
        (
            "variants",
            [one.name for one in wished.variants],
            len({one.name for one in wished.variants}) == len(wished.variants),
        ),
    ]
    for name, value, fits in rules:
        if not fits:
            raise BadOption(
                f"{name} = {value!r} cannot be had", where=records.wish_path(wished.name), hint="mend it with an editor"
            )


def _can_sleep(how: Serverless) -> bool:
    known = 1 <= how.max_concurrency <= MOST_AT_ONCE and 0 <= how.provisioned <= LARGEST
    return known and how.idle >= SHORTEST_IDLE


def send(ws: Workspace, wished: Endpoint, before: Endpoint | None, dry_run: bool = False) -> EndpointState:
    """Writes a wish and wakes who makes it true."""
    if dry_run:
        state = records.state_of(ws.store, wished)
        state.variants, state.reason = records.unserved(wished), None  # nobody has to confirm what is not written
        return state
    records.save(ws.store, wished, before)
    agents.register(ws.root)
    agents.ensure()
    records.poke(ws.store, wished.name)
    agents.poke(endpoint=wished.name, workspace=str(ws.root))
    return records.find(ws.store, wished.name)
