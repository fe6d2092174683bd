"""A terminal with a program in it, as a person sees it: what is on the screen, and what keys do to it."""

import os
import re
import time
from collections.abc import Callable

import pyte
from tests.tui.test_guard import Terminal

CAP = 180.0


class Seen:
    """What is to be seen of a program that runs in a terminal of 80 columns."""

    def __init__(self, code: str) -> None:
        self.terminal = Terminal(code=code)
        self._drawn = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._drawn)

    @property
    def text(self) -> str:
        """The screen as it is now."""
        self.terminal.read()
        self._stream.feed(self.terminal.written)
        self.terminal.written = b""
        return "\n".join(self._drawn.display)

    def until(self, holds: Callable[[str], object], what: str = "it") -> None:
        """Waits until something holds of the screen's text."""
        deadline = time.monotonic() + CAP
        while not holds(text := self.text):
            assert time.monotonic() < deadline, f"{what} never came to be:\n{text}"

    def shows(self, pattern: str) -> None:
        """Waits until that is to be seen."""
        self.until(lambda text: re.search(pattern, text), repr(pattern))

    def type(self, keys: str) -> None:
        os.write(self.terminal.descriptor, keys.encode())

    def press(self, keys: str, pattern: str) -> None:
        """Types, and waits for what that shows."""
        self.type(keys)
        self.shows(pattern)

    def status(self) -> int:
        """The exit status of the program, when it has ended."""
        return int(self.terminal.until(rb"status=(-?\d+)="))

    def close(self) -> None:
        self.terminal.close()
