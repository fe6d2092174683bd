"""An import under way: where it writes, what it has done, and how far it is."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cupola.importing.records import Imported
from cupola.store import Store


class Work:
    """What every import has at hand. total: how much there is to be read, in whatever `tell` counts.

    report: is told how far it is (0 to 1) and at what; wait: does something, on a full disk anew when there is room.
    """

    def __init__(
        self,
        store: Store,
        report: Callable[[float | None, str], None] = lambda share, message: None,
        wait: Callable[[Callable[[], Any]], Any] = lambda do: do(),
    ) -> None:
        self.store, self._report, self._wait = store, report, wait
        self.done = Imported(skipped=[])
        self.total = 0
        self._read = 0
        self._stopped = False

    def stop(self) -> None:
        """Lets the import end at the next word of `tell`, which leaves nothing half-made."""
        self._stopped = True

    def tell(self, count: int, message: str) -> None:
        """So much more was read, of what `message` names. Ends the process where it was asked to stop."""
        if self._stopped:
            sys.exit(128 + signal.SIGTERM)
        self._read += count
        self._report(min(1.0, self._read / self.total) if self.total else None, message)

    def room(self, do: Callable[[], Any]) -> None:
        """Does it; on a full disk anew, when there is room."""
        named, unnamed, read = len(self.done.skipped), self.done.unnamed, self._read

        def once() -> None:
            del self.done.skipped[named:]
            self.done.unnamed, self._read = unnamed, read
            do()

        self._wait(once)


def size(path: Path) -> int:
    """The bytes of a file; 0 where it cannot be looked at."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0
