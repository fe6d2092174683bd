"""The agent's side of the warm starter: keeps one running, and asks it for processes."""

import contextlib
import hashlib
import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from cupola.agent.starter import MESSAGE, Reply, Request
from cupola.environments import installed
from cupola.jobs import agents, strays, warm
from cupola.jobs.environment import allowed
from cupola.jobs.launch import held_to
from cupola.store import runtime
from cupola.store.names import now
from cupola.store.runtime import Process

LEAVING = 10.0  # seconds that a starter may take to end (it may still be importing)
PATIENCE = 30.0  # the longest pause before a starter that keeps dying is started again


class Launch:
    """A process that was asked for: `process` when it is there, `failed` when it never came."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.process: Process | None = None
        self.failed = False
        self.told = told


class Launcher:
    """Used by several threads; `mend` and `hear` by the agent's main one only."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.line: socket.socket | None = None
        self.starter: Process | None = None
        self.kind = ""
        self.leaving = False
        self.child: subprocess.Popen[bytes] | None = None
        self.under_way: dict[int, Launch] = {}
        self.ids = itertools.count(1)
        self.deaths = 0
        self.again_at = 0.0

    def launch(
        self, module: str, argv: list[str], descriptors: list[int], told: Callable[[], None], warm: bool = False
    ) -> Launch:
        """Asks for a process that runs `main(argv)` of a module; "{fds}" in argv becomes the inherited descriptors."""
        found = Launch(told)
        log = str(agents.log_file())
        with self.lock:
            request = Request(id=next(self.ids), module=module, argv=argv, env=allowed(os.environ), log=log, warm=warm)
            try:
                if self.line is None or self.kind != _kind():
                    raise BrokenPipeError
                socket.send_fds(self.line, [msgspec.json.encode(request)], descriptors)
                self.under_way[request.id] = found
            except OSError:
                found.failed = True
        return found

    def mend(self) -> None:
        """Finds a starter when there is none: the one of an agent that was killed, else a new one.

        A new one is started after a pause that grows when it keeps dying. One that has imported what is no longer
        installed so is let go.
        """
        kind = _kind()
        if self.line is not None and self.kind != kind and not self.leaving:
            agents.say(f"{now()} what is installed has changed: another starter imports it")
            self.leaving = True
            _let_go(self.line)
        if self.line is not None or time.monotonic() < self.again_at:
            return
        address = _address(kind)
        line = _call(address)
        if line is not None:
            self.starter = _other_end(line)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(address)  # noqa: PTH108
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, agents.log_file().open("ab") as log:
                listener.bind(address)
                listener.listen(1)
                command = [sys.executable, "-m", "cupola.agent.starter", str(listener.fileno())]
                self.child = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
                    pass_fds=[listener.fileno()], env=allowed(os.environ) | held_to(1, []),
                )  # fmt: skip
                self.starter = runtime.of(self.child.pid)
                line = _call(address)
        with self.lock:
            self.line, self.kind, self.leaving = line, kind, False

    def hear(self) -> bool:
        """Takes one reply of the starter; False when it is gone."""
        assert self.line is not None
        try:
            data = self.line.recv(MESSAGE)
        except OSError:
            data = b""
        if not data:
            self._buried()
            return False
        reply = msgspec.json.decode(data, type=Reply)
        if reply.id == 0:
            self.deaths = 0
            for what in reply.missing:
                agents.say(f"the starter could not import {what}")
            return True
        with self.lock:
            found = self.under_way.pop(reply.id, None)
        if found:
            found.process = runtime.of(reply.pid)
            found.failed = found.process is None
            found.told()
        return True

    def close(self) -> None:
        """Lets the starter go: it forks what it was asked for, and ends."""
        with self.lock:
            line = self.line
        if line is not None:
            _dismiss(line, self.starter)

    def _buried(self) -> None:
        """The starter is gone: what was asked of it and not answered will not come."""
        with self.lock:
            assert self.line is not None
            self.line.close()
            self.line = None
            lost, self.under_way = list(self.under_way.values()), {}
        if self.child:
            self.child.wait()
        self.child = self.starter = None
        self.deaths += 1
        self.again_at = time.monotonic() + min(PATIENCE, 0.1 * 2**self.deaths)
        for one in lost:
            one.failed = True
            one.told()


def dismiss() -> None:
    """Has a starter end whose agent was killed."""
    if line := _call(_address(_kind())):
        with line:
            _dismiss(line, _other_end(line))


def _dismiss(line: socket.socket, starter: Process | None) -> None:
    _let_go(line)
    if starter and not runtime.wait_end(starter, LEAVING):
        runtime.send(starter, signal.SIGKILL)
        runtime.wait_end(starter, LEAVING)


def _call(address: str) -> socket.socket | None:
    """A line to the starter that listens there, if one does."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        line.connect(address)
    except OSError:
        line.close()
        return None
    return line


def _let_go(line: socket.socket) -> None:
    """Tells a starter to end, once it has forked what it was asked for."""
    with contextlib.suppress(OSError):
        line.send(msgspec.json.encode(Request(id=0, module="", argv=[], env={}, log="")))


def _other_end(line: socket.socket) -> Process | None:
    """The starter there; None while it is so young that the kernel names the agent that had made the socket."""
    pid, _, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    found = runtime.of(pid)
    with contextlib.suppress(OSError):
        if found and strays.STARTER in Path(f"/proc/{pid}/cmdline").read_bytes():
            return found
    return None


def _kind() -> str:
    """What tells starters apart: one that was started otherwise would not do for the same jobs, nor one that has
    imported libraries before they were upgraded."""
    told = {name: value for name, value in os.environ.items() if name.startswith("PYTHON") or name in warm.DECIDING}
    text = msgspec.json.encode([sys.executable, sorted(told.items()), installed.stamp()])
    return hashlib.sha256(text).hexdigest()[:10]


def _address(kind: str) -> str:
    """Where the starter of that kind listens."""
    return str(runtime.runtime_dir() / f"starter-{kind}.sock")
