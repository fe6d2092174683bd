"""How many server processes an endpoint is to have, by how long its requests wait: a decision without effects.

One more when they wait for long, one less when for a good while even fewer processes would not have let them wait. What
was too few once is not tried again so soon: no flapping.
"""

import msgspec

QUEUE_MS = 20.0  # waiting longer than that, on average over a look, asks for one more process
CALM_MS = 2.0  # waiting less than that lets one go
EVERY = 2.0  # seconds that the waiting must have lasted, and between two steps up
PATIENCE, MOST_PATIENCE = 60.0, 1800.0  # seconds of calm before a step down; doubled whenever a step down was wrong
REGRET = 120.0  # seconds after a step down in which a step up says that it was wrong


class Scaler(msgspec.Struct, kw_only=True):
    """What has been seen. Times are seconds of one clock."""

    workers: int
    patience: float = PATIENCE
    busy_since: float | None = None
    calm_since: float | None = None
    went_down: float | None = None


def look(one: Scaler, now: float, queue_ms: float | None, low: int, high: int) -> int:
    """How many there are to be, from `low` to `high`. queue_ms: the waiting since the last look, None of no request."""
    one.workers = max(low, min(one.workers, high))
    waited = queue_ms or 0.0
    one.busy_since = (one.busy_since if one.busy_since is not None else now) if waited > QUEUE_MS else None
    one.calm_since = (one.calm_since if one.calm_since is not None else now) if waited < CALM_MS else None
    if one.busy_since is not None and now - one.busy_since >= EVERY and one.workers < high:
        if one.went_down is not None and now - one.went_down < REGRET:
            one.patience = min(MOST_PATIENCE, one.patience * 2)
        one.workers += 1
        one.busy_since = now
        one.went_down = None
    elif one.calm_since is not None and now - one.calm_since >= one.patience and one.workers > low:
        one.workers -= 1
        one.calm_since = one.went_down = now
    return one.workers
