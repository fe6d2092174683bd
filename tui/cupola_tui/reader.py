"""The process that reads the workspace, as this user sees it: silent, lost, found again, replaced."""

import asyncio
from collections.abc import Callable
from typing import Any

from cupola.errors import CupolaError
from cupola_tui.lists import Lists
from cupola_tui.live import SILENT, Event
from cupola_tui.plain import clean

PAUSE = 1.0  # seconds after which a reader that has ended is started again


class Reader:
    """Says what is wrong with the reading, and has everything read anew once it works again.

    say: takes what the header is to say of it; opened: has it asked what the workspace is.
    """

    def __init__(self, lists: Lists, say: Callable[..., None], opened: Callable[[], Any]) -> None:
        self.lists, self.say, self.opened = lists, say, opened
        self._away = False

    def tend(self) -> float:
        """Feels the pulse of the mount, about once a second; for how many seconds it has been silent."""
        silent = self.lists.bridge.tend()
        if silent > SILENT:
            self._away = True
        self.say(silent=int(silent) if silent > SILENT else 0)
        return silent

    def heard(self, event: Event) -> None:
        """What the bridge says of the reading itself."""
        if "trouble" in event:
            error = event["trouble"]
            self.say(trouble=clean(error.get("message")) if error else "")
        elif "pulse" in event:
            self._felt(event["pulse"])
        elif "replaced" in event:
            self._anew()
        elif "ended" in event:
            self.say(trouble="the reader of the workspace ended; starting it again")
            asyncio.get_running_loop().call_later(PAUSE, self.replace)

    def replace(self) -> None:
        """Gives the process up and starts another, which reads everything anew."""
        self.lists.bridge.start()
        self._anew()

    def _felt(self, error: CupolaError | None) -> None:
        """The mount answered: that all is well, or that the workspace is not there."""
        self.say(gone=clean(error.message) if error else "", silent=0)
        if self._away and not error:
            self.lists.again()
        self._away = error is not None

    def _anew(self) -> None:
        self._away = False
        self.say(trouble="", silent=0)
        self.opened()
        self.lists.begin("agent")
