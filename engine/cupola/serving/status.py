"""What the keeper of an endpoint saw, as it writes it down: endpoints/NAME/status.json."""

import msgspec

from cupola.serving.rollouts import Rollout
from cupola.store import runtime
from cupola.store.records import Record


class Traffic(msgspec.Struct, kw_only=True):
    """Counts since the keeper started; rates and latencies over the last 60 s.

    errors: requests that were not answered with what they asked for; faults: those of them that are not the client's.
    queue_ms: how long requests waited, on average, before they were worked on. series: a row per second of the last 60:
    [unix time, requests per second, p50 ms, p99 ms, errors].
    """

    requests: int = 0
    errors: int = 0
    faults: int = 0
    rps: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    queue_ms: float | None = None
    series: list[list[float | None]] = msgspec.field(default_factory=list)


class VariantState(msgspec.Struct, kw_only=True):
    """A variant as it is served: `weight` is what decides now. While a change moves there may be two of one name.

    side: "" when no change moves, else "before" or "after" it. status: what the change does with it
    (ActivatingTraffic, Baking, RollingBack), "" when none moves. shadow: as in the wish. traffic: of this variant
    alone; of a shadow its report says more. runtime: which one runs it (compiled, native), and why.
    """

    name: str
    model: str
    weight: float = 1.0
    shadow: float = 0.0
    side: str = ""
    status: str = ""
    runtime: str = ""
    why: str = ""
    traffic: Traffic = msgspec.field(default_factory=Traffic)


class Alarm(msgspec.Struct, kw_only=True):
    """An alarm of the rollout's plan and what it sees: OK, ALARM, or INSUFFICIENT_DATA while that is too little.

    value: of the metric over the last 60 s, of the new variants while a change moves, else of the whole endpoint.
    """

    alarm: str
    status: str = "INSUFFICIENT_DATA"
    value: float | None = None


class Example(msgspec.Struct, kw_only=True):
    """A row that a shadow answers otherwise: the row as it was sent, and both answers; cut where they are long."""

    row: str
    served: str
    shadow: str
    difference: float | None = None


class ShadowReport(msgspec.Struct, kw_only=True):
    """How a shadow's answers differ from those that were given, row by row, since it became a shadow.

    requests: copied to it and answered by it; errors: copied and not answered; skipped: not copied, as it was behind.
    rows: that were compared. different: rows of another class, or of another number (beyond a millionth). difference:
    of the probabilities where there are some, else of the numbers: the largest of any row, the mean over the rows.
    p50_ms, p99_ms: its own latencies; served_*: of the answers that were given, in the same requests. examples: rows
    that differ the most.
    """

    variant: str
    model: str
    requests: int = 0
    errors: int = 0
    skipped: int = 0
    rows: int = 0
    different: int = 0
    mean_difference: float | None = None
    largest_difference: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    served_p50_ms: float | None = None
    served_p99_ms: float | None = None
    examples: list[Example] = msgspec.field(default_factory=list)
    last_error: str | None = None


class EndpointStatus(Record, kw_only=True):
    """All that a keeper saw.

    wish: the digest of the wish that the status is about. variants: what is served now. rollout: the change that
    moves, or moved last. update_failed: that is not what is wished for, as `reason` says. workers: server processes
    that are ready. port: kept while nothing is served. socket: the Unix socket on `host`, for those who want no
    TCP. restarts: servers that died and came back. asleep: no server runs, and the next request wakes one.
    max_concurrency: requests that may be in work at once, 0 for no limit.
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
    servers: list[runtime.Process] = msgspec.field(default_factory=list)
    workers: int = 0
    asleep: bool = False
    max_concurrency: int = 0
    restarts: int = 0
    variants: list[VariantState] = msgspec.field(default_factory=list)
    rollout: Rollout | None = None
    alarms: list[Alarm] = msgspec.field(default_factory=list)
    shadows: list[ShadowReport] = msgspec.field(default_factory=list)
    wish: str = ""
    update_failed: bool = False
    traffic: Traffic = msgspec.field(default_factory=Traffic)
    started: str | None = None
    updated: str | None = None
