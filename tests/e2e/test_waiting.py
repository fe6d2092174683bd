"""--wait: what it says on its way, what it ends with, and what Ctrl-C ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cupola
from cupola import api

PATIENCE = 90.0


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
