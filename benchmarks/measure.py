"""Times things in turns, so that a noisy machine is noisy for both sides, and reports medians and ratios."""

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

Measure = Callable[[], float]


class Figure(msgspec.Struct, kw_only=True):
    """What was measured: seconds (or another unit) of several runs."""

    name: str
    values: list[float]
    unit: str = "ms"

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def in_turns(measures: Mapping[str, Measure], *, runs: int, warmup: int = 1) -> dict[str, Figure]:
    """Runs each measure once a round, `runs` rounds after `warmup` uncounted ones; a measure returns seconds."""
    values: dict[str, list[float]] = {name: [] for name in measures}
    for turn in range(warmup + runs):
        for name, measure in measures.items():
            seconds = measure()
            if turn >= warmup:
                values[name].append(seconds * 1000)
    return {name: Figure(name=name, values=found) for name, found in values.items()}


def wall(command: Sequence[str], *, cwd: str | None = None) -> float:
    """Seconds that a whole process takes, its output thrown away; raises when it fails."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def report(title: str, figures: Sequence[Figure], ratios: Sequence[tuple[str, float, str]] = ()) -> None:
    """Prints the medians with their range, then each ratio beside what it should reach."""
    print(f"\n{title}")
    for one in figures:
        low, high = min(one.values), max(one.values)
        span = f"({low:.2f} to {high:.2f}, {len(one.values)} runs)"
        print(f"  {one.name:<58} {one.median:10.2f} {one.unit}  {span}")
    for name, ratio, reach in ratios:
        print(f"  ratio: {name:<51} {ratio:10.2f} x   reach: {reach}")


def machine(*packages: str) -> None:
    """Prints what the figures depend on: processors, Python, versions of the packages named."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}; {versions}", flush=True)


def python() -> str:
    return sys.executable
