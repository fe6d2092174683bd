"""What a user can do with a change of an endpoint, and with its variants: weights, promote, roll back, remove."""

import math
from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadOption, NotFound, NotReady, Refused
from cupola.serving import course, records, wishing
from cupola.serving.records import Endpoint, EndpointState, Variant
from cupola.store import journals
from cupola.store.feed import announce
from cupola.workspace import Workspace

Name = Annotated[str, Arg(help="an endpoint", completes="endpoint")]
LONGEST_METRIC = 100


class Logged(msgspec.Struct, kw_only=True):
    """What was logged for an endpoint: its alarms may be about `metrics.NAME`."""

    endpoint: str
    metrics: dict[str, float]


@action("endpoint weights", about="endpoint", waits="endpoint", role="deployer")
def weights(
    ws: Workspace, endpoint: Name, *, variant: Annotated[dict[str, str], Arg(help="N=WEIGHT", pairs=True)]
) -> EndpointState:
    """Share the requests between an endpoint's variants anew; it takes effect within a second, no server restarts.

    A variant that is not named keeps its weight; one of the weight 0 gets none but those that ask for it by its name.
    """
    before = records.wish(ws.store, endpoint)
    _still(ws, endpoint)
    there = {one.name: one for one in before.variants if not one.shadow}
    given = {name: wishing.weight(name, text, f"{name}=0.1") for name, text in variant.items()}
    for name in given:
        if name not in there:
            raise BadOption(f"{endpoint} has no variant {name!r} that answers", hint=f"it has: {', '.join(there)}")
    changed = [msgspec.structs.replace(one, weight=given.get(one.name, one.weight)) for one in before.variants]
    if not any(one.weight for one in changed if not one.shadow):
        raise BadOption("one variant at least has to have a weight above 0")
    return wishing.send(ws, msgspec.structs.replace(before, variants=changed), before)


@action("endpoint promote", about="endpoint", waits="endpoint", role="deployer", confirm="y")
def promote(
    ws: Workspace,
    endpoint: Name,
    *,
    variant: Annotated[str | None, Arg(help="the shadow, where there are several")] = None,
) -> EndpointState:
    """End a change well: the new version gets all requests now, whatever steps are left; or a shadow does.

    A shadow that is promoted takes the name of the variant that answered (of several, of the one with the most
    requests), and those before it are served no more.
    """
    before = records.wish(ws.store, endpoint)
    state = records.find(ws.store, endpoint)
    moving = state.status == "Updating" or (state.rollout is not None and state.rollout.moving)
    if moving and variant is None and not any(one.shadow for one in before.variants):
        plan = msgspec.structs.replace(before.rollout, at_once=True)
        return wishing.send(ws, msgspec.structs.replace(before, rollout=plan), before)
    shadow = _shadow(before, variant, "promoted")
    answering = max((one for one in before.variants if not one.shadow), key=lambda one: one.weight)
    promoted = msgspec.structs.replace(shadow, name=answering.name, weight=1.0, shadow=0.0)
    plan = msgspec.structs.replace(before.rollout, at_once=True, back=False)
    return wishing.send(ws, msgspec.structs.replace(before, variants=[promoted], rollout=plan), before)


@action("endpoint remove", about="endpoint", waits="endpoint", role="deployer", confirm="y")
def remove(
    ws: Workspace,
    endpoint: Name,
    *,
    variant: Annotated[str | None, Arg(help="a variant; the shadow where there is one")] = None,
) -> EndpointState:
    """Take a shadow, or another variant, out of an endpoint; the others share its requests."""
    before = records.wish(ws.store, endpoint)
    _still(ws, endpoint)
    there = {one.name: one for one in before.variants}
    gone = there.get(variant or "") or _shadow(before, variant, "removed")
    left = [one for one in before.variants if one.name != gone.name]
    if not any(one.weight for one in left if not one.shadow):
        hint = f"`cupola endpoint rm {endpoint}` removes the endpoint, `cupola endpoint weights` gives another a weight"
        raise Refused(f"without {gone.name} nothing of {endpoint} answers requests", hint=hint)
    plan = msgspec.structs.replace(before.rollout, at_once=True, back=False)
    return wishing.send(ws, msgspec.structs.replace(before, variants=left, rollout=plan), before)


@action("endpoint rollback", about="endpoint", waits="endpoint", role="deployer", confirm="name")
def rollback(ws: Workspace, endpoint: Name) -> EndpointState:
    """Bring back at once what an endpoint served before its last change, or before the one that moves.

    A rollback is a change too: a second one brings back what the first took away.
    """
    before = records.wish(ws.store, endpoint)
    kept = course.read(ws.store, endpoint)
    moving = kept.seen != before.digest() or (kept.rollout is not None and kept.rollout.moving)
    target = kept.served if moving or kept.refused else kept.previous
    if target is None:
        raise Refused(f"{endpoint} has served nothing else before", hint=f"`cupola endpoint show {endpoint}`")
    for one in target.variants:
        wishing.deployable(ws, one.model)
    wished = msgspec.structs.replace(
        target,
        revision=before.revision,
        desired="InService",
        workers=before.workers,
        max_workers=before.max_workers,
        memory=before.memory,
        generation=before.generation,
        rollout=msgspec.structs.replace(before.rollout, at_once=True, back=True),
    )
    return wishing.send(ws, wished, before)


@action("endpoint metric", about="endpoint")
def metric(
    ws: Workspace,
    endpoint: Name,
    *,
    value: Annotated[dict[str, str], Arg(help="NAME=NUMBER", pairs=True)],
) -> Logged:
    """Log what is known of an endpoint from elsewhere, so that an alarm may be about it: metrics.NAME.

    The last value that was logged since a change began counts.
    """
    records.wish(ws.store, endpoint)
    metrics = {name: _number(name, text) for name, text in value.items()}
    path = f"{records.metrics_path(endpoint)}/{ws.store.writer}.jsonl"
    line = journals.append(ws.store, path, [{"metrics": metrics}])
    announce(ws.store, "endpoint", endpoint, line, path)
    return Logged(endpoint=endpoint, metrics=metrics)


def _number(name: str, text: str) -> float:
    """Raises BadOption."""
    if not (name.isprintable() and len(name) <= LONGEST_METRIC):
        raise BadOption(f"{name[:60]!a} is not the name of a metric")
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise BadOption(f"{text!r} is not a value of {name}", hint=f"a number, as in --value {name}=0.93")
    return found


def _still(ws: Workspace, endpoint: str) -> None:
    """Raises NotReady while a change moves."""
    state = records.find(ws.store, endpoint)
    if state.rollout and state.rollout.moving:
        hint = f"wait for it, or `cupola endpoint promote {endpoint}` or `cupola endpoint rollback {endpoint}`"
        raise NotReady(f"a change of {endpoint} is under way ({state.rollout.status})", where=endpoint, hint=hint)


def _shadow(endpoint: Endpoint, name: str | None, what: str) -> Variant:
    """The shadow of that name, or the only one. Raises NotFound, BadOption, Refused."""
    shadows = {one.name: one for one in endpoint.variants if one.shadow}
    if name is not None:
        if name not in shadows:
            known = ", ".join(one.name for one in endpoint.variants)
            raise NotFound(f"{endpoint.name} has no such variant to be {what}: {name!r}", hint=f"it has: {known}")
        return shadows[name]
    if not shadows:
        raise Refused(f"no change of {endpoint.name} is under way, and it has no shadow: nothing can be {what}")
    if len(shadows) > 1:
        raise BadOption(f"{endpoint.name} has several shadows", hint=f"--variant: one of {', '.join(shadows)}")
    return next(iter(shadows.values()))
