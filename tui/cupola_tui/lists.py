"""The lists of records that the screen shows, kept fresh: one question at a time for each, slower while it fails."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from cupola.errors import CupolaError
from cupola_tui.live import Bridge
from cupola_tui.widgets.rows import Record

KINDS = ("datasets", "runs", "jobs", "models", "endpoints")
# Which lists a change makes old.
FED_BY = {
    "dataset": ("datasets",),
    "run": ("runs",),
    "job": ("jobs", "runs"),
    "model": ("models",),
    "endpoint": ("endpoints",),
    "agent": ("agent",),
    "file": KINDS,
}
OPEN = ("Queued", "InProgress", "Stopping")
LEAST = 0.15
SLOWEST = 30.0


class Lists:
    """Reads lists through the bridge; `told(kind)` is called after each reading, whether it went well or not."""

    def __init__(self, bridge: Bridge, told: Callable[[str], None]) -> None:
        self.bridge = bridge
        self.told = told
        self.records: dict[str, list[Record]] = {}
        self.errors: dict[str, CupolaError] = {}
        self._old: set[str] = set()
        self._reading: set[str] = set()
        self._retry = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, kind: str) -> list[Record]:
        return self.records.get(kind, [])

    def open_jobs(self) -> list[Record]:
        """Jobs that wait or run."""
        return [one for one in self.get("jobs") if one.get("status") in OPEN]

    def serving(self) -> list[Record]:
        """Endpoints that are in service."""
        return [one for one in self.get("endpoints") if one.get("status") == "InService"]

    def changed(self, changes: list[Record]) -> None:
        """Reads again what these changes made old; a kind that is unknown here (a newer writer) makes all old."""
        for kind in {one for change in changes for one in FED_BY.get(str(change.get("kind")), KINDS)}:
            self.refresh(kind)

    def refresh(self, kind: str) -> None:
        """Reads that list again, at once or as soon as the reading under way is done."""
        self._old.add(kind)
        if kind not in self._reading:
            self._reading.add(kind)
            task = asyncio.get_running_loop().create_task(self._keep(kind))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep(self, kind: str) -> None:
        pause = 1.0
        try:
            while kind in self._old:
                self._old.discard(kind)
                began = time.monotonic()
                if await self._read(kind):
                    pause = 1.0
                    await asyncio.sleep(max(LEAST, (time.monotonic() - began) / 2))
                else:
                    self._old.add(kind)
                    await self._pause(pause)
                    pause = min(SLOWEST, pause * 2)
        finally:
            self._reading.discard(kind)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._retry.wait(), seconds)

    def again(self) -> None:
        """What failed may work now: it is tried at once."""
        self._retry.set()
        self._retry = asyncio.Event()

    async def _read(self, kind: str) -> bool:
        try:
            answer: Any = await asyncio.wrap_future(self.bridge.ask("records", kind=kind))
        except CupolaError as error:
            self.errors[kind] = error
            self.told(kind)
            return False
        self.errors.pop(kind, None)
        self.records[kind] = answer or []
        self.told(kind)
        return True
