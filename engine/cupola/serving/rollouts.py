"""How a change of what an endpoint serves moves on: a state machine without effects, kept as a record by its keeper.

A keeper that was killed reads where it was, and goes on there. The words are the hosted service's where it has one.
"""

import math

import msgspec

STRATEGIES = ("ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING", "SHADOW")
MOVING = ("Creating", "ActivatingTraffic", "Baking", "RollingBack")
SHARE = 0.1  # of the requests (CANARY, LINEAR) or of the servers (ROLLING) that a step moves, unless told
WHOLE = 1.0 - 1e-9


class Plan(msgspec.Struct, kw_only=True):
    """[rollout] of endpoint.toml: how a change of the variants is made.

    share: of the requests that the new ones get first (CANARY), of the requests or of the servers that each step moves
    (LINEAR, ROLLING). bake: seconds for which each step is watched. alarms: as "error_rate > 0.05"; one that is raised
    while the change moves brings back what was served before. at_once: it was promoted, and is made now, whatever the
    strategy. back: it brings back what was served before; at once, too.
    """

    strategy: str = "ALL_AT_ONCE"
    share: float = SHARE
    bake: float = 0.0
    alarms: list[str] = msgspec.field(default_factory=list)
    at_once: bool = False
    back: bool = False


class Step(msgspec.Struct, kw_only=True):
    """One step of a rollout: the share of the requests that the new variants get, and when they got it."""

    share: float
    since: str | None = None


class Rollout(msgspec.Struct, kw_only=True):
    """A change as it moves.

    status: Creating (servers with the new models come up), ActivatingTraffic, Baking, then Completed; or RollingBack,
    then RolledBack or UpdateRollbackFailed. before, after: the variants as NAME=MODEL. step: the index of the step that
    it is at, -1 before the first. share: what the new variants get now. baked: seconds of `bake` that this step has
    been watched. back: it brings back what was served before, and was asked for by hand. reason: why it was rolled
    back.
    """

    strategy: str
    status: str = "Creating"
    before: list[str]
    after: list[str]
    steps: list[Step]
    step: int = -1
    share: float = 0.0
    bake: float = 0.0
    baked: float = 0.0
    back: bool = False
    reason: str | None = None
    started: str | None = None
    ended: str | None = None

    @property
    def moving(self) -> bool:
        return self.status in MOVING


def shares(plan: Plan, workers: int) -> list[float]:
    """The share that the new variants have after each step."""
    if plan.at_once or plan.strategy in ("ALL_AT_ONCE", "SHADOW"):
        return [1.0]
    if plan.strategy == "CANARY":
        return [plan.share, 1.0] if plan.share < WHOLE else [1.0]
    size = plan.share if plan.strategy == "LINEAR" else max(1, math.floor(plan.share * workers + 1e-9)) / workers
    count = math.ceil(1.0 / size - 1e-9)
    return [min(1.0, round(size * number, 9)) for number in range(1, count)] + [1.0]


def begin(plan: Plan, workers: int, before: list[str], after: list[str], now: str) -> Rollout:
    """A change that has just been wished for."""
    return Rollout(
        strategy="ALL_AT_ONCE" if plan.at_once else plan.strategy,
        before=before,
        after=after,
        steps=[Step(share=share) for share in shares(plan, workers)],
        bake=0.0 if plan.at_once else plan.bake,
        back=plan.back,
        started=now,
    )


def advance(rollout: Rollout, now: str) -> None:
    """To the next step, or to the end after the last one."""
    if not rollout.moving or rollout.status == "RollingBack":
        return
    if rollout.step + 1 == len(rollout.steps):
        rollout.status, rollout.ended = "Completed", now
        return
    rollout.step += 1
    rollout.baked = 0.0
    rollout.share = rollout.steps[rollout.step].share
    rollout.status = "ActivatingTraffic"


def reached(rollout: Rollout, now: str) -> None:
    """The requests go where the step wants them: from now on it is watched."""
    if rollout.status == "ActivatingTraffic":
        rollout.status = "Baking"
        rollout.steps[rollout.step].since = now


def watched(rollout: Rollout, seconds: float, now: str) -> None:
    """Time has gone by; a step that was watched for long enough makes room for the next."""
    if rollout.status != "Baking":
        return
    rollout.baked = min(rollout.bake, rollout.baked + seconds)
    if rollout.baked >= rollout.bake:
        advance(rollout, now)


def promote(rollout: Rollout) -> None:
    """All at once, now: the steps that are left are one, and nobody watches it."""
    if rollout.moving and rollout.status != "RollingBack":
        rollout.steps = [*rollout.steps[: rollout.step + 1], Step(share=1.0)]
        rollout.bake = 0.0


def roll_back(rollout: Rollout, reason: str) -> None:
    """What was served before is to have all requests again."""
    if rollout.moving and rollout.status != "RollingBack":
        rollout.status, rollout.reason, rollout.share = "RollingBack", reason, 0.0


def rolled_back(rollout: Rollout, now: str) -> None:
    """What was served before has all requests again."""
    if rollout.status == "RollingBack":
        rollout.status, rollout.ended = "RolledBack", now


def stuck(rollout: Rollout, reason: str, now: str) -> None:
    """What was served before cannot be had; what serves goes on."""
    if rollout.moving:
        why = f"; it was rolled back because {rollout.reason}" if rollout.reason else ""
        rollout.status, rollout.ended = "UpdateRollbackFailed", now
        rollout.reason = f"what was served before cannot be had: {reason}{why}"
