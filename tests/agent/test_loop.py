"""One agent per user and host: it is detached, wins alone, dies without harm, and takes up what goes on without it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.waiting import until

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


def agent() -> Process:
    return msgspec.convert(msgspec.json.decode(agents.agent_file().read_bytes())["process"], Process)


def kill_agent() -> None:
    killed = agent()
    runtime.send(killed, signal.SIGKILL)
    assert runtime.wait_end(killed, 180)
    held = runtime.lock(runtime.runtime_dir() / "agent.lock")
    assert held
    held.release()


def starter() -> Process:
    found = runtime.of(tree.children(agent().pid)[0])
    assert found
    return found


def started(ws: Workspace, job: jobs.Job, number: int = 1) -> Started:
    path = f"{job.attempt(number)}/started.json"
    found: Started = until(lambda: attempts.optional(ws.store, path, Started), "the attempt starts")
    return found


def sleep(ws: Workspace, seconds: str = "280", **more: object) -> jobs.Job:
    return jobs.file(ws.store, kind="command", command=["sleep", seconds], directory=ws.root, **more)  # type: ignore[arg-type]


def test_it_starts_also_when_the_command_that_needed_it_is_killed(ws: Workspace):
    needed = subprocess.Popen(agents.COMMAND, cwd="/", stderr=subprocess.DEVNULL)
    until(lambda: tree.children(needed.pid) or needed.poll() is not None, "it is detached")
    needed.kill()
    needed.wait()
    until(agents.running, "the agent starts")
    me = agent()
    started(ws, sleep(ws, "0"))
    assert agent() == me


def test_one_that_cannot_start_says_why_and_nothing_of_what_was_before(ws: Workspace, monkeypatch: pytest.MonkeyPatch):
    agents.log_file().write_text("of another day\n")
    for code, why in (("sys.exit('no such luck')", "no such luck"), ("os.kill(os.getpid(), 9)", "it left no word")):
        monkeypatch.setattr(agents, "COMMAND", [sys.executable, "-c", f"import os, sys; {code}"])
        with pytest.raises(AgentTrouble, match=f"cannot be started: {why}"):
            agents.ensure()


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
    assert [one.wait(180) for one in asked] == [0, 0, 0, 0]
    assert runtime.alive(agent())
    assert runtime.lock(runtime.runtime_dir() / "agent.lock", wait=False) is None


def test_one_that_is_just_ending_is_followed_by_the_next(ws: Workspace):
    ending = runtime.lock(runtime.runtime_dir() / "agent.lock")
    assert ending
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:  # it still has both, and hears nobody any more
        line.bind(str(agents.socket_path()))
        with subprocess.Popen([sys.executable, "-c", "from cupola.jobs import agents; agents.start()"]) as asked:
            until(lambda: b"cupola.agent" in _words_below(asked.pid), "the agent is being started")
            assert asked.poll() is None
            ending.release()
            assert asked.wait(180) == 0
    assert agents.running()


def _words_below(pid: int) -> bytes:
    """The command lines of all that a process has started."""
    return b"".join(Path(f"/proc/{one.pid}/cmdline").read_bytes() for one in tree.descendants(pid))


def test_jobs_go_on_when_it_is_killed_and_the_next_one_takes_them_up(ws: Workspace):
    job = jobs.file(ws.store, kind="command", command=["sh", "-c", "sleep 1.5; echo done"], directory=ws.root)
    keeper = started(ws, job).keeper
    kill_agent()
    other = sleep(ws)  # needs an agent, and so starts one
    assert started(ws, job).keeper == keeper
    assert jobs.wait(ws.store, job.id, timeout=180).status == "Completed"
    started(ws, other)
    actions.run(ws, "job stop", job=other.id)
    assert jobs.wait(ws.store, other.id, timeout=180).status == "Stopped"


def test_what_ended_while_there_was_no_agent_is_concluded_by_the_next(ws: Workspace):
    killed = sleep(ws)
    attempt = started(ws, killed)
    kill_agent()
    runtime.send(attempt.keeper, signal.SIGKILL)
    for process in (attempt.keeper, attempt.process):  # the second dies of the first's end, a little later
        assert process and runtime.wait_end(process, 180)
    assert jobs.state(ws.store, killed.id).secondary_status == "Interrupted"
    agents.ensure()
    ended = jobs.wait(ws.store, killed.id, timeout=180)
    assert (ended.status, ended.secondary_status, ended.reason) == (
        "Failed",
        "Interrupted",
        "its keeper was killed, or its disk failed",
    )


def test_after_a_reboot_jobs_are_interrupted_and_no_stranger_is_signalled(ws: Workspace):
    job = sleep(ws, retries=1)
    first = started(ws, job)
    kill_agent()
    runtime.send(first.keeper, signal.SIGKILL)
    runtime.wait_end(first.keeper, 180)
    stranger = subprocess.Popen(["sleep", "280"], start_new_session=True)
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
    runtime.wait_end(gone, 180)
    until(lambda: tree.children(agent().pid), "another starter")
    assert runtime.alive(keeper), "what it had forked goes on"
    other = jobs.file(ws.store, kind="command", command=["true"], directory=ws.root)
    assert jobs.wait(ws.store, other.id, timeout=180).status == "Completed"


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
    (home / "runtime").rename(home / "removed")  # at once: it may be writing there
    assert runtime.wait_end(me, 180)
    assert not (home / "runtime").exists()


def test_an_idle_agent_uses_next_to_no_cpu(ws: Workspace):
    sleep(ws, "0")
    me = agent()
    until(lambda: not attempts.open_here(ws.store), "nothing runs")

    def spent() -> int:
        return sum(map(int, Path(f"/proc/{me.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))

    def idles() -> bool:
        before = spent()
        time.sleep(3)
        return spent() - before <= 9

    until(idles, "three seconds of which it uses at most 9 clock ticks, 3 %, once all that it begins with is done")


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
    until(lambda: "waits for 1 CPU to be free" in jobs.state(ws.store, second.id).message, "it says why it waits")
    kill_agent()
    assert "no agent runs on this host" in jobs.state(ws.store, second.id).message
    agents.ensure()
    jobs.stop(ws.store, first.id)
    ended = jobs.wait(ws.store, second.id, timeout=180)
    assert (ended.status, ended.message) == ("Completed", "")


def test_one_that_wants_more_than_its_workspace_lets_it_have_holds_up_no_other(ws: Workspace):
    settings = ws.root / "workspace.toml"
    settings.write_text(settings.read_text().replace("# cpus = 8", "cpus = 1"))
    greedy = sleep(ws, "0", cpus=2)
    assert jobs.wait(ws.store, sleep(ws, "0").id, timeout=180).status == "Completed"
    until(lambda: "workspace.toml" in jobs.state(ws.store, greedy.id).message, "it says why it waits")


def test_the_unit_names_this_interpreter(ws: Workspace):
    unit = actions.run(ws, "agent unit")
    assert f"ExecStart={sys.executable} -P -m cupola.agent --foreground" in unit
    assert f'Environment="CUPOLA_RUNTIME_DIR={os.environ["CUPOLA_RUNTIME_DIR"]}"' in unit


def test_an_entry_of_the_queue_that_makes_no_sense_is_complained_of_once(ws: Workspace):
    queue = ws.root / ".cupola" / "queue"
    queue.mkdir(parents=True, exist_ok=True)
    (queue / "aaaaaaaaaa").write_text("../../etc/" + "x" * 100_000)
    (queue / "bbbbbbbbbb").symlink_to("/etc/passwd")
    assert jobs.wait(ws.store, sleep(ws, "0").id, timeout=180).status == "Completed"
    assert jobs.wait(ws.store, sleep(ws, "0").id, timeout=180).status == "Completed"
    complaints = [line for line in agents.log_file().read_text().splitlines() if "aaaaaaaaaa" in line]
    assert len(complaints) == 1
    assert len(complaints[0]) < 1000
    assert actions.run(ws, "agent stop", jobs=True).status == "Stopped"


def _state(process: Process) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def command(ws: Workspace, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "cupola_tui", *words], cwd=ws.root, check=True, capture_output=True)


def test_after_it_went_down_the_next_command_starts_it_and_work_goes_on(ws: Workspace):
    script = '[ "$CUPOLA_ATTEMPT" = 2 ] || exec sleep 280'
    kept = jobs.file(ws.store, kind="command", command=["sh", "-c", script], directory=ws.root, checkpoints=True)
    lost = sleep(ws)
    keepers = [started(ws, job).keeper for job in (kept, lost)]
    kill_agent()
    for keeper in keepers:
        runtime.send(keeper, signal.SIGKILL)
        runtime.wait_end(keeper, 180)
    command(ws, "job", "ls")
    until(lambda: jobs.state(ws.store, kept.id).status == "Completed", "the one with checkpoints goes on")
    until(lambda: jobs.state(ws.store, lost.id).secondary_status == "Interrupted", "the other is interrupted")


def test_one_that_was_told_to_stop_stays_stopped(ws: Workspace):
    sleep(ws)
    command(ws, "agent", "stop")
    command(ws, "job", "ls")
    assert not agents.poke()
    assert not agents.running()
    command(ws, "agent", "start")
    kill_agent()
    command(ws, "job", "ls")
    until(agents.running, "it is started again")


def test_stopping_all_ends_what_killed_keepers_have_left_and_what_hangs(ws: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stopping, "STOPPING", 1.0)
    orphans = jobs.file(
        ws.store, kind="command", command=["sh", "-c", "setsid sleep 279 & sleep 280"], directory=ws.root
    )
    hung = sleep(ws)
    first, second = started(ws, orphans).keeper, started(ws, hung).keeper
    until(lambda: len(tree.descendants(first.pid)) == 3, "the tree is there")
    below = tree.descendants(first.pid) + tree.descendants(second.pid)
    kill_agent()
    runtime.send(first, signal.SIGKILL)
    runtime.send(second, signal.SIGSTOP)
    stopping.stop(jobs=True)
    assert not runtime.alive(second)
    assert all(runtime.wait_end(process, 180) for process in below), "what died with its keeper may be ending still"


def test_the_next_agent_takes_over_the_starter_of_one_that_was_killed(ws: Workspace):
    assert jobs.wait(ws.store, sleep(ws, "0").id, timeout=180).status == "Completed"
    warm = starter()
    kill_agent()
    job = sleep(ws, "0")
    assert jobs.wait(ws.store, job.id, timeout=180).status == "Completed"
    assert runtime.alive(warm)
    assert not tree.children(agent().pid), "it has no starter of its own"
    assert actions.run(ws, "agent stop").status == "Stopped"
    assert not runtime.alive(warm)


def test_a_starter_whose_agent_was_killed_ends_when_all_is_stopped(ws: Workspace):
    assert jobs.wait(ws.store, sleep(ws, "0").id, timeout=180).status == "Completed"
    warm = starter()
    kill_agent()
    stopping.stop(jobs=True)
    assert runtime.wait_end(warm, 180)


def test_a_job_that_was_to_stop_when_its_keeper_was_killed_is_not_tried_again(ws: Workspace):
    job = sleep(ws, retries=3)
    keeper = started(ws, job).keeper
    locks = [runtime.lock(runtime.runtime_dir() / f"{name}-{ws.store.copy}.lock") for name in ("journals", "feed")]
    runtime.send(keeper, signal.SIGSTOP)  # while it holds none of them, which would keep the wish to stop it waiting
    until(lambda: _state(keeper) == "T", "it stands still")
    for held in filter(None, locks):
        held.release()
    jobs.stop(ws.store, job.id, "enough")
    runtime.send(keeper, signal.SIGKILL)
    ended = jobs.wait(ws.store, job.id, timeout=180)
    assert (ended.status, ended.attempt) == ("Stopped", 1)
    assert ended.reason.endswith("stopped it: enough")
