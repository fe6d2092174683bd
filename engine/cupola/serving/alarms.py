"""Alarms: what a metric may not be while a change of an endpoint moves, as "error_rate > 0.05" or "p99_ms > 200"."""

import re
from collections.abc import Mapping

import msgspec

from cupola.errors import BadOption
from cupola.serving.status import Alarm

LOGGED = "metrics."  # before the name of a metric that was logged for the endpoint
KNOWN = {
    "error_rate": "the share of the requests that were not answered with what they asked for",
    "fault_rate": "the share of those that failed through no fault of the client",
    "p50_ms": "milliseconds that half of the requests took at most",
    "p99_ms": "milliseconds that 99 of 100 requests took at most",
    "queue_ms": "milliseconds that requests waited on average before they were worked on",
    "rps": "requests per second",
    "drift": "how far the predictions are from those of what is replaced (population stability index)",
    "baseline_drift": "how far the predictions are from those of the version's training (the same)",
}
ENOUGH = 10  # requests, before a rate or a latency of them is judged
FORM = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*(>=|<=|>|<)\s*([0-9.eE+\-]+)\s*(%?)\s*")


class Rule(msgspec.Struct, frozen=True):
    """An alarm, read: it is raised when the metric is on that side of the limit."""

    metric: str
    sign: str
    limit: float

    def raised(self, value: float) -> bool:
        match self.sign:
            case ">":
                return value > self.limit
            case ">=":
                return value >= self.limit
            case "<":
                return value < self.limit
            case _:
                return value <= self.limit


def rule(text: str) -> Rule:
    """What an alarm says. Raises BadOption for what is none."""
    found = FORM.fullmatch(text)
    try:
        limit = float(found[3]) / (100 if found[4] else 1) if found else None
    except ValueError:
        limit = None
    if found is None or limit is None:
        raise BadOption(f"{text!r} is not an alarm", hint='as "error_rate > 5%" or "p99_ms > 200"')
    if found[1] not in KNOWN and not found[1].startswith(LOGGED):
        known = ", ".join([*KNOWN, f"{LOGGED}NAME"])
        raise BadOption(f"the alarm {text!r}: there is no metric {found[1]!r}", hint=f"there are: {known}")
    return Rule(found[1], found[2], limit)


def judge(texts: list[str], values: Mapping[str, float | None]) -> list[Alarm]:
    """Each alarm, and what it sees in the values of the metrics; one without a value has too little to judge."""
    found = []
    for text in texts:
        one = rule(text)
        value = values.get(one.metric)
        status = "INSUFFICIENT_DATA" if value is None else "ALARM" if one.raised(value) else "OK"
        found.append(Alarm(alarm=text, status=status, value=None if value is None else round(value, 6)))
    return found


def raised(alarms: list[Alarm]) -> str | None:
    """What to say of those that are raised; None where none is."""
    said = [f"{one.alarm}: it is {one.value:g}" for one in alarms if one.status == "ALARM" and one.value is not None]
    return "alarm " + "; ".join(said) if said else None
