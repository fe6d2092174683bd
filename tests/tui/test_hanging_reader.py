"""The whole app on a real workspace, whose reader hangs for ever: another takes over, and no action is done twice."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import sshfs
from tests.terminal import Seen

from cupola.jobs import records as jobs
from cupola.workspace import Workspace

# A mount is given up soon after SIGUSR1, and no more after SIGUSR2; the reader is one that may hang.
APP = """
import signal, sys
import cupola_tui.app as app
import cupola_tui.live as live
live.SILENT, live.GIVE_UP, live.GRACE = 1.0, 600.0, 0.5
for number, seconds in ((signal.SIGUSR1, 2.0), (signal.SIGUSR2, 600.0)):
    signal.signal(number, lambda number, frame, seconds=seconds: setattr(live, "GIVE_UP", seconds))
real = live.Bridge
live.Bridge = lambda root, readonly: real(root, readonly, [sys.executable, "-c", {reader!r}, root])
sys.exit(app.run({root!r}))
"""
# Files the first job that it is asked for, and never says another word.
READER = """
import sys, time
from pathlib import Path
from cupola import bridge, calls

hung = Path({hung!r})

def then_hang(call):
    def work(ws, *words, **named):
        first = named.get("name") == "job submit" and not hung.exists()
        answer = call(ws, *words, **named)
        if first:
            hung.touch()
            for other in calls.CALLS:
                calls.CALLS[other] = lambda *words, **named: time.sleep(10**6)
            time.sleep(10**6)
        return answer
    return work

calls.CALLS["action"] = then_hang(calls.CALLS["action"])
bridge.main(sys.argv[1:])
"""


@pytest.fixture
def screen(workspace: Workspace, tmp_path: Path) -> Iterator[Seen]:
    """The app with a form that is ready to file a job."""
    reader = READER.format(hung=str(tmp_path / "hung"))
    opened = Seen(APP.format(root=str(workspace.root), reader=reader))
    try:
        opened.shows("no agent")
        opened.press("3", "runs any command")
        opened.press("\x10", "a few letters")  # ctrl+p
        opened.press("job submit", "job submit +action")
        opened.press("\r", r"command \*")
        opened.press("sleep 0", "cupola job submit (-- )?sleep 0")
        yield opened
    finally:
        opened.close()


def test_an_action_after_which_the_reader_hangs_is_found_and_not_done_again(
    workspace: Workspace, screen: Seen, tmp_path: Path
) -> None:
    screen.press("\x13", "it is not done twice")  # ctrl+s
    screen.until(lambda text: (tmp_path / "hung").exists())
    os.kill(screen.terminal.pid, signal.SIGUSR1)
    screen.shows("Completed")
    assert len(jobs.ls(workspace.store)) == 1


def test_a_form_whose_reader_hangs_says_so_and_can_be_run_again(
    workspace: Workspace, screen: Seen, tmp_path: Path
) -> None:
    (tmp_path / "hung").touch()  # only the first reader hangs, and that because it is stopped
    (reader,) = sshfs.children(screen.terminal.pid)[-1:]
    os.kill(reader, signal.SIGSTOP)
    screen.type("\x13")
    os.kill(screen.terminal.pid, signal.SIGUSR1)
    screen.shows("its reader was given up")
    os.kill(screen.terminal.pid, signal.SIGUSR2)
    assert jobs.ls(workspace.store) == []
    screen.type("\x1b")
    screen.until(lambda text: "given up" not in text)
    screen.press("\x13", "Completed")
    assert len(jobs.ls(workspace.store)) == 1
