"""Shadows: variants that get a copy of the requests, and whose answers are compared with those that were given.

It happens beside the answers, in a thread of its own: a shadow that is slow, or fails, keeps nobody waiting. What it
cannot keep up with is not copied, and said.
"""

import math
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from cupola.registry.models import Prediction
from cupola.runtimes.tables import Table
from cupola.serving.batching import one_thread
from cupola.serving.scoring import Variant
from cupola.serving.status import Example, ShadowReport
from cupola.serving.tally import bucket, quantile

BEHIND = 64  # requests that may wait for a shadow
EXAMPLES = 10
LONGEST = 300  # characters of a row or of an answer in an example
SAME = 1e-6  # numbers that differ by less are the same

Read = Callable[[Variant], Table]


class Compared(msgspec.Struct, omit_defaults=True):
    """What one server process saw of a shadow since it last told; may be added up."""

    requests: int = 0
    errors: int = 0
    skipped: int = 0
    rows: int = 0
    different: int = 0
    measured: int = 0
    total: float = 0.0
    largest: float = 0.0
    own: dict[int, int] = {}
    served: dict[int, int] = {}
    examples: list[Example] = []
    last_error: str | None = None

    def merge(self, more: "Compared") -> None:
        self.requests += more.requests
        self.errors += more.errors
        self.skipped += more.skipped
        self.rows += more.rows
        self.different += more.different
        self.measured += more.measured
        self.total += more.total
        self.largest = max(self.largest, more.largest)
        for into, buckets in ((self.own, more.own), (self.served, more.served)):
            for number, count in buckets.items():
                into[number] = into.get(number, 0) + count
        kept = sorted([*self.examples, *more.examples], key=lambda one: -(one.difference or math.inf))
        self.examples = kept[:EXAMPLES]
        self.last_error = more.last_error or self.last_error

    def report(self, variant: str, model: str) -> ShadowReport:
        """As people read it."""
        return ShadowReport(
            variant=variant,
            model=model,
            requests=self.requests,
            errors=self.errors,
            skipped=self.skipped,
            rows=self.rows,
            different=self.different,
            mean_difference=self.total / self.measured if self.measured else None,
            largest_difference=self.largest if self.measured else None,
            p50_ms=quantile(self.own, 0.5),
            p99_ms=quantile(self.own, 0.99),
            served_p50_ms=quantile(self.served, 0.5),
            served_p99_ms=quantile(self.served, 0.99),
            examples=self.examples,
            last_error=self.last_error,
        )


class Shadows:
    """A server process's shadows at work."""

    def __init__(self) -> None:
        self.found: dict[str, Compared] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow", initializer=one_thread)
        self._waiting = 0

    def take(self) -> dict[str, Compared]:
        """What was found since the last time."""
        found, self.found = self.found, {}
        return found

    def put_back(self, found: dict[str, Compared]) -> None:
        """What was taken could not be told."""
        for key, one in found.items():
            self.found.setdefault(key, Compared()).merge(one)

    def copy(self, shadow: Variant, share: float, read: Read, served: Prediction, seconds: float) -> None:
        """Has a shadow answer what was answered with `served` within `seconds`. read: the request's rows, for it."""
        if share < 1.0 and random.random() >= share:
            return
        if self._waiting >= BEHIND:
            self._of(shadow).skipped += 1
            return
        self._waiting += 1
        self._thread.submit(self._compare, shadow, read, served, seconds)

    def _of(self, shadow: Variant) -> Compared:
        return self.found.setdefault(shadow.key, Compared())

    def _compare(self, shadow: Variant, read: Read, served: Prediction, seconds: float) -> None:
        begun = time.perf_counter()
        more = Compared()
        try:
            rows = read(shadow)
            more = compared(served, shadow.predict(rows), rows)
            more.requests = 1
            more.own[bucket(time.perf_counter() - begun)] = 1
            more.served[bucket(seconds)] = 1
        except Exception as error:  # noqa: BLE001  whatever a model raises: it is what the report is for
            more.errors = 1
            more.last_error = f"{type(error).__name__}: {error}".partition("\n")[0][:LONGEST]
        finally:
            self._waiting -= 1
        self._of(shadow).merge(more)


def compared(served: Prediction, shadow: Prediction, rows: Table) -> Compared:
    """Two answers to the same rows, row by row."""
    found = Compared()
    before, after = served.values.tolist(), shadow.values.tolist()
    if len(before) != len(after):
        raise ValueError(f"it answers {len(after)} rows where {len(before)} were asked")
    one, other = served.probabilities, shadow.probabilities
    if one is not None and other is not None and one.shape == other.shape:
        distances = abs(one - other).max(axis=1).tolist()
    else:
        distances = [_distance(*pair) for pair in zip(before, after, strict=True)]
    found.rows = len(before)
    for place, (first, second, distance) in enumerate(zip(before, after, distances, strict=True)):
        if distance is not None and distance == distance:
            found.measured += 1
            found.total += distance
            found.largest = max(found.largest, distance)
        same = first == second or (_are_numbers(first, second) and _distance(first, second) == 0.0)
        if not same:
            found.different += 1
            if len(found.examples) < EXAMPLES:
                answers = [_short(first, one, place), _short(second, other, place)]
                found.examples.append(
                    Example(row=_row(rows, place), served=answers[0], shadow=answers[1], difference=distance)
                )
    return found


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)


def _distance(first: Any, second: Any) -> float | None:
    """How far two numbers are apart; 0 within a millionth of them, None for what are no numbers."""
    if not _are_numbers(first, second):
        return None
    if math.isclose(first, second, rel_tol=SAME, abs_tol=SAME * SAME) or (first != first and second != second):
        return 0.0
    return float(abs(first - second))


def _short(value: Any, probabilities: Any, place: int) -> str:
    more = "" if probabilities is None else f" {[round(one, 4) for one in probabilities[place].tolist()]}"
    return f"{value}{more}"[:LONGEST]


def _row(rows: Table, place: int) -> str:
    """A row as it was sent, as JSON."""
    names = rows.names or [str(number) for number in range(len(rows.columns))]
    return msgspec.json.encode(
        {name: column[place] for name, column in zip(names, rows.columns, strict=False)}
    ).decode()[:LONGEST]
