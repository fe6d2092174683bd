"""What two hosts did about the attempts of jobs, and what they may do: a small model of claims, leases and fences."""

import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

Event = dict[str, Any]
NATURAL = ("end", "exit")


def read(directory: Path) -> list[Event]:
    """All that was written down, in the order in which it happened (one clock for all hosts)."""
    found = []
    for path in directory.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:  # its writer was killed in the middle of the line
                continue
    return sorted(found, key=lambda event: event["time"])


def wrong(events: list[Event], lease: float) -> list[str]:
    """What of it was not allowed, in sentences."""
    by_job: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_job[event["job"]].append(event)
    return [f"job {job}: {what}" for job, happened in by_job.items() for what in _job(happened, lease)]


def _job(events: list[Event], lease: float) -> list[str]:
    of = {
        kind: [one for one in events if one["what"] == kind] for kind in ("claim", "renew", "end", "publish", "expired")
    }
    return [
        *_claims(of["claim"], of["end"]),
        *_ends(of["end"]),
        *_expiries(of["expired"], of["renew"], of["claim"], lease),
        *_publications(of["publish"], of["end"]),
    ]


def _claims(claims: list[Event], ends: list[Event]) -> list[str]:
    """A number is claimed once, numbers only grow by one, and the next only after the one before has ended.

    Others may see an end before its maker, who may be paused, has written down that it is made: what counts is when
    that one began to make it. Of one who was killed before it had written down its claim there is only the end.
    """
    numbers = [one["number"] for one in claims]
    ended = {one["number"]: one["begun"] for one in ends}
    known = sorted({*numbers, *ended})
    in_turn = numbers == sorted(set(numbers)) and known == list(range(1, len(known) + 1))
    found = [] if in_turn else [f"the attempts that were claimed are {numbers}"]
    for one in claims:
        before = ended.get(one["number"] - 1)
        if one["number"] > 1 and (before is None or before > one["time"]):
            found.append(f"attempt {one['number']} was claimed before attempt {one['number'] - 1} had ended")
    return found


def _ends(ends: list[Event]) -> list[str]:
    numbers = [one["number"] for one in ends]
    return [
        f"attempt {number} has ended {numbers.count(number)} times"
        for number in set(numbers)
        if numbers.count(number) > 1
    ]


def _expiries(expired: list[Event], renewals: list[Event], claims: list[Event], lease: float) -> list[str]:
    """Nobody takes an attempt for dead that was claimed or renewed within the lease before it was looked at."""
    found = []
    for one in expired:
        signs = [sign["begun"] for sign in renewals if sign["number"] == one["number"] and sign["time"] < one["looked"]]
        signs += [sign["time"] for sign in claims if sign["number"] == one["number"]]
        silent = one["time"] - max(signs, default=0.0)  # it may have slept between the look and what it concluded
        if silent < lease:
            found.append(f"attempt {one['number']} was taken for dead after {silent:.2f} s of silence")
    return found


def _publications(published: list[Event], ends: list[Event]) -> list[str]:
    """Only an attempt that ended by itself is published, and what a later one has published stays."""
    found = []
    for one in published:
        end = next((end for end in ends if end["number"] == one["number"]), None)
        if end is None or end["begun"] > one["time"] or end["cause"] not in NATURAL:
            found.append(f"attempt {one['number']} was published, and had {end['cause'] if end else 'not'} ended")
    for before, after in itertools.pairwise(published):
        if after["number"] < before["number"]:
            found.append(f"attempt {after['number']} was published after attempt {before['number']}")
    return found
