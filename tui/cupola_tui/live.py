"""The one seam between the screen and the workspace: a small child process that reads and writes it.

What it speaks is in cupola.bridge.

The child is started before Textual is imported, so that it reads meanwhile. It may hang on a dead mount; then the
screen says so, gives it up and starts another, and nothing is lost.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from cupola import errors, place

Event = dict[str, Any]
# What may rightly take long: it is no sign of a mount that hangs.
SLOW_CALLS = {"action", "init", "actions", "describe", "check", "complete", "command"}


class Bridge:
    """Asks the child and hands out its answers as futures; `listen` gets what it says unasked, in its own thread."""

    def __init__(self, root: str, readonly: bool = False, command: list[str] | None = None) -> None:
        self.root = root
        self.readonly = readonly
        self.listen: Callable[[Event], None] | None = None
        self._command = command or [
            sys.executable,
            "-P",
            "-m",
            "cupola.bridge",
            root,
            *(["--readonly"] if readonly else []),
        ]
        self._lock = threading.Lock()
        self._generation = 0
        self._next = 0
        self._pending: dict[int, tuple[Future[Any], float, str, Callable[[Any], None] | None]] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self.ready: Future[dict[str, Any]] = Future()

    def start(self) -> None:
        """Starts a child; the one before, if any, is given up together with what it was asked."""
        with self._lock:
            self._generation += 1
            generation, old, lost = self._generation, self._child, list(self._pending.values())
            self._pending.clear()
            if self.ready.done() or old:
                self.ready = Future()
            # Neither its working directory nor its modules may lie on the mount.
            self._child = subprocess.Popen(
                self._command,
                cwd="/",
                env=os.environ | {place.VARIABLE: str(place.here())},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        if old:
            old.kill()
        for future, *_ in lost:
            _fail(future, errors.DiskTrouble("the mount did not answer and its reader was given up", hint="ask again"))
        threading.Thread(target=self._read, args=(self._child, generation), name="bridge", daemon=True).start()

    def ask(self, call: str, *, progress: Callable[[Any], None] | None = None, **arguments: Any) -> "Future[Any]":
        """Sends a request; its future raises the CupolaError that the child answers."""
        future: Future[Any] = Future()
        with self._lock:
            self._next += 1
            number = self._next
            self._pending[number] = (future, time.monotonic(), call, progress)
            child = self._child
        try:
            assert child is not None and child.stdin is not None
            child.stdin.write(msgspec.json.encode({"id": number, "call": call, **arguments}) + b"\n")
            child.stdin.flush()
        except (OSError, ValueError):
            self._pending.pop(number, None)
            _fail(
                future,
                errors.AgentTrouble("the process that reads the workspace has ended", hint="it is being started again"),
            )
        return future

    def silence(self) -> float:
        """For how many seconds the oldest quick question has been waiting; 0.0 when none is."""
        with self._lock:
            asked = [when for _, when, call, _ in self._pending.values() if call not in SLOW_CALLS]
        return time.monotonic() - min(asked) if asked else 0.0

    def close(self) -> None:
        """Ends the child: it ends by itself with its standard input, and at once where it hangs."""
        with self._lock:
            self._generation += 1
            child, self._child = self._child, None
        if child:
            with contextlib.suppress(OSError):
                if child.stdin:
                    child.stdin.close()
            try:
                child.wait(0.2)
            except subprocess.TimeoutExpired:
                child.kill()

    def _read(self, child: "subprocess.Popen[bytes]", generation: int) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            if generation != self._generation:
                return
            try:
                message = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            self._take(message)
        if generation == self._generation:
            self._ended(child)

    def _take(self, message: Event) -> None:
        number = message.get("id")
        if number is None:
            if "ready" in message and not self.ready.done():
                self.ready.set_result(message["ready"])
            if self.listen:
                self.listen(message)
            return
        if "progress" in message:
            waiting = self._pending.get(number)
            if waiting and waiting[3]:
                waiting[3](message["progress"])
            return
        with self._lock:
            asked = self._pending.pop(number, None)
        if asked is None or not asked[0].set_running_or_notify_cancel():
            return
        if "error" in message:
            asked[0].set_exception(errors.from_info(msgspec.convert(message["error"], errors.ErrorInfo)))
        else:
            asked[0].set_result(message.get("result"))

    def _ended(self, child: "subprocess.Popen[bytes]") -> None:
        trouble = errors.AgentTrouble("the process that reads the workspace has ended", hint="see `:log`")
        with self._lock:
            lost = list(self._pending.values())
            self._pending.clear()
        for future, *_ in lost:
            _fail(future, trouble)
        if not self.ready.done():
            self.ready.set_result({"workspace": None, "error": msgspec.to_builtins(trouble.info())})
        if self.listen:
            self.listen({"ended": child.wait()})


def _fail(future: "Future[Any]", error: errors.CupolaError) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
