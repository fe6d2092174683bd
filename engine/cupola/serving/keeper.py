"""The keeper of one endpoint: compares the wish with what runs, does a step, and writes what it sees.

Forked by the warm starter, it has imported and never computed; each server process is forked from it and loads the
models itself. The listening sockets are the keeper's and its servers', so that requests wait in their queue while a
server that died is started again, and are answered while the keeper itself was killed. Nothing here starts a thread or
an event loop.
"""

import os
import selectors
import signal
import socket
import time

import msgspec

from cupola.asynchronous.child import Child
from cupola.errors import CupolaError, NotFound
from cupola.jobs import agents, slots
from cupola.serving import course, listening, network, records, scaling
from cupola.serving.course import Course
from cupola.serving.fleet import Fleet, Worker
from cupola.serving.records import Endpoint
from cupola.serving.scaling import Scaler
from cupola.serving.server import Word
from cupola.serving.sleeping import Sleep
from cupola.serving.status import EndpointStatus
from cupola.serving.watching import Watch
from cupola.serving.writing import Writing
from cupola.store import Store, files, names, runtime
from cupola.store.paths import set_mode
from cupola.store.root import is_workspace

TICK = 0.5
LOOK = 1.0  # seconds between looks at the wish; a poke makes it look at once
SAVED = 5.0  # seconds of a step's watch that a kill may cost
AGAIN = 10.0  # seconds before servers that could not be had, beside others that serve, are tried again
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Keeper:
    """Compares the wish with what runs, does a step and writes it down, whenever something happens."""

    def __init__(self, store: Store, name: str, lock: runtime.Lock) -> None:
        self.store = store
        self.name = name
        self.lock = lock
        self.root = os.open(
            store.root, os.O_PATH | os.O_DIRECTORY
        )  # tells a workspace that was removed from a lost mount
        self.user, self.host = names.who()
        self.process = runtime.current()
        self.course = course.read(store, name)
        self.stepped = time.monotonic()
        self.again_at = 0.0
        self.settled = False
        self.failed: str | None = None
        self.trouble: str | None = None
        self.note: str | None = None
        self.port = 0
        self.started = names.now()
        self.stopping = False
        self.next_look = self.next_judgement = 0.0
        self.resting = False
        self.scaler = Scaler(workers=1)
        self.slots: list[slots.Slots] = []
        self.selector = selectors.DefaultSelector()
        self.watch = Watch(store, name)
        self.writing = Writing(store, name)
        self.fleet = Fleet(store, name, self.selector, self._hear, self._lost, self._let_go)
        self.sleep = Sleep(self.selector, self._wake)
        self.queue = Child(store, self._let_go)
        self.pokes = listening.bound(records.local_path(store, name, "poke"), socket.SOCK_DGRAM)

    def keep(self) -> int:
        """Runs until the endpoint is no longer wished for here."""
        self._signals()
        self.selector.register(self.pokes, selectors.EVENT_READ, self._poked)
        self._take_over()
        pause = 0.0  # the first look is at once
        try:
            while not self._finished():
                for key, _ in self.selector.select(pause):
                    key.data()
                pause = TICK
                now = time.monotonic()
                if now >= self.next_look:
                    self.next_look = now + LOOK
                    self._look()
                self._step(now)
                self.queue.look(None if self.stopping else self._settings())
                self._write(now)
        finally:
            for kind in ("poke", "sock", "json", "calls"):
                listening.remove(records.local_path(self.store, self.name, kind))
        return 0

    def _finished(self) -> bool:
        return self.stopping and not self.fleet.workers and not self.queue.running

    def _take_over(self) -> None:
        """Adopts what a keeper that was killed has left."""
        before = self._before()
        if before is None:
            return
        self.port = before.port or 0
        self.fleet.adopt(before.servers)
        self.fleet.restarts = before.restarts
        self.watch.restore(before.shadows)

    def _before(self) -> EndpointStatus | None:
        """What was written last on this host; of another version, what cannot be read is written anew."""
        try:
            found = records.status(self.store, self.name)
        except CupolaError:
            return None
        return found if found and found.host == self.host else None

    # the wish

    def _look(self) -> None:
        self.note = None
        try:
            wish = records.wish(self.store, self.name)
        except NotFound:
            if is_workspace(self.store.root) or os.fstat(self.root).st_nlink == 0:
                self.writing.gone = True
                self._stop(None)
            else:
                self.note = "the workspace is not there: its mount is broken, or it was moved"
            return
        except CupolaError as error:
            self.note = str(error)
            return
        if (wish.user, wish.host) != (self.user, self.host):
            self._stop(f"it runs on {wish.host} as {wish.user} now")
        elif not records.signed(self.store, wish):
            self.note = f"endpoint.toml was edited; `cupola endpoint confirm {self.name}` signs it, and it takes effect"
        elif wish.desired != "InService":
            self._stop(None)
        elif wish.digest() != self.course.seen or (self.course.served is None and self.failed is None):
            self._take(wish)
        elif not self.fleet.listeners and self.failed is None:
            self._listen()
        if self.fleet.listeners and self.course.seen == wish.digest():
            self._listen_beyond()

    def _take(self, wish: Endpoint) -> None:
        """Goes after a wish that is new."""
        self.failed = self.trouble = None
        self.again_at = 0.0
        self.fleet.crashes.clear()
        if not self.course.in_service and not self._moving():
            self.course.served = None
        course.take(self.course, wish, names.now())
        self._wake()
        self.settled = False
        self._listen()
        self._save()

    def _stop(self, reason: str | None) -> None:
        """Lets all requests have their answer, and ends."""
        if not self.stopping:
            self.stopping, self.trouble = True, reason
            self.course = Course(previous=self.course.previous)
            self._save()
            self._drain_all()

    def _drain_all(self) -> None:
        self.sleep.end()
        self.fleet.drain_all()
        self._hold(0)

    def _give_up(self, reason: str) -> None:
        """Nothing can be served until the next wish."""
        agents.say(f"{names.now()} failed: {reason}")
        self.failed = reason
        self.course.served = self.course.to = None
        self.course.in_service = False
        self._save()
        self._drain_all()

    # steps

    def _moving(self) -> bool:
        return self.course.rollout is not None and self.course.rollout.moving

    def _settings(self) -> Endpoint | None:
        return self.course.served if self.course.in_service else None

    def _step(self, now: float) -> None:
        """Brings the server processes nearer to what is wished for, and a change that moves to its next step."""
        elapsed, self.stepped = now - self.stepped, now
        served = self.course.served
        self.fleet.watch(now, served.memory if served else 0)
        if self.stopping or served is None or not self.fleet.listeners:
            return
        self._rest()
        self._judge(now)
        if course.watch(self.course, elapsed, names.now()):
            self._save()
        self._reconcile(now)
        if self._moving() and now - self.writing.saved_at > SAVED:
            self._save()

    def _reconcile(self, now: float) -> None:
        """One step of the processes, and as many of the change as follow from it at once."""
        rollout = self.course.rollout
        if rollout and rollout.status == "UpdateRollbackFailed" and not rollout.back and self.fleet.serving():
            return  # what serves goes on
        while True:
            self.fleet.moving = self._moving()
            groups = course.groups(self.course, self._count(now))
            there = self.fleet.reconcile(groups, may_start=now >= self.again_at)
            if there:
                self.settled = True
                if not self.course.in_service:
                    self.course.in_service = True
                    self._save()
            if not there or not course.settled(self.course, names.now()):
                return
            self._save()

    def _judge(self, now: float) -> None:
        """Looks at the alarms; one that is raised while a change moves brings back what was served before."""
        if now < self.next_judgement:
            return
        self.next_judgement = now + LOOK
        reason = self.watch.judge(self.course)
        rollout = self.course.rollout
        if reason and rollout and rollout.status in ("ActivatingTraffic", "Baking") and not rollout.back:
            agents.say(f"{names.now()} the change is rolled back: {reason}")
            course.fail(self.course, reason, names.now(), of_served=False)
            self._save()

    def _lost(self, worker: Worker, why: str) -> None:
        """Servers cannot be had: the change is rolled back, or what serves goes on, or nothing does."""
        agents.say(f"{names.now()} server {worker.pid} cannot be had: {why}")
        served = self.course.served
        if served is None or self.stopping:
            return
        mine = worker.base == course.base(served) and worker.generation == served.generation
        of_served = mine and worker.holds <= set(course.keys(served))
        if course.fail(self.course, why, names.now(), of_served=of_served):
            self._save()
        elif any(one.ready for one in self.fleet.serving()):
            self.trouble, self.again_at = f"fewer server processes than wished for: {why}", time.monotonic() + AGAIN
        else:
            self._give_up(why)

    # how many

    def _count(self, now: float) -> int:
        """How many server processes there are to be."""
        wish = self.course.to or self.course.served
        if wish is None:
            return 0
        if self.resting and wish.serverless:
            return wish.serverless.provisioned
        low, high = wish.workers, max(wish.workers, wish.max_workers)
        wanted = scaling.look(self.scaler, now, self.watch.queue_ms(scaling.EVERY), low, high)
        self._hold(wanted - low)
        self.scaler.workers = low + len(self.slots)
        return self.scaler.workers

    def _hold(self, count: int) -> None:
        """Holds a CPU of the host for each process beyond those that are always there, as far as there are any."""
        while len(self.slots) > max(0, count):
            self.slots.pop().close()
        while len(self.slots) < count:
            taken = slots.take(sorted(os.sched_getaffinity(0)), [], MEMORY, (1, 0, None))
            if isinstance(taken, str):
                break
            self.slots.append(taken)

    def _rest(self) -> None:
        """Ends the servers of a serverless endpoint that nobody has used for a while, but for the provisioned ones."""
        wish = self._settings()
        if wish is None or wish.serverless is None or self._moving() or not self.settled:
            return
        in_work = self.fleet.load.total()
        if in_work or not all(one.ready for one in self.fleet.serving()):  # loading may take longer than `idle`
            self.sleep.used()
        if self.resting:
            if in_work > wish.serverless.provisioned:
                self._wake()
        elif self.sleep.due(wish.serverless.idle):
            self.resting = True
            if not wish.serverless.provisioned:
                self.sleep.begin(self.fleet.listeners)

    def _wake(self) -> None:
        """A connection waits: it is accepted by the servers that are started for it."""
        self.resting = False
        self.sleep.end()

    # signals, pokes, words

    def _signals(self) -> None:
        self.awake, self.waker = socket.socketpair()
        for one in (self.awake, self.waker):
            one.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.selector.register(self.awake, selectors.EVENT_READ, self._signalled)

    def _signalled(self) -> None:
        """Told to end: the next keeper goes on where this one was."""
        if signal.SIGTERM in self.awake.recv(64) and not self.stopping:
            self._save()
            self.stopping, self.trouble = True, "its keeper was stopped"
            self._drain_all()

    def _poked(self) -> None:
        self.pokes.recv(64)
        self.next_look = 0.0

    def _hear(self, worker: Worker, word: Word) -> None:
        self.watch.hear(word)
        if word.counts and word.counts.requests:
            self.sleep.used()

    def _let_go(self) -> None:
        """In a fork: closes what is the keeper's alone."""
        signal.set_wakeup_fd(-1)
        self.selector.close()
        self.pokes.close()
        for one in (self.awake, self.waker):
            one.close()
        self.fleet.close_in_fork()
        for held in self.slots:
            held.close()
        self.lock.release()

    def _listen(self) -> None:
        if self.fleet.listeners:
            return
        path = records.local_path(self.store, self.name, "sock")
        try:
            self.fleet.listeners = [listening.tcp(self.port), listening.bound(path, socket.SOCK_STREAM)]
        except OSError as error:
            self._give_up(f"its socket cannot be had: {error.strerror}")
            return
        self.port = self.fleet.listeners[0].getsockname()[1]
        self.fleet.listeners[1].listen(listening.BACKLOG)

    def _listen_beyond(self) -> None:
        """Has the one door to other hosts that is wished for, or none; where it cannot be had, what serves goes on.

        One that was there before is had also while its address is not, as after a boot: it works when that comes.
        """
        aim = self.course.to or self.course.served
        wanted = aim.network if aim else None
        if wanted and not network.is_here(wanted):
            self.note = f"{wanted.address} is not an address of this host now; others can ask at it when it is"
        before = self.fleet.listeners[2:]
        if network.is_at(before[0], wanted) if before and wanted else not before and wanted is None:
            return
        found = []
        if wanted is not None:
            try:
                found = [network.listener(wanted, absent=self.course.in_service and self.course.to is None)]
            except OSError as error:
                why = f"{wanted.address}:{wanted.port} cannot be had: {error.strerror}"
                if not course.fail(self.course, why, names.now(), of_served=False):
                    self._give_up(why)
                self._save()
                return
        self.sleep.end()
        for one in before:
            self.fleet.listeners.remove(one)
            one.close()
        self.fleet.listeners += found

    # what is written

    def _save(self) -> None:
        self.writing.save(self.course)

    def _write(self, now: float) -> None:
        self.writing.write(self._status(), self.course, self.watch, now)

    def _word(self) -> str:
        """The state of the endpoint, in the hosted service's words."""
        rollout = self.course.rollout
        if self.stopping or self.failed is not None:
            return "OutOfService" if self.stopping else "Failed"
        if not self.course.in_service:
            return "Creating"
        if rollout and rollout.moving:
            return "RollingBack" if rollout.back or rollout.status == "RollingBack" else "Updating"
        if rollout and rollout.status == "UpdateRollbackFailed" and self.course.refused:
            return rollout.status
        return "InService" if self.settled else "Updating"

    def _status(self) -> EndpointStatus:
        """All but what changes with each request."""
        wish, listeners = self.course.served, self.fleet.listeners
        serving = self.fleet.serving()
        rollout = self.course.rollout
        return EndpointStatus(
            name=self.name,
            status=self._word(),
            reason=self.failed or self.course.reason or self.trouble or self.note,
            host=self.host,
            user=self.user,
            url=listening.url(self.port) if listeners else None,
            port=self.port or None,
            socket=records.local_path(self.store, self.name, "sock") if listeners else None,
            process=self.process,
            pids=[one.pid for one in serving],
            servers=[one.process for one in serving],
            workers=sum(one.ready for one in serving),
            asleep=self.sleep.on,
            max_concurrency=wish.serverless.max_concurrency if wish and wish.serverless else 0,
            restarts=self.fleet.restarts,
            variants=self.watch.variants(self.course, self.fleet.runtimes),
            rollout=msgspec.structs.replace(rollout, baked=0.0) if rollout else None,
            wish=self.course.seen,
            update_failed=self.course.refused and not self._moving(),
            started=self.started,
        )


def main(argv: list[str]) -> int:
    """Keeps an endpoint. argv: the workspace and the endpoint's name. Ends at once when another keeper has it."""
    root, name = argv
    store = Store.open(root)
    held = runtime.lock(records.local_path(store, name, "lock"), wait=False)
    if held is None:
        return 0
    path = files.absolute(store, records.log_path(name))
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    set_mode(log, path.parent.stat().st_mode & 0o666)  # a group that shares the workspace may read it
    os.dup2(log, 1)
    os.dup2(log, 2)
    return Keeper(store, name, held).keep()
