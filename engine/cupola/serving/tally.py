"""How requests went: counted in each server process, added up by the keeper."""

import math
import time
from collections import deque

import msgspec

from cupola.serving.records import Traffic

WINDOW = 60
STEP = math.log(1.05)  # a bucket of latencies is 5 % wide


class Counts(msgspec.Struct):
    """What one server process saw since it last told: latencies in buckets of 5 %, by the bucket's number."""

    requests: int = 0
    errors: int = 0
    buckets: dict[int, int] = {}

    def add(self, seconds: float, failed: bool) -> None:
        self.requests += 1
        self.errors += failed
        bucket = math.floor(math.log(max(seconds, 1e-6) * 1e6) / STEP)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1


class Second(msgspec.Struct):
    """What all server processes saw in one second."""

    at: int
    counts: Counts


class Window:
    """The last 60 seconds of an endpoint, and its totals."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self._seconds: deque[Second] = deque(maxlen=WINDOW)

    def add(self, counts: Counts) -> None:
        """Adds what a server process told, to the second that it is now."""
        self.requests += counts.requests
        self.errors += counts.errors
        now = int(time.time())
        if not self._seconds or self._seconds[-1].at != now:
            self._seconds.append(Second(now, Counts()))
        _merge(self._seconds[-1].counts, counts)

    def traffic(self) -> Traffic:
        """The window as a record."""
        now = int(time.time())
        recent = [one for one in self._seconds if now - WINDOW <= one.at <= now]
        total = Counts()
        for one in recent:
            _merge(total, one.counts)
        return Traffic(
            requests=self.requests,
            errors=self.errors,
            rps=round(total.requests / WINDOW, 3),
            p50_ms=quantile(total.buckets, 0.5),
            p99_ms=quantile(total.buckets, 0.99),
            series=[_row(one) for one in recent],
        )


def quantile(buckets: dict[int, int], share: float) -> float | None:
    """The latency in ms that `share` of the requests did not exceed, to within half a bucket; None of none."""
    wanted = share * sum(buckets.values())
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return round(math.exp((bucket + 0.5) * STEP) / 1e3, 3)
    return None


def _merge(into: Counts, more: Counts) -> None:
    into.requests += more.requests
    into.errors += more.errors
    for bucket, count in more.buckets.items():
        into.buckets[bucket] = into.buckets.get(bucket, 0) + count


def _row(second: Second) -> list[float | None]:
    counts = second.counts
    return [second.at, counts.requests, quantile(counts.buckets, 0.5), quantile(counts.buckets, 0.99), counts.errors]
