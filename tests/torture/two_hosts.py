"""Two hosts of one user over one workspace, while hosts hang, crash and come back, and agents and keepers are killed.

`python -m tests.torture.two_hosts DIR_A DIR_B --seconds 300`: DIR_A and DIR_B are one empty directory, as each of the
two sees it (twice the same, or two mounts of it). Needs root. Ends with 1, and says what was wrong, when an attempt was
believed or published that must not be, or when a job was lost.
"""

import argparse
import collections
import random
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from tests.faults import history, hosts
from tests.faults.hosts import Host

from cupola.jobs import attempts, wish
from cupola.jobs import records as jobs
from cupola.jobs.attempts import Started
from cupola.store import Store, files

CAP = 300.0  # seconds in which all that was filed must have ended when the faults are over
RETRIES = "100"
WORK = """\
import sys, time
from cupola.jobs import attempt
from cupola.jobs.publication import Directory, Publication
mine = attempt.current()
name, seconds = sys.argv[1], float(sys.argv[2])
time.sleep(seconds)
staged = mine.store.root / mine.directory / "made"
staged.mkdir()
(staged / "by.txt").write_text(str(mine.number))
made = Directory(origin=f"{mine.directory}/made", target=f"made/{name}-{mine.number}", kind="job", ref=mine.job.id)
content = {"revision": 1, "attempt": mine.number}
mine.publish(Publication(directories=[made], path=f"made/{name}.json", content=content, kind="job", ref=mine.job.id))
"""


class Storm:
    """The two, what was filed, and the faults that they suffer. `store`: the workspace as this process sees it."""

    def __init__(self, a: Host, b: Host, store: Store, lease: float, seed: int) -> None:
        self.hosts = a, b
        self.store = store
        self.lease = lease
        self.chance = random.Random(seed)
        self.filed: list[str] = []
        self.faults: collections.Counter[str] = collections.Counter()

    def file(self, count: int) -> None:
        """Files jobs on one of the two; each works for a while, and publishes a record and a directory."""
        host = self.chance.choice(self.hosts)
        script = str(host.directory / "work.py")
        commands = []
        for _ in range(count):
            name = f"job{len(self.filed)}"
            files.write_bytes(self.store, f"made/{name}.json", b'{"revision": 1, "attempt": 0}')
            seconds = str(round(self.chance.uniform(0.1, 2 * self.lease), 2))
            work = [sys.executable, script, name, seconds]
            commands.append([*hosts.CUPOLA, "job", "submit", "--name", name, "--retries", RETRIES, "--", *work])
            self.filed.append(name)
        said = host.run("sh", "-c", " & ".join(map(shlex.join, commands)) + " & wait")
        assert said.count("Queued") == count, f"not all jobs were filed: {said}"

    def hurt(self) -> None:
        """One fault, on one of the two, and what follows it."""
        faults: list[Callable[[Host], None]] = [
            self.hang, self.hang_keepers, self.kill_agent, self.kill_keepers, self.kill_all, self.crash
        ]  # fmt: skip
        fault = self.chance.choice(faults)
        self.faults[fault.__name__] += 1
        fault(self.chance.choice(self.hosts))

    def hang(self, host: Host) -> None:
        pids = host.processes()
        host.signal(signal.SIGSTOP, pids)
        self._pass(self.lease * self.chance.uniform(0.3, 2.5))
        host.signal(signal.SIGCONT, pids)

    def hang_keepers(self, host: Host) -> None:
        pids = self.keepers(host)
        host.signal(signal.SIGSTOP, pids)
        self._pass(self.lease * self.chance.uniform(0.3, 2.5))
        host.signal(signal.SIGCONT, pids)

    def kill_agent(self, host: Host) -> None:
        host.signal(signal.SIGKILL, host.processes("cupola.agent "))
        self._pass(self.lease * self.chance.uniform(0.1, 1.5))
        host.cupola("agent", "start")

    def kill_keepers(self, host: Host) -> None:
        host.signal(signal.SIGKILL, self.keepers(host))

    def kill_all(self, host: Host) -> None:
        host.signal(signal.SIGKILL, host.processes())
        self._pass(self.lease * self.chance.uniform(0.1, 2.5))
        host.cupola("agent", "start")

    def crash(self, host: Host) -> None:
        host.crash()
        self._pass(self.lease * self.chance.uniform(0.1, 2.5))
        host.boot()
        host.cupola("agent", "start")

    def keepers(self, host: Host) -> list[int]:
        """The keepers of attempts on a host, as this machine numbers them."""
        found = []
        for place in wish.directories(self.store).values():
            job = wish.read(self.store, place)
            for number in attempts.numbers(self.store, job):
                started = attempts.optional(self.store, f"{job.attempt(number)}/started.json", Started)
                if started and started.host == host.name and started.keeper.boot.startswith(host.boots[-1]):
                    try:
                        found.append(host.outer_pid(started.keeper.pid))
                    except LookupError:
                        continue
        return found

    def settle(self) -> None:
        """Waits until all has ended; raises AssertionError when it does not."""
        for host in self.hosts:
            host.signal(signal.SIGCONT, host.processes())
            host.cupola("agent", "start")
        deadline = time.monotonic() + CAP
        while left := files.listing(self.store, wish.QUEUE):
            assert time.monotonic() < deadline, f"these jobs have not ended: {left}"
            time.sleep(0.2)

    def wrong(self, events: list[history.Event]) -> list[str]:
        """What is not as it must be, now that all has ended."""
        found = history.wrong(events, self.lease)
        for name in self.filed:
            state = jobs.state(self.store, name)
            claimed = max(
                (one["number"] for one in events if one["job"] == state.id and one["what"] == "claim"), default=0
            )
            record = msgspec.json.decode(files.read_bytes(self.store, f"made/{name}.json"))["attempt"]
            made = [one for one in files.listing(self.store, "made") if one.startswith(f"{name}-")]
            seen = (state.status, state.attempt, record, made)
            if seen != ("Completed", claimed, claimed, [f"{name}-{claimed}"]):
                found.append(f"{name}: attempt {claimed} was the last, and what is believed is {seen}")
        return found

    def _pass(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(0.05)


def run(
    home: Path, a: Path, b: Path, *, seconds: float, lease: float, seed: int, say: Callable[[str], None]
) -> list[str]:
    """A storm of so many seconds; what was wrong. `home` is a new directory that both hosts have as $HOME."""
    with hosts.pair(home, a, b, lease) as (first, second, past):
        first.cupola("init")
        (a / "work.py").write_text(WORK)
        for host in (first, second):
            host.cupola("agent", "start")
        storm = Storm(first, second, Store.open(a), lease, seed)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            storm.file(storm.chance.randint(2, 6))
            storm.hurt()
        storm.settle()
        events = history.read(past)
        found = storm.wrong(events)
    done = collections.Counter(one["what"] for one in events)
    ends = collections.Counter(one["cause"] for one in events if one["what"] == "end")
    say(f"{len(storm.filed)} jobs; faults: {_counted(storm.faults)}")
    say(f"claims, renewals and publications: {_counted(done)}; attempts ended by: {_counted(ends)}")
    return found


def _counted(counter: collections.Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common()) or "none"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("a", type=Path, metavar="DIR_A")
    arguments.add_argument("b", type=Path, metavar="DIR_B")
    arguments.add_argument("--seconds", type=float, default=300.0)
    arguments.add_argument("--lease", type=float, default=3.0, help="what stands in for the mount's own lease")
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    did: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cu-", dir="/tmp") as home:
        found = run(
            Path(home), given.a.resolve(), given.b.resolve(), seconds=given.seconds, lease=given.lease, seed=given.seed,
            say=did.append,
        )  # fmt: skip
    for one in found:
        print(f"WRONG: {one}", flush=True)
    lost = f"{len(found)} things were wrong" if found else "nothing"
    print(f"result: {given.seconds:.0f} s: {'; '.join(did)} | {lost}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
