"""A workspace without an agent, and a clock that the tests move."""

import time
from collections.abc import Callable

import pytest

from cupola.jobs import agents, attempts
from cupola.jobs import records as jobs
from cupola.jobs.attempts import AttemptEnd, Started
from cupola.schedules import firing, moments, records
from cupola.schedules.records import Firing
from cupola.store import Store, names
from cupola.workspace import Workspace

START = moments.of("2026-01-01T00:00:00Z")


class Clock:
    """What `time.time` says; it stands still."""

    def __init__(self) -> None:
        self.now = START


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time, "time", lambda: found.now)
    return found


@pytest.fixture
def ws(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Workspace:
    """A workspace where jobs are filed, and nobody runs them."""
    for name in ("ensure", "tell", "register"):
        monkeypatch.setattr(agents, name, lambda *_: None)
    return workspace


@pytest.fixture
def add(ws: Workspace) -> Callable[..., None]:
    """Makes a schedule "s" that submits a job each time."""

    def add(name: str = "s", **more: object) -> None:
        command = ["job", "submit", "--cpus", "0", "--", "echo", "{due}", "{ref}"]
        ws.action("schedule add", command=command, name=name, **more)

    return add


@pytest.fixture
def at(ws: Workspace, clock: Clock) -> Callable[..., list[Firing]]:
    """Looks at the schedule at a moment (seconds from the start), as an agent does; its firings, oldest first."""

    def at(seconds: float, name: str = "s") -> list[Firing]:
        clock.now = START + seconds
        firing.fire_due(ws, name)
        return sorted(records.firings(ws.store, name), key=lambda one: (one.due, one.fired))

    return at


def end(store: Store, reference: str) -> None:
    """Has a job that was only filed be over, as an agent concludes one that cannot start."""
    job = jobs.find(store, reference)
    mine = Started(attempt=1, nonce=names.new_id(), **attempts.by_this_process())
    assert attempts.begin(store, job, mine)
    end = AttemptEnd(
        attempt=1, cause="stopped", status="Stopped", secondary_status="Stopped", reason="", ended=names.now(),
        host=names.host(),
    )  # fmt: skip
    assert attempts.record_end(store, job, end)
