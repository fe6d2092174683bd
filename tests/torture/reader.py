"""One of the readers beside a storm: `reader ROOT STOP`. It looks until the file STOP is there.

It must never see half a record, nor anything older than it has seen. Its last line says as JSON how often it looked and
what was odd.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cupola
from cupola.errors import CupolaError

RANKS = {"Queued": 0, "InProgress": 1, "Stopping": 2}  # all else: over
OVER = 3


@dataclass
class Eyes:
    """What a reader has seen: sets that only grow in a storm, and numbers that do."""

    workspace: Any
    sets: dict[str, set[str]] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)

    def look(self) -> None:
        ws = self.workspace
        for one in ws.run.ls():
            self.number(f"revision of run {one.id}", one.revision)
            self.grows(f"tags of run {one.name}", one.tags)
            self.grows(f"comments of run {one.name}", [said.text for said in one.comments])
        for one in ws.dataset.ls():
            self.number(f"newest version of {one.dataset}", one.version)
        models = ws.model.ls()
        self.grows("models", [one.ref for one in models])
        for one in models:
            self.grows(f"approvals of {one.ref}", [said.note for said in one.approvals])
            self.grows(f"aliases of {one.ref}", one.aliases)
        jobs = ws.job.ls()
        self.grows("jobs", [one.id for one in jobs])
        for one in jobs:
            self.number(f"status of job {one.id}", RANKS.get(one.status, OVER))
        for ref in ("flights@1", "late@1"):
            self.grows(f"comments of {ref}", [one.text for one in ws.comment.ls(ref)])
            self.grows(f"tags of {ref}", [tag for one in ws.tag.ls(ref) for tag in one.tags])

    def grows(self, what: str, found: list[str]) -> None:
        before = self.sets.setdefault(what, set())
        if gone := before - set(found):
            self.odd.append(f"{what}: {len(gone)} of {len(before)} are gone, such as {min(gone)}")
        before |= set(found)

    def number(self, what: str, found: float) -> None:
        if found < self.numbers.get(what, found):
            self.odd.append(f"{what} went back from {self.numbers[what]} to {found}")
        self.numbers[what] = max(found, self.numbers.get(what, found))


def main(root: str, stop: str) -> None:
    eyes = Eyes(cupola.open(root))
    looks = 0
    while not Path(stop).exists() or not looks:
        begun = time.monotonic()
        try:
            eyes.look()
        except CupolaError as error:
            eyes.odd.append(f"{type(error).__name__}: {error}")
        looks += 1
        time.sleep(0.05 + time.monotonic() - begun)  # the writers have use for the CPU too
    print(json.dumps({"looks": looks, "odd": eyes.odd}))


if __name__ == "__main__":
    main(*sys.argv[1:])
