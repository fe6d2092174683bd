"""The thread of this process that writes what its runs log, so that no script waits for a disk.

It writes at most twice a second what was logged since, in whole lines, and makes it durable about every second. While a
disk is full or a mount stalls it holds what it has and tries again; a script is never stopped by it.
"""

import os
import threading
import time
import traceback
from collections.abc import Callable

from cupola.errors import CupolaError
from cupola.store import Store
from cupola.store.settling import settle
from cupola.tracking.pen import BEAT, Pen, Taken, say

BETWEEN = 0.5  # seconds from the first value that waits to its being written
SETTLE = 1.0  # seconds from there to its being durable
AGAIN = 1.0  # seconds until what failed is tried again
PATIENCE = 30.0  # seconds that the end of a run, and that of the process, waits for a disk


class Writer(threading.Thread):
    """Writes for the pens that were given to it, until the process ends."""

    def __init__(self) -> None:
        super().__init__(name="cupola-tracking", daemon=True)
        self.pens: list[Pen] = []
        self.unsettled: list[Pen] = []
        self.woken = threading.Event()
        self.hurried = threading.Event()
        self.urgent = False
        self.busy = threading.Lock()  # held while it writes: nobody forks then
        self.progress = time.monotonic()
        self.settling = 0
        self.next_settle = 0.0

    def wake(self, pen: Pen) -> None:
        """Says that a pen has something to write."""
        pen.due = True
        if pen not in self.pens:
            self.pens.append(pen)
        self.woken.set()

    def now(self, pen: Pen, durable: bool) -> bool:
        """Waits until all that a pen has is written or `durable`; False when that takes longer than `PATIENCE`.

        On a local disk it is written here, if nothing else is: two changes of threads take longer than a short run.
        """
        with pen.lock:
            pen.asked += 1
            asked = pen.asked
        if durable or not self._wrote_here(pen):
            self.urgent = self.urgent or durable
            self.hurried.set()
            self.wake(pen)
        deadline = time.monotonic() + PATIENCE
        while True:
            pen.moved.clear()
            if (pen.settled if durable else pen.written) >= asked:
                return True
            if time.monotonic() >= deadline or not self.is_alive():
                return False
            pen.moved.wait(AGAIN)

    def _wrote_here(self, pen: Pen) -> bool:
        if pen.store.mount.network or not self.busy.acquire(blocking=False):
            return False
        try:
            first = not self.unsettled
            self._try(pen, self._write)
        finally:
            self.busy.release()
        if first:
            self.woken.set()
        return not pen.trouble

    def finish(self) -> None:
        """Waits until all is durable, and says what is not after `PATIENCE`."""
        deadline = time.monotonic() + PATIENCE
        while self.is_alive() and self._has_work() and time.monotonic() < deadline:
            self.urgent = True
            self.hurried.set()
            self.woken.set()
            time.sleep(0.002)
        late = [pen for pen in self.pens if pen.due or pen.trouble]
        for pen in {id(pen): pen for pen in (*self.unsettled, *late)}.values():
            say(f"run {pen.run}: it is not certain to be on the disk: {pen.trouble or 'the disk does not answer'}")

    def _has_work(self) -> bool:
        return bool(self.unsettled or self.settling or any(pen.due or pen.trouble for pen in self.pens))

    def make_room(self, pen: Pen) -> bool:
        """Waits a moment where a script is faster than the writing; False where nothing is being written."""
        self.hurried.set()
        self.wake(pen)
        while pen.full:
            if pen.trouble or time.monotonic() - self.progress > AGAIN:
                return False
            time.sleep(0.001)
        return True

    def run(self) -> None:
        while True:
            self.woken.wait(self._pause())
            self.woken.clear()
            self.hurried.wait(BETWEEN if any(pen.due for pen in self.pens) else 0)
            self.hurried.clear()
            self.progress = time.monotonic()
            with self.busy:
                self._round()
            self.progress = time.monotonic()
            self._settle()

    def _pause(self) -> float:
        """How long there is nothing to do unless something is logged."""
        if any(pen.trouble for pen in self.pens):
            return AGAIN
        return max(0.0, self.next_settle - time.monotonic()) if self.unsettled else BEAT

    def _round(self) -> None:
        for pen in list(self.pens):
            if pen.due or pen.trouble:
                self._try(pen, self._write)
            else:
                self._try(pen, Pen.beat)

    def _write(self, pen: Pen) -> None:
        asked, ended = pen.asked, pen.ended
        pen.due = False
        pen.write()
        pen.trouble = ""
        if not self.unsettled:
            self.next_settle = time.monotonic() + SETTLE
        if pen not in self.unsettled:
            self.unsettled.append(pen)
        if ended and pen in self.pens:
            self.pens.remove(pen)
        pen.written = asked
        pen.moved.set()

    def _settle(self) -> None:
        """Makes durable what was written, when it is time to. Meanwhile more may be written: a sync takes long."""
        if not self.unsettled or not (self.urgent or time.monotonic() >= self.next_settle):
            return
        with self.busy:
            self.urgent = False
            self.settling = len(self.unsettled)
            pens, self.unsettled = self.unsettled, []
            taken = [pen.take() for pen in pens]
        paths: dict[Store, set[str]] = {}
        for pen, one in zip(pens, taken, strict=True):
            paths.setdefault(pen.store, set()).update(one.paths)
        trouble = {store.root: error for store, some in paths.items() if (error := _unsettled(store, some))}
        with self.busy:
            for pen, one in zip(pens, taken, strict=True):
                error = trouble.get(pen.store.root)
                if error is not None:
                    self._once_more(pen, one, error)
                else:
                    pen.out_of_trouble()
                    pen.settle(one, closed=pen not in self.pens and pen not in self.unsettled)
            self.settling = 0

    def _once_more(self, pen: Pen, taken: Taken, error: Exception) -> None:
        """One that could not be made durable is written again, by a file that is opened anew."""
        pen.give_back(taken)
        pen.in_trouble(error)
        pen.due = True
        if pen not in self.pens:
            self.pens.append(pen)

    def _try(self, pen: Pen, write: Callable[[Pen], None]) -> None:
        try:
            write(pen)
        except (CupolaError, OSError) as error:
            pen.due = True
            pen.in_trouble(error)
        except Exception:  # noqa: BLE001 - a bug in here must not be the end of somebody's training
            if not pen.said:
                traceback.print_exc()
            pen.due = True
            pen.in_trouble(RuntimeError("a bug keeps it from being written"))


def _unsettled(store: Store, paths: set[str]) -> Exception | None:
    """Makes the files durable; what kept it from that, if anything."""
    try:
        settle(store, paths)
    except (CupolaError, OSError) as error:
        return error
    return None


_writer: Writer | None = None
_held: Writer | None = None
_making = threading.Lock()


def writer() -> Writer:
    """The writer of this process, started when it is first asked for."""
    global _writer
    if _writer is None or not _writer.is_alive():
        with _making:
            if _writer is None or not _writer.is_alive():
                _writer = Writer()
                _writer.start()
    return _writer


def finish() -> None:
    """Waits until all that this process has logged is durable."""
    if _writer is not None:
        _writer.finish()


def _before_fork() -> None:
    """A child that is forked in the middle of a write would hold its locks and half of its bytes."""
    global _held
    _held = _writer if _writer is not None and _writer.busy.acquire(timeout=AGAIN) else None


def _in_parent() -> None:
    if _held is not None:
        _held.busy.release()


def _in_child() -> None:
    global _writer, _held, _making
    _writer, _held, _making = None, None, threading.Lock()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
