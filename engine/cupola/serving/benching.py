"""`python -m cupola.serving.benching`: a load test, as the job that was filed for it.

The job forks server processes as an endpoint's keeper does, of the same wish but on a port of their own, so that the
endpoint itself is left alone; then it is the client, on one CPU of those that it holds. They end with it.
"""

import contextlib
import math
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from cupola.errors import BadInput, NotFound, WorkFailed
from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt
from cupola.registry import contents
from cupola.registry import records as registry
from cupola.registry.loadtests import LoadTest, Step
from cupola.registry.records import ModelState
from cupola.serving import listening, loading, server
from cupola.serving.benches import Asked
from cupola.serving.loading import Address
from cupola.serving.records import MOST_ROWS, Endpoint
from cupola.serving.server import Word
from cupola.store import Store, files, names

FIRST = 50.0  # requests a second by which it is seen how long one takes
LOADED = 0.3  # of the rate at which requests that take so long leave no gap: where the first staircase begins
STEEP, FINE = 2.0, 1.1  # how much higher the next step is; how close the rate that is held and the one that is not are
BATCHES = (MOST_ROWS, 32, 8, 1)  # rows, that are tried with one process where requests are joined: the usual first
SLOWEST, FASTEST = 1.0, 100_000.0  # requests a second that are tried; the client itself can send half as many
SAMPLES = 300  # requests that a step has at least, as far as that makes it no more than LONGER times as long
LONGER = 3
STRIDE = 0.85  # of the rest of a staircase is left after each step, as far as progress is told
GOOD_ENOUGH = 0.9  # of the most that any number of processes holds
START = 180.0  # seconds for which server processes may be silent while they load


def work(job: Attempt) -> dict[str, Any]:
    """Measures, recommends, and writes that down with the version. Raises BadInput, WorkFailed."""
    asked = msgspec.convert(job.spec, Asked)
    version = registry.find(job.store, asked.wish.variants[0].model)
    bench = Bench(job, asked, _requests(job.store, version, asked))
    climb_all(bench, asked)
    found = recommend(bench.steps, asked)
    found.user, found.host = names.who()
    found.runtime, found.cpus, found.time = bench.runtime, len(os.sched_getaffinity(0)), names.now()
    registry.say(job.store, version, {"load_test": msgspec.to_builtins(found)})
    built: dict[str, Any] = msgspec.to_builtins(found)
    return built


def climb_all(bench: "Bench", asked: Asked) -> None:
    """The staircases: with one process, where requests are joined of each size of batches; with the best of these sizes
    of more processes. A size is better that holds more, by more than a staircase may be wrong."""
    tried = _stairs(asked.most)
    bench.climb(tried[0], BATCHES[0])
    best = _most(bench.steps)
    for rows in BATCHES[1:]:
        if best is None or not bench.joins or best.rate >= asked.needed > 0:
            break  # nothing is joined when there is nothing to join it with, or this is all that is needed
        bench.climb(tried[0], rows, least=best.rate * FINE)
        best = _most(bench.steps)
    for workers in tried[1:]:
        if best and best.rate >= asked.needed > 0:
            break
        bench.climb(workers, best.batch_rows or BATCHES[0] if best else BATCHES[0])
        before, best = best, _most(bench.steps)
        if best and best is before:
            break  # one more process holds no more than those before


class Bench:
    """Staircases, one after the other: each is of server processes of its own, and adds its steps to `steps`.

    runtime, joins: how the model is run, and whether requests to it are joined.
    """

    def __init__(self, job: Attempt, asked: Asked, requests: Sequence[bytes]) -> None:
        self._job, self._asked, self._requests = job, asked, requests
        self._done, self._stairs = 0, len(_stairs(asked.most)) + len(BATCHES) - 1
        self.steps: list[Step] = []
        self.runtime, self.joins = "", False

    def climb(self, workers: int, rows: int, least: float | None = None) -> None:
        """So many processes that join up to so many rows. least: a rate below which nothing is of interest."""
        asked, ours = self._asked, len(self.steps)
        wish = msgspec.structs.replace(asked.wish, workers=workers, batch_rows=rows)
        with _serving(self._job.store, wish) as (address, word):
            if not self.steps:
                [report] = word.runtimes.values()
                self.runtime, self.joins = report.runtime, word.joins
            batch = rows if self.joins else None

            def measure(rate: float) -> Step:
                done = (self._done + _nearer(len(self.steps) - ours)) / self._stairs
                self._job.report(done, f"{_processes(workers, batch)}: {rate:,.0f} requests/s")
                found = _step(address, self._requests, workers, batch, rate, asked)
                said = f"p99 {found.p99_ms} ms, {'held' if found.held else 'not held'}"
                print(f"{_processes(workers, batch)}: {rate:,.0f} requests/s: {said}", flush=True)
                self.steps.append(found)
                return found

            _rehearse(address, self._requests[0])
            before = _most(self.steps)
            first = least or (before.rate * 0.7 if before else _first(measure))
            climb(measure, first, asked.needed or math.inf, least or SLOWEST)
        self._done += 1


def _processes(workers: int, rows: int | None) -> str:
    batches = "" if rows is None else f", batches of up to {rows}" if rows > 1 else ", no batches"
    return f"{workers} server process{'es' * (workers > 1)}{batches}"


def _rehearse(address: Address, request: bytes) -> None:
    """Raises BadInput where the model refuses the request."""
    status, body = loading.ask(address, request, START)
    if status == 200:
        return
    try:
        said = str(msgspec.json.decode(body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        said = f"it answers with the status {status}"
    raise BadInput(f"the model does not take the request: {said[:300]}", hint="give another one with --data")


def climb(measure: Callable[[float], Step], first: float, enough: float = math.inf, least: float = SLOWEST) -> float:
    """Goes up in steps until one is not held, then halves the gap; the highest rate that was held, 0.0 for none. A rate
    that is `enough` is as high as it goes, and one below `least` is as good as none.

    A step that is not held is tried once more: something else on the host may have been in its way.
    """

    def holds(rate: float) -> bool:
        return measure(rate).held or measure(rate).held

    most = min(enough, FASTEST)
    low, high = 0.0, min(max(first, least), most)
    while holds(high):
        low, high = high, min(high * STEEP, most)
        if low >= most:
            return low
    while not low and high > least:
        lower = max(least, high / STEEP)
        low, high = (lower, high) if holds(lower) else (0.0, lower)
    while low and high / low > FINE:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _first(measure: Callable[[float], Step]) -> float:
    """Where the first staircase begins, by how long a request takes when there are few."""
    seen = measure(FIRST)
    return max(FIRST, LOADED * 1e3 / seen.p50_ms) if seen.held and seen.p50_ms else FIRST / STEEP


def recommend(steps: Sequence[Step], asked: Asked) -> LoadTest:
    """The fewest processes that hold what is needed, or nearly the most that any number of them holds.

    Raises WorkFailed where none holds anything.
    """
    held = {one.workers: one for one in sorted(steps, key=lambda one: one.rate) if one.held}
    if not held:
        best = min((one.p99_ms for one in steps if one.p99_ms is not None and not one.errors), default=None)
        seen = "some are never answered well" if best is None else f"the best of them took {best:g} ms"
        raise WorkFailed(
            f"99 of 100 requests within {asked.target_ms:g} ms cannot be had, however few there are: {seen}",
            hint="give a higher --p99, or look at the job's log",
        )
    most = max(one.rate for one in held.values())
    wanted = min(asked.needed or GOOD_ENOUGH * most, most)
    best_step = next(held[workers] for workers in sorted(held) if held[workers].rate >= wanted)
    return LoadTest(
        target_ms=asked.target_ms,
        workers=best_step.workers,
        batch_rows=best_step.batch_rows,
        rate=best_step.rate,
        p99_ms=best_step.p99_ms,
        needed=asked.needed,
        steps=list(steps),
    )


def _most(steps: Sequence[Step]) -> Step | None:
    return max((one for one in steps if one.held), key=lambda one: one.rate, default=None)


def _stairs(most: int) -> list[int]:
    """How many processes are tried one after the other: each number up to 4, then twice as many, and the most."""
    return sorted({*range(1, min(4, most) + 1), *(2**power for power in range(2, 8) if 2**power < most), most})


def _nearer(steps: int) -> float:
    """The share of a staircase that is done: nobody knows how many steps it has, so each takes a bit of the rest."""
    return 1.0 - STRIDE**steps


def _step(
    address: Address, requests: Sequence[bytes], workers: int, rows: int | None, rate: float, asked: Asked
) -> Step:
    seconds = min(max(asked.seconds, SAMPLES / rate), LONGER * asked.seconds)
    found = loading.step(address, requests, workers=workers, rate=rate, seconds=seconds, target_ms=asked.target_ms)
    found.batch_rows = rows
    return found


def _requests(store: Store, version: ModelState, asked: Asked) -> list[bytes]:
    """Whole requests: of the body that was given, else one for each row of the sample. Raises BadInput."""
    bodies = [asked.body] if asked.body else _rows(store, version)
    if not bodies:
        raise BadInput(f"{version.ref} has kept no sample of its rows", hint="give a request's body with --data")
    head = f"POST /invocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: {asked.content_type}\r\ncontent-length: "
    return [head.encode() + b"%d\r\n\r\n" % len(body) + body for body in bodies]


def _rows(store: Store, version: ModelState) -> list[bytes]:
    try:
        rows = msgspec.json.decode(files.read_bytes(store, f"{version.directory}/{contents.SAMPLE}"))
    except (NotFound, msgspec.DecodeError):
        return []
    return [msgspec.json.encode({"dataframe_records": [row]}) for row in rows]


@contextmanager
def _serving(store: Store, wish: Endpoint) -> Iterator[tuple[Address, Word]]:
    """Server processes of a wish at an address of their own, and what the last of them has said when it was ready.

    Raises WorkFailed where they cannot serve.
    """
    listener = listening.tcp(0)
    children: list[tuple[int, socket.socket]] = []
    try:
        for _ in range(wish.workers):
            children.append(_forked(store, wish, listener, [line for _, line in children]))
        words = [_await_ready(line) for _, line in children]
        yield listener.getsockname(), words[-1]
    finally:
        listener.close()
        for pid, line in children:
            line.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _forked(
    store: Store, wish: Endpoint, listener: socket.socket, others: Sequence[socket.socket]
) -> tuple[int, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        for line in (ours, *others):
            line.close()
        server.become(store, wish, [listener], theirs, parent)
    theirs.close()
    return pid, ours


def _await_ready(line: socket.socket) -> Word:
    line.settimeout(START)
    try:
        while data := line.recv(1 << 18):
            word = msgspec.json.decode(data, type=Word)
            if word.failed is not None:
                raise WorkFailed(word.failed)
            if word.ready:
                return word
    except TimeoutError:
        raise WorkFailed(f"the server processes were not ready within {START:.0f} s") from None
    raise WorkFailed("a server process died before it was ready", hint="the job's log may say more")


def main() -> None:
    attempt.work(work)


if __name__ == "__main__":
    main()
