"""Keys one after the other: the next is looked at when the one before has had its effect.

Textual hands each key to whatever has the focus when it comes. A burst (a fast typist on a slow link, a script) would
reach the table while the form that it is meant for is still opening; there, every letter is a verb.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.message import Message
from textual.widget import Widget

LOOK = 0.5  # seconds between two looks at what keys wait for: a widget that went away never says that it is done
PAUSE = 0.4  # seconds without a key, after which one that follows a refusal is meant for what is on the screen
LOOKS = 10  # and then they wait no longer; counted, since a process that stood still has waited for nothing
Typed = events.Key | events.Paste


class KeyDone(Message):
    """Follows a key through every queue that the key goes through, and says that it is through."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Keystrokes:
    """The keys that wait. pass_on: gives one to the screen; target: who gets it; soon: calls something after that."""

    def __init__(
        self,
        pass_on: Callable[[Typed], Awaitable[None]],
        target: Callable[[], Widget],
        soon: Callable[..., Any],
    ) -> None:
        self._pass_on, self._target, self._soon = pass_on, target, soon
        self._waiting: deque[Typed] = deque()
        self._number = self._holds = 0
        self._busy = self._held = False
        self._deaf_until = 0.0

    async def take(self, event: Typed) -> None:
        """A key was pressed. Escape lets go of all that waits: it is how one gets out."""
        if self._is_unmeant(event):
            return
        if self._held and isinstance(event, events.Key) and event.key == "escape":
            self._waiting.clear()
            self._held = self._busy = False
        self._waiting.append(event)
        await self._next()

    async def done(self, number: int) -> None:
        """A key has had its effect."""
        if number == self._number:
            self._busy = False
            await self._next()

    def refuse(self) -> None:
        """A form does not open: what was typed for it is not meant for the table, nor is what follows in one go."""
        self._waiting.clear()
        self._deaf_until = time.monotonic() + PAUSE

    def _is_unmeant(self, event: Typed) -> bool:
        now = time.monotonic()
        if now >= self._deaf_until:
            return False
        text = isinstance(event, events.Paste) or event.is_printable or event.key in ("enter", "tab", "backspace")
        self._deaf_until = now + PAUSE if text else 0.0
        return text

    def hold(self) -> None:
        """What a key opens is on its way: keys wait till `release`, or for a few seconds."""
        self._held = True
        self._holds += 1
        self._later(self._let_go, self._holds, LOOKS)

    def release(self) -> None:
        """It is there and has the focus."""
        if self._held:
            self._held = False
            self._soon(self._next)

    def _let_go(self, hold: int, looks: int) -> None:
        if hold == self._holds and self._held:
            self._later(self._let_go, hold, looks - 1) if looks > 1 else self.release()

    async def _look(self, number: int, target: Widget, looks: int) -> None:
        if number == self._number and self._busy:
            if looks > 1 and target.is_running:
                self._later(self._look, number, target, looks - 1)
            else:
                await self.done(number)

    async def _next(self) -> None:
        if self._busy or self._held or not self._waiting:
            return
        self._busy, self._number = True, self._number + 1
        number, event, target = self._number, self._waiting.popleft(), self._target()
        self._later(self._look, number, target, LOOKS)
        await self._pass_on(event)
        if not target.post_message(KeyDone(number)):
            self._soon(self.done, number)

    def _later(self, *call: Any) -> None:
        asyncio.get_running_loop().call_later(LOOK, self._soon, *call)
