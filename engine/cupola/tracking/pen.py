"""What one run still has to bring to disk, and how: lines of metrics, artifacts, and the record of the run."""

import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.store import Store, feed, journals, names, records
from cupola.tracking.values import Line, Params, Point, lines

MOST = 1 << 18  # points that wait at most: some 40 MB
MOST_BYTES = 256 * 2**20  # of artifacts
RECORD_EVERY = 5.0  # seconds between two versions of the record while its metrics change
BEAT = 60.0  # seconds after which a run that logs nothing says that it is alive


class Taken(NamedTuple):
    """What is being made durable: files, so much of the journal, and all that was asked for until then."""

    paths: set[str]
    lines: int
    asked: int


class Pen:
    """What one process writes of one run. `log` and its like are called by the script and touch no disk; `write` and
    what follows it by the writer's thread.

    record: the run's, where this process is the one that writes it, else None. Whoever changes it holds `lock`.
    """

    def __init__(self, store: Store, directory: str, metrics: str, record: Run | None) -> None:
        self.store = store
        self.directory = directory  # of the attempt
        self.record = record
        self.run = directory.split("/")[2]
        self.lock = threading.Lock()
        self.points: deque[Point] = deque()
        self.tasks: deque[tuple[Callable[[], str], int]] = deque()
        self.bytes = 0
        self.left_out = 0
        self.due = False
        self.changed = record is not None
        self.ended = False
        self.believed: Callable[[], bool] = lambda: True
        self.trouble = ""
        self.said = False
        self.asked = self.written = self.settled = 0  # how often somebody asked to wait, and what was done since
        self.moved = threading.Event()
        self.metrics = f"{directory}/{metrics}"
        self.paths: set[str] = set()  # what was written and may not be durable
        self._journal: journals.Appender | None = None
        self._recorded = False
        self.last_record = self.last_write = time.monotonic()
        self.values: dict[str, float] = {}
        self.params: dict[str, Any] = {}

    @property
    def journal(self) -> journals.Appender:
        """The file of metrics, opened by the first who has something to write."""
        if self._journal is None:
            self._journal = journals.Appender(self.store, self.metrics, settled=False)
        return self._journal

    @property
    def full(self) -> bool:
        return len(self.points) >= MOST

    def write(self) -> None:
        """Brings the files up to date; nothing is synced. Raises CupolaError: what is left is written next time."""
        if self._journal:
            self._journal.flush(durable=False)  # what a full disk would not take goes first, and no more is added to it
        told = bool(self.points)
        if self.params:
            given, self.params = self.params, {}
            self._extend([Params(0, names.now(), given)])
        if count := len(self.points):
            self._extend(lines(self.points.popleft() for _ in range(count)))
        while self.tasks:
            task, size = self.tasks[0]
            self.paths.add(task())
            self.tasks.popleft()
            self.bytes -= size
            told = True
        moment = time.monotonic()
        overdue = told and self.record is not None and moment - self.last_record >= RECORD_EVERY
        if self.record is not None and (self.changed or overdue):
            self._write_record(self.record)
        elif told:
            feed.announce(self.store, "run", self.run, 0)
        self.last_write = moment

    def beat(self) -> None:
        """Lets those on other hosts see that a run lives which has nothing to log."""
        if self.record is not None and time.monotonic() - self.last_write >= BEAT:
            os.utime(self.store.root / experiments.path(self.record))
            self.last_write = time.monotonic()

    def take(self) -> Taken:
        """What is to be made durable now."""
        taken = Taken(self.paths, self._journal.written if self._journal else 0, self.written)
        self.paths = set()
        return taken

    def settle(self, taken: Taken, closed: bool) -> None:
        """That much is durable; `closed`: nothing more will come."""
        if self._journal:
            self._journal.settled(taken.lines)
        self.settled = taken.asked
        self.moved.set()
        if closed:
            self.let_go()

    def give_back(self, taken: Taken) -> None:
        """That much could not be made durable."""
        self.paths |= taken.paths
        self.changed = self.changed or self._recorded
        if self._journal:
            self._journal.again()

    def let_go(self) -> None:
        """Closes the file of metrics, whose lines were made durable, or are another process's."""
        if self._journal:
            self._journal.let_go()

    def in_trouble(self, error: Exception) -> None:
        """Says once what keeps the run from being written."""
        self.trouble = str(error)
        if not self.said:
            self.said = True
            say(f"run {self.run}: {error}; the script goes on, and what it logs waits in memory")

    def out_of_trouble(self) -> None:
        """Says so when all of it could be written and made durable again."""
        if self.said:
            say(f"run {self.run}: it can be written again")
        self.trouble, self.said = "", False

    @property
    def _must_last(self) -> bool:
        """Whether a power cut must leave the record as it was or as it is now.

        Only a run that has ended before it was ever written has none to lose: its is settled with all the rest of it,
        and until then may be found empty, which no reader takes for a record.
        """
        return self._recorded or not self.ended

    def _extend(self, more: Sequence[Line | Params]) -> None:
        self.journal.extend(more)
        self.journal.flush(durable=False)
        self.paths.add(self.metrics)

    def _write_record(self, record: Run) -> None:
        with self.lock:
            self.changed = False
            metrics = {name: value for name, value in self.values.items() if math.isfinite(value)}
            copied = {name: list(getattr(record, name)) for name in ("tags", "notes")}
            now = msgspec.structs.replace(record, params=dict(record.params), metrics=metrics, **copied)
        path = experiments.path(now)
        try:
            if self.believed():
                records.write(self.store, path, now, kind="run", ref=now.id, durable=self._must_last)
                self._recorded = True
        except BaseException:
            self.changed = True
            raise
        self.paths.add(path)
        self.last_record = time.monotonic()


def say(sentence: str) -> None:
    """Tells the user of the script; one whose standard error is closed is not told."""
    try:
        print(f"cupola: {sentence}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return
