"""Who else is here, what concerns this user, and what the others see of them: kept fresh through the bridge."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from cupola.errors import CupolaError
from cupola_tui.live import Bridge
from cupola_tui.plain import clean
from cupola_tui.widgets.rows import Record

MOST = 3  # names in the header
GLANCE = 0.3  # seconds that one stands still on a record before the others are told of it
EVERY = 30.0  # seconds after which it is asked again: somebody whose host died says nothing


class Company:
    """The people in this workspace; `say` takes what the header is to say of them, `me` is this user's name."""

    def __init__(self, bridge: Bridge, say: Callable[..., None]) -> None:
        self.bridge, self.say = bridge, say
        self.me = ""
        self.here: list[Record] = []
        self.unread = 0
        self.asked = 0.0
        self._seen = ("", "", "")
        self._glance: asyncio.TimerHandle | None = None

    async def refresh(self) -> None:
        """Asks who is here; where that cannot be had, they stay as they were."""
        self.asked = time.monotonic()
        with contextlib.suppress(CupolaError):
            answer: Any = await asyncio.wrap_future(self.bridge.ask("team"))
            self.here, self.unread = answer["here"], answer["unread"]
        self.say(people=self.names(), unread=self.unread)

    @property
    def late(self) -> bool:
        """Whether it is time to ask again."""
        return time.monotonic() - self.asked > EVERY

    def names(self) -> str:
        """Who is here, as the header says it: others first, and nothing where nobody else is."""
        others = sorted({clean(one.get("user")) for one in self.here} - {clean(self.me)})
        more = f" +{len(others) - MOST}" if len(others) > MOST else ""
        return ", ".join([*others[:MOST], "you"]) + more if others else ""

    def stand(self, sight: Callable[[], tuple[str, str, str]]) -> None:
        """Lets the others see what is looked at (the pane, and kind and name of a record), once one stands still."""
        if self._glance is not None:
            self._glance.cancel()
        self._glance = asyncio.get_running_loop().call_later(GLANCE, lambda: self._look(*sight()))

    def _look(self, pane: str, kind: str, ref: str) -> None:
        if self._seen != (pane, kind, ref):
            self._seen = (pane, kind, ref)
            self.bridge.ask("look", pane=pane, kind=kind, ref=ref).add_done_callback(lambda told: told.exception())

    async def read(self, notes: Record) -> None:
        """What is shown of a record is read: its comments that name this user are not new any more."""
        named = [one for one in notes.get("comments") or [] if self.me in (one.get("mentions") or [])]
        if not (self.unread and named):
            return
        for ref in dict.fromkeys(f"{one.get('kind')}:{one.get('ref')}" for one in named):
            with contextlib.suppress(CupolaError):
                asked = self.bridge.ask("action", name="activity read", arguments={"ref": ref})
                await asyncio.wrap_future(asked)
        await self.refresh()
