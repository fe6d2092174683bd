"""Jobs on a full disk: they wait until there is room, or fail, as workspace.toml says; and say that they wait.

What waits says so by an empty file in its attempt's directory: a name is what a full disk has still room for.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from cupola.errors import CupolaError, DiskFull
from cupola.settings import Settings
from cupola.store import Store, files
from cupola.store.records import read_toml
from cupola.store.root import MARK

WORK, KEEPER = "no-room.work", "no-room.keeper"  # each has one writer: the job's process, its keeper
WAITS = "waits for room on the disk"
PAUSE = 0.5  # seconds between looks at how much room there is
BLIND = 15.0  # the most seconds after which it is tried without having seen more room: a quota cannot be seen

T = TypeVar("T")


def may_wait(store: Store) -> bool:
    """Whether jobs of this workspace wait for room; else they fail."""
    try:
        return read_toml(store, MARK, Settings).jobs.full_disk == "wait"
    except CupolaError:
        return True


def say(store: Store, directory: str, who: str, waits: bool) -> None:
    """Says that `who` waits for room, or waits no more; where not even that can be said, it waits unseen."""
    with contextlib.suppress(CupolaError):
        if waits:
            files.write_bytes(store, f"{directory}/{who}", b"", durable=False)
        else:
            files.remove(store, f"{directory}/{who}")


def waits(store: Store, directory: str) -> bool:
    """Whether an attempt, or its keeper, waits for room."""
    return not {WORK, KEEPER}.isdisjoint(files.listing(store, directory))


def wait_for(store: Store, directory: str, do: Callable[[], T]) -> T:
    """What `do` gives; on a full disk it is done anew when there is room. Raises DiskFull where jobs are to fail."""
    said, blind = False, PAUSE
    try:
        while True:
            free = _free(store)
            try:
                return do()
            except DiskFull as error:
                if not may_wait(store):
                    raise
                if not said:
                    with contextlib.suppress(OSError):  # where it prints to this disk
                        print(f"{error.message}: the job {WAITS}", file=sys.stderr, flush=True)
            said = True
            say(store, directory, WORK, True)
            _until_there_is_more(store, free, blind)
            blind = min(BLIND, blind * 2)
    finally:
        if said:
            say(store, directory, WORK, False)


def _until_there_is_more(store: Store, free: int, blind: float) -> None:
    """Until there is more room than there was, or so many seconds have passed."""
    deadline = time.monotonic() + blind
    while time.monotonic() < deadline and may_wait(store):
        time.sleep(PAUSE)
        if _free(store) > free:
            return


def _free(store: Store) -> int:
    """Bytes that there is room for, of the files of this user."""
    room = os.statvfs(store.root)
    return room.f_bavail * room.f_frsize
