"""Waiting for what other processes do: for the condition, with a cap that only a fault reaches."""

import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], Any], what: str = "it comes about", seconds: float = 180.0) -> Any:
    """Waits for a condition and gives what it gives. what: that it holds, as a failure names it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)
    return found
