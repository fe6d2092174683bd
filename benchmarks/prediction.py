"""One prediction of a mixed-type boosted-tree pipeline over HTTP with keep-alive, median.

Beside it: the same pipeline behind a plain Starlette handler (reach: no slower), and an empty Starlette handler (the
limit; where the compiled runtime of a later version goes). All of one thread, one process, one connection.
"""

import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cupola
from benchmarks.measure import Figure, machine, report
from benchmarks.workspaces import workspace

SAMPLE = Path(__file__).parent.parent / "workspaces" / "flights" / "data"
ROUNDS, REQUESTS = 7, 300


def latency(connection: http.client.HTTPConnection, body: bytes) -> float:
    """Milliseconds of one request, its answer read."""
    begun = time.perf_counter()
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    if answer.status != 200:
        raise RuntimeError(data.decode(errors="replace"))
    return (time.perf_counter() - begun) * 1000


@contextlib.contextmanager
def plain(*words: str) -> Iterator[int]:
    """A peer's server on a free port of loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.plain_server", words[0], str(port), *words[1:]])
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


def compare(ports: dict[str, int], body: bytes) -> list[Figure]:
    """The median of each server in each round, the servers in turns."""
    connections = {name: http.client.HTTPConnection("127.0.0.1", port) for name, port in ports.items()}
    values: dict[str, list[float]] = {name: [] for name in ports}
    for turn in range(ROUNDS + 1):
        for name, connection in connections.items():
            median = statistics.median(latency(connection, body) for _ in range(REQUESTS))
            if turn:
                values[name].append(median)
    return [Figure(name=name, values=found) for name, found in values.items()]


def main() -> None:
    machine("scikit-learn", "pandas", "uvicorn", "starlette")
    rows = json.loads((SAMPLE / "rows.json").read_bytes())["dataframe_records"]
    row = max(rows, key=lambda one: sum(value is not None for value in one.values()))
    body = json.dumps({"dataframe_records": [{key: value for key, value in row.items() if value is not None}]}).encode()
    with workspace() as opened:
        ws = cupola.open(opened.root)
        ws.dataset.import_(str(SAMPLE / "flights.parquet"), name="flights", target="late")
        without = ["wind_gust", "scheduled"]
        run = ws.train(
            dataset="flights", target="late", estimator="HistGradientBoostingClassifier", exclude=without
        ).wait()
        model = ws.model.register(run.run, name="late")
        deployed = ws.endpoint.deploy("late", name="late").wait()
        directory = next(opened.root.glob("models/late/1-*"))
        with plain("pipeline", str(directory)) as pipeline, plain("empty") as empty:
            ports = {
                f"cupola endpoint, {model.estimator}": int(deployed.url.rpartition(":")[2]),
                "plain Starlette handler, the same pipeline": pipeline,
                "empty Starlette handler": empty,
            }
            ours, peer, limit = compare(ports, body)
    report(
        f"One prediction ({REQUESTS} requests a round)",
        [ours, peer, limit],
        [
            ("cupola / plain handler", ours.median / peer.median, "at most 1"),
            ("cupola / empty handler", ours.median / limit.median, "reported"),
        ],
    )


if __name__ == "__main__":
    main()
