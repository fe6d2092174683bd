"""--wait: what it says on its way, what it ends with, and what Ctrl-C ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import cupola
from cupola import actions, api, waiting
from cupola.errors import WorkFailed
from cupola.serving.records import EndpointState, Variant
from cupola.store import Store
from cupola.team import activity
from cupola.workspace import Workspace

PATIENCE = 180.0


@pytest.fixture(scope="module")
def ws(host: Path) -> api.Workspace:
    return cupola.init(host / "ws")


def command(ws: api.Workspace, *words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "cupola_tui", "-C", str(ws.root), *words]


def run(ws: api.Workspace, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(ws, *words), capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_without_it_a_command_comes_back_at_once(ws: api.Workspace) -> None:
    done = run(ws, "job", "submit", "--json", "--name", "first", "--", "sleep", "600")
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "Queued"
    ws.job.stop("first")


def test_the_record_is_the_last_one_and_progress_goes_to_standard_error(ws: api.Workspace) -> None:
    done = run(ws, "job", "submit", "--wait", "--json", "--name", "second", "--", "sh", "-c", "exit 0")
    assert done.returncode == 0
    assert (json.loads(done.stdout)["status"], json.loads(done.stdout)["exit_code"]) == ("Completed", 0)
    assert "command second: Completed" in done.stderr
    quiet = run(ws, "job", "submit", "--wait", "-q", "--", "true")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert ws.job.show(quiet.stdout.strip()).status == "Completed"


def test_what_failed_is_shown_and_said(ws: api.Workspace) -> None:
    done = run(ws, "job", "submit", "--wait", "--json", "-q", "--", "sh", "-c", "exit 3")
    assert done.returncode == 1
    assert (json.loads(done.stdout)["status"], json.loads(done.stdout)["exit_code"]) == ("Failed", 3)
    assert json.loads(done.stderr)["error"]["kind"] == "WorkFailed"
    assert run(ws, "job", "wait", json.loads(done.stdout)["job"], "-q").returncode == 1


def test_interrupted_it_says_that_the_job_goes_on_and_how_to_stop_it(ws: api.Workspace) -> None:
    words = command(ws, "job", "submit", "--wait", "--name", "long", "--", "sleep", "600")
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert child.stderr
    while "InProgress" not in (line := child.stderr.readline()):
        assert line
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=PATIENCE)
    job = ws.job.show("long")
    assert (child.returncode, out, job.status) == (130, "", "InProgress")
    assert err.strip() == f"cupola: job {job.id} goes on; stop it with: cupola job stop {job.id}"
    ws.job.stop("long")


def test_a_log_that_is_followed_can_be_left(ws: api.Workspace) -> None:
    program = "print('begun', flush=True); import time; time.sleep(600)"
    ws.job.submit(sys.executable, "-c", program, name="talker")
    child = subprocess.Popen(
        command(ws, "job", "log", "talker", "-f"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout
    assert child.stdout.readline() == "begun\n"
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=PATIENCE) == ("", "")
    assert child.returncode == 130
    ws.job.stop("talker")


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_keeper_that_died_is_no_end_of_an_endpoint(monkeypatch: pytest.MonkeyPatch, comes_back: bool) -> None:
    def state(status: str) -> EndpointState:
        return EndpointState(name="e", endpoint="e", status=status, desired="InService", reason="its keeper is gone")

    states = iter([state("Creating"), state("OutOfService"), state("InService" if comes_back else "OutOfService")])
    last = [state("Creating")]

    def show(*_: object, **__: object) -> EndpointState:
        last[0] = next(states, last[0])
        return last[0]

    monkeypatch.setattr(waiting.actions, "run", show)
    monkeypatch.setattr(waiting, "COMING_BACK", PATIENCE if comes_back else 0.3)
    deploy = actions.find("endpoint deploy")
    if comes_back:
        assert waiting.wait(None, deploy, state("Creating")).status == "InService"  # type: ignore[arg-type]
    else:
        with pytest.raises(WorkFailed, match="its keeper is gone"):
            waiting.wait(None, deploy, state("Creating"))  # type: ignore[arg-type]


def test_a_change_that_is_rolled_back_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    moving = EndpointState(
        name="e", endpoint="e", status="RollingBack", desired="InService", reason="it was rolled back"
    )
    ended = msgspec.structs.replace(moving, status="InService", update_failed=True)
    states = iter([moving, ended])
    monkeypatch.setattr(waiting.actions, "run", lambda *_, **__: next(states))
    with pytest.raises(WorkFailed, match="it was rolled back"):
        waiting.wait(None, actions.find("endpoint update"), moving)  # type: ignore[arg-type]


def test_a_change_that_another_one_has_overtaken_says_whose_it_is(
    ws: api.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = EndpointState(
        name="e",
        endpoint="e",
        status="Updating",
        desired="InService",
        revision=2,
        wished=[Variant(name="a", model="m@2")],
    )
    settings = msgspec.structs.replace(mine, revision=3)
    others = msgspec.structs.replace(mine, status="InService", revision=4, wished=[Variant(name="a", model="m@3")])
    states = iter([mine, settings, others])
    monkeypatch.setattr(waiting, "BY_WHOM", PATIENCE)
    store = Store.open(ws.root)

    def show(*_: object, **__: object) -> EndpointState:
        if (now := next(states)) is others:
            activity.note(store, "updated", "endpoint", ["e"], "cupola endpoint update e --model m@3")
        return now

    activity.note(store, "updated", "endpoint", ["e"], "cupola endpoint update e --model m@2")
    monkeypatch.setattr(waiting.actions, "run", show)
    with pytest.raises(WorkFailed, match=r"overtaken it, revision 4 .*: cupola endpoint update e --model m@3\)"):
        waiting.wait(Workspace(store), actions.find("endpoint update"), mine)
