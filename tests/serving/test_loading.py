"""The load generator: when requests are due, what their time counts from, what becomes of answers that are none."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.errors import WorkFailed
from cupola.serving import loading
from cupola.serving.loading import Load

REQUEST = b"POST /invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
Serve = Callable[[Callable[[int], bytes | None]], loading.Address]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may stop for seconds after the last request was due."""
    monkeypatch.setattr(loading, "DRAIN", 120.0)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Servers of the test, a thread a connection: `answer` gives the bytes for the Nth request, None to hang up."""
    listeners = []

    def start(answer: Callable[[int], bytes | None]) -> loading.Address:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        listeners.append(listener)
        counter = iter(range(10**9))
        threading.Thread(target=accept, args=(listener, answer, counter), daemon=True).start()
        address: loading.Address = listener.getsockname()
        return address

    yield start
    for one in listeners:
        one.close()


def accept(listener: socket.socket, answer: Callable[[int], bytes | None], counter: Iterator[int]) -> None:
    with contextlib.suppress(OSError):
        while True:
            line, _ = listener.accept()
            threading.Thread(target=talk, args=(line, answer, counter), daemon=True).start()


def talk(line: socket.socket, answer: Callable[[int], bytes | None], counter: Iterator[int]) -> None:
    with line, contextlib.suppress(OSError):
        got = b""
        while data := line.recv(65536):
            got += data
            while len(got) >= len(REQUEST):
                assert got.startswith(REQUEST)
                got = got[len(REQUEST) :]
                if (said := answer(next(counter))) is None:
                    return
                line.sendall(said)


def load(address: loading.Address, **more: Any) -> Any:
    asked = {"workers": 1, "rate": 200.0, "seconds": 0.5, "target_ms": 60_000.0}
    return loading.step(address, [REQUEST], **asked | more)


def test_every_request_that_is_due_is_sent_and_answered(serve: Serve) -> None:
    asked = []
    found = load(serve(lambda number: asked.append(number) or ANSWER))  # type: ignore[func-returns-value]
    assert len(asked) == len(loading.arrivals(200.0, 0.5))
    assert found.errors == 0 and found.held and 0 < found.p50_ms <= found.p99_ms <= found.most_ms
    assert found.requests < len(asked), "those of the beginning are not counted"


def test_time_counts_from_when_a_request_was_due_also_where_it_could_not_be_sent(serve: Serve) -> None:
    """A server that stalls once delays all who come meanwhile, more of them than there are connections."""
    due, begun = loading.arrivals(400.0, 1.0), []

    def stalls(number: int) -> bytes:
        begun.append(time.monotonic())
        time.sleep(max(0.0, begun[0] + 1.0 - time.monotonic()))
        return ANSWER

    address = serve(stalls)
    one = Load(address, [REQUEST], due, give_up=60.0)
    one.run()
    one.close()
    late = [timed for timed in one.timed if timed.seconds > 0.2]
    assert len(one.timed) == len(due) and all(timed.well for timed in one.timed)
    assert len(late) > 2 * loading.CONNECTIONS


def test_a_step_ends_when_nobody_would_wait_any_longer_and_those_who_wait_count(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "GIVE_UP", 0.3)
    release = threading.Event()
    found = load(serve(lambda number: ANSWER if release.wait(120) else None), rate=1000.0, seconds=30.0, target_ms=1.0)
    release.set()
    assert not found.held and found.answered == 0 and found.errors == found.requests > 0
    assert found.most_ms >= 300


def test_a_rate_whose_queue_takes_long_to_empty_is_not_held_whatever_the_target(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "DRAIN", 0.2)
    lock = threading.Lock()

    def slowly(number: int) -> bytes:
        with lock:
            time.sleep(0.02)
        return ANSWER

    found = load(serve(slowly), rate=150.0)
    assert found.errors == 0 and not found.held


@pytest.mark.parametrize(
    "bad",
    [
        None,
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["hangs-up", "status", "no-length"],
)
def test_what_is_no_good_answer_is_an_error_and_the_next_request_has_a_connection(
    serve: Serve, bad: bytes | None
) -> None:
    found = load(serve(lambda number: bad if number % 4 == 3 else ANSWER))
    assert not found.held and 0 < found.errors < found.requests


def test_a_server_that_closes_after_each_answer_is_connected_to_anew(serve: Serve) -> None:
    closing = ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    found = load(serve(lambda number: closing))
    assert found.errors == 0 and found.held


def test_nobody_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with pytest.raises(WorkFailed, match="take no connection"):
        load(address)


@given(st.floats(1, 5000), st.floats(0.01, 2))
def test_what_is_due_is_the_same_each_time_in_order_and_within_the_step(rate: float, seconds: float) -> None:
    due = loading.arrivals(rate, seconds)
    assert due == loading.arrivals(rate, seconds) == sorted(due)
    assert due and due[0] > 0 and due[-1] <= seconds


def test_as_much_is_due_as_was_asked_for() -> None:
    due = loading.arrivals(1000.0, 60.0)
    assert abs(len(due) - 60_000) < 5 * 60_000**0.5
    gaps = np.diff(due)
    assert abs(gaps.std() / gaps.mean() - 1) < 0.05, "as of a Poisson process, not evenly"


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_quantiles_are_those_of_all_values(values: list[float], share: float) -> None:
    expected = float(np.percentile(values, share * 100, method="inverted_cdf"))
    assert loading.quantile(sorted(values), share) == round(expected, 3)
