"""The endpoints of one workspace: each that is wished for here has a keeper, and the gateway stands before them."""

import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import msgspec

from cupola.agent.host import Host
from cupola.agent.launching import Launch
from cupola.errors import Corrupt, CupolaError, NewerFormat
from cupola.jobs import agents
from cupola.serving import records
from cupola.serving.records import Endpoint
from cupola.serving.status import EndpointStatus
from cupola.store import Store, files, names, runtime
from cupola.store.runtime import Process

STEADY = 20.0  # seconds after which a keeper that ends is no longer one that cannot run
PAUSE = 30.0  # the longest pause before it is started again


class Upkeep:
    """One process that is to run: adopted when it already does, else asked for, with pauses when it keeps dying."""

    def __init__(self) -> None:
        self.launch: Launch | None = None
        self.process: Process | None = None
        self.since = 0.0
        self.deaths = 0
        self.again_at = 0.0

    def running(self) -> bool:
        """Whether it runs or is on its way; takes down that it has ended."""
        if self.launch and self.launch.process:
            self.process = self.launch.process
            self.launch = None
        if self.launch and not self.launch.failed:
            return True
        self.launch = None
        if self.process is None:
            return False
        if runtime.alive(self.process):
            return True
        self.process = None
        self.deaths = 0 if time.monotonic() - self.since > STEADY else self.deaths + 1
        self.again_at = time.monotonic() + (min(PAUSE, 0.25 * 2**self.deaths) if self.deaths > 1 else 0.0)
        return False

    def start(self, launch: Callable[[], Launch]) -> None:
        if time.monotonic() >= self.again_at:
            self.since = time.monotonic()
            self.launch = launch()

    def adopt(self, process: Process) -> None:
        self.process, self.since = process, time.monotonic()


class Endpoints:
    """`watch` is called with each keeper that is to wake the thread when it ends; `wake` wakes it."""

    def __init__(self, store: Store, host: Host, watch: Callable[[Process], None], wake: Callable[[], None]) -> None:
        self.store = store
        self.host = host
        self.watch = watch
        self.wake = wake
        self.upkeep: dict[str, Upkeep] = {}
        self.read: dict[str, tuple[bytes, Endpoint | None]] = {}

    def reconcile(self) -> None:
        """Brings up the keeper of every endpoint that has none; a keeper that runs looks after its wish itself."""
        here = 0
        for name in files.listing(self.store, records.DIRECTORY):
            upkeep = self.upkeep.setdefault(name, Upkeep())
            if upkeep.running():
                here += 1
                self._watch(upkeep)
            elif self._wanted(name) and not self._adopted(name, upkeep):
                here += 1
                argv = [str(self.store.root), name]
                launch = self.host.launcher.launch
                upkeep.start(partial(launch, "cupola.serving.keeper", argv, [], self.wake, warm=True))
        if here or agents.wants_gateway(self.store.root):
            self.host.gateway.ensure(self.store, self.host)
            self._watch(self.host.gateway.upkeep)

    def _watch(self, upkeep: Upkeep) -> None:
        if upkeep.process:
            self.watch(upkeep.process)

    def _wanted(self, name: str) -> bool:
        """Whether it is wished for here, by this very user, and has not failed as it stands; or has servers to end."""
        wish = self._wish(name)
        if wish is None or (wish.user, wish.host) != names.who():
            return False
        seen = _status(self.store, name)
        if wish.desired != "InService":
            return seen is not None and any(map(runtime.alive, seen.servers))
        failed = seen is not None and seen.status == "Failed" and seen.wish == wish.digest()
        return not failed and records.signed(self.store, wish)

    def _wish(self, name: str) -> Endpoint | None:
        """The wish, parsed again only when its file has changed."""
        try:
            data = files.read_bytes(self.store, records.wish_path(name))
            if self.read.get(name, (b"", None))[0] != data:
                self.read[name] = data, None
                self.read[name] = data, records.wish(self.store, name)
        except (Corrupt, NewerFormat):
            return None
        except CupolaError:  # the disk's fault: the next look reads it again
            self.read.pop(name, None)
            return None
        return self.read[name][1]

    def _adopted(self, name: str, upkeep: Upkeep) -> bool:
        """Whether a keeper runs already: one that an agent before this one has started."""
        seen = _status(self.store, name)
        if seen is None or seen.process is None or not runtime.alive(seen.process):
            return False
        upkeep.adopt(seen.process)
        self.watch(seen.process)
        return True


class Gateway:
    """The gateway of this user on this host; brought up with the first endpoint, or when it is wanted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.upkeep = Upkeep()

    def ensure(self, store: Store, host: Host) -> None:
        with self.lock:
            if self.upkeep.running():
                return
            before = records.gateway(store)
            if before and before.process and runtime.alive(before.process):
                self.upkeep.adopt(before.process)
            else:
                self.upkeep.start(lambda: host.launcher.launch("cupola.serving.gateway", [], [], host.freed))


def processes(store: Store) -> list[Process]:
    """The keepers of this user's endpoints in a workspace that run on this host; where one was killed, its servers."""
    me = names.who()
    found: list[Process] = []
    for name in files.listing(store, records.DIRECTORY):
        seen = _status(store, name)
        if seen is not None and (seen.user, seen.host) == me:
            kept = seen.process is not None and runtime.alive(seen.process)
            found += [seen.process] if kept and seen.process else filter(runtime.alive, seen.servers)
    return found


def _status(store: Store, name: str) -> EndpointStatus | None:
    """What its keeper wrote last; None where that cannot be read (another version wrote it): it is written anew."""
    try:
        return records.status(store, name)
    except (Corrupt, NewerFormat):
        return None


def gateways() -> list[Process]:
    """The gateway of this user on this host, when it runs, also before any workspace knows of it."""
    try:
        process = msgspec.json.decode(agents.gateway_file().read_bytes(), type=Process)
    except (OSError, msgspec.MsgspecError):
        return []
    return [process] if runtime.alive(process) else []


def stop_all(stores: list[Store]) -> list[Process]:
    """Tells the keepers of all endpoints and the gateway to end."""
    found = gateways() + [one for store in stores for one in processes(store)]
    for one in found:
        runtime.send(one, signal.SIGTERM)
    return found
