"""The terminal after the app has gone, and the app after its terminal has gone: both through a real pty."""

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

START = """
import sys
import cupola_tui.app as app
import cupola_tui.live as live
real = live.Bridge
live.Bridge = lambda root, readonly: real(root, readonly, [sys.executable, {double!r}])
{before}
sys.exit(app.run("/srv/team/flights"))
"""


class Terminal:
    """A pty with the app in it; the app does not lead the session, as under a shell."""

    def __init__(self, before: str = "", code: str = "") -> None:
        code = code or START.format(double=str(Path(__file__).parent / "double.py"), before=before)
        self.written = b""
        self.shell, self.descriptor = pty.fork()
        if self.shell == 0:
            child = os.fork()
            if child == 0:
                os.execv(sys.executable, [sys.executable, "-c", code])
            os.write(1, f"pid={child}=".encode())
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            _, status = os.waitpid(child, 0)
            os.write(1, f"status={os.waitstatus_to_exitcode(status)}=".encode())
            time.sleep(600)
            os._exit(0)
        self.pid = int(self.until(rb"pid=(\d+)="))

    def until(self, pattern: bytes, seconds: float = 180.0) -> bytes:
        """Reads until the pattern was written; its first group."""
        import re

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.search(pattern, self.written):
                return found[1] if found.groups() else found[0]
            self.read()
        raise AssertionError(f"never written: {pattern!r} in {self.written[-500:]!r}")

    def read(self) -> None:
        """Takes what has been written, waiting for it a moment."""
        if select.select([self.descriptor], [], [], 0.1)[0]:
            self.written += os.read(self.descriptor, 65536)

    def close(self) -> None:
        for pid in (self.pid, self.shell):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        os.waitpid(self.shell, 0)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


def left_on(written: bytes) -> set[bytes]:
    """The modes that were switched on and not off again."""
    import re

    state: dict[bytes, bool] = {}
    for modes, on in re.findall(rb"\x1b\[\?([0-9;]+)([hl])", written):
        for mode in modes.split(b";"):
            state[mode] = on == b"h"
    return {mode for mode in (b"1049", b"1000", b"1003", b"1006", b"2004", b"1004") if state.get(mode)}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_app_leaves_the_terminal_clean(terminal: Terminal, number: signal.Signals) -> None:
    terminal.until(b"brave-otter")
    assert left_on(terminal.written)
    os.kill(terminal.pid, number)
    terminal.until(rb"status=(-?\d+)=")
    terminal.until(rb"(?s)\x1b\[\?1049l.*\x1b\[\?25h")
    assert not left_on(terminal.written)
    assert terminal.written.rindex(b"\x1b[?25h") > terminal.written.rindex(b"\x1b[?25l")


def test_an_app_that_ignores_the_hang_up_still_ends_with_its_terminal() -> None:
    terminal = Terminal(before="import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    terminal.until(b"brave-otter")
    os.kill(terminal.shell, signal.SIGKILL)
    os.waitpid(terminal.shell, 0)
    os.close(terminal.descriptor)
    end = time.monotonic() + 180
    while time.monotonic() < end and _alive(terminal.pid):
        time.sleep(0.05)
    assert not _alive(terminal.pid)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_leaving_says_what_goes_on(terminal: Terminal) -> None:
    terminal.until(b"1 endpoint")
    terminal.until(b"1 job")
    os.write(terminal.descriptor, b"q")
    assert terminal.until(rb"status=(-?\d+)=") == b"0"
    assert b"1 job and 1 endpoint go on without this screen" in terminal.written
    assert not left_on(terminal.written)
