"""Six writers on two hosts, killed and paused at random, and two readers beside them: `storm A B --seconds S`.

What the writers were told is done must be there afterwards, on both hosts; `cupola check` must find nothing, or mend
it.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture import hosts, verbs

import cupola
from cupola.errors import CupolaError
from cupola.store.filesystem import mount_of

WRITERS = 6
PAUSES = 0.25  # the share of the blows that pauses instead of killing
WHOLE = 0.5  # the share of the kills that take what the writer has started with it
LIVES = (0.1, 12.0)  # seconds until the next blow, from when it is at work
SHORT = (0.2, 3.0)  # seconds of a pause
LONG = 0.05  # the share of the pauses that outlast a lease
ENDS_WITHIN = 600.0  # seconds for the jobs that were filed


@dataclass
class Writer:
    """A writer that is started anew each time it is killed."""

    number: int
    process: "subprocess.Popen[bytes]"
    up: Path
    blow: float | None = None
    resume: float | None = None


@dataclass
class Storm:
    """A storm over a workspace at roots[0] and roots[1]; its homes, acknowledgements and logs lie in `home`."""

    roots: tuple[Path, Path]
    home: Path
    draw: random.Random
    lease: float
    counts: "Counter[str]" = field(default_factory=Counter)

    def rage(self, seconds: float) -> None:
        """Keeps the writers alive, and strikes them; at least until something was acknowledged."""
        writers: list[Writer] = []
        try:
            writers += [self.start(number) for number in range(WRITERS)]
            end = time.monotonic() + seconds
            while time.monotonic() < end or not self.acknowledged():
                for number, writer in enumerate(writers):
                    writers[number] = self.turn(writer)
                time.sleep(0.01)
        finally:
            for writer in writers:
                _signal(writer.process, signal.SIGKILL, whole=True)
                writer.process.wait()

    def turn(self, writer: Writer) -> Writer:
        """What becomes of one writer now."""
        now = time.monotonic()
        if writer.process.poll() is not None:
            self.counts["deaths of their own"] += 1
            return self.start(writer.number)
        if writer.resume is not None:
            if now >= writer.resume:
                _signal(writer.process, signal.SIGCONT, whole=True)
                writer.blow, writer.resume = now + self.draw.uniform(*LIVES), None
        elif writer.blow is None:
            writer.blow = now + self.draw.uniform(*LIVES) if writer.up.exists() else None
        elif now >= writer.blow:
            if self.draw.random() >= PAUSES:
                _signal(writer.process, signal.SIGKILL, whole=self.draw.random() < WHOLE)
                writer.process.wait()
                self.counts["kills"] += 1
                return self.start(writer.number)
            _signal(writer.process, signal.SIGSTOP, whole=True)
            self.counts["pauses"] += 1
            long = self.draw.random() < LONG
            writer.resume = now + (self.lease + 5 if long else self.draw.uniform(*SHORT))
        return writer

    def start(self, number: int) -> Writer:
        self.counts["lives"] += 1
        name = f"w{number}-{self.counts['lives']}"
        up = self.home / f"up-{name}"
        arguments = [self.roots[number % 2], name, self.home / f"acks-{number}", up]
        return Writer(number, self.process(number, "writer", arguments), up)

    def process(self, number: int, role: str, arguments: list[Any]) -> "subprocess.Popen[bytes]":
        """A process on host number % 2, in a group of its own; what it says goes to a log."""
        with (self.home / f"{role}-{number}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"tests.torture.{role}", *map(str, arguments)],
                env=hosts.variables(self.home, hosts.NAMES[number % 2]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def acknowledged(self) -> list[verbs.Acknowledged]:
        return [one for number in range(WRITERS) for one in verbs.noted(self.home / f"acks-{number}")]


def _signal(process: "subprocess.Popen[bytes]", number: int, *, whole: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if whole:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)


@contextlib.contextmanager
def living_on(home: Path, name: str) -> Any:
    """This process is one of that host's."""
    before = dict(os.environ)
    os.environ.update(hosts.variables(home, name))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def unfinished(root: Path) -> list[str]:
    """Waits for the jobs that were filed; what has not ended."""
    ws = cupola.open(root)
    deadline = time.monotonic() + ENDS_WITHIN
    while left := [one.id for one in ws.job.ls() if one.status in ("Queued", "InProgress")]:
        if time.monotonic() > deadline:
            return [f"job {one} never ended" for one in left]
        time.sleep(0.5)
    return []


def look_over(root: Path, told: list[verbs.Acknowledged]) -> tuple[list[str], int]:
    """What is lost or wrong, before and after a repair; and how much was mended."""
    missing = verbs.lost(root, told)
    checked = cupola.open(root).check(repair=True)
    missing += [f"check: {one.kind} {one.path}: {one.message}" for one in checked.problems]
    return missing + [f"after the repair: {one}" for one in verbs.lost(root, told)], len(checked.mended)


def unfinished_or_failed(root: Path, told: list[verbs.Acknowledged]) -> list[str]:
    """The jobs that have not ended, and those that were acknowledged and have not ended well."""
    left = unfinished(root)
    status = {one.id: one.status for one in cupola.open(root).job.ls()}
    filed = [one.answer["job"] for one in told if one.verb == "job submit"]
    return left + [f"job {one} is {status.get(one)}" for one in filed if status.get(one) != "Completed"]


def run(storm: Storm, seconds: float) -> tuple[str, list[str]]:
    """The whole part: what was done, and what was lost or odd."""
    stop = storm.home / "stop"
    with living_on(storm.home, hosts.NAMES[0]):
        verbs.begin(storm.roots[0], storm.home)
    readers = [storm.process(number, "reader", [root, stop]) for number, root in enumerate(storm.roots)]
    try:
        storm.rage(seconds)
    finally:
        stop.touch()
        for reader in readers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                reader.wait(300)
            _signal(reader, signal.SIGKILL, whole=True)
            reader.wait()
    looks, wrong = _saw(storm.home)
    told = storm.acknowledged()
    mended = 0
    for name, root in zip(hosts.NAMES, storm.roots, strict=True):
        with living_on(storm.home, name):
            wrong += unfinished_or_failed(root, told)
    hosts.stop(storm.home)
    for name, root in zip(hosts.NAMES, storm.roots, strict=True):
        with living_on(storm.home, name):
            time.sleep(mount_of(root).stale_seconds)
            found, count = look_over(root, told)
            wrong += [f"on {name}: {one}" for one in found]
            mended += count
    print(", ".join(f"{count} {verb}" for verb, count in Counter(one.verb for one in told).most_common()))
    for line, count in _complaints(storm.home).most_common(10):
        print(f"{count} x {line}")
    counts = ", ".join(f"{count} {what}" for what, count in sorted(storm.counts.items()))
    return f"{seconds:.0f} s: {counts}; {len(told)} acknowledged; {looks} looks; {mended} leftovers mended", wrong


def _saw(home: Path) -> tuple[int, list[str]]:
    """How often the readers have looked, and what was odd."""
    looks, odd = 0, []
    for path in sorted(home.glob("reader-*.log")):
        said = path.read_text().splitlines()
        try:
            saw = json.loads(said[-1])
        except (IndexError, ValueError):
            odd.append(f"{path.stem} died: {' '.join(said[-3:])}")
            continue
        looks += saw["looks"]
        odd += [f"{path.stem}: {one}" for one in saw["odd"]]
    return looks, odd


def _complaints(home: Path) -> "Counter[str]":
    """What verbs ended with that did not end well: those whose writer lost a race, or the agent of its host."""
    said = [line for path in home.glob("writer-*.log") for line in path.read_text().splitlines()]
    return Counter(line[:300] for line in said if line and not line.startswith(" "))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("views", nargs=2, type=Path)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--keep", action="store_true", help="keep the logs, and say where they are")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="cus-", dir="/tmp"))
    a, b = (view / "workspace" for view in given.views)
    storm = Storm((a, b), home, random.Random(given.seed), mount_of(given.views[0]).lease_seconds)
    print(f"seed {given.seed}, home {home}", flush=True)
    try:
        did, wrong = run(storm, given.seconds)
    finally:
        hosts.stop(home)
        if not given.keep:
            shutil.rmtree(home, ignore_errors=True)
    for one in wrong:
        print(f"LOST OR WRONG: {one}")
    print(f"result: {did} | {f'{len(wrong)} findings' if wrong else 'nothing'}")
    return bool(wrong)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CupolaError, verbs.Failed) as error:
        sys.exit(f"the storm could not be run: {error}")
