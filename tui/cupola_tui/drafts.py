"""A flow as the editor shows it: the flow, what a step does to a sample, and changes that are not written yet; a model
apart from any widget."""

import asyncio
import shlex
from collections.abc import Callable
from typing import Any

from cupola.arguments import listed
from cupola.errors import CupolaError
from cupola_tui.live import Bridge
from cupola_tui.widgets.rows import Record

PAUSE = 0.06  # seconds of a pause in typing after which it is looked at
LATE = 0.4  # seconds after which what is shown is told to be no answer
ROWS = 100
Change = dict[str, list[str]]
"""What `flow edit` takes, by the names of its options."""


class Draft:
    """One flow; `told()` is called when there is something else to be shown.

    preview: of the step, or of the change, that was asked for last, or None; error: why there is none. is_tried:
    whether it is of a change. Answers to what was overtaken are dropped; where one takes a while, `waits`, and what is
    shown is of no other step.
    """

    def __init__(self, bridge: Bridge, name: str, told: Callable[[], None]) -> None:
        self.bridge, self.name, self.told = bridge, name, told
        self.flow: Record = {}
        self.transforms: dict[str, Record] = {}
        self.preview: Record | None = None
        self.is_tried = False
        self.error: CupolaError | None = None
        self.python = False
        self.renewed = 0
        self.waits = False
        self._acting = 0
        self._opened: Record | None = None
        self._wanted: tuple[str, Change] | None = None
        self._asked: tuple[str, Change] = ("", {})
        self._task: asyncio.Task[None] | None = None
        self._late: asyncio.TimerHandle | None = None

    @property
    def sources(self) -> dict[str, str]:
        found: dict[str, str] = self.flow.get("sources") or {}
        return found

    @property
    def steps(self) -> list[Record]:
        found: list[Record] = self.flow.get("steps") or []
        return found

    def step(self, id: str) -> Record | None:
        return next((one for one in self.steps if one["id"] == id), None)

    async def read(self) -> None:
        """Reads the flow as it is now, to be changed from there. Raises CupolaError."""
        if not self.transforms:
            found = await self._ask("action", name="flow transforms", arguments={})
            self.transforms = {one["name"]: one for one in found}
        found = await self._ask("opened", kind="flow", ref=self.name)
        self._opened, self.flow = found["opened"], found["record"]

    async def changed_by(self) -> str:
        """Who has changed it since it was read; "" for nobody, and while it is changed from here, which reads it."""
        opened = self._opened
        said = await self._ask("changed", **opened) or "" if opened else ""
        return "" if self._acting or opened is not self._opened else said

    async def change(self, **texts: list[str]) -> None:
        """Changes the flow, as it was read, and reads it again. Raises Conflict where somebody else has changed it."""
        await self._act("flow edit", {"flow": self.name, **texts}, self._opened)

    async def act(self, name: str) -> None:
        """Does something to the whole flow (`flow undo`), and reads it again."""
        await self._act(name, {"flow": self.name}, None)

    async def _act(self, name: str, arguments: Record, opened: Record | None) -> None:
        self._acting += 1
        try:
            await asyncio.wrap_future(self.bridge.act(name, arguments, opened=opened))
            await self.read()
        finally:
            self._acting -= 1

    async def try_out(self, change: Change) -> None:
        """Raises CupolaError where the flow, so changed, could not be applied to the sample."""
        await self._ask("flow_preview", flow=self.name, change=change, rows=1, python=self.python)

    def look(self, step: str, change: Change | None = None) -> None:
        """Shows what a step does, or what it would do after a change."""
        loop = asyncio.get_running_loop()
        self._wanted = self._asked = step, change or {}
        self._late = self._late or loop.call_later(LATE, self._wait)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._look())

    def _wait(self) -> None:
        """Has an answer that is late not look as if it was there."""
        self.waits, self.error = True, None
        if not self._asked[1]:
            self.preview = None
        self.told()

    async def _look(self) -> None:
        while self._wanted is not None:
            await asyncio.sleep(PAUSE)
            step, change = self._wanted
            self._wanted = None
            try:
                preview, error = await self._previewed(step, change), None
            except CupolaError as trouble:
                preview, error = None, trouble
            if self._wanted is None:
                self._answered()
                self.is_tried = bool(change) if preview else self.is_tried
                self.preview, self.error = preview or (self.preview if change else None), error
                self.renewed += 1
                self.told()

    def _answered(self) -> None:
        if self._late:
            self._late.cancel()
        self._late, self.waits = None, False

    async def _previewed(self, step: str, change: Change) -> Record:
        if not change and step in self.sources:
            arguments = {"dataset": self.sources[step], "limit": ROWS}
            rows = await self._ask("action", name="dataset preview", arguments=arguments)
            return {"columns": rows["columns"], "types": rows["types"], "after": rows["rows"]}
        found: Record = await self._ask(
            "flow_preview", flow=self.name, step=step or None, change=change, rows=ROWS, python=self.python
        )
        return found

    async def _ask(self, call: str, **more: Any) -> Any:
        return await asyncio.wrap_future(self.bridge.ask(call, **more))


def words(step: Record) -> str:
    """The parameters of a step, in a line for people."""
    params = step.get("params") or {}
    return " ".join(f"{name}={' '.join(typed(value).split())}" for name, value in params.items())


def typed(value: Any) -> str:
    """A parameter as one types it."""
    if isinstance(value, list):
        return listed([typed(one) for one in value])
    return ("yes" if value else "no") if isinstance(value, bool) else "" if value is None else str(value)


def said(head: str, fields: list[Record], values: dict[str, str], before: Record, places: dict[str, str]) -> str:
    """A step as `flow edit --add` (or --set) takes it: what is typed into its fields, and where it stands."""
    parts = [head]
    for field in fields:
        name, value = field["name"], values.get(field["name"], "")
        if value == typed(before.get(name)) and before:
            continue
        if value or before.get(name) not in (None, "", []):
            parts.append(f"{name}={value}")
    return shlex.join([*parts, *(f"{name}={value}" for name, value in places.items())])


def lanes(sources: dict[str, str], steps: list[Record]) -> list[tuple[str, int, list[str]]]:
    """The id of each source and step, which lane it is drawn in, and the inputs that are worth a word.

    A step stands in the lane of what it takes; the second that takes the same begins a lane of its own: a branch.
    """
    found: list[tuple[str, int, list[str]]] = []
    lane = {id: place for place, id in enumerate(sources)}
    found += [(id, lane[id], []) for id in sources]
    taken: set[str] = set()
    before, widest = next(iter(sources), ""), max(0, len(sources) - 1)
    for step in steps:
        inputs = step.get("inputs") or [before]
        first = inputs[0] if inputs else ""
        if first in taken or first not in lane:
            widest += 1
            lane[step["id"]] = widest
        else:
            lane[step["id"]] = lane[first]
        taken.add(first)
        above = found[-1][0] if found else ""
        found.append((step["id"], lane[step["id"]], inputs if len(inputs) > 1 or first != above else []))
        before = step["id"]
    return found


class Edit:
    """A step that is being written: one that is there, or one of this type at this place."""

    def __init__(self, transform: Record, step: Record | None, places: dict[str, str], source: str = "") -> None:
        self.transform, self.step, self.places, self.source = transform, step, places, source

    def change(self, values: dict[str, str]) -> Change:
        """What is typed, as `flow edit` takes it."""
        before = (self.step or {}).get("params") or {}
        head = self.step["id"] if self.step else self.transform["name"]
        text = said(head, self.transform["fields"], values, before, self.places)
        more = {"source": [self.source]} if self.source else {}
        return more | ({"set": [text]} if self.step else {"add": [text]})
