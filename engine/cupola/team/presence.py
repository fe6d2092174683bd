"""Who is here now: a small file per session of the app, `.cupola/presence/HOST-USER-COPY-SESSION.json`.

Only its session writes it: at once when somebody looks at something else, and every 20 s to count `beat` up. Nobody
compares clocks: a reader on the same host asks the kernel whether the process lives; any other says that a session has
gone when its own clock has seen the beat stand still. What a host has seen it remembers in its runtime directory, so
that also a command that looks once can tell.
"""

import contextlib
import os
import threading
import time
from typing import Any

import msgspec

from cupola.errors import CupolaError
from cupola.store import Store, feed, runtime
from cupola.store.content import listing, read_bytes, remove, write_bytes
from cupola.store.names import new_id, now, who

DIRECTORY = ".cupola/presence"
EVERY = 20.0  # seconds between two beats
PAUSE = 1.0  # seconds between two writes, however fast somebody walks through a list
FORGOTTEN = 3600.0  # seconds without a beat after which anybody may remove the file
LONGEST = 200  # characters of what is looked at


class Presence(msgspec.Struct, kw_only=True):
    """What a session says of itself: who, and since when which pane (and the record `ref` of a kind in it)."""

    session: str
    user: str
    host: str
    process: runtime.Process
    started: str
    since: str
    pane: str = ""
    kind: str = ""
    ref: str = ""
    beat: int = 0


class Present(msgspec.Struct, kw_only=True):
    """Somebody who is here. what: the pane and the record in words. seen: whether the session is known to live; a
    session on another host that was found just now may be one that ended without a word."""

    user: str
    host: str
    what: str
    since: str
    seen: bool
    session: str
    started: str
    pane: str
    kind: str
    ref: str


class Sighting(msgspec.Struct):
    """When this host's own clock last saw the beat of a session move; `moved`: whether it ever did."""

    beat: int
    at: float
    moved: bool = False


class Sightings(msgspec.Struct, kw_only=True):
    """What a host remembers of one workspace since its boot."""

    boot: str
    sessions: dict[str, Sighting] = msgspec.field(default_factory=dict)


class Session:
    """This process as others see it; a thread of its own writes, so that nobody waits for a mount."""

    def __init__(self, store: Store, pane: str = "", kind: str = "", ref: str = "") -> None:
        user, host = who()
        moment = now()
        self.store = store
        self.presence = Presence(
            session=new_id(), user=user, host=host, process=runtime.current(), started=moment, since=moment,
            **_seen(pane, kind, ref),
        )  # fmt: skip
        self.path = f"{DIRECTORY}/{store.writer}-{self.presence.session}.json"
        self._changed = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._thread.start()

    def look(self, pane: str, kind: str = "", ref: str = "") -> None:
        """Says what is looked at from now on; comes back at once."""
        seen = _seen(pane, kind, ref)
        with self._lock:
            if any(getattr(self.presence, name) != value for name, value in seen.items()):
                self.presence = msgspec.structs.replace(self.presence, since=now(), **seen)
                self._changed.set()

    def leave(self, timeout: float = 1.0) -> None:
        """Takes the file away; a mount that hangs gets `timeout` seconds."""
        self._over.set()
        self._changed.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        with contextlib.suppress(OSError, CupolaError):
            _sweep(self.store)
        told = None
        while not self._over.is_set():
            self._changed.clear()
            with self._lock:
                self.presence.beat += 1
                mine = msgspec.structs.replace(self.presence)
            with contextlib.suppress(OSError, CupolaError):
                write_bytes(self.store, self.path, msgspec.json.encode(mine) + b"\n", durable=False)
                if mine.since != told:
                    feed.announce(self.store, "presence", mine.session, mine.beat)
                    told = mine.since
            self._over.wait(PAUSE)
            self._changed.wait(EVERY - PAUSE)
        with contextlib.suppress(OSError, CupolaError):
            remove(self.store, self.path)
            feed.announce(self.store, "presence", self.presence.session, 0)


def _seen(pane: str, kind: str, ref: str) -> dict[str, Any]:
    return {"pane": pane[:LONGEST], "kind": kind[:LONGEST], "ref": ref[:LONGEST]}


def here(store: Store) -> list[Present]:
    """Who is here, by user and host; one whose process is gone, or whose beat has stood still, is not."""
    known = _remembered(store)
    before = msgspec.json.encode(known)
    found = [one for name in listing(store, DIRECTORY) if (one := _read(store, name))]
    known.sessions = {one.session: known.sessions.get(one.session, Sighting(-1, 0.0)) for one in found}
    alive = [(one, state) for one in found if (state := _state(store, one, known.sessions[one.session])) != "gone"]
    if msgspec.json.encode(known) != before:
        with contextlib.suppress(OSError, CupolaError):
            _remember(store, known)
    shown = [_present(one, state == "here") for one, state in alive]
    return sorted(shown, key=lambda one: (one.user, one.host, one.started, one.session))


def lease(store: Store) -> float:
    """How long a beat stands still before its session has gone: three beats, and what the mount shows late."""
    return 3 * EVERY + store.mount.stale_seconds


def _state(store: Store, one: Presence, sighting: Sighting) -> str:
    """ "here", "gone", or "unsure" for one of another host that was not seen to move yet; updates the sighting."""
    moment = time.clock_gettime(time.CLOCK_BOOTTIME)
    if one.beat != sighting.beat:
        sighting.moved = sighting.beat >= 0
        sighting.beat, sighting.at = one.beat, moment
    if one.host == who()[1] and one.process.boot == runtime.boot():
        return "here" if runtime.alive(one.process) else "gone"
    if moment - sighting.at >= lease(store):
        return "gone"
    return "here" if sighting.moved else "unsure"


def _present(one: Presence, seen: bool) -> Present:
    record = f"{one.kind} {one.ref}".strip() if one.ref else ""
    same = ("user", "host", "since", "session", "started", "pane", "kind", "ref")
    fields = {name: getattr(one, name) for name in same}
    return Present(what=": ".join(part for part in (one.pane, record) if part), seen=seen, **fields)


def _read(store: Store, name: str) -> Presence | None:
    """What a session says; None for one that has just left, or a file that is none."""
    if not name.endswith(".json"):
        return None
    try:
        return msgspec.json.decode(read_bytes(store, f"{DIRECTORY}/{name}"), type=Presence)
    except (CupolaError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _sweep(store: Store) -> None:
    """Removes the files of sessions that ended without a word: this host's own, and any that is long silent."""
    known = _remembered(store).sessions
    moment = time.clock_gettime(time.CLOCK_BOOTTIME)
    for name in listing(store, DIRECTORY):
        one = _read(store, name)
        if one is None:
            continue
        mine = one.host == who()[1] and one.process.boot == runtime.boot()
        seen = known.get(one.session)
        silent = seen is not None and seen.beat == one.beat and moment - seen.at > FORGOTTEN
        if not runtime.alive(one.process) if mine else silent:
            remove(store, f"{DIRECTORY}/{name}")


def _remembered(store: Store) -> Sightings:
    try:
        with open(_memory(store), "rb") as file:  # noqa: PTH123
            found = msgspec.json.decode(file.read(), type=Sightings)
    except (OSError, CupolaError, msgspec.MsgspecError):
        found = Sightings(boot="")
    return found if found.boot == runtime.boot() else Sightings(boot=runtime.boot())


def _remember(store: Store, known: Sightings) -> None:
    path = _memory(store)
    draft = f"{path}.{new_id()}"
    with open(draft, "wb") as file:  # noqa: PTH123
        file.write(msgspec.json.encode(known))
    os.replace(draft, path)  # noqa: PTH105


def _memory(store: Store) -> str:
    return str(runtime.runtime_dir() / f"presence-{store.copy}.json")


_session: Session | None = None
_beginning = threading.Lock()


def look(store: Store, pane: str, kind: str = "", ref: str = "") -> None:
    """Says what this process's user looks at; the first call begins the session. Opened read-only, it says nothing."""
    global _session
    if store.readonly:
        return
    with _beginning:
        if _session is None:
            _session = Session(store, pane, kind, ref)
    _session.look(pane, kind, ref)


def leave() -> None:
    """Ends this process's session, if it has one."""
    if _session is not None:
        _session.leave()
