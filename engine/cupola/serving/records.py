"""Endpoints as files: the wish (endpoint.toml and its signature), what its keeper saw (status.json), and both in one."""

import time
from typing import Any

import msgspec

from cupola.errors import Corrupt, NotFound, NotReady
from cupola.store import Store, files, records, secret
from cupola.store.records import Record

MODES = ("realtime",)
OPEN = ("Creating", "Updating")
SIGNATURE_FORMAT = "cupola endpoint 1"


class Variant(msgspec.Struct, kw_only=True):
    """One model behind an endpoint; `weight` is its share of the requests beside the other variants' weights."""

    name: str
    model: str
    weight: float = 1.0


class Endpoint(Record, kw_only=True):
    """What is wished for: endpoints/NAME/endpoint.toml, written by actions and by hand.

    model of a variant: exact, as churn@3-7f3a. host, user: where and as whom it runs. memory: bytes for all its
    server processes together, 0 for no limit. desired: "InService" or "OutOfService".
    """

    name: str
    mode: str = "realtime"
    workers: int = 1
    memory: int = 0
    host: str
    user: str
    desired: str = "InService"
    variants: list[Variant]


class Traffic(msgspec.Struct, kw_only=True):
    """Counts since the keeper started; rates and latencies over the last 60 s.

    series: a row per second of the last 60: [unix time, requests per second, p50 ms, p99 ms, errors].
    """

    requests: int = 0
    errors: int = 0
    rps: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    series: list[list[float | None]] = []


class EndpointStatus(Record, kw_only=True):
    """What the keeper of an endpoint saw: endpoints/NAME/status.json.

    revision_served: the revision of endpoint.toml that is in service. workers: server processes that are ready.
    socket: the Unix socket on `host`, for those who want no TCP.
    """

    name: str
    status: str
    reason: str | None = None
    host: str
    user: str
    url: str | None = None
    port: int | None = None
    socket: str | None = None
    pid: int | None = None
    workers: int = 0
    restarts: int = 0
    variants: list[Variant] = []
    revision_served: int = 0
    traffic: Traffic = msgspec.field(default_factory=Traffic)
    started: str | None = None
    updated: str | None = None


class EndpointState(msgspec.Struct, kw_only=True):
    """An endpoint as `endpoint ls` and `endpoint show` print it: the wish and what became of it."""

    name: str
    endpoint: str
    status: str
    mode: str
    variants: list[Variant]
    url: str | None
    gateway: str | None
    workers: int
    workers_ready: int
    memory: int
    reason: str | None
    traffic: Traffic
    user: str
    host: str
    desired: str
    started: str | None
    updated: str | None


def directory(name: str) -> str:
    return f"endpoints/{name}"


def wish_path(name: str) -> str:
    return f"endpoints/{name}/endpoint.toml"


def log_path(name: str) -> str:
    return f"endpoints/{name}/log.txt"
