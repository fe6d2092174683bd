"""Where an endpoint is between what it served, what it serves and what it is to serve: endpoints/NAME/course.json.

Only decisions, no effects: the keeper takes a wish, asks which server processes there are to be, and does the rest. The
record is the keeper's, and signed as the wish is: whoever can write the directory cannot have something else served.
"""

import hashlib

import msgspec

from cupola.errors import Corrupt, NotFound
from cupola.serving import rollouts
from cupola.serving.records import Endpoint, Variant, directory
from cupola.serving.rollouts import Plan, Rollout
from cupola.store import Store, records, secret
from cupola.store.records import Record


class Course(Record, kw_only=True):
    """served: what is in service; to: what a change makes of it, while one moves. previous: what was served before the
    last change: what `endpoint rollback` brings back. in_service: `served` has been. seen: the digest of the last wish
    that was taken. refused: that wish could not be had or was rolled back, as `reason` says.
    """

    served: Endpoint | None = None
    to: Endpoint | None = None
    previous: Endpoint | None = None
    rollout: Rollout | None = None
    in_service: bool = False
    seen: str = ""
    refused: bool = False
    reason: str | None = None
    mac: str = ""

    def payload(self) -> bytes:
        bare = msgspec.structs.replace(self, revision=0, format=0, mac="")
        return b"course\0" + msgspec.json.encode(bare, order="deterministic")


class Group(msgspec.Struct, kw_only=True):
    """Server processes that there are to be: how many, of which settings, and the variants as they are weighted now."""

    settings: Endpoint
    variants: list[Variant]
    count: int


def key(variant: Variant) -> str:
    """What tells a model behind an endpoint from the others, as servers and their counts name it."""
    return f"{variant.name}={variant.model}"


def keys(endpoint: Endpoint) -> list[str]:
    return [key(one) for one in endpoint.variants]


def base(endpoint: Endpoint) -> str:
    """Tells apart settings with which a server process has to be started; all the rest it can be told."""
    bare = msgspec.structs.replace(
        endpoint, format=0, revision=0, desired="", workers=0, max_workers=0, memory=0, generation=0, variants=[],
        rollout=Plan(),
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def path(name: str) -> str:
    return f"{directory(name)}/course.json"


def read(store: Store, name: str) -> Course:
    """The course of an endpoint, as this user's keeper has left it; an empty one where there is none that it signed."""
    try:
        found = records.read(store, path(name), Course)
    except (NotFound, Corrupt):
        return Course()
    return found if secret.verify(found.payload(), found.mac) else Course()


def write(store: Store, name: str, course: Course) -> None:
    """Raises CupolaError."""
    course.mac = secret.sign(course.payload())
    records.write(store, path(name), course, kind="endpoint", ref=name)


# decisions


def take(course: Course, wish: Endpoint, now: str) -> None:
    """What a wish that is new makes of the course."""
    course.seen, course.refused, course.reason = wish.digest(), False, None
    served, rollout = course.served, course.rollout
    if served is None:
        course.served, course.to, course.rollout = wish, None, None
        return
    if course.to is not None and rollout is not None and rollout.moving:
        if _same(wish, course.to) and wish.generation == course.to.generation:
            course.to = wish
            if wish.rollout.at_once:
                rollouts.promote(rollout)
            return
        if _same(wish, served):
            rollouts.roll_back(rollout, "it was asked for by hand")
            course.served, course.to = wish, None
            return
        course.to = None  # what was served takes all requests again, and another change begins from there
    if _same(wish, served) and wish.generation == served.generation:
        course.served = wish
    elif _is_loaded(wish, served):
        course.previous, course.served = served, wish
    else:
        course.to = wish
        course.rollout = rollouts.begin(wish.rollout, wish.workers, keys(served), keys(wish), now)


def settled(course: Course, now: str) -> bool:
    """The server processes are there, and the requests go where they are to go; whether that has changed anything."""
    rollout = course.rollout
    if rollout is None or not rollout.moving:
        return False
    if rollout.status == "RollingBack":
        rollouts.rolled_back(rollout, now)
    elif rollout.status == "Creating":
        rollouts.advance(rollout, now)
    elif rollout.status == "ActivatingTraffic":
        rollouts.reached(rollout, now)
        watch(course, 0.0, now)
    else:
        return False
    return True


def watch(course: Course, seconds: float, now: str) -> bool:
    """Time has gone by; whether a step has ended with it."""
    rollout = course.rollout
    if rollout is None or rollout.status != "Baking":
        return False
    rollouts.watched(rollout, seconds, now)
    if rollout.status == "Completed" and course.to is not None:
        course.previous, course.served, course.to = course.served, course.to, None
    return rollout.status != "Baking"


def fail(course: Course, reason: str, now: str, *, of_served: bool) -> bool:
    """Server processes cannot be had, or an alarm was raised; False where nothing else can be served.

    of_served: they are those of what was served before.
    """
    rollout = course.rollout
    if rollout is None or not rollout.moving:
        return False
    if rollout.status == "RollingBack":
        rollouts.stuck(rollout, reason, now)
        course.refused, course.reason = True, rollout.reason
        return not of_served
    if of_served:
        return False
    course.refused, course.to = True, None
    if rollout.back:
        rollouts.stuck(rollout, reason, now)
        course.reason = f"{rollout.reason}; what is served goes on"
    else:
        rollouts.roll_back(rollout, reason)
        course.reason = f"the update was rolled back, what was served before goes on: {reason}"
    return True


def groups(course: Course, count: int) -> list[Group]:
    """The server processes that there are to be, `count` of them in all."""
    served, to, rollout = course.served, course.to, course.rollout
    if served is None:
        return []
    if to is None or rollout is None or not rollout.moving:
        return [Group(settings=served, variants=served.variants, count=count)]
    if rollout.strategy == "ROLLING":
        new = min(count, max(1, round(rollout.steps[max(0, rollout.step)].share * count))) if count else 0
        both = [(to, new), (served, count - new)]
        return [Group(settings=one, variants=one.variants, count=many) for one, many in both if many]
    return [Group(settings=to, variants=lineup(course), count=count)]


def lineup(course: Course) -> list[Variant]:
    """The variants and their weights of now, in one server process: those of both sides while a change moves."""
    served, to, rollout = course.served, course.to, course.rollout
    if served is None or to is None or rollout is None or not rollout.moving:
        return served.variants if served else []
    if len(rollout.steps) == 1 and not rollout.bake:
        return to.variants
    found: dict[str, Variant] = {}
    for side, share in ((served, 1.0 - rollout.share), (to, rollout.share)):
        total = sum(one.weight for one in side.variants if not one.shadow) or 1.0
        for one in side.variants:
            weight = one.weight / total * share
            if (there := found.get(key(one))) is not None and not there.shadow and not one.shadow:
                weight += there.weight
            if there is None or not one.shadow:
                found[key(one)] = msgspec.structs.replace(one, weight=weight)
    return list(found.values())


def side(course: Course, variant: Variant) -> str:
    """On which side of a change that moves a variant is: "before", "after" or "", also where it is on both."""
    if course.to is None or course.served is None or course.rollout is None or not course.rollout.moving:
        return ""
    before, after = (key(variant) in keys(one) for one in (course.served, course.to))
    return "" if before == after else "before" if before else "after"


def _same(one: Endpoint, other: Endpoint) -> bool:
    """Whether they differ in nothing but what server processes can be told."""
    return base(one) == base(other) and sorted(_flagged(one)) == sorted(_flagged(other))


def _flagged(endpoint: Endpoint) -> list[tuple[str, bool]]:
    return [(key(one), bool(one.shadow)) for one in endpoint.variants]


def _is_loaded(wish: Endpoint, served: Endpoint) -> bool:
    """Whether the servers of what is served hold all that is wished for: a shadow becomes a variant, or one goes."""
    enough = set(keys(wish)) <= set(keys(served))
    return enough and base(wish) == base(served) and wish.generation == served.generation
