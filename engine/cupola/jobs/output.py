"""What a job writes: kept in log.txt as it was written, and searched for metrics line by line."""

import contextlib
import os
import re
import time
from pathlib import Path

from cupola.errors import CupolaError
from cupola.store import Store, journals
from cupola.store.names import now
from cupola.store.paths import set_mode

LINE = 64 * 1024  # bytes; a longer line is searched in pieces
WAITING = 4 * 2**20  # bytes that wait for a full disk to have room again; what is more is lost, and said so


LONGEST = 2**30  # bytes of a log; of what comes then only the end is kept, so that no job fills the disk
END = 2**20


class Log:
    """log.txt of one attempt. A disk that is full or failing loses nothing until 4 MB wait."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self.waiting = bytearray()
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
        if len(self.waiting) > WAITING:
            self.lost += len(self.waiting) - WAITING
            del self.waiting[: len(self.waiting) - WAITING]

    def close(self) -> None:
        if self.left_out:
            self.waiting += f"\n[{self.left_out} bytes were left out: the log was too long]\n".encode()
        self.waiting += self.end
        self._try()
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.fsync(self.descriptor)
            os.close(self.descriptor)
            self.descriptor = -1

    def _keep_the_end(self, data: bytes) -> None:
        self._try()
        self.end += data
        if len(self.end) > 2 * END:
            self.left_out += len(self.end) - END
            del self.end[:-END]

    def _try(self) -> None:
        """A descriptor that has failed once is dead for ever: it is opened again by its name."""
        try:
            if self.descriptor < 0:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                mode = self.path.parent.stat().st_mode & 0o666
                self.descriptor = os.open(self.path, flags, mode)
                set_mode(self.descriptor, mode)  # whatever the umask
            if self.lost and self.waiting:
                self.waiting[:0] = f"\n[{self.lost} bytes were lost: the disk was full or failing]\n".encode()
                self.lost = 0
            while self.waiting:
                count = os.write(self.descriptor, self.waiting)
                del self.waiting[:count]
        except OSError:
            self.retry_at = time.monotonic() + 1
            if self.descriptor >= 0:
                os.close(self.descriptor)
                self.descriptor = -1


class Metrics:
    """Metrics found in the output: for each name, the first group of its pattern, as often as a line has it."""

    def __init__(self, store: Store, path: str, patterns: dict[str, str]) -> None:
        self.patterns = {name: re.compile(pattern) for name, pattern in patterns.items()}
        self.journal = journals.Appender(store, path) if patterns else None
        self.steps = dict.fromkeys(patterns, 0)
        self.rest = b""

    def feed(self, data: bytes) -> None:
        """Takes more of the output; what is not yet a whole line waits for the rest of it."""
        if self.journal is None:
            return
        *lines, self.rest = re.split(rb"[\r\n]+", self.rest + data)
        for line in lines:
            self._search(line)
        if len(self.rest) > LINE:
            self._search(self.rest)
            self.rest = b""

    def close(self) -> None:
        if self.journal is not None:
            self._search(self.rest)
            self.journal.close()

    def _search(self, line: bytes) -> None:
        assert self.journal is not None
        text = line[:LINE].decode(errors="replace")
        for name, pattern in self.patterns.items():
            for match in pattern.finditer(text):
                value = _number(match)
                if value is None:
                    continue
                entry = {"time": now(), "name": name, "value": value, "step": self.steps[name]}
                self.steps[name] += 1
                with contextlib.suppress(CupolaError):
                    self.journal.append(entry, durable=False)


def _number(match: re.Match[str]) -> float | None:
    try:
        return float(match[1] if match.re.groups else match[0])
    except (ValueError, TypeError):
        return None
