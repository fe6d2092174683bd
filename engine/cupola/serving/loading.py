"""Load on an endpoint: requests at a given rate, whether or not those before were answered, and how long each took.

When each request is due is drawn beforehand (a Poisson process, as of many clients who do not know of one another), and
its time counts from then, also where no connection was free for it. A client that waits for an answer before it asks
again asks least just when the server is slowest, and sees none of what others would ("coordinated omission"); that the
intended time is what counts is the correction of Gil Tene's wrk2 (github.com/giltene/wrk2). Every latency is kept, so
that percentiles are exact, where those of a histogram (HdrHistogram) are rounded.
"""

import ctypes
import gc
import math
import random
import re
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from cupola.errors import WorkFailed
from cupola.registry.loadtests import Step

CONNECTIONS = 64
WARM = 0.2  # the share of a step that is not counted: connections are new, and processes have slept
GIVE_UP = 2.0  # seconds that a request may be late before a step is over; more where the target is that long
DRAIN = 5.0  # seconds after the last request was due in which all are answered, or the rate was too high to last
RECEIVED = 1 << 16
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
PR_SET_TIMERSLACK = 29

Address = tuple[str, int]


class Timed(NamedTuple):
    """A request: when it was due, the seconds from then to its end, and whether it was answered well."""

    due: float
    seconds: float
    well: bool


class Lost(Exception):
    """A connection was lost, or what it brought is no answer."""


class Line:
    """One connection with at most one request on its way, which was due at `due`."""

    def __init__(self, address: Address) -> None:
        try:
            self.socket = socket.create_connection(address, timeout=GIVE_UP)
        except OSError as error:
            raise WorkFailed(f"the server processes take no connection: {error}") from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.number = self.socket.fileno()
        self.due = 0.0
        self.unsent = b""
        self.closing = False
        self._got = bytearray()
        self._end = 0

    def begin(self, request: bytes, due: float) -> None:
        self.due, self.unsent = due, request
        self._got.clear()
        self._end = 0

    def go_on(self) -> int | None:
        """Sends what is left to be sent, then takes what has come: the status once that is whole. Raises Lost."""
        try:
            if self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
                return None
            data = self.socket.recv(RECEIVED)
        except BlockingIOError:
            return None
        except OSError as error:
            raise Lost from error
        if not data:
            raise Lost
        self._got += data
        if not self._end:
            head = self._got.find(b"\r\n\r\n")
            if head < 0:
                return None
            length = LENGTH.search(self._got, 0, head)
            if length is None:
                raise Lost
            self._end = head + 4 + int(length[1])
            self.closing = CLOSE.search(self._got, 0, head + 2) is not None
        return int(self._got[9:12]) if len(self._got) >= self._end else None

    @property
    def body(self) -> bytes:
        """What the answer says, once it is whole."""
        return bytes(self._got.partition(b"\r\n\r\n")[2])


class Load:
    """One step as it goes: what is due, what is on its way, what has come back."""

    def __init__(self, address: Address, requests: Sequence[bytes], due: list[float], give_up: float) -> None:
        self.address, self.requests, self.due, self.give_up = address, requests, due, give_up
        self.idle = deque(Line(address) for _ in range(CONNECTIONS))
        self.busy: dict[int, Line] = {}
        self.timed: list[Timed] = []
        self.sent = 0

    def run(self) -> float:
        """Sends what is due when it is due, and takes the answers, until one is too late; the seconds that it took."""
        begun = time.perf_counter()
        now = 0.0
        while (self.sent < len(self.due) or self.busy) and not self._too_late(now):
            writing = self._send(now)
            coming = self.sent < len(self.due) and self.idle
            pause = self.due[self.sent] - (time.perf_counter() - begun) if coming else 0.05
            ready, writable, _ = select.select(self.busy, writing, (), max(0.0, pause))
            now = time.perf_counter() - begun
            for number in {*ready, *writable}:
                self._go_on(self.busy[number], now)
            now = time.perf_counter() - begun
        for due in (*(line.due for line in self.busy.values()), *self.due[self.sent :]):
            if due <= now:
                self.timed.append(Timed(due, now - due, False))
        return now

    def close(self) -> None:
        for line in (*self.idle, *self.busy.values()):
            line.socket.close()

    def _send(self, now: float) -> list[int]:
        """Begins all that is due, as far as connections are free; those that could not take all of their request."""
        while self.sent < len(self.due) and self.due[self.sent] <= now and self.idle:
            line = self.idle.popleft()
            line.begin(self.requests[self.sent % len(self.requests)], self.due[self.sent])
            self.busy[line.number] = line
            self.sent += 1
            self._go_on(line, now)
        return [number for number, line in self.busy.items() if line.unsent]

    def _go_on(self, line: Line, now: float) -> None:
        try:
            status = line.go_on()
        except Lost:
            status, line.closing = 0, True
        if status is None:
            return
        del self.busy[line.number]
        self.timed.append(Timed(line.due, now - line.due, status == 200))
        if line.closing:
            line.socket.close()
            line = Line(self.address)
        self.idle.append(line)

    def _too_late(self, now: float) -> bool:
        waiting = self.due[self.sent] if self.sent < len(self.due) else self.due[-1]
        return now - waiting > self.give_up


def ask(address: Address, request: bytes, patience: float) -> tuple[int, bytes]:
    """Sends one request and waits so many seconds at most: the status and the body of its answer. Raises WorkFailed."""
    line = Line(address)
    line.socket.settimeout(patience)
    line.begin(request, 0.0)
    try:
        while (status := line.go_on()) is None:
            continue
    except Lost as error:
        raise WorkFailed("a server process gave no answer", hint="the job's log may say more") from error
    finally:
        line.socket.close()
    return status, line.body


def step(
    address: Address, requests: Sequence[bytes], *, workers: int, rate: float, seconds: float, target_ms: float
) -> Step:
    """Asks for `seconds` at `rate` requests a second, whole HTTP requests by turns; what came of it.

    `workers` is only noted. Raises WorkFailed where nothing takes connections.
    """
    give_up = max(GIVE_UP, 2 * target_ms / 1e3)
    load = Load(address, requests, arrivals(rate, seconds), give_up)
    try:
        with _undisturbed():
            computed = time.process_time()
            took = load.run()
            computed = time.process_time() - computed
    finally:
        load.close()
    counted = [one for one in load.timed if one.due >= WARM * seconds] or load.timed
    latencies = sorted(one.seconds * 1e3 for one in counted)
    well = sum(one.well for one in counted)
    p99 = quantile(latencies, 0.99)
    return Step(
        workers=workers,
        rate=round(rate, 1),
        answered=round(well / max(took - min(one.due for one in counted), 1e-3), 1) if counted else 0.0,
        p50_ms=quantile(latencies, 0.5),
        p99_ms=p99,
        most_ms=quantile(latencies, 1.0),
        requests=len(counted),
        errors=len(counted) - well,
        busy=round(computed / took, 2) if took else 0.0,
        held=p99 is not None and p99 <= target_ms and well == len(counted) and took - load.due[-1] <= DRAIN,
    )


def arrivals(rate: float, seconds: float, seed: int = 1) -> list[float]:
    """When each request is due: a Poisson process, the same each time; at least one request."""
    draw = random.Random(seed)
    due = [draw.expovariate(rate)]
    while due[-1] < seconds:
        due.append(due[-1] + draw.expovariate(rate))
    return due[:-1] or [seconds]


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The least of the values, in their order, that `share` of them do not exceed; None of none."""
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3) if ordered else None


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No collection of garbage meanwhile, and waits no longer than asked for (the kernel adds up to 50 us)."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0)
