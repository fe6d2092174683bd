"""A thread of the agent for each workspace that it serves, so that a mount that hangs holds up no other."""

import os
import select
import sys
import threading
import time
from pathlib import Path

from cupola.agent.endpoints import Endpoints
from cupola.agent.host import Host
from cupola.agent.queue import Queue
from cupola.agent.schedules import Schedules
from cupola.errors import CupolaError
from cupola.jobs import agents
from cupola.store import Store, feed, names, records, runtime
from cupola.store.runtime import Process

LOOK = 1.0  # seconds between looks at the queue when nobody tells
LOOK_NETWORK = 2.0
GONE = 3600.0  # seconds that a workspace is missed, on a disk that is there, until it is served no more
ANNOUNCED = 50  # jobs that are named on the feed when what they wait for has changed


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
        self.schedules: Schedules | None = None
        self.trouble = ""
        self.started = names.now()
        self.said: dict[str, str] | None = None
        self.next_word = 0.0
        self.missed_since = 0.0
        self.next_check = 0.0

    def wake(self) -> None:
        os.eventfd_write(self.told, 1)

    def run(self) -> None:
        while not self.over():
            for descriptor, _ in self.poll.poll(self._pause() * 1000):
                if descriptor == self.told:
                    os.eventfd_read(self.told)
                else:
                    self._ended(descriptor)
            self._look()

    def _pause(self) -> float:
        """Seconds until the next look that nobody asks for: a schedule is fired when it is due."""
        network = self.queue is not None and self.queue.store.mount.network
        longest = LOOK_NETWORK if network else LOOK
        return self.schedules.timeout(longest) if self.schedules else longest

    def over(self) -> bool:
        """Whether the workspace is gone for good; it is then forgotten. Looked at now and then."""
        moment = time.monotonic()
        if moment < self.next_check:
            return False
        self.next_check = moment + GONE / 60
        if not agents.is_gone(self.root):
            self.missed_since = 0.0
            return False
        self.missed_since = self.missed_since or moment
        if moment - self.missed_since < GONE:
            return False
        agents.forget(self.root)
        agents.say(f"{self.root}: there is no workspace any more, it is served no more")
        return True

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
            if self.queue is None or self.endpoints is None or self.schedules is None:
                store = Store.open(self.root)
                self.queue = Queue(store, self.host, self.watch, self.wake)
                self.endpoints = Endpoints(store, self.host, self.watch, self.wake)
                self.schedules = Schedules(store, self.host, self.watch, self.wake)
            self.queue.reconcile()
            self._introduce(self.queue)
            self.endpoints.reconcile()
            self.schedules.reconcile()
            self.trouble = ""
        except (CupolaError, OSError) as error:
            if str(error) != self.trouble:
                self.trouble = str(error)
                agents.say(f"{self.root}: {error}")

    def _introduce(self, queue: Queue) -> None:
        """Says in the workspace that this agent serves it, and what its jobs wait for."""
        moment = time.monotonic()
        if queue.waiting == self.said or moment < self.next_word:
            return
        self.next_word = moment + LOOK
        user, host = names.who()
        me = agents.AgentRecord(
            host=host, user=user, process=runtime.current(), started=self.started, python=sys.executable,
            slots=self.host.slots(), waiting=queue.waiting,
        )  # fmt: skip
        records.write(
            queue.store, agents.record_path(host, user), me, kind="agent", ref=f"{host}-{user}", durable=False
        )
        changed = dict(queue.waiting.items() ^ (self.said or {}).items())
        self.said = queue.waiting
        for job in list(changed)[:ANNOUNCED]:
            feed.announce(queue.store, "job", job, 0)
