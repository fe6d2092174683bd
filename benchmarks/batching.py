"""Predictions a second of a mixed-type boosted-tree pipeline over HTTP, at 64 connections that ask again at once.

Ours is the native runtime, which joins requests that arrive meanwhile into one call of the pipeline; beside it the same
pipeline behind a plain Starlette handler (reach: 5 times its throughput) and an empty Starlette handler, the limit.
All of one process and one thread; the rows of requests differ. Also one connection, where nothing can be joined.
"""

import contextlib
import itertools
import json
import random
import re
import select
import socket
import time
from collections.abc import Iterator

import pyarrow.parquet as pq

import cupola
from benchmarks.measure import Figure, machine, report
from benchmarks.serving_speed import SAMPLE, plain
from benchmarks.workspaces import workspace

ROUNDS, SECONDS = 3, 2.0
MANY = 64
ROWS = 500
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def load(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> float:
    """Answers a second: each connection asks, takes its answer, and asks again."""
    lines = {}
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines[one.fileno()] = (one, bytearray())
    poll = select.epoll()
    try:
        for number, (one, _) in lines.items():
            poll.register(number, select.EPOLLIN)
            one.sendall(next(requests))
        answered, begun = 0, time.perf_counter()
        while (now := time.perf_counter()) - begun < seconds:
            for number, _ in poll.poll(1.0):
                one, got = lines[number]
                got += one.recv(1 << 16)
                if _whole(got):
                    answered += 1
                    got.clear()
                    one.sendall(next(requests))
        return answered / (now - begun)
    finally:
        poll.close()
        for one, _ in lines.values():
            one.close()


def _whole(got: bytearray) -> bool:
    end = got.find(b"\r\n\r\n")
    length = LENGTH.search(got, 0, end) if end >= 0 else None
    if length is None or len(got) < end + 4 + int(length[1]):
        return False
    if not got.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(got.decode(errors="replace"))
    return True


def bodies() -> list[bytes]:
    """Whole requests, of a row each."""
    table = pq.read_table(SAMPLE / "flights.parquet").drop_columns(["late", "wind_gust", "scheduled"])
    picked = sorted(random.Random(1).sample(range(len(table)), ROWS))
    found = []
    for row in table.take(picked).to_pylist():
        body = json.dumps({"dataframe_records": [row]}).encode()
        head = f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        found.append(b"POST /invocations HTTP/1.1\r\n" + head.encode() + body)
    return found


def compare(ports: dict[str, int], connections: int) -> list[Figure]:
    """The throughput of each server in each round, the servers in turns."""
    requests = itertools.cycle(bodies())
    values: dict[str, list[float]] = {name: [] for name in ports}
    for turn, (name, port) in itertools.product(range(ROUNDS + 1), ports.items()):
        found = load(port, requests, connections, SECONDS)
        if turn:
            values[name].append(found)
    return [Figure(name=name, values=found, unit="/s") for name, found in values.items()]


@contextlib.contextmanager
def servers() -> Iterator[dict[str, int]]:
    """An endpoint, and its peers, by their ports."""
    with workspace() as opened:
        ws = cupola.open(opened.root)
        ws.dataset.import_(str(SAMPLE / "flights.parquet"), name="flights", target="late")
        without = ["wind_gust", "scheduled"]
        run = ws.train(
            dataset="flights", target="late", estimator="HistGradientBoostingClassifier", exclude=without
        ).wait()
        ws.model.register(run.run, name="late")
        deployed = ws.endpoint.deploy("late", name="late", runtime="native").wait()
        directory = next(opened.root.glob("models/late/1-*"))
        with plain("pipeline", str(directory)) as pipeline, plain("empty") as empty:
            yield {
                "cupola endpoint, native": int(deployed.url.rpartition(":")[2]),
                "plain Starlette handler, the same pipeline": pipeline,
                "empty Starlette handler": empty,
            }


def main() -> None:
    machine("scikit-learn", "pandas", "uvicorn", "starlette")
    with servers() as ports:
        for connections, reach in ((MANY, "at least 5"), (1, "reported")):
            ours, peer, limit = compare(ports, connections)
            report(
                f"Answers a second at {connections} connections ({SECONDS:g} s a round)",
                [ours, peer, limit],
                [
                    ("cupola / plain handler", ours.median / peer.median, reach),
                    ("cupola / empty handler", ours.median / limit.median, "reported"),
                ],
            )


if __name__ == "__main__":
    main()
