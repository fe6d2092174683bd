"""An endpoint of a real agent under load, while everything around it is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.serving.conftest import publish, save, settled, until
from tests.serving.test_rollouts_live import Load

from cupola.agent.endpoints import gateways
from cupola.jobs import agents
from cupola.serving import records
from cupola.serving.records import EndpointState
from cupola.store import runtime
from cupola.workspace import Workspace

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def ws(home: Path) -> Workspace:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LinearRegression

    found = Workspace.init(home / "ws")
    publish(found.store, save(home / "one", HistGradientBoostingClassifier(max_iter=5), ["no", "yes"]), "late", 1)
    publish(found.store, save(home / "two", LinearRegression(), None), "late", 2)
    return found


@pytest.fixture
def state(ws: Workspace) -> Iterator[EndpointState]:
    ws.action("endpoint deploy", model="late@1", name="e", workers=2)
    settled(ws)
    yield until(lambda: (found := records.find(ws.store, "e")).gateway and found)


def kill(process: runtime.Process | None) -> None:
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not runtime.alive(process))


def test_nobody_is_refused_while_the_agent_and_the_keeper_are_killed(ws: Workspace, state: EndpointState) -> None:
    def keeper() -> runtime.Process | None:
        seen = records.status(ws.store, "e")
        return seen.process if seen else None

    def another(before: runtime.Process | None) -> bool:
        return keeper() != before and not records.find(ws.store, "e").reason

    with Load(str(state.url)) as direct, Load(f"{state.gateway}/endpoints/e") as through:
        for both in (False, True):
            before = keeper()
            if both:
                kill(agents.running())
            kill(before)
            for load in (direct, through):
                load.more()
            if both:
                agents.ensure()
            until(partial(another, before))
            assert set(records.find(ws.store, "e").pids) == set(state.pids)
        ws.action("endpoint update", endpoint="e", model="late@2", rollout="CANARY", share=0.5, bake="1s")
        settled(ws)
        for load in (direct, through):
            load.more()
    for load in (direct, through):
        assert load.failed == [] and load.refused == []


def test_a_killed_gateway_is_back_on_its_port(ws: Workspace, state: EndpointState) -> None:
    with Load(f"{state.gateway}/endpoints/e") as through:
        (before,) = gateways()
        kill(before)
        gone = time.monotonic()
        until(lambda: gateways() and gateways() != [before])
        through.more()
    # A killed process takes connections until the last of its threads has ended: a client may lose more than one there.
    assert through.lost_since(gone) == []
    assert records.find(ws.store, "e").gateway == state.gateway


def test_servers_that_were_left_alone_end_when_their_endpoint_is_stopped(ws: Workspace, state: EndpointState) -> None:
    seen = records.status(ws.store, "e")
    assert seen is not None
    kill(agents.running())
    kill(seen.process)
    assert all(map(runtime.alive, seen.servers))
    command = [sys.executable, "-P", "-m", "cupola_tui", "-C", str(ws.root), "endpoint", "stop", "e", "--wait", "-q"]
    subprocess.run(command, timeout=180, check=True)
    until(lambda: not any(map(runtime.alive, seen.servers)))
