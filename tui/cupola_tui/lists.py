"""The lists of records that the screen shows, kept fresh: one question at a time for each, slower while it fails."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from cupola.errors import CupolaError, NotFound
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
    "presence": (),
    "activity": (),
}
FOLDERS = {"datasets": "datasets", "experiments": "runs", "jobs": "jobs", "models": "models", "endpoints": "endpoints"}
# Lists that may be long: what changed in them is read record by record, as long as it is not much.
LONG = {"run": "runs", "job": "jobs"}
FEW = 20
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
        self._touched: dict[str, set[str]] = {}
        self._looking: set[str] = set()
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
        old: set[str] = set()
        touched: dict[str, set[str]] = {kind: set() for kind in LONG.values()}
        for change in changes:
            what, ref = str(change.get("kind")), str(change.get("ref") or "")
            if what == "file":
                folder = ref.partition("/")[0]
                old.update([FOLDERS[folder]] if folder in FOLDERS else [])
            elif what in LONG and ref:
                touched[LONG[what]].add(ref)
            else:
                old.update(FED_BY.get(what, KINDS))
        for kind, refs in touched.items():
            if refs and (len(refs) > FEW or kind not in self.records):
                old.update({kind, "runs"})
            elif refs:
                self.look(kind, refs)
        for kind in old:
            self.refresh(kind)

    def look(self, kind: str, refs: Iterable[str]) -> None:
        """Reads those records of a long list again."""
        self._touched.setdefault(kind, set()).update(refs)
        if kind not in self._looking:
            self._looking.add(kind)
            self._go(self._keep_looking(kind))

    async def _keep_looking(self, kind: str) -> None:
        try:
            while refs := self._touched.pop(kind, set()):
                answers = await asyncio.gather(*(self._one(kind, ref) for ref in refs))
                if any(isinstance(one, CupolaError) and not isinstance(one, NotFound) for one in answers):
                    self.refresh(kind)  # it says what is wrong, and goes on trying
                self._merge(kind, dict(zip(refs, answers, strict=True)))
                await asyncio.sleep(LEAST)
        finally:
            self._looking.discard(kind)

    async def _one(self, kind: str, ref: str) -> Record | CupolaError:
        try:
            answer: Record = await asyncio.wrap_future(self.bridge.ask("record", kind=kind, ref=ref))
        except CupolaError as error:
            return error
        return answer

    def _merge(self, kind: str, answers: dict[str, Record | CupolaError]) -> None:
        """Puts newer records into their places; new ones come first, as lists begin with the newest."""
        known = {str(one.get("id")): one for one in self.records.get(kind, [])}
        new = []
        for ref, answer in answers.items():
            if isinstance(answer, CupolaError):
                if isinstance(answer, NotFound):
                    known.pop(ref, None)
            elif (ident := str(answer.get("id"))) in known:
                known[ident] = answer
            else:
                new.append(answer)
            if kind == "jobs" and isinstance(answer, dict) and answer.get("run"):
                self.look("runs", [str(answer["run"]).rpartition("/")[2]])
        new.sort(key=lambda one: str(one.get("submitted")), reverse=True)
        self.records[kind] = [*new, *known.values()]
        self._hear()
        self.told(kind)

    def _hear(self) -> None:
        """A run that is under way was last heard of when its job was."""
        heard = {one["run"].rpartition("/")[2]: one.get("heard") for one in self.open_jobs() if one.get("run")}
        for run in self.get("runs") if heard else ():
            if run.get("id") in heard:
                run["heard"] = heard[run["id"]]

    def refresh(self, kind: str) -> None:
        """Reads that list again, at once or as soon as the reading under way is done."""
        self._old.add(kind)
        if kind not in self._reading:
            self._reading.add(kind)
            self._go(self._keep(kind))

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
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
        if kind in ("runs", "jobs"):
            self._hear()
        self.told(kind)
        return True
