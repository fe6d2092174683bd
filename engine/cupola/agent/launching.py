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
from cupola.jobs import agents, strays, warm
from cupola.jobs.environment import allowed
from cupola.jobs.launch import held_to
from cupola.store import runtime
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
                if self.line is None:
                    raise BrokenPipeError
                socket.send_fds(self.line, [msgspec.json.encode(request)], descriptors)
                self.under_way[request.id] = found
            except OSError:
                found.failed = True
        return found

    def mend(self) -> None:
        """Finds a starter when there is none: the one of an agent that was killed, else a new one.

        A new one is started after a pause that grows when it keeps dying.
        """
        if self.line is not None or time.monotonic() < self.again_at:
            return
        line = _call()
        if line is not None:
            self.starter = _other_end(line)
        else:
            address = _address()
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
                line = _call()
        with self.lock:
            self.line = line

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
    if line := _call():
        with line:
            _dismiss(line, _other_end(line))


def _dismiss(line: socket.socket, starter: Process | None) -> None:
    with contextlib.suppress(OSError):
        line.send(msgspec.json.encode(Request(id=0, module="", argv=[], env={}, log="")))
    if starter and not runtime.wait_end(starter, LEAVING):
        runtime.send(starter, signal.SIGKILL)


def _call() -> socket.socket | None:
    """A line to the starter that listens, if one does."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        line.connect(_address())
    except OSError:
        line.close()
        return None
    return line


def _other_end(line: socket.socket) -> Process | None:
    """The starter there; None while it is so young that the kernel names the agent that had made the socket."""
    pid, _, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    found = runtime.of(pid)
    with contextlib.suppress(OSError):
        if found and strays.STARTER in Path(f"/proc/{pid}/cmdline").read_bytes():
            return found
    return None


def _address() -> str:
    """Where the starter of this interpreter listens: one that was started otherwise would not do for the same jobs."""
    told = {name: value for name, value in os.environ.items() if name.startswith("PYTHON") or name in warm.DECIDING}
    kind = hashlib.sha256(msgspec.json.encode([sys.executable, sorted(told.items())])).hexdigest()[:10]
    return str(runtime.runtime_dir() / f"starter-{kind}.sock")
