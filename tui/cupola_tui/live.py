"""The one seam between the screen and the workspace: a small child process that reads and writes it.

What it speaks is in cupola.bridge.

The child is started before Textual is imported, so that it reads meanwhile. It may hang on a dead mount. Then another
is started beside it, and takes its place as soon as the mount answers that one and still not the first. Questions that
are lost with a child are asked again by who wants to know. An action is never done again: what became of it is found
out, by what it was filed under, once the process that was to do it is really gone (a system call that is under way may
still have its effect).
"""

import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cupola import errors, place

Event = dict[str, Any]
SILENT = 3.0  # seconds without an answer that are worth a word
GIVE_UP = 15.0  # seconds after which another child is tried
LONG = 1 << 20  # bytes of an answer that stays: looking it through for garbage takes 150 ms of a key, now and then
GRACE = 2.0  # seconds for the first child to get its answer too, when the mount answers another again


@dataclass
class Asked:
    """A question on its way. filed: what an action is filed under; progress: who is told how far it is."""

    call: str
    arguments: dict[str, Any]
    future: "Future[Any]"
    progress: Callable[[Any], None] | None = None
    filed: str = ""
    since: float = field(default_factory=time.monotonic)


class Bridge:
    """Asks the child and hands out its answers as futures; `listen` gets what it says unasked, in another thread."""

    def __init__(self, root: str, readonly: bool = False, command: list[str] | None = None) -> None:
        self.root = root
        self.readonly = readonly
        self.listen: Callable[[Event], None] | None = None
        self.ready: Future[dict[str, Any]] = Future()
        self._command = command or [
            sys.executable,
            "-P",
            "-m",
            "cupola.bridge",
            root,
            *(["--readonly"] if readonly else []),
        ]
        self._lock = threading.Lock()
        self._next = 0
        self._pending: dict[int, Asked] = {}
        self._unsettled: list[Asked] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._other: subprocess.Popen[bytes] | None = None
        self._given_up: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Starts a child; the one before, if any, is given up."""
        child = self._spawn()
        self._replace(child)
        self._hear(child)

    def ask(self, call: str, *, progress: Callable[[Any], None] | None = None, **arguments: Any) -> "Future[Any]":
        """Sends a request; its future raises the CupolaError that the child answers."""
        asked = Asked(call, arguments, Future(), progress)
        self._send(asked)
        return asked.future

    def act(self, name: str, arguments: dict[str, Any], **more: Any) -> "Future[Any]":
        """Does an action that writes, once: where it gets no answer, its future has what was found of it afterwards."""
        filed = os.urandom(16).hex()
        asked = {"name": name, "arguments": arguments, "filed": filed} | more
        found = Asked("action", asked, Future(), asked.pop("progress", None), filed)
        self._send(found)
        return found.future

    def tend(self) -> float:
        """Feels the pulse of the mount, about once a second; for how many seconds it has been silent.

        One that is silent for long gets another child beside the first.
        """
        with self._lock:
            asked_already = any(one.call == "pulse" for one in self._pending.values())
        if not asked_already:
            self.ask("pulse").add_done_callback(self._felt)
        silent = self.silence()
        if silent > GIVE_UP and self._other is None:
            self._other = self._spawn()
            self._hear(self._other)
        return silent

    def _felt(self, pulse: "Future[Any]") -> None:
        """The mount answers. What became of actions is asked for when nobody is left who could still do them."""
        if pulse.cancelled():
            return
        trouble = pulse.exception()
        if trouble is None and all(one.poll() is not None for one in self._given_up):
            self._given_up = []
            self._settle()
        if self.listen:
            self.listen({"pulse": trouble})

    def silence(self) -> float:
        """For how many seconds the mount has owed an answer to the question whether it is there."""
        with self._lock:
            since = [asked.since for asked in self._pending.values() if asked.call == "pulse"]
        return time.monotonic() - min(since) if since else 0.0

    def under_way(self) -> list[str]:
        """The actions that have no answer yet, by name."""
        with self._lock:
            return [asked.arguments["name"] for asked in (*self._pending.values(), *self._unsettled) if asked.filed]

    def close(self) -> None:
        """Ends the children: each ends by itself with its standard input, and at once where it hangs."""
        with self._lock:
            children = [one for one in (self._child, self._other) if one]
            self._child = self._other = None
        for child in children:
            with contextlib.suppress(OSError):
                if child.stdin:
                    child.stdin.close()
            try:
                child.wait(0.2)
            except subprocess.TimeoutExpired:
                child.kill()

    # The children.

    def _spawn(self) -> "subprocess.Popen[bytes]":
        """Starts a child, to which `_hear` listens once it has its place, so that nothing it says is missed."""
        return subprocess.Popen(
            self._command,
            cwd="/",  # neither its working directory nor its modules may lie on the mount
            env=os.environ | {place.VARIABLE: str(place.here())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _hear(self, child: "subprocess.Popen[bytes]") -> None:
        """Starts the thread that reads what a child says."""
        threading.Thread(target=self._read, args=(child,), name="bridge", daemon=True).start()

    def _replace(self, child: "subprocess.Popen[bytes]", ready: dict[str, Any] | None = None) -> None:
        """Puts a child in the place of those before, which are killed."""
        with self._lock:
            before = [one for one in (self._child, self._other) if one and one is not child]
            self._child, self._other = child, None
            lost, self._pending = list(self._pending.values()), {}
            if self.ready.done() or before:
                self.ready = Future()
            if ready is not None:
                self.ready.set_result(ready)
        self._lose(lost, errors.DiskTrouble("the mount did not answer and its reader was given up", hint="try again"))
        for one in before:
            one.kill()
            self._given_up.append(one)

    def _read(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        for line in child.stdout:
            with contextlib.suppress(msgspec.DecodeError):
                message = msgspec.json.decode(line)
                if len(line) > LONG:
                    gc.freeze()
                if child is self._child:
                    self._take(message)
                elif child is self._other and "ready" in message:
                    self._choose(child, message["ready"])
        if child is self._child:
            self._ended(child)
        elif child is self._other:
            self._other = None

    def _choose(self, other: "subprocess.Popen[bytes]", ready: dict[str, Any]) -> None:
        """The mount answers another child: it takes the place of the first where that still gets no answer."""
        deadline = time.monotonic() + GRACE
        while self.silence() > SILENT and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.silence() > SILENT:
            self._replace(other, ready)
            if self.listen:
                self.listen({"replaced": ready})
        else:
            self._other = None
            other.kill()

    def _ended(self, child: "subprocess.Popen[bytes]") -> None:
        trouble = errors.AgentTrouble("the process that reads the workspace has ended", hint="see `:log`")
        with self._lock:
            lost, self._pending = list(self._pending.values()), {}
        self._lose(lost, trouble)
        if not self.ready.done():
            self.ready.set_result({"workspace": None, "error": msgspec.to_builtins(trouble.info())})
        if self.listen:
            self.listen({"ended": child.wait()})

    # Questions and answers.

    def _send(self, asked: Asked) -> None:
        with self._lock:
            self._next += 1
            number = self._next
            self._pending[number] = asked
            child = self._child
        try:
            assert child is not None and child.stdin is not None
            child.stdin.write(msgspec.json.encode({"id": number, "call": asked.call, **asked.arguments}) + b"\n")
            child.stdin.flush()
        except UnicodeEncodeError:
            self._refuse(number, asked, errors.BadInput("this text holds half characters, which no record can hold"))
        except (OSError, ValueError):
            trouble = errors.AgentTrouble("the process that reads the workspace has ended", hint="ask again")
            self._refuse(number, asked, trouble)

    def _refuse(self, number: int, asked: Asked, error: errors.CupolaError) -> None:
        with self._lock:
            self._pending.pop(number, None)
        _fail(asked.future, error)

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
            if waiting and waiting.progress:
                waiting.progress(message["progress"])
            return
        with self._lock:
            asked = self._pending.pop(number, None)
        if asked is None or not asked.future.set_running_or_notify_cancel():
            return
        if "error" in message:
            asked.future.set_exception(errors.from_info(msgspec.convert(message["error"], errors.ErrorInfo)))
        else:
            asked.future.set_result(message.get("result"))

    def _lose(self, lost: list[Asked], trouble: errors.CupolaError) -> None:
        """Questions go without an answer; of actions it will be found out what became of them."""
        with self._lock:
            self._unsettled += [asked for asked in lost if asked.filed]
        for asked in lost:
            if asked.call == "pulse":
                asked.future.cancel()
            elif not asked.filed:
                _fail(asked.future, trouble)

    def _settle(self) -> None:
        """Finds out what became of the actions that were not answered."""
        with self._lock:
            unsettled, self._unsettled = self._unsettled, []
        for asked in unsettled:
            outcome = self.ask("outcome", filed=asked.filed)
            outcome.add_done_callback(lambda found, asked=asked: self._settled(asked, found))  # type: ignore[misc]

    def _settled(self, asked: Asked, found: "Future[Any]") -> None:
        if found.exception():
            with self._lock:
                self._unsettled.append(asked)  # it is asked again with the next pulse
        elif found.result() is None:
            said = f"{asked.arguments['name']} got no answer, and nothing says that it was done"
            _fail(asked.future, errors.DiskTrouble(said, hint="look at how it stands, then do it again"))
        elif asked.future.set_running_or_notify_cancel():
            asked.future.set_result(found.result())


def _fail(future: "Future[Any]", error: errors.CupolaError) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
