"""How soon a change by one host is on the open screen of another: `python -m benchmarks.changes A B`, two views of one
directory. B's app is the real one, in a terminal of 120 x 40; prints the milliseconds of each change as JSON.

The changes come in pairs of two runs, 20 ms apart: both fall into one second, which is all that times of files tell.
"""

import contextlib
import json
import os
import pty
import random
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pyte

from benchmarks.workspaces import add_runs, homes
from cupola.experiments.records import Run, ls, path
from cupola.store import records
from cupola.workspace import Workspace

PAIRS = 50
WARM = 3  # pairs before those that count: what a program does for the first time is slow
RUNS = 20
BETWEEN = 0.02  # seconds
SIZE = 120, 40
LIMIT = 60.0


class Terminal:
    """What a full-screen program shows."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self.screen = pyte.Screen(*SIZE)
        self.stream = pyte.ByteStream(self.screen)

    def wait(self, words: list[str], begun: list[float]) -> list[float]:
        """Seconds from each beginning until these words are on the screen. Raises TimeoutError with what is there."""
        shown: dict[str, float] = {}
        deadline = time.monotonic() + LIMIT
        while len(shown) < len(words):
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(self.screen.display))
            if select.select([self.descriptor], [], [], 0.01)[0]:
                self.stream.feed(os.read(self.descriptor, 1 << 16))
                text = "\n".join(self.screen.display)
                moment = time.monotonic()
                shown |= {word: moment for word in words if word in text and word not in shown}
        return [shown[word] - since for word, since in zip(words, begun, strict=True)]


@contextlib.contextmanager
def app(root: Path) -> Iterator[Terminal]:
    """The app on a workspace, till the end of the block."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color")
        os.execv(sys.executable, [sys.executable, "-P", "-m", "cupola_tui", str(root)])
    ioctl(descriptor, TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    try:
        yield Terminal(pid, descriptor)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(descriptor)
        os.waitpid(pid, 0)


def seen(writer: Path, reader: Path) -> list[float]:
    """Milliseconds of each change until it was on the screen."""
    workspace = Workspace.init(writer)
    add_runs(workspace, RUNS)
    first, second = ls(workspace.store)[:2]
    draw, found = random.Random(7), []
    with app(reader) as terminal:
        terminal.wait([first.name], [0.0])
        time.sleep(2)  # what it does at its beginning is done
        for pair in range(-WARM, PAIRS):
            words = [f"0.{1101 + 20 * pair}", f"0.{1102 + 20 * pair}"]
            begun = []
            for run, word in zip((first, second), words, strict=True):
                begun.append(time.monotonic())
                change(workspace, run, float(word))
                time.sleep(BETWEEN)
            waited = terminal.wait(words, begun)
            found += waited if pair >= 0 else []
            time.sleep(draw.uniform(0.05, 0.5))
    return [one * 1000 for one in found]


def change(workspace: Workspace, run: Run, score: float) -> None:
    run.metrics = run.metrics | {"validation_roc_auc": score}
    records.write(workspace.store, path(run), run, kind="run", ref=run.id)


def main() -> None:
    with homes():
        print(json.dumps(seen(Path(sys.argv[1]), Path(sys.argv[2]))))


if __name__ == "__main__":
    main()
