"""The agent's main loop: hears those who poke it, keeps the starter running, and has a thread for each workspace."""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from cupola.agent.digesting import Digesting
from cupola.agent.endpoints import Gateway
from cupola.agent.host import Host
from cupola.agent.workspaces import Served
from cupola.jobs import agents
from cupola.store import names, runtime

BEAT = 5.0  # seconds between looks that nobody asked for
LOG_LIMIT = 4 * 2**20
PATIENCE = 600  # looks for another agent's answer, each 0.05 s after the last


def run(ready: Callable[[], Any]) -> int:
    """Is the agent of this user and host until it is told to stop; `ready` is called once it can be told things.

    When another one is, waits till that one answers and returns; one that is just ending is followed.
    """
    for _ in range(PATIENCE):
        if lock := runtime.lock(runtime.runtime_dir() / "agent.lock", wait=False):
            with lock:
                return Agent(lock).run(ready)
        if agents.running() and agents.poke():
            ready()
            return 0
        time.sleep(0.05)
    print("another agent holds the lock and does not answer", file=sys.stderr)
    return 1


class Agent:
    def __init__(self, lock: runtime.Lock) -> None:
        self.lock = lock
        self.directory = runtime.runtime_dir()
        self.host = Host(Gateway())
        self.served: dict[Path, Served] = {}
        self.host.on_freed = self._wake_all
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.stopping = False
        self.next_serve = 0.0

    def run(self, ready: Callable[[], Any]) -> int:
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._stop)
        _turn_log()
        agents.stopped_file().unlink(missing_ok=True)
        self._listen()
        self._write_down()
        self._say(f"agent {os.getpid()} starts: {len(self.host.cpus)} CPUs, {len(self.host.gpus)} GPUs")
        self.host.launcher.mend()
        self._serve()
        ready()
        while not self.stopping:
            self._wait()
            self.host.launcher.mend()
        self._say(f"agent {os.getpid()} stops; its jobs go on")
        self.host.launcher.close()
        if self._reachable():
            agents.socket_path().unlink()
            agents.agent_file().unlink()
        return 0

    def _listen(self) -> None:
        path = agents.socket_path()
        path.unlink(missing_ok=True)
        self.line.bind(str(path))

    def _write_down(self) -> None:
        """agent.json: who the agent of this host is."""
        me = {
            "process": runtime.current(),
            "started": names.now(),
            "python": sys.executable,
            "slots": self.host.slots(),
        }
        draft = agents.agent_file().with_suffix(".tmp")
        draft.write_bytes(msgspec.json.encode(me))
        draft.replace(agents.agent_file())

    def _serve(self) -> None:
        """Sees to it that every registered workspace has its thread."""
        self.served = {root: one for root, one in self.served.items() if one.is_alive()}
        for root in agents.registered():
            if root not in self.served:
                self.served[root] = Served(root, self.host)
                self.served[root].start()
                self.served[root].wake()
                Digesting(root).start()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self.line, select.POLLIN)
        starter = self.host.launcher.line
        if starter is not None:
            poll.register(starter, select.POLLIN)
        for descriptor, _ in poll.poll((BEAT if starter else 0.2) * 1000):
            if descriptor == self.line.fileno():
                self._hear()
            elif not self.host.launcher.hear():
                self._say("the starter is gone; it is started again")
        if self._due():
            self._serve()
            if not self._reachable():
                self._say(f"the files of agent {os.getpid()} have been removed: nobody can reach it any more")
                self.stopping = True

    def _due(self) -> bool:
        """Whether it is time to look for workspaces that registered without a word."""
        moment = time.monotonic()
        if moment < self.next_serve:
            return False
        self.next_serve = moment + BEAT
        return True

    def _reachable(self) -> bool:
        """Whether the names in the runtime directory are still its own; keeps them young for those who clean up."""
        try:
            for name in ("agent.lock", "agent.sock", "agent.json"):
                os.utime(self.directory / name)
            named, mine = (self.directory / "agent.lock").stat(), os.fstat(self.lock.descriptor)
        except OSError:
            return False
        return (named.st_dev, named.st_ino) == (mine.st_dev, mine.st_ino)

    def _hear(self) -> None:
        """All that was said since the last time."""
        while True:
            try:
                said = msgspec.json.decode(self.line.recv(1 << 16))
            except BlockingIOError:
                return
            except msgspec.MsgspecError:
                continue
            if isinstance(said, dict):
                self._told(said)

    def _told(self, said: dict[str, Any]) -> None:
        if said.get("stop"):
            self.stopping = True
        if workspace := said.get("workspace"):
            root = Path(str(workspace))
            if root not in self.served:
                self._serve()
            if root in self.served:
                self.served[root].wake()

    def _wake_all(self) -> None:
        for one in list(self.served.values()):
            one.wake()

    def _stop(self, *_: object) -> None:
        self.stopping = True
        agents.poke()

    def _say(self, what: str) -> None:
        agents.say(f"{names.now()} {what}")


def _turn_log() -> None:
    """Begins a new log when the old one is long (the one before is kept)."""
    path = agents.log_file()
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
        fresh = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(fresh, 1)
        os.dup2(fresh, 2)
        os.close(fresh)
