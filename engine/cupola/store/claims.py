"""Claims: who may do a thing now, and under which number; and numbers that are given once and for ever.

A claim is a file that can be made only once (`.cupola/claims/NAME/NUMBER.json`), with a beat file beside it that only
its owner writes. Nobody compares clocks: whoever has seen, by its own clock, the beat stand still for the lease calls
the owner dead and takes the next number. What a dead owner still writes is fenced off by its lower number.
A `Series` of claims may lie elsewhere: the attempts of a job are claims in the job's own directory.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import msgspec

from cupola.errors import Conflict, Corrupt, CupolaError, DiskTrouble, NotFound
from cupola.store import runtime
from cupola.store.content import create_bytes, listing, read_bytes, remove, write_bytes
from cupola.store.names import new_id, now, who
from cupola.store.root import Store

CLAIMS = ".cupola/claims"
NUMBERS = ".cupola/claims/numbers"
CLAIM_FILE = re.compile(r"([0-9]{8})\.json")
NUMBER = re.compile("[0-9]{1,9}")
VERSION = re.compile(r"([0-9]{1,9})-[a-z0-9]+")
KEPT = 8  # claims of one name that stay: nobody is so late as to make one of a lower number


class Owner(msgspec.Struct, kw_only=True):
    """What a claim's file says: who made it, and as which process."""

    number: int
    nonce: str
    user: str
    host: str
    process: runtime.Process
    time: str


class Beat(msgspec.Struct, kw_only=True):
    """What the owner says from time to time."""

    counter: int = 0
    released: bool = False


class Series(NamedTuple):
    """Where the claims of one thing lie: by number the file that can be made only once, and the beat beside it."""

    directory: str
    file: str = "{number:08d}.json"
    beat: str = "{number:08d}.{nonce}.beat"
    listed: re.Pattern[str] = CLAIM_FILE

    def numbers(self, store: Store) -> list[int]:
        """The numbers that were claimed."""
        return [int(found[1]) for one in listing(store, self.directory) if (found := self.listed.fullmatch(one))]

    def claim_path(self, number: int) -> str:
        return f"{self.directory}/{self.file.format(number=number)}"

    def beat_path(self, owner: Owner) -> str:
        return f"{self.directory}/{self.beat.format(number=owner.number, nonce=owner.nonce)}"


class Claim:
    """A claim, ours (from `take`) or as it was read (from `current`); `number` orders those of one series."""

    def __init__(self, series: Series, owner: Owner, beat: Beat, lease_seconds: float) -> None:
        self.series = series
        self.owner = owner
        self.beat = beat
        self.lease_seconds = lease_seconds
        self.renewed = _clock()

    @property
    def number(self) -> int:
        return self.owner.number

    @property
    def nonce(self) -> str:
        return self.owner.nonce

    @property
    def released(self) -> bool:
        return self.beat.released

    def may_write(self) -> bool:
        """Whether the owner may go on writing: not when it could not renew for half the lease, by its own clock."""
        return not self.released and _clock() - self.renewed < self.lease_seconds / 2


class Lease:
    """Watches the counter of one claim by this process's own clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def expired(self, claim: Claim) -> bool:
        """Whether the counter has been seen to stand still for the lease; ask again and again."""
        seen = (claim.nonce, claim.beat.counter)
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return time.monotonic() - self._since >= self._seconds


def take(store: Store, name: str) -> Claim | None:
    """The claim of `name` with the next number; None while somebody else has it, or has just been faster."""
    store.check_writable()
    last = current(store, name)
    if last is not None and not last.released and not dead(store, last):
        return None
    series = _named(name)
    user, host = who()
    number = last.number + 1 if last else 1
    owner = Owner(number=number, nonce=new_id(), user=user, host=host, process=runtime.current(), time=now())
    claim = Claim(series, owner, Beat(), store.mount.lease_seconds)
    try:
        if not create_bytes(store, series.claim_path(number), _line(owner)):
            return None
        numbers = series.numbers(store)
    except CupolaError:
        _withdraw(store, claim)
        raise
    if max(numbers, default=number) > number:
        return None
    with suppress(CupolaError):  # the next one tries it again
        for old in sorted(numbers)[:-KEPT]:
            _forget(store, name, old)
    return claim


def _withdraw(store: Store, claim: Claim) -> None:
    """Takes away what may have been made of a claim before the disk failed: others would wait for its lease to end."""
    path = claim.series.claim_path(claim.number)
    with suppress(CupolaError):
        if read_bytes(store, path) == _line(claim.owner):
            remove(store, path)


def renew(store: Store, claim: Claim) -> bool:
    """Beats once more; False when somebody has taken a higher number, and the owner must stop. Raises DiskTrouble."""
    if max(claim.series.numbers(store), default=0) > claim.number:
        claim.renewed = float("-inf")
        return False
    before = _clock()
    claim.beat.counter += 1
    write_bytes(store, claim.series.beat_path(claim.owner), _line(claim.beat), durable=False)
    claim.renewed = before
    return True


def release(store: Store, claim: Claim) -> None:
    """Gives it back: the next may take it at once."""
    claim.beat.released = True
    claim.beat.counter += 1
    write_bytes(store, claim.series.beat_path(claim.owner), _line(claim.beat))


def current(store: Store, name: str) -> Claim | None:
    """The claim with the highest number, released or not; None when nobody ever claimed `name`."""
    series = _named(name)
    for _ in range(5):
        numbers = series.numbers(store)
        if not numbers:
            return None
        with suppress(NotFound):
            return _read(store, series, max(numbers))
        _refresh(store, name)  # the listing was so old that the claim is forgotten by now
    raise DiskTrouble("this mount shows the claim as it was long ago", where=name, hint=store.mount.advice)


def look(store: Store, claim: Claim) -> None:
    """Takes the beat of somebody's claim as it is now; one that is not there or not whole leaves it as it was."""
    with suppress(NotFound, msgspec.MsgspecError):
        claim.beat = msgspec.json.decode(read_bytes(store, claim.series.beat_path(claim.owner)), type=Beat)


def _read(store: Store, series: Series, number: int) -> Claim:
    path = series.claim_path(number)
    try:
        owner = msgspec.json.decode(read_bytes(store, path), type=Owner)
    except msgspec.MsgspecError as error:
        hint = "`cupola check --repair` mends it"
        raise Corrupt(f"this claim cannot be read: {error}", where=path, hint=hint) from error
    claim = Claim(series, owner, Beat(), store.mount.lease_seconds)
    look(store, claim)
    return claim


def _refresh(store: Store, name: str) -> None:
    """Makes a cached listing forgotten: a mount lists a directory anew once it has itself changed it."""
    if not store.readonly:
        draft = f"{CLAIMS}/{name}/.tmp-{new_id()}"
        write_bytes(store, draft, b"", durable=False)
        remove(store, draft)
    time.sleep(0.1)


def is_held(store: Store, name: str) -> bool:
    """Whether somebody has it now: not released, and not seen dead by this process."""
    found = current(store, name)
    return found is not None and not found.released and not dead(store, found)


@contextmanager
def held(store: Store, name: str) -> Iterator[Claim]:
    """Waits for the claim, holds it for a short piece of work, and gives it back.

    Raises Conflict when somebody else keeps it for longer than a dead owner could.
    """
    deadline = time.monotonic() + store.mount.lease_seconds + 5
    while (claim := take(store, name)) is None:
        if time.monotonic() > deadline:
            raise Conflict("somebody else is changing it just now", where=name, hint="try again in a moment")
        time.sleep(0.02)
    try:
        yield claim
    finally:
        release(store, claim)


def take_number(store: Store, directory: str) -> int:
    """The next free N for a version directory N-ID in `directory`; nobody else in this workspace ever gets it."""
    store.check_writable()
    claimed = {int(name) for name in listing(store, f"{NUMBERS}/{directory}") if NUMBER.fullmatch(name)}
    there = {int(found[1]) for name in listing(store, directory) if (found := VERSION.fullmatch(name))}
    number = max(claimed | there, default=0) + 1
    user, host = who()
    content = msgspec.json.encode({"nonce": new_id(), "user": user, "host": host, "time": now()}) + b"\n"
    while not create_bytes(store, f"{NUMBERS}/{directory}/{number}", content):
        number += 1
    return number


def dead(store: Store, claim: Claim) -> bool:
    """Whether the owner is gone: seen so by our own clock, or for certain, when it was a process of this very boot."""
    owner = claim.owner
    if owner.host == who()[1] and owner.process.boot == runtime.boot() and not runtime.alive(owner.process):
        return True
    lease: Lease = store.leases.setdefault(claim.series.directory, Lease(store.mount.lease_seconds))
    return lease.expired(claim)


def _clock() -> float:
    """Seconds that also count while the host is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _named(name: str) -> Series:
    return Series(f"{CLAIMS}/{name}")


def _line(record: Owner | Beat) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def _forget(store: Store, name: str, number: int) -> None:
    for one in listing(store, f"{CLAIMS}/{name}"):
        if one.startswith(f"{number:08d}."):
            remove(store, f"{CLAIMS}/{name}/{one}")
