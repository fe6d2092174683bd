"""Writes a run as it comes over: in private, and put into its place when it is whole.

Values go to the disk as they come, so that a run of any length takes no more memory than its metrics have names.
"""

import math
import os
import shutil
from collections.abc import Iterator
from io import BufferedWriter
from pathlib import Path
from types import TracebackType

import msgspec

from cupola.errors import BadName, Conflict
from cupola.experiments.records import Run
from cupola.importing.records import Imported, shown
from cupola.store import Store, feed, files, names
from cupola.store.content import NOT_RECORDS
from cupola.store.trouble import disk
from cupola.tracking import values
from cupola.tracking.values import Point

AT_ONCE = 8192  # values that are written together
METRICS = 10_000  # of a run; each name is kept in memory, and in its record
LATEST = 253_402_300_800  # seconds since 1970 at which calendars of four digits end


class Writer:
    """One run on its way, for a `with` block. What is not published by its end is gone.

    run: the record, which may be changed until `publish`. Raises DiskTrouble, whatever it is asked.
    """

    def __init__(self, store: Store, run: Run, done: Imported) -> None:
        self.store, self.run, self.done = store, run, done
        self.count = self.files = 0
        self.values: dict[str, float] = {}
        self.first = self.last = 0  # nanoseconds since 1970 of the earliest and the latest value
        self._refused: set[str] = set()
        self._outside: dict[str, int] = {}  # the step at which a metric ceased to be a finite number
        self._untimed = 0
        self._points: list[Point] = []
        self._file: BufferedWriter | None = None

    def __enter__(self) -> "Writer":
        self.staged = files.staging(self.store)
        self.attempt = self.staged / "attempts" / "1"
        with disk(self.run.directory):
            self.attempt.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file:
            self._file.close()
        files.discard(self.staged)

    def log(self, name: str, value: float, step: int, seconds: float) -> None:
        """Takes a value; one whose name cannot be a metric's is named among what did not come over."""
        if name not in self.values and not self._may_come(name):
            return
        if not 0 <= seconds < LATEST:  # NaN neither
            seconds, self._untimed = self.last / 1e9, self._untimed + 1
        moment = round(seconds * 1e6) * 1000
        self.first, self.last = min(self.first or moment, moment), max(self.last, moment)
        self.values[name] = value
        if math.isfinite(value):
            self._outside.pop(name, None)
        else:
            self._outside.setdefault(name, step)
        self.count += 1
        self._points.append((name, value, max(-(2**63), min(step, 2**63 - 1)), moment))
        if len(self._points) >= AT_ONCE:
            self._write()

    def copy(self, source: Path) -> None:
        """Copies the files below a directory as artifacts."""
        with disk(self.run.directory):
            self.files += copy(source, self.attempt / "artifacts", f"run {shown(self.run.name)}", self.done)

    def publish(self) -> bool:
        """Puts the run into its place; False where it is there already."""
        run = self.run
        self._write()
        run.metrics = {name: value for name, value in self.values.items() if math.isfinite(value)} | run.metrics
        run.notes += [f"{name} is not a finite number from step {step} on" for name, step in self._outside.items()]
        if self._untimed:
            run.notes.append(
                f"{self._untimed:,} values have no time that a calendar has; theirs is that of the one before"
            )
        try:
            with disk(run.directory):
                if self._file:
                    self._file.close()
                record = msgspec.json.format(msgspec.json.encode(run), indent=2)
                (self.staged / "run.json").write_bytes(record + b"\n")
            is_first = not files.absolute(self.store, run.directory).parent.is_dir()
            files.publish_dir(self.store, self.staged, run.directory)
        except Conflict:
            return False
        self.done.experiments += is_first
        feed.announce(self.store, "run", run.id, run.revision)
        self.done.runs += 1
        self.done.metrics += self.count
        self.done.params += len(run.params)
        self.done.tags += len(run.tags)
        self.done.artifacts += self.files
        return True

    def _may_come(self, name: str) -> bool:
        if name in self._refused or len(self._refused) > METRICS:
            return False
        why = f"a run has at most {METRICS:,} metrics" if len(self.values) >= METRICS else ""
        try:
            values.check_name(name, "metric")
        except BadName as error:
            why = str(error)
        if why:
            self._refused.add(name)
            self.done.skip(f"run {shown(self.run.name)}: metric {shown(name)}", why)
        return not why

    def _write(self) -> None:
        if not self._points:
            return
        lines = values.lines(self._points)
        for number, line in enumerate(lines, self.count - len(lines) + 1):
            line.seq = number
        with disk(self.run.directory):
            if self._file is None:
                self._file = (self.attempt / "metrics.jsonl").open("xb")
            self._file.write(_ENCODER.encode_lines(lines))
        self._points.clear()


def copy(source: Path, target: Path, what: str, done: Imported) -> int:
    """Copies the plain files below a directory, and no symlink, which `done` then names; gives how many."""
    count = 0
    for path in below(source):
        name = path.relative_to(source)
        try:
            if path.is_symlink() or path.name.startswith(NOT_RECORDS) or not path.is_file():
                done.skip(f"{what}: {shown(str(name))}", "it is no plain file")
                continue
            to = target / name
            to.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as origin, to.open("xb") as copied:
                shutil.copyfileobj(origin, copied, 1 << 20)
        except PermissionError as error:
            done.skip(f"{what}: {shown(str(name))}", f"it cannot be read: {error.strerror}")
            continue
        count += 1
    return count


def below(source: Path) -> Iterator[Path]:
    """The files below a directory, in the order of their names; no symlink is followed."""
    for at, directories, found in os.walk(source):
        directories.sort()
        for name in sorted(found):
            yield Path(at) / name


def moment(seconds: float) -> str | None:
    """A moment as records hold it; None for one that no calendar has."""
    if not 0 < seconds < LATEST:
        return None
    return values.lines([("", 0.0, 0, round(seconds * 1e6) * 1000)])[0].time


def mine(store: Store, id: str, name: str, experiment: str) -> Run:
    """The record of a run that comes over now, by whoever imports it."""
    user, host = names.who()
    return Run(
        id=id,
        name=name,
        experiment=experiment,
        status="Completed",
        user=user,
        host=host,
        submitted=names.now(),
        attempt=1,
    )


_ENCODER = msgspec.json.Encoder()
