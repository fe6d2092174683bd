"""What a job writes: kept in log.txt as it was written, and searched for metrics line by line."""

import contextlib
import os
import re
import time
from pathlib import Path

from cupola.errors import CupolaError, DiskFull
from cupola.jobs import agents
from cupola.store import Store, journals
from cupola.store.names import now
from cupola.store.paths import set_mode
from cupola.store.trouble import FULL

RETRY = 0.5  # seconds before a disk that failed is tried again
LINE = 64 * 1024  # bytes; a longer line is searched in pieces
WAITING = 4 * 2**20  # bytes that wait for a disk that fails; what is more is lost, and said so
LONGEST = 2**30  # bytes of a log; of what comes then only the end is kept, so that no job fills the disk
END = 2**20


class Log:
    """log.txt of one attempt. For a disk that fails 4 MB wait. full: it waits for room; no more should be read.

    held: something else waits for room, and no more is read; half a line waits for its other half.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self.waiting = bytearray()
        self.line = bytearray()  # the last line of the file, while it has no end
        self.full = False
        self.held = False
        self.lost = 0
        self.retry_at = 0.0
        self.size = 0
        self.end = bytearray()
        self.left_out = 0

    def write(self, data: bytes) -> None:
        if self.size >= LONGEST:
            self._keep_the_end(data)
            return
        self.size += len(data)
        self.waiting += data
        if time.monotonic() >= self.retry_at:
            self._try()
        if len(self.waiting) > WAITING and not self.full:
            self.lost += len(self.waiting) - WAITING
            del self.waiting[: len(self.waiting) - WAITING]

    def finish(self) -> bool:
        """Writes the end of it; False when the disk is full and there is more to write."""
        self.held = False
        if self.left_out:
            self.waiting += f"\n[{self.left_out} bytes were left out: the log was too long]\n".encode()
            self.left_out = 0
        self.waiting += self.end
        self.end.clear()
        self._try()
        return not self.full

    def close(self) -> None:
        """Writes what can still be written, and makes it durable."""
        self.finish()
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.fsync(self.descriptor)
            self._drop()

    def _keep_the_end(self, data: bytes) -> None:
        self._try()
        self.end += data
        if len(self.end) > 2 * END:
            self.left_out += len(self.end) - END
            del self.end[:-END]

    def _try(self) -> None:
        """A descriptor that has failed once is dead for ever: it is opened again by its name."""
        self.full = False
        try:
            if self.descriptor < 0:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                mode = self.path.parent.stat().st_mode & 0o666
                self.descriptor = os.open(self.path, flags, mode)
                set_mode(self.descriptor, mode)  # whatever the umask
            if self.lost and self.waiting:
                self.waiting[:0] = f"\n[{self.lost} bytes were lost: the disk was failing]\n".encode()
                self.lost = 0
            self._write()
        except OSError as error:
            self.full = error.errno in FULL
            self.retry_at = time.monotonic() + RETRY
            self._drop()

    def _write(self) -> None:
        """Writes what waits: while it is held, and when the disk fails on the way, whole lines alone."""
        done = 0
        try:
            if self.held:
                self._take_back(done)
            end = self.waiting.rfind(b"\n") + 1 if self.held else len(self.waiting)
            while done < end:
                done += os.write(self.descriptor, self.waiting[done:end])
        except OSError:
            with contextlib.suppress(OSError):
                self._take_back(done)
                done = 0
            raise
        finally:
            self.line += self.waiting[:done]
            del self.line[: self.line.rfind(b"\n") + 1]
            if len(self.line) > LINE:
                self.line.clear()
            del self.waiting[:done]

    def _take_back(self, done: int) -> None:
        """Half a line at the end of the file waits again, where so much of what waits has been written."""
        written = self.line + self.waiting[:done]
        whole = written.rfind(b"\n") + 1
        os.ftruncate(self.descriptor, os.fstat(self.descriptor).st_size - len(written) + whole)
        self.waiting[:done] = written[whole:]
        self.line.clear()

    def _drop(self) -> None:
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
        self.descriptor = -1


class Metrics:
    """Metrics found in the output: for each name, the first group of its pattern, as often as a line has it.

    full: the disk is, and some wait for room.
    """

    def __init__(self, store: Store, path: str, patterns: dict[str, str]) -> None:
        self.store = store
        self.path = path
        self.patterns = {name: re.compile(pattern) for name, pattern in patterns.items()}
        self.journal: journals.Appender | None = None
        self.found: list[journals.Entry] = []
        self.steps = dict.fromkeys(patterns, 0)
        self.rest = b""
        self.full = False

    def feed(self, data: bytes) -> None:
        """Takes more of the output; what is not yet a whole line waits for the rest of it."""
        if not self.patterns:
            return
        *lines, self.rest = re.split(rb"[\r\n]+", self.rest + data)
        for line in lines:
            self._search(line)
        if len(self.rest) > LINE:
            self._search(self.rest)
            self.rest = b""
        self.save()

    def save(self) -> None:
        """Writes what was found; what the disk does not take is written the next time."""
        self.full = False
        try:
            if self.journal is None and self.found:
                self.journal = journals.Appender(self.store, self.path)
            if self.journal is not None:
                while self.found:
                    self.journal.append(self.found.pop(0))  # which keeps it when the disk does not take it
                self.journal.flush(durable=False)
        except CupolaError as error:
            self.full = isinstance(error, DiskFull)

    def finish(self) -> bool:
        """Searches and writes the rest; False when the disk is full and there is more to write."""
        self._search(self.rest)
        self.rest = b""
        self.save()
        return not self.full

    def close(self) -> None:
        """Writes what can still be written, and makes it durable; the job has ended, and not for want of a metric."""
        self.finish()
        try:
            if self.journal is not None:
                self.journal.close()
        except CupolaError as error:
            agents.say(f"metrics are lost: {error}")

    def _search(self, line: bytes) -> None:
        text = line[:LINE].decode(errors="replace")
        for name, pattern in self.patterns.items():
            for match in pattern.finditer(text):
                value = _number(match)
                if value is not None:
                    entry = {"time": now(), "name": name, "value": value, "step": self.steps[name]}
                    self.steps[name] += 1
                    self.found.append(entry)


class Kept:
    """What is kept of a job's output: its log, and the metrics in it. full: some of it waits for room on the disk."""

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self.log = log
        self.metrics = metrics

    @property
    def full(self) -> bool:
        return self.log.full or self.metrics.full

    def take(self, data: bytes) -> None:
        self.metrics.feed(data)
        self.log.held = self.metrics.full
        self.log.write(data)

    def try_again(self) -> None:
        """Writes what the disk has not taken yet."""
        self.metrics.save()
        self.log.held = self.metrics.full
        self.log.write(b"")

    def finish(self) -> bool:
        """Writes the rest; False while some of it waits for room."""
        return self.log.finish() & self.metrics.finish()

    def close(self) -> None:
        self.log.close()
        self.metrics.close()


def _number(match: re.Match[str]) -> float | None:
    try:
        return float(match[1] if match.re.groups else match[0])
    except (ValueError, TypeError):
        return None
