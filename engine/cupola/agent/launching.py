"""The agent's side of the warm starter: keeps one running, and asks it for processes."""

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import msgspec

from cupola.agent.starter import MESSAGE, Reply, Request
from cupola.jobs import agents
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
        self.starter: subprocess.Popen[bytes] | None = None
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
        """Starts the starter when there is none, after a pause that grows when it keeps dying."""
        if self.line is not None or time.monotonic() < self.again_at:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "cupola.agent.starter", str(theirs.fileno())]
        with agents.log_file().open("ab") as log, theirs:
            self.starter = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
                pass_fds=[theirs.fileno()], env=allowed(os.environ) | held_to(1, []),
            )  # fmt: skip
        with self.lock:
            self.line = ours

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
                print(f"the starter could not import {what}", file=sys.stderr, flush=True)
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
            if self.line is None or self.starter is None:
                return
            self.line.shutdown(socket.SHUT_WR)
        try:
            self.starter.wait(LEAVING)
        except subprocess.TimeoutExpired:
            self.starter.kill()

    def _buried(self) -> None:
        """The starter is gone: what was asked of it and not answered will not come."""
        with self.lock:
            assert self.line is not None
            self.line.close()
            self.line = None
            lost, self.under_way = list(self.under_way.values()), {}
        if self.starter:
            self.starter.wait()
        self.deaths += 1
        self.again_at = time.monotonic() + min(PATIENCE, 0.1 * 2**self.deaths)
        for one in lost:
            one.failed = True
            one.told()
