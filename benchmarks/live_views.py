"""From the beginning of a write by one process until a watcher in another has read what was written.

On a disk (reach: 500 ms, p99), over two SSHFS mounts without cache (1 s median, 2 s p99), and with `dcache_timeout=1`
(2 s median).
"""

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.sshfs import UNCACHED, mounted

from benchmarks.measure import Figure, machine, report
from benchmarks.workspaces import homes
from cupola.store import Store, records
from cupola.workspace import Workspace

CHANGES = 50
PATH = "experiments/baseline/one/run.json"


def seen(writer: Path, reader: Path) -> list[float]:
    """Milliseconds of each change until it was seen."""
    store = Store.open(writer)
    records.write(store, PATH, records.Record(), kind="model", ref="one")
    watcher = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.watcher", str(reader), PATH], stdout=subprocess.PIPE, text=True
    )
    assert watcher.stdout is not None
    draw = random.Random(7)
    found = []
    try:
        watcher.stdout.readline()
        for _ in range(CHANGES):
            time.sleep(draw.uniform(0.05, 0.5))
            record = records.Record()
            begun = time.monotonic()
            records.write(store, PATH, record, kind="model", ref="one")
            while True:
                revision, moment = watcher.stdout.readline().split()
                if int(revision) >= record.revision:
                    break
            found.append((float(moment) - begun) * 1000)
    finally:
        watcher.kill()
        watcher.wait()
    return found


def p99(values: list[float]) -> float:
    return sorted(values)[-(-len(values) * 99 // 100) - 1]


def main() -> None:
    machine("watchfiles")
    found = {}
    with homes() as home:
        Workspace.init(home / "local")
        found["disk"] = seen(home / "local", home / "local")
        for name, options in (("SSHFS without cache", UNCACHED), ("SSHFS, dcache_timeout=1", "dcache_timeout=1")):
            directory = home / name.partition(" ")[2].strip().partition("=")[0].replace(" ", "-")
            directory.mkdir()
            with mounted(directory, options) as mounts:
                Workspace.init(mounts.served)
                found[name] = seen(mounts.a, mounts.b)
    figures = [Figure(name=f"{name}: until it is seen", values=values) for name, values in found.items()]
    disk, uncached, _ = found.values()
    report(
        f"Live views ({CHANGES} changes each)",
        [*figures, *(Figure(name=f"{name}: p99", values=[p99(values)]) for name, values in found.items())],
        [
            ("disk: p99 / 500 ms", p99(disk) / 500, "at most 1"),
            ("SSHFS without cache: median / 1 s", figures[1].median / 1000, "at most 1"),
            ("SSHFS without cache: p99 / 2 s", p99(uncached) / 2000, "at most 1"),
            ("SSHFS, dcache_timeout=1: median / 2 s", figures[2].median / 2000, "at most 1"),
        ],
    )


if __name__ == "__main__":
    main()
