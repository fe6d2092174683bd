"""A thread of the agent for each workspace that it serves, so that a mount that hangs holds up no other."""

import os
import select
import sys
import threading
from pathlib import Path

from cupola.agent.endpoints import Endpoints
from cupola.agent.host import Host
from cupola.agent.queue import Queue
from cupola.errors import CupolaError
from cupola.jobs import agents
from cupola.store import Store, names, records, runtime
from cupola.store.runtime import Process

LOOK = 1.0  # seconds between looks at the queue when nobody tells
LOOK_NETWORK = 2.0


class Served(threading.Thread):
    """Looks at a workspace whenever it is told to, when one of its keepers ends, and every second."""

    def __init__(self, root: Path, host: Host) -> None:
        super().__init__(name=str(root), daemon=True)
        self.root = root
        self.host = host
        self.told = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.poll = select.poll()
        self.poll.register(self.told, select.POLLIN)
        self.watched: dict[int, Process] = {}
        self.queue: Queue | None = None
        self.endpoints: Endpoints | None = None
        self.trouble = ""

    def wake(self) -> None:
        os.eventfd_write(self.told, 1)

    def run(self) -> None:
        while True:
            network = self.queue is not None and self.queue.store.mount.network
            for descriptor, _ in self.poll.poll((LOOK_NETWORK if network else LOOK) * 1000):
                if descriptor == self.told:
                    os.eventfd_read(self.told)
                else:
                    self._ended(descriptor)
            self._look()

    def watch(self, process: Process) -> None:
        """Has this thread woken when the process ends (it need not be a child of ours)."""
        if process in self.watched.values():
            return
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            self.wake()
            return
        self.watched[handle] = process
        self.poll.register(handle, select.POLLIN)

    def _ended(self, descriptor: int) -> None:
        self.poll.unregister(descriptor)
        os.close(descriptor)
        del self.watched[descriptor]
        self.host.freed()

    def _look(self) -> None:
        """A workspace in trouble is looked at again next time; the trouble is written down once."""
        try:
            if self.queue is None or self.endpoints is None:
                store = Store.open(self.root)
                self.queue = Queue(store, self.host, self.watch, self.wake)
                self.endpoints = Endpoints(store, self.host, self.watch, self.wake)
                self._introduce(store)
            self.queue.reconcile()
            self.endpoints.reconcile()
            self.trouble = ""
        except (CupolaError, OSError) as error:
            if str(error) != self.trouble:
                self.trouble = str(error)
                print(f"{self.root}: {error}", file=sys.stderr, flush=True)

    def _introduce(self, store: Store) -> None:
        """Says in the workspace that this agent serves it."""
        user, host = names.who()
        me = agents.AgentRecord(
            host=host, user=user, process=runtime.current(), started=names.now(), python=sys.executable,
            slots=self.host.slots(),
        )  # fmt: skip
        records.write(store, agents.record_path(host, user), me, kind="agent", ref=f"{host}-{user}")
