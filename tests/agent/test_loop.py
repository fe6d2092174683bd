"""One agent per user and host: it is detached, wins alone, dies without harm, and takes up what goes on without it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from cupola import actions
from cupola.agent import stopping
from cupola.errors import AgentTrouble
from cupola.jobs import agents, attempts, tree
from cupola.jobs import records as jobs
from cupola.jobs.attempts import Started
from cupola.store import runtime
from cupola.store.runtime import Process
from cupola.workspace import Workspace


@pytest.fixture
def ws(home: Path) -> Iterator[Workspace]:
    workspace = Workspace.init(home / "ws")
    yield workspace
    stopping.stop(jobs=True)


def wait_for(condition: Callable[[], object], what: str, cap: float = 30) -> None:
    deadline = time.monotonic() + cap
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


def agent() -> Process:
    return msgspec.convert(msgspec.json.decode(agents.agent_file().read_bytes())["process"], Process)


def kill_agent() -> None:
    runtime.send(agent(), signal.SIGKILL)
    held = runtime.lock(runtime.runtime_dir() / "agent.lock")
    assert held
    held.release()


def starter() -> Process:
    found = runtime.of(tree.children(agent().pid)[0])
    assert found
    return found


def started(ws: Workspace, job: jobs.Job, number: int = 1) -> Started:
    path = f"{job.attempt(number)}/started.json"
    wait_for(lambda: attempts.optional(ws.store, path, Started), "the attempt starts")
    found: Started = attempts.optional(ws.store, path, Started)
    return found


def sleep(ws: Workspace, seconds: str = "60", **more: object) -> jobs.Job:
    return jobs.file(ws.store, kind="command", command=["sleep", seconds], directory=ws.root, **more)  # type: ignore[arg-type]


def test_it_starts_with_the_first_job_detached_from_who_needed_it(ws: Workspace):
    sleep(ws, "0")
    me = agent()
    assert os.getsid(me.pid) not in (os.getsid(0), me.pid)
    stat = Path(f"/proc/{me.pid}/stat").read_text().rpartition(")")[2].split()
    assert stat[1] != str(os.getpid())
    assert stat[4] == "0", "it has no terminal"
    assert str(Path(f"/proc/{me.pid}/cwd").readlink()) == "/"
    state = actions.run(ws, "agent status")
    assert (state.status, state.pid, state.slots["cpus"]) == ("Running", me.pid, len(os.sched_getaffinity(0)))


def test_of_several_started_at_once_one_is_the_agent_and_all_who_asked_are_served(ws: Workspace):
    command = [sys.executable, "-c", "from cupola.jobs import agents; agents.start()"]
    asked = [subprocess.Popen(command) for _ in range(4)]
    assert [one.wait(60) for one in asked] == [0, 0, 0, 0]
    assert runtime.alive(agent())
    assert runtime.lock(runtime.runtime_dir() / "agent.lock", wait=False) is None


def test_jobs_go_on_when_it_is_killed_and_the_next_one_takes_them_up(ws: Workspace):
    job = jobs.file(ws.store, kind="command", command=["sh", "-c", "sleep 1.5; echo done"], directory=ws.root)
    keeper = started(ws, job).keeper
    kill_agent()
    other = sleep(ws)  # needs an agent, and so starts one
    assert started(ws, job).keeper == keeper
    assert jobs.wait(ws.store, job.id, timeout=30).status == "Completed"
    started(ws, other)
    actions.run(ws, "job stop", job=other.id)
    assert jobs.wait(ws.store, other.id, timeout=30).status == "Stopped"


def test_what_ended_while_there_was_no_agent_is_concluded_by_the_next(ws: Workspace):
    killed = sleep(ws)
    keeper = started(ws, killed).keeper
    kill_agent()
    runtime.send(keeper, signal.SIGKILL)
    runtime.wait_end(keeper, 10)
    assert jobs.state(ws.store, killed.id).secondary_status == "Interrupted"
    agents.ensure()
    ended = jobs.wait(ws.store, killed.id, timeout=30)
    assert (ended.status, ended.secondary_status, ended.reason) == ("Failed", "Interrupted", "its keeper was killed")


def test_after_a_reboot_jobs_are_interrupted_and_no_stranger_is_signalled(ws: Workspace):
    job = sleep(ws, retries=1)
    first = started(ws, job)
    kill_agent()
    runtime.send(first.keeper, signal.SIGKILL)
    runtime.wait_end(first.keeper, 10)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    path = ws.root / job.attempt(1) / "started.json"
    data = msgspec.json.decode(path.read_bytes())
    now = runtime.of(stranger.pid)
    assert now is not None
    same_pid = {"boot": "another-boot", "pid": stranger.pid, "start": now.start}
    path.write_bytes(msgspec.json.encode(data | {"keeper": same_pid, "process": same_pid, "revision": 2}))
    agents.ensure()
    second = started(ws, job, 2)
    end = attempts.optional(ws.store, f"{job.attempt(1)}/result.json", attempts.AttemptEnd)
    assert (end.secondary_status, end.reason) == ("Interrupted", "the host went down while it ran")
    assert runtime.alive(second.keeper)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_the_starter_is_started_again_when_it_dies(ws: Workspace):
    job = sleep(ws)
    keeper = started(ws, job).keeper
    gone = starter()
    runtime.send(gone, signal.SIGKILL)
    runtime.wait_end(gone, 10)
    wait_for(lambda: tree.children(agent().pid), "another starter")
    assert runtime.alive(keeper), "what it had forked goes on"
    other = jobs.file(ws.store, kind="command", command=["true"], directory=ws.root)
    assert jobs.wait(ws.store, other.id, timeout=60).status == "Completed"


def test_it_stops_when_told_and_the_starter_with_it_but_not_the_jobs(ws: Workspace):
    job = sleep(ws)
    keeper = started(ws, job).keeper
    me, warm = agent(), starter()
    assert actions.run(ws, "agent stop").status == "Stopped"
    assert not runtime.alive(me)
    assert not runtime.alive(warm)
    assert runtime.alive(keeper)
    assert actions.run(ws, "agent stop", jobs=True).status == "Stopped"
    assert not runtime.alive(keeper)
    assert "the agent was stopped with all its jobs" in jobs.state(ws.store, job.id).reason


def test_it_ends_when_its_runtime_directory_was_removed(ws: Workspace, home: Path):
    agents.ensure()
    me = agent()
    shutil.rmtree(home / "runtime")
    assert runtime.wait_end(me, 20)
    assert not (home / "runtime").exists()


def test_an_idle_agent_uses_next_to_no_cpu(ws: Workspace):
    sleep(ws, "0")
    me = agent()
    wait_for(lambda: not attempts.open_here(ws.store), "nothing runs")

    def spent() -> int:
        return sum(map(int, Path(f"/proc/{me.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))

    before = spent()
    begun = time.monotonic()
    wait_for(lambda: time.monotonic() - begun > 3, "three seconds pass")
    assert spent() - before <= 9, "clock ticks in three seconds: at most 3 % of a CPU"


def test_filing_says_why_when_no_agent_can_be_started(ws: Workspace, monkeypatch: pytest.MonkeyPatch):
    broken = ws.root / "broken"
    (broken / "msgspec").mkdir(parents=True)
    (broken / "msgspec" / "__init__.py").write_text("raise ImportError('msgspec is broken here')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    with pytest.raises(AgentTrouble, match="msgspec is broken here"):
        sleep(ws)
    assert jobs.ls(ws.store) == []
    monkeypatch.delenv("PYTHONPATH")


def test_a_queued_job_says_what_it_waits_for(ws: Workspace):
    every = len(os.sched_getaffinity(0))
    first = sleep(ws, cpus=every)
    second = sleep(ws, "0", cpus=1)
    wait_for(lambda: "waits for 1 CPU to be free" in jobs.state(ws.store, second.id).message, "it says why it waits")
    kill_agent()
    assert "no agent runs on this host" in jobs.state(ws.store, second.id).message
    agents.ensure()
    jobs.stop(ws.store, first.id)
    ended = jobs.wait(ws.store, second.id, timeout=60)
    assert (ended.status, ended.message) == ("Completed", "")


def test_one_that_wants_more_than_its_workspace_lets_it_have_holds_up_no_other(ws: Workspace):
    settings = ws.root / "workspace.toml"
    settings.write_text(settings.read_text().replace("# cpus = 8", "cpus = 1"))
    greedy = sleep(ws, "0", cpus=2)
    assert jobs.wait(ws.store, sleep(ws, "0").id, timeout=60).status == "Completed"
    wait_for(lambda: "workspace.toml" in jobs.state(ws.store, greedy.id).message, "it says why it waits")


def test_the_unit_names_this_interpreter(ws: Workspace):
    unit = actions.run(ws, "agent unit")
    assert f"ExecStart={sys.executable} -P -m cupola.agent --foreground" in unit
    assert f'Environment="CUPOLA_RUNTIME_DIR={os.environ["CUPOLA_RUNTIME_DIR"]}"' in unit


def test_an_entry_of_the_queue_that_makes_no_sense_is_complained_of_once(ws: Workspace):
    queue = ws.root / ".cupola" / "queue"
    queue.mkdir(parents=True, exist_ok=True)
    (queue / "aaaaaaaaaa").write_text("../../etc/" + "x" * 100_000)
    assert jobs.wait(ws.store, sleep(ws, "0").id, timeout=60).status == "Completed"
    assert jobs.wait(ws.store, sleep(ws, "0").id, timeout=60).status == "Completed"
    complaints = [line for line in agents.log_file().read_text().splitlines() if "aaaaaaaaaa" in line]
    assert len(complaints) == 1
    assert len(complaints[0]) < 1000
