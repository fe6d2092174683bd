"""A screen's side of the bridge, for tests: a real process behind two pipes."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cupola import place

PATIENCE = 180.0


class Screen:
    """The other end of a bridge."""

    def __init__(self, root: Path, options: tuple[str, ...], program: Sequence[str]) -> None:
        command = [sys.executable, "-P", *program, str(root), *options]
        variables = os.environ | {place.VARIABLE: str(Path.cwd())}
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", env=variables)
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.aside: list[dict[str, Any]] = []
        self._next = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.child.stdout
        for line in self.child.stdout:
            self.said.put(json.loads(line))

    def hears(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message of that kind; what comes before it is kept."""
        for message in list(self.aside):
            if wanted(message):
                self.aside.remove(message)
                return message
        while True:
            message = self.said.get(timeout=PATIENCE)
            if wanted(message):
                return message
            self.aside.append(message)

    def send(self, call: str, **arguments: Any) -> int:
        assert self.child.stdin
        self._next += 1
        self.child.stdin.write(json.dumps({"id": self._next, "call": call, **arguments}).encode() + b"\n")
        self.child.stdin.flush()
        return self._next

    def answer(self, number: int) -> dict[str, Any]:
        return self.hears(lambda message: message.get("id") == number and "progress" not in message)

    def ask(self, call: str, **arguments: Any) -> Any:
        answer = self.answer(self.send(call, **arguments))
        assert "error" not in answer, answer
        return answer["result"]

    def refuses(self, call: str, **arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.answer(self.send(call, **arguments))["error"]
        return found


@contextmanager
def bridge(root: Path, *options: str, program: Sequence[str] = ("-m", "cupola.bridge")) -> Iterator[Screen]:
    screen = Screen(root, options, program)
    try:
        yield screen
    finally:
        assert screen.child.stdin
        screen.child.stdin.close()
        assert screen.child.wait(PATIENCE) == 0
