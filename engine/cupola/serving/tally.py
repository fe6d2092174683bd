"""How requests went: counted in each server process, added up by the keeper, for all and for each variant."""

import math
import time
from collections import deque

import msgspec

from cupola.serving.status import Traffic

WINDOW = 60
STEP = math.log(1.05)  # a bucket of latencies is 5 % wide


class Counts(msgspec.Struct, omit_defaults=True):
    """What one server process saw since it last told: latencies in buckets of 5 %, by the bucket's number.

    errors: requests that were not answered with what they asked for; faults: those of them that are not the client's.
    queued: seconds that all of them together waited before they were worked on. answers: predictions by their cell
    (`drifting`). variants: the same of each variant, as far as a request got to one, by its key.
    """

    requests: int = 0
    errors: int = 0
    faults: int = 0
    queued: float = 0.0
    buckets: dict[int, int] = {}
    answers: dict[str, int] = {}
    variants: dict[str, "Counts"] = {}

    def add(self, seconds: float, failed: bool, *, fault: bool = False, queued: float = 0.0) -> None:
        self.requests += 1
        self.errors += failed
        self.faults += fault
        self.queued += queued
        number = bucket(seconds)
        self.buckets[number] = self.buckets.get(number, 0) + 1

    def of(self, variant: str) -> "Counts":
        """The counts of one variant."""
        found = self.variants.get(variant)
        if found is None:
            found = self.variants[variant] = Counts()
        return found

    def merge(self, more: "Counts") -> None:
        self.requests += more.requests
        self.errors += more.errors
        self.faults += more.faults
        self.queued += more.queued
        for number, count in more.buckets.items():
            self.buckets[number] = self.buckets.get(number, 0) + count
        for cell, count in more.answers.items():
            self.answers[cell] = self.answers.get(cell, 0) + count
        for variant, counts in more.variants.items():
            self.of(variant).merge(counts)


class Second(msgspec.Struct):
    """What all server processes saw in one second."""

    at: int
    counts: Counts


class Window:
    """The last 60 seconds of an endpoint, and its totals."""

    def __init__(self) -> None:
        self.requests = 0
        self._totals = Counts()
        self._seconds: deque[Second] = deque(maxlen=WINDOW)

    def add(self, counts: Counts) -> None:
        """Adds what a server process told, to the second that it is now."""
        self.requests += counts.requests
        _total(self._totals, counts)
        for variant, one in counts.variants.items():
            _total(self._totals.of(variant), one)
        now = int(time.time())
        if not self._seconds or self._seconds[-1].at != now:
            self._seconds.append(Second(now, Counts()))
        self._seconds[-1].counts.merge(counts)

    def counts(self, variant: str | None = None, since: float = 0.0) -> Counts:
        """What was seen in the last 60 s, not before `since` (unix time): of all, or of one variant."""
        found = Counts()
        for second in self._recent():
            if second.at >= since:
                found.merge(_part(second.counts, variant))
        return found

    def total(self, variant: str) -> Counts:
        """What was seen of one variant ever: its requests, and its answers by their cells."""
        return _part(self._totals, variant)

    def traffic(self, variant: str | None = None) -> Traffic:
        """The window as a record, for all or for one variant."""
        total, ever = self.counts(variant), _part(self._totals, variant)
        return Traffic(
            requests=ever.requests,
            errors=ever.errors,
            faults=ever.faults,
            rps=round(total.requests / WINDOW, 3),
            p50_ms=quantile(total.buckets, 0.5),
            p99_ms=quantile(total.buckets, 0.99),
            queue_ms=round(total.queued / total.requests * 1e3, 3) if total.requests else None,
            series=[_row(one.at, part) for one in self._recent() if (part := _part(one.counts, variant)).requests],
        )

    def _recent(self) -> list[Second]:
        now = int(time.time())
        return [one for one in self._seconds if now - WINDOW <= one.at <= now]


def bucket(seconds: float) -> int:
    """The number of the bucket of a latency."""
    return math.floor(math.log(max(seconds, 1e-6) * 1e6) / STEP)


def quantile(buckets: dict[int, int], share: float) -> float | None:
    """The latency in ms that `share` of the requests did not exceed, to within half a bucket; None of none."""
    wanted = share * sum(buckets.values())
    seen = 0
    for number in sorted(buckets):
        seen += buckets[number]
        if seen >= wanted:
            return round(math.exp((number + 0.5) * STEP) / 1e3, 3)
    return None


def _part(counts: Counts, variant: str | None) -> Counts:
    return counts if variant is None else counts.variants.get(variant) or Counts()


def _total(into: Counts, more: Counts) -> None:
    into.requests += more.requests
    into.errors += more.errors
    into.faults += more.faults
    for cell, count in more.answers.items():
        into.answers[cell] = into.answers.get(cell, 0) + count


def _row(at: int, counts: Counts) -> list[float | None]:
    return [at, counts.requests, quantile(counts.buckets, 0.5), quantile(counts.buckets, 0.99), counts.errors]
