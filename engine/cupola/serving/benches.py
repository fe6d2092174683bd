"""What is asked of a load test: the spec of its job, and its answer (`cupola.serving.benching` does the work)."""

import os
import sys
from typing import Any

import msgspec

from cupola.errors import BadOption
from cupola.jobs import agents, errands
from cupola.registry.loadtests import LoadTest
from cupola.serving import calls
from cupola.serving.records import Endpoint, Variant
from cupola.serving.rollouts import Plan
from cupola.store import Store, names

KIND = "bench"
JSON = "application/json"
LARGEST_BODY = 1 << 20
LONGEST = 60.0


class Asked(msgspec.Struct, kw_only=True):
    """The job's `spec`. wish: what is to be served, of one variant. most: server processes. needed: requests a second,
    0 for as many as there can be. body: of each request; empty for the rows of the version's sample by turns."""

    wish: Endpoint
    target_ms: float
    needed: float = 0.0
    most: int
    seconds: float
    body: bytes = b""
    content_type: str = JSON


class Benched(LoadTest, kw_only=True):
    """A load test as `endpoint bench` gives it: of which endpoint's model."""

    endpoint: str
    model: str


def run(
    store: Store,
    wish: Endpoint,
    *,
    variant: str | None,
    target_ms: float,
    needed: float | None,
    workers: int | None,
    seconds: float,
    data: str | None,
) -> Benched:
    """Has the model of a variant tested by a job on this host, and waits for it. Raises BadOption, WorkFailed."""
    cpus = agents.slots().get("cpus") or os.cpu_count() or 1
    for option, value, most in (("--p99", target_ms, 1e6), ("--rate", needed, 1e6), ("--seconds", seconds, LONGEST)):
        if value is not None and not 0 < value <= most:
            raise BadOption(f"{option} {value:g} cannot be measured", hint=f"more than 0, at most {most:,.0f}")
    if workers is not None and not 1 <= workers <= cpus:
        raise BadOption(f"--workers {workers} cannot be tried", hint=f"from 1 to {cpus}, the CPUs of this host")
    chosen = _variant(wish, variant)
    body, media = calls.typed(calls.payload(data), data) if data else (b"", JSON)
    if len(body) > LARGEST_BODY:
        raise BadOption(f"--data is over {LARGEST_BODY:,} bytes", hint="give the body of one request")
    alone = msgspec.structs.replace(
        wish,
        mode="realtime",
        serverless=None,
        asynchronous=None,
        rollout=Plan(),
        variants=[msgspec.structs.replace(chosen, weight=1.0, shadow=0.0)],
    )
    most = workers or cpus
    asked = Asked(
        wish=alone,
        target_ms=target_ms,
        needed=needed or 0.0,
        most=most,
        seconds=seconds,
        body=body,
        content_type=media,
    )
    output: dict[str, Any] = errands.done(
        store,
        kind=KIND,
        command=[sys.executable, "-m", "cupola.serving.benching"],
        spec=msgspec.to_builtins(asked),
        name=f"{wish.name}-bench",
        cpus=min(cpus, most + 1),  # one for the client, where the host has it
        only_on=names.who()[1],
    )
    return msgspec.convert(output | {"endpoint": wish.name, "model": chosen.model}, Benched)


def _variant(wish: Endpoint, name: str | None) -> Variant:
    """The one of that name, else the one that most requests go to."""
    if name is None:
        return max(wish.variants, key=lambda one: 0.0 if one.shadow else one.weight)
    for one in wish.variants:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in wish.variants)
    raise BadOption(f"the endpoint has no variant {name!r}", where="--variant", hint=f"it has: {known}")
