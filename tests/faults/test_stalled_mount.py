"""A mount that does not answer: the screen, commands and writers over real SSHFS, its far side stopped or cut."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import sshfs
from tests.terminal import Seen
from tests.waiting import until

from cupola.jobs import records as jobs
from cupola.workspace import Workspace

CAP = 180.0
APP = "import sys, cupola_tui.app as app; sys.exit(app.run({root!r}))"
CUPOLA = [sys.executable, "-m", "cupola_tui"]


@pytest.fixture
def mounts(home: Path, tmp_path: Path) -> Iterator[sshfs.Mounts]:
    with sshfs.mounted(tmp_path) as mounts:
        Workspace.init(mounts.served)
        try:
            yield mounts
        finally:
            subprocess.run([*CUPOLA, "-C", mounts.served, "agent", "stop", "--jobs"], check=False, capture_output=True)


@pytest.fixture
def screen(mounts: sshfs.Mounts) -> Iterator[Seen]:
    """The app on one of the mounts, with its list of jobs in front; that of datasets has been read."""
    opened = Seen(APP.format(root=str(mounts.a)))
    try:
        opened.shows("no agent")
        opened.press("1", "imports a CSV")
        opened.press("3", "runs any command")
        yield opened
    finally:
        opened.close()


def submitted(mounts: sshfs.Mounts) -> list[jobs.JobState]:
    """The jobs, as the host with the disk sees them."""
    return jobs.ls(Workspace.open(mounts.served).store)


def test_a_stall_is_counted_keys_work_and_the_screen_goes_on_by_itself(mounts: sshfs.Mounts, screen: Seen) -> None:
    mounts.stall(mounts.a)
    screen.shows("the mount has not answered for ([3-9]|[0-9]{2,}) s")
    screen.press("1", "imports a CSV")
    screen.press("?", "Keys in datasets")
    screen.press("\x1b", "immutable versions")
    screen.shows("the mount has not answered for ([6-9]|[0-9]{2,}) s")
    mounts.resume(mounts.a)
    screen.shows("served .*no agent")
    subprocess.run([*CUPOLA, "-C", mounts.b, "job", "submit", "--name", "later", "--", "true"], check=True, timeout=CAP)
    screen.press("3", "later")
    mounts.stall(mounts.a)
    screen.shows("has not answered")
    screen.type("q")
    assert screen.status() == 0
    mounts.resume(mounts.a)


def test_an_action_under_way_in_a_stall_is_done_once(mounts: sshfs.Mounts, screen: Seen) -> None:
    screen.press("\x10", "a few letters")  # ctrl+p
    screen.press("job submit", "job submit +action")
    screen.press("\r", r"command \*")
    screen.press("sleep 0", "cupola job submit (-- )?sleep 0")
    mounts.stall(mounts.a)
    screen.press("\x13", "no answer for .* it is not done twice")  # ctrl+s
    assert submitted(mounts) == []
    mounts.resume(mounts.a)
    until(lambda: submitted(mounts))
    screen.shows("Completed")
    assert [one.command for one in submitted(mounts)] == [["sleep", "0"]]


def test_a_link_that_is_cut_is_made_again_and_the_screen_goes_on(mounts: sshfs.Mounts, screen: Seen) -> None:
    mounts.cut(mounts.a)
    subprocess.run([*CUPOLA, "-C", mounts.b, "job", "submit", "--name", "after", "--", "true"], check=True, timeout=CAP)
    screen.shows("after")


def test_jobs_of_the_host_with_the_disk_go_on_while_a_link_is_cut(mounts: sshfs.Mounts) -> None:
    job = ["job", "submit", "-q", "--", "sh", "-c", "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.2; done"]
    name = subprocess.check_output([*CUPOLA, "-C", mounts.served, *job], text=True, timeout=CAP).strip()
    store = Workspace.open(mounts.served).store
    until(lambda: jobs.state(store, name).status != "Queued")
    mounts.cut(mounts.a)
    assert jobs.wait(store, name, timeout=CAP).status == "Completed"
    shown = subprocess.check_output([*CUPOLA, "-C", mounts.b, "job", "log", name], text=True, timeout=CAP)
    assert [one for one in shown.splitlines() if "line" in one][-1].endswith("line 6")


def heeds_ctrl_c() -> None:
    """Also where the tests themselves were started in the background, and so ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_command_says_that_the_mount_is_silent_and_ctrl_c_leaves_it(mounts: sshfs.Mounts) -> None:
    mounts.stall(mounts.a)
    patient, hasty = (
        subprocess.Popen(
            [*CUPOLA, "-C", mounts.a, "job", "ls"],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=heeds_ctrl_c,
        )
        for _ in range(2)
    )
    assert patient.stderr and hasty.stderr
    for command in (patient, hasty):
        assert command.stderr and "goes on by itself when it does, ctrl+c leaves" in command.stderr.readline()
    os.killpg(hasty.pid, signal.SIGINT)
    assert "left while" in hasty.stderr.readline()
    assert hasty.wait(CAP) == 130
    mounts.resume(mounts.a)
    assert "answers again" in patient.stderr.readline()
    assert patient.wait(CAP) == 0


def test_a_command_on_a_mount_has_its_own_status_and_dies_with_who_waits_for_it(mounts: sshfs.Mounts) -> None:
    wrong = subprocess.run([*CUPOLA, "-C", mounts.a, "job", "show", "nothing"], capture_output=True, timeout=CAP)
    of_the_mount = (b"ctrl+c leaves", b"answers again")  # what is said where all stood still for some seconds
    said = [line for line in wrong.stderr.splitlines() if not any(one in line for one in of_the_mount)]
    assert (wrong.returncode, wrong.stdout, len(said)) == (1, b"", 1), wrong.stderr
    waiting = [*CUPOLA, "-C", mounts.a, "job", "submit", "--wait", "--", "sleep", "280"]
    command = subprocess.Popen(waiting, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: any(one.status == "InProgress" for one in submitted(mounts)))
    below = sshfs.children(command.pid)
    command.kill()
    command.wait()
    until(lambda: not any(alive(pid) for pid in below))
    assert below


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
