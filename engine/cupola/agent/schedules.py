"""The schedules of one workspace: each that is due here has a process that fires it."""

import time
from collections.abc import Callable

from cupola.agent.host import Host
from cupola.agent.launching import Launch
from cupola.errors import Corrupt, CupolaError, NewerFormat
from cupola.schedules import deciding, firing, records, triggers
from cupola.schedules.records import Progress, Schedule
from cupola.store import Store, files, runtime
from cupola.store.runtime import Process

EVENTS = 2.0  # seconds between two looks at what fires schedules beside the clock
LONGEST = 10.0  # the longest pause before what waits, or could not be fired, is looked at again


class Watched:
    """What this agent knows of a schedule: its wish as it was read, and when it is due next."""

    def __init__(self) -> None:
        self.data = b""
        self.schedule: Schedule | None = None
        self.due: float | None = None
        self.revision = -1
        self.launch: Launch | None = None
        self.launched_at = -1
        self.pause = 0.0
        self.again_at = 0.0


class Schedules:
    """`watch` is called with each process that is to wake the thread when it ends; `wake` wakes it."""

    def __init__(self, store: Store, host: Host, watch: Callable[[Process], None], wake: Callable[[], None]) -> None:
        self.store = store
        self.host = host
        self.watch = watch
        self.wake = wake
        self.known: dict[str, Watched] = {}
        self.events_at = 0.0

    def reconcile(self) -> None:
        """Has whatever is due fired; a firing that somebody else is at comes to nothing here."""
        names = files.listing(self.store, records.DIRECTORY)
        looks = time.monotonic() >= self.events_at
        if looks:
            self.events_at = time.monotonic() + EVENTS
        for gone in self.known.keys() - set(names):
            del self.known[gone]
        for name in names:
            one = self.known.setdefault(name, Watched())
            if self._read(name, one) and not self._firing(one):
                self._step(name, one, looks)

    def timeout(self, longest: float) -> float:
        """Seconds until the next is due, at most `longest`."""
        dues = [one.due for one in self.known.values() if one.due is not None and one.schedule]
        return max(0.0, min([longest, *(due - time.time() + 0.001 for due in dues if due > time.time())]))

    def _read(self, name: str, one: Watched) -> bool:
        """Whether this agent fires it; the wish is parsed again only when its file has changed."""
        try:
            data = files.read_bytes(self.store, records.wish_path(name))
            if data != one.data:
                one.data, one.schedule, one.revision = data, None, -1
                found = records.wish(self.store, name)
                if firing.mine(found) and found.enabled and records.signed(self.store, found):
                    deciding.upcoming(found, Progress(id=found.id, until=found.since), time.time())  # can be read
                    one.schedule = found
                elif firing.mine(found) and found.enabled:
                    one.data = b""  # it may yet be signed
        except (Corrupt, NewerFormat):
            return False
        except CupolaError:  # the disk's fault, or a time that cannot be read: the next look reads it again
            one.data, one.schedule = b"", None
            return False
        return one.schedule is not None

    def _firing(self, one: Watched) -> bool:
        """Whether a process is at it, or on its way."""
        if one.launch is None or one.launch.failed:
            return False
        if one.launch.process is None:
            return True
        if runtime.alive(one.launch.process):
            self.watch(one.launch.process)
            return True
        return False

    def _step(self, name: str, one: Watched, looks: bool) -> None:
        schedule = one.schedule
        assert schedule is not None
        before = records.progress(self.store, schedule)
        if before.revision != one.revision or one.due is None:
            one.revision, one.due = before.revision, deciding.upcoming(schedule, before, time.time())
        now = time.time()
        due = (one.due is not None and now >= one.due) or deciding.put_back(before, now)
        fired = looks and any(before.seen.get(on) != triggers.events(self.store, on) for on in schedule.on)
        if (due or fired or before.planned) and self._may_launch(one):
            argv = [str(self.store.root), name]
            one.launch = self.host.launcher.launch("cupola.schedules.firing", argv, [], self.wake)

    def _may_launch(self, one: Watched) -> bool:
        """Whether it is time: after one that has changed nothing (it waits, another host is at it) with pauses."""
        moment = time.monotonic()
        if one.launched_at != one.revision:
            one.launched_at, one.pause, one.again_at = one.revision, 0.5, moment
        if moment < one.again_at:
            return False
        one.again_at, one.pause = moment + one.pause, min(LONGEST, one.pause * 2)
        return True
