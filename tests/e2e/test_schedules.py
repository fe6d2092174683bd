"""Schedules with a real agent: fired by the clock and by events, also after the agent was killed; once on two hosts."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import hosts
from tests.waiting import until

from cupola.jobs import agents, wish
from cupola.jobs import records as jobs
from cupola.pipelines import standing
from cupola.schedules import moments, records
from cupola.schedules.records import Firing
from cupola.store import Store, claims, runtime
from cupola.workspace import Workspace

CAP = 180.0
PIPELINE = """
[parameters]
data = ""

[steps.ask]
type = "Callback"
message = "look at ${parameters.data}"
"""


@pytest.fixture(scope="module")
def ws(host: Path) -> Iterator[Workspace]:
    found = Workspace.init(host / "ws")
    (found.root / "pipelines").mkdir()
    (found.root / "pipelines" / "look.toml").write_text(PIPELINE)
    (found.root / "d.csv").write_text("x,y\n" + "\n".join(f"{n},{n % 3}" for n in range(50)) + "\n")
    yield found


def cupola(ws: Workspace, *words: str) -> str:
    command = [sys.executable, "-P", "-m", "cupola_tui", "-C", str(ws.root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CAP, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fired(store: Store, name: str) -> list[Firing]:
    """The firings that are over, the oldest first."""
    return sorted((one for one in records.firings(store, name) if one.status != "Starting"), key=lambda one: one.due)


def check_each_once(store: Store, found: list[Firing], step: float) -> None:
    """Every moment is accounted for once, and what was started is there, each once."""
    times = [moments.of(one.due) for one in found]
    assert len(set(times)) == len(times)
    passed = (times[-1] - times[0]) / step + 1
    assert sum(1 + one.missed for one in found) - found[0].missed == passed
    assert {one.status for one in found} == {"Started"}
    started = [one.started for one in found]
    assert len(set(started)) == len(started)
    assert set(started) <= set(wish.directories(store))


def test_a_schedule_goes_on_when_its_agent_is_killed(ws: Workspace) -> None:
    command = ["job", "submit", "--cpus", "0", "--name", "tick", "--", "true"]
    cupola(ws, "schedule", "add", "--name", "tick", "--every", "1s", "--overlap", "allow", "--", *command)
    until(lambda: len(fired(ws.store, "tick")) >= 3, "three firings")
    agent = agents.running()
    assert agent is not None
    os.kill(agent.pid, signal.SIGKILL)
    until(lambda: not runtime.alive(agent), "the agent is gone")
    before = len(fired(ws.store, "tick"))
    shown = json.loads(cupola(ws, "schedule", "show", "tick", "--json"))  # any command has the agent go on
    assert shown["status"] == "Active"
    until(lambda: len(fired(ws.store, "tick")) >= before + 3, "it goes on")
    cupola(ws, "schedule", "pause", "tick")
    with claims.held(ws.store, records.claim_name("tick")):  # so that what had begun to fire it has come to its end
        found = fired(ws.store, "tick")
    check_each_once(ws.store, found, 1.0)
    filed = [one.id for one in jobs.ls(ws.store) if one.name == "tick"]
    assert sorted(filed) == sorted(one.started for one in found)


def test_a_pipeline_is_run_on_each_new_version_of_a_dataset(ws: Workspace) -> None:
    cupola(ws, "pipeline", "schedule", "look", "--on", "dataset:d", "-p", "data={ref}")
    cupola(ws, "dataset", "import", str(ws.root / "d.csv"), "--name", "d", "--wait")
    [found] = until(lambda: fired(ws.store, "look"), "it is fired")
    assert (found.status, found.kind, found.cause) == ("Started", "execution", "dataset:d")
    assert found.ref.startswith("d@1-")
    state = standing.find(ws.store, found.started)
    assert state.parameters == {"data": found.ref}
    until(lambda: standing.find(ws.store, found.started).steps[0].status == "Executing", "it asks")
    cupola(ws, "pipeline", "stop", found.started)


def test_what_was_due_while_no_agent_ran_is_made_up_for_when_one_runs_again(ws: Workspace) -> None:
    command = ["job", "submit", "--cpus", "0", "--", "true"]
    cupola(ws, "schedule", "add", "--name", "rare", "--every", "1000s", "--", *command)
    cupola(ws, "agent", "stop")
    path = ws.root / records.directory("rare") / "progress.json"
    left = json.loads(path.read_text())
    wanted = records.wish(ws.store, "rare")
    wanted.since = moments.iso(moments.of(wanted.since) - 7200)  # as if it had been made, and all stopped, back then
    records.save(ws.store, wanted)
    path.write_text(json.dumps(left | {"until": wanted.since, "revision": left["revision"] + 1}))
    cupola(ws, "agent", "start")
    found = until(lambda: fired(ws.store, "rare"), "it is made up for")[0]
    assert (found.status, found.missed) == ("Started", 7)
    assert "made up for by one" in cupola(ws, "schedule", "show", "rare")


def test_two_hosts_fire_each_moment_once_while_one_of_them_dies_again_and_again() -> None:
    hosts.need()
    with tempfile.TemporaryDirectory(prefix="cu-", dir="/tmp") as name:
        home = Path(name)
        root = home / "ws"
        root.mkdir()
        with hosts.pair(home, root, root, 2.0, skew=0.0) as (a, b, _):
            a.cupola("init")
            for one in (a, b):
                one.cupola("agent", "start")
            store = Store.open(root)
            command = ["job", "submit", "--cpus", "0", "--", "true"]
            a.cupola("schedule", "add", "--name", "s", "--every", "1s", "--overlap", "allow", "--", *command)
            for number in range(1, 3):
                wanted = len(fired(store, "s")) + 3
                until(lambda wanted=wanted: len(fired(store, "s")) >= wanted, f"firings, {number}")
                a.crash()
                wanted = len(fired(store, "s")) + 2
                until(lambda wanted=wanted: len(fired(store, "s")) >= wanted, f"the other goes on, {number}")
                a.boot()
                a.cupola("agent", "start")
            b.cupola("schedule", "pause", "s")
            with claims.held(store, records.claim_name("s")):
                found = fired(store, "s")
            check_each_once(store, found, 1.0)
            assert {one.host for one in found} <= {a.name, b.name}
            assert b.name in {one.host for one in found}
            assert len(wish.directories(store)) == len(found)
