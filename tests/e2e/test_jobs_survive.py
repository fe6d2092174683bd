"""What is started goes on when the terminal, the program that started it and the agent are gone."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.waiting import until

from cupola.jobs import agents, attempts
from cupola.jobs import records as jobs
from cupola.store import runtime
from cupola.workspace import Workspace

APP = """
import sys, time
from pathlib import Path
from cupola.jobs import records as jobs
from cupola.store import Store
store = Store.open(sys.argv[1])
job = jobs.file(store, kind="command", command=["sh", "-c", sys.argv[2]], directory=Path(sys.argv[1]))
print(job.id, flush=True)
time.sleep(280)
"""


@pytest.fixture
def ws(host: Path, tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "ws")


def in_a_terminal(ws: Workspace, script: str) -> tuple[int, int, str]:
    """Runs the app as the leader of a session with a terminal of its own: its pid, the terminal, its job."""
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever has started the tests may ignore it, as nohup does
        os.execv(sys.executable, [sys.executable, "-c", APP, str(ws.root), script])
    said = b""
    while b"\n" not in said:
        said += os.read(terminal, 100)
    return pid, terminal, said.split()[-1].decode()


@pytest.mark.parametrize("how", ["the terminal goes away", signal.SIGHUP, signal.SIGKILL])
def test_a_job_goes_on_when_its_app_and_its_terminal_are_gone(ws: Workspace, how: object):
    proof = ws.root / "proof"
    pid, terminal, job = in_a_terminal(ws, f"touch {proof}; sleep 1; echo finished")
    until(proof.exists, "the job runs")
    if isinstance(how, signal.Signals):
        os.killpg(pid, how)
    os.close(terminal)
    os.waitpid(pid, 0)
    ended = jobs.wait(ws.store, job, timeout=180)
    assert ended.status == "Completed"
    assert (ws.root / jobs.log_path(ws.store, job)).read_text() == "finished\n"


def test_a_job_goes_on_when_everything_but_its_keeper_is_killed(ws: Workspace):
    proof = ws.root / "proof"
    command = ["sh", "-c", f"touch {proof}; sleep 2; echo finished"]
    job = jobs.file(ws.store, kind="command", command=command, directory=ws.root)
    until(proof.exists, "the job runs")
    agent = getattr(agents.running(), "pid", None)
    assert agent
    for pid in (*(int(one) for one in _children(agent)), agent):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    ended = jobs.wait(ws.store, job.id, timeout=180)
    assert ended.status == "Completed"
    assert agents.poke() or agents.ensure() is None
    until(lambda: not list((ws.root / ".cupola/queue").iterdir()), "the next agent tidies up")


def test_an_agent_that_is_killed_at_any_moment_loses_and_doubles_nothing(ws: Workspace):
    log = ws.root / "ran"
    filed = [
        jobs.file(ws.store, kind="command", command=["sh", "-c", f"echo {number} >> {log}"], directory=ws.root)
        for number in range(12)
    ]
    for pause in (0.0, 0.05, 0.1, 0.3):
        time.sleep(pause)
        pid = getattr(agents.running(), "pid", None)
        if pid:
            os.kill(pid, signal.SIGKILL)
        agents.ensure()
    ends = [jobs.wait(ws.store, job.id, timeout=180) for job in filed]
    assert {one.status for one in ends} == {"Completed"}
    assert {one.attempt for one in ends} == {1}
    assert sorted(map(int, log.read_text().split())) == list(range(12))
    assert attempts.open_here(ws.store) == []


def test_the_login_session_ends_with_all_its_processes(ws: Workspace):
    """What a logout does: SIGHUP and SIGTERM to every process of the session (KillUserProcesses aside)."""
    proof = ws.root / "proof"
    login = subprocess.Popen(
        ["sh", "-c", f"{sys.executable} -c '{APP}' {ws.root} 'touch {proof}; sleep 1.5' & wait"], start_new_session=True
    )
    until(proof.exists, "the job runs")
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
        os.killpg(login.pid, number)
    login.wait()
    [job] = jobs.ls(ws.store)
    assert jobs.wait(ws.store, job.id, timeout=180).status == "Completed"
    assert runtime.alive(runtime.current())


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
