"""A pty for full-screen programs: when does the first visible text come?"""

import os
import pty
import re
import select
import signal
import struct
import time
from collections.abc import Sequence
from fcntl import ioctl
from termios import TIOCSWINSZ

_ESCAPES = re.compile(
    rb"\x1b\[[0-9;?<>=$ ]*[a-zA-Z~]|\x1b[\]P_].*?(\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>78cMDE]", re.DOTALL
)


def first_text(
    command: Sequence[str],
    marker: bytes,
    *,
    press: tuple[bytes, bytes] | None = None,
    size: tuple[int, int] = (120, 40),
    limit: float = 30,
) -> float:
    """Seconds from the start of `command` until `marker` is among the visible text; the program is then killed.

    press: a key that is typed, and the text that is waited for before it is. Raises TimeoutError with what was on the
    screen when the marker does not come within `limit` seconds.
    """
    begun = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color")
        os.execvp(command[0], list(command))
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    seen = bytearray()
    try:
        while time.perf_counter() - begun < limit:
            if not select.select([terminal], [], [], 0.05)[0]:
                continue
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
            visible = _ESCAPES.sub(b"", bytes(seen))
            if press and press[1] in visible:
                os.write(terminal, press[0])
                press = None
            elif marker in visible:
                return time.perf_counter() - begun
        raise TimeoutError(f"{command[0]} showed no {marker!r}: {bytes(seen[-500:])!r}")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(pid, 0)
