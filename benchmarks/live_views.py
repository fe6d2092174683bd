"""From the beginning of a write by one host until the change is on another's open screen, on each kind of mount.

Reach: on a disk 500 ms (p99); over SSHFS without cache and NFS with `actimeo=1` 1 s median and 2 s p99; over SSHFS with
`dcache_timeout=1` 2 s median. The mounts are real; NFS is in a guest system with one slow processor (tests/torture),
which is a part of its figures. Needs root.
"""

import json
import subprocess
import sys

from benchmarks.measure import Figure, machine, report

MEDIAN, P99 = "median", "p99"
REACHES = {
    "ext4": {P99: 500},
    "sshfs without cache": {MEDIAN: 1000, P99: 2000},
    "sshfs dcache_timeout=1": {MEDIAN: 2000},
    "nfs actimeo=1": {MEDIAN: 1000, P99: 2000},
}


def seen(mount: str) -> Figure:
    """The milliseconds of each change until it was seen, on a mount of that kind."""
    command = [sys.executable, "-m", "benchmarks.changes", "{a}", "{b}"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.mounts", mount, "--", *command], stdout=subprocess.PIPE, check=True
    )
    return Figure(name=f"{mount}: until it is seen", values=json.loads(done.stdout.splitlines()[-1]))


def p99(values: list[float]) -> float:
    return sorted(values)[-(-len(values) * 99 // 100) - 1]


def main() -> None:
    machine("textual", "watchfiles")
    figures, ratios = [], []
    for mount, reaches in REACHES.items():
        found = seen(mount)
        worst = Figure(name=f"{mount}: p99", values=[p99(found.values)])
        figures += [found, worst]
        for what, reach in reaches.items():
            value = found.median if what == MEDIAN else worst.median
            ratios.append((f"{mount}: {what} / {reach} ms", value / reach, "at most 1"))
    report(f"Live views ({len(figures[0].values)} changes each, two in a second)", figures, ratios)


if __name__ == "__main__":
    main()
