"""Leaves the terminal as it was found, whatever happens to the app, and ends the app when its terminal is gone."""

import contextlib
import os
import select
import signal
import sys
import termios
import threading
from typing import Any

# Paste, mouse, focus and keyboard modes off, alternate screen left, cursor and line wrap on, colours as they were.
RESTORE = (
    b"\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l\x1b[?2048l"
    b"\x1b[<u\x1b[?1049l\x1b[?7h\x1b[?25h\x1b[0m"
)


class Guard:
    """A process of a few lines, forked before anything is loaded, that waits for the app's end.

    An app that is killed with -9 runs no handler of its own; this process sees the pipe between them close without a
    goodbye, and puts the terminal back.
    """

    def __init__(self) -> None:
        self._pipe: int | None = None

    def start(self) -> None:
        """Forks the guard; must run before any thread is started."""
        terminal = sys.__stdin__.fileno() if sys.__stdin__ else 0
        attributes = termios.tcgetattr(terminal)
        name = os.ttyname(terminal)
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(writing)
            _watch_over(reading, name, attributes)
        os.close(reading)
        self._pipe = writing

    def goodbye(self) -> None:
        """Says that the app itself has left the terminal clean."""
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                os.write(self._pipe, b"q")
                os.close(self._pipe)
            self._pipe = None


def _watch_over(reading: int, name: str, attributes: list[Any]) -> None:
    """The guard's whole life; never returns."""
    try:
        os.setsid()
        for number in (signal.SIGTTOU, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        if os.read(reading, 1) == b"":
            # Opened anew by its name: descriptors of before are dead when the app led its session.
            terminal = os.open(name, os.O_RDWR | os.O_NOCTTY)
            os.write(terminal, RESTORE)
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    except (OSError, termios.error):
        pass
    finally:
        os._exit(0)


def end_with_terminal() -> None:
    """Ends this process when its terminal hangs up: reading from one that is gone would return at once, for ever."""
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ else 0

    def wait() -> None:
        waiting = select.poll()
        waiting.register(descriptor, 0)
        while not any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in waiting.poll()):
            pass
        os._exit(129)

    threading.Thread(target=wait, name="hang-up", daemon=True).start()
