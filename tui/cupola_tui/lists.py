"""The lists of records that the screen shows, kept fresh: one question at a time for each, slower while it fails."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

from cupola.errors import CupolaError, NotFound
from cupola_tui.live import Bridge
from cupola_tui.widgets.rows import Record

KINDS = ("datasets", "runs", "jobs", "models", "endpoints", "pipelines", "tunings")
# Which lists a change makes old.
FED_BY = {
    "dataset": ("datasets",),
    "run": ("runs",),
    "job": ("jobs", "runs"),
    "model": ("models",),
    "endpoint": ("endpoints",),
    "tuning": ("tunings",),
    "pipeline": ("pipelines",),
    "execution": ("pipelines",),
    "schedule": ("pipelines",),
    "agent": ("agent",),
    "presence": (),
    "activity": (),
    "experiment": (),
    "view": (),
}
FOLDERS = {
    "datasets": "datasets", "experiments": "runs", "jobs": "jobs", "models": "models", "endpoints": "endpoints",
    "tunings": "tunings", "pipelines": "pipelines", "schedules": "pipelines",
}  # fmt: skip
# What says that it is made of bad data, which is said of a dataset.
MADE_OF_DATA = ("runs", "models", "endpoints")
# Lists that may be long: what changed in them is read record by record, as long as it is not much.
LONG = {"run": "runs", "job": "jobs", "tuning": "tunings"}
IDENT = {"tunings": "tuning"}  # what tells one record of a list from the others, where that is not its id
FEW = 20
OPEN = ("Queued", "InProgress", "Stopping")
SERVING = ("InService", "Updating", "RollingBack", "UpdateRollbackFailed")
LEAST = 0.15
SLOWEST = 30.0
# How long one rests after a reading, in terms of what that took: every change is an act.
RESTS = {"activity": 3.0}


class Lists:
    """Reads lists through the bridge; `told(kind)` is called after each reading, whether it went well or not.

    reading: of the long lists that are being read, how many records are read by now, and of how many.
    """

    def __init__(self, bridge: Bridge, told: Callable[[str], None]) -> None:
        self.bridge = bridge
        self.told = told
        self.records: dict[str, list[Record]] = {}
        self.errors: dict[str, CupolaError] = {}
        self.reading: dict[str, tuple[int, int]] = {}
        self._old: set[str] = set()
        self._reading: set[str] = set()
        self._retry = asyncio.Event()
        self._touched: dict[str, set[str]] = {}
        self._looking: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._were_open: set[str] = set()

    def get(self, kind: str) -> list[Record]:
        return self.records.get(kind, [])

    def open_jobs(self) -> list[Record]:
        """Jobs that wait or run."""
        return [one for one in self.get("jobs") if one.get("status") in OPEN]

    def serving(self) -> list[Record]:
        """Endpoints that are in service, those among them that are changing."""
        return [one for one in self.get("endpoints") if one.get("status") in SERVING]

    def ended(self) -> list[Record]:
        """Jobs that were open when this was asked the last time, and are no longer."""
        before, self._were_open = self._were_open, {str(one.get("id")) for one in self.open_jobs()}
        return [one for one in self.get("jobs") if one.get("id") in before - self._were_open]

    def follow(self, endpoints: bool) -> None:
        """Reads again what moves without a change being told: jobs that run, and endpoints where they are in sight."""
        if endpoints and self.serving():
            self.refresh("endpoints")
        running = [str(one.get("id")) for one in self.open_jobs() if one.get("status") != "Queued"]
        if running:
            self.look("jobs", running)

    def begin(self, first: str) -> None:
        """Reads every list, the one in front first."""
        others = ("jobs", "endpoints", "models", "datasets", "runs", "tunings", "pipelines", "agent")
        for kind in dict.fromkeys((first, *others)):
            self.refresh(kind)

    def changed(self, changes: list[Record]) -> None:
        """Reads again what these changes made old; a kind that is unknown here (a newer writer) makes all old."""
        old: set[str] = set()
        touched: dict[str, set[str]] = {kind: set() for kind in LONG.values()}
        for change in changes:
            what, ref = str(change.get("kind")), str(change.get("ref") or "")
            if what == "note":  # what was said of a record: read that again
                what, _, ref = ref.partition("/")
                old.update(MADE_OF_DATA if what == "dataset" else ())
            if what == "file":
                folder = ref.partition("/")[0]
                old.update([FOLDERS[folder]] if folder in FOLDERS else [])
            elif what in LONG and ref:
                touched[LONG[what]].add(ref)
            else:
                old.update(FED_BY.get(what, KINDS))
        for kind, refs in touched.items():
            if refs and (len(refs) > FEW or kind not in self.records or kind in self.reading):
                old.update({kind, "runs"})
            elif refs:
                self.look(kind, refs)
        for kind in old:
            self.refresh(kind)

    def look(self, kind: str, refs: Iterable[str]) -> None:
        """Reads those records of a long list again; one that is still read for the first time will have them."""
        if kind not in self.records or kind in self.reading:
            return
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
        ident_of = IDENT.get(kind, "id")
        known = {str(one.get(ident_of)): one for one in self.records.get(kind, [])}
        new = []
        for ref, answer in answers.items():
            if isinstance(answer, CupolaError):
                if isinstance(answer, NotFound):
                    known.pop(ref, None)
            elif (ident := str(answer.get(ident_of))) in known:
                known[ident] = answer
            else:
                new.append(answer)
            if kind == "jobs" and isinstance(answer, dict) and answer.get("run"):
                self.look("runs", [str(answer["run"]).rpartition("/")[2]])
        if kind == "jobs":
            self._look_at_tunings(answers.keys())
        new.sort(key=lambda one: str(one.get("submitted")), reverse=True)
        self.records[kind] = [*new, *known.values()]
        self._hear()
        self.told(kind)

    def _look_at_tunings(self, jobs: Collection[str]) -> None:
        """Whether a tuning is over shows by the jobs that make its trials."""
        worked_on = [one["tuning"] for one in self.get("tunings") if not {*jobs}.isdisjoint(one.get("jobs") or ())]
        if worked_on:
            self.look("tunings", worked_on)

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
                    await asyncio.sleep(max(LEAST, (time.monotonic() - began) * RESTS.get(kind, 0.5)))
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
        loop = asyncio.get_running_loop()

        def partly(progress: Record) -> None:  # in the bridge's thread
            loop.call_soon_threadsafe(self._partly, kind, progress)

        try:
            answer: Any = await asyncio.wrap_future(self.bridge.ask("records", kind=kind, progress=partly))
        except CupolaError as error:
            self.errors[kind] = error
            self.reading.pop(kind, None)
            self.told(kind)
            return False
        self.errors.pop(kind, None)
        self.reading.pop(kind, None)
        self.records[kind] = answer or []
        if kind in ("runs", "jobs"):
            self._hear()
        self.told(kind)
        return True

    def _partly(self, kind: str, progress: Record) -> None:
        """Takes the first page of a long list where nothing is shown yet, and how far its reading is."""
        if kind in self.records and kind not in self.reading:
            return  # what is known of it is shown until all of it is read again
        self.reading[kind] = progress["read"], progress["of"]
        if "page" in progress and kind not in self.records:
            self.records[kind] = progress["page"]
        self.told(kind)
