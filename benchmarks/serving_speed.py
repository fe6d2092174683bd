"""One mixed-type boosted-tree model behind HTTP: latency, throughput, CPU per request, cold start and memory.

The endpoint compiled (what `deploy` chooses) and native; the same pipeline behind a plain Starlette handler; an empty
Starlette handler, the limit; and MLflow, BentoML and MLServer, where CUPOLA_BENCH_MLFLOW, CUPOLA_BENCH_BENTOML and
CUPOLA_BENCH_MLSERVER name a Python that has them (`serving_peers` says how they are set). All predict the same for rows
of the sample, else it ends. One process and one thread each, the same row, the same load generator in turns: wrk where
it is installed, else one of our own, which is said.
"""

import contextlib
import json
import os
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import joblib
import msgspec
import pandas
import skops.io

import cupola
from benchmarks.measure import Figure, machine, report
from benchmarks.serving_peers import (
    PEERS,
    ROOT,
    SCORING,
    Row,
    Served,
    answer,
    first_answer,
    free_port,
    predictions,
    started,
)
from benchmarks.workspaces import workspace

SAMPLE = ROOT / "workspaces" / "flights" / "data"
WITHOUT = ["wind_gust", "scheduled"]
SAME = 200  # rows that all servers have to predict the same for
ROUNDS, SECONDS = 5, 2
CONNECTIONS = (1, 16, 64)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Load(msgspec.Struct):
    """What clients that ask again at once have seen: answers a second, and milliseconds."""

    rate: float
    p50: float
    p99: float


@contextlib.contextmanager
def plain(*words: str) -> Iterator[int]:
    """A handler of `benchmarks.plain_server` on a free port of loopback."""
    port = free_port()
    with started(
        [sys.executable, "-m", "benchmarks.plain_server", words[0], str(port), *words[1:]], port, row()
    ) as one:
        yield one.port


def row() -> Row:
    """A row with a value in as many columns as any row of the sample has."""
    rows = json.loads((SAMPLE / "rows.json").read_bytes())["dataframe_records"]
    full = max(rows, key=lambda one: sum(value is not None for value in one.values()))
    return {key: value for key, value in full.items() if value is not None}


def by_wrk(server: Served, connections: int, body: bytes) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method="POST"\nwrk.body={json.dumps(body.decode())}\n')
        script.write('wrk.headers["Content-Type"]="application/json"\n')
        script.flush()
        words = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", script.name]
        said = subprocess.run(
            [*words, f"http://127.0.0.1:{server.port}{server.asked.path}"], check=True, capture_output=True, text=True
        )
    if "Non-2xx" in said.stdout:
        raise RuntimeError(said.stdout)
    found = {line.split()[0]: line.split()[-1] for line in said.stdout.splitlines() if line.strip()}
    return Load(float(found["Requests/sec:"]), _milliseconds(found["50%"]), _milliseconds(found["99%"]))


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 1e-3), ("ms", 1.0), ("s", 1e3)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def by_our_own(server: Served, connections: int, body: bytes) -> Load:
    """Each connection asks, takes its answer, and asks again."""
    head = f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request = f"POST {server.asked.path} HTTP/1.1\r\n{head}".encode() + body
    took: list[float] = []
    with contextlib.ExitStack() as opened, contextlib.closing(select.epoll()) as poll:
        lines = {}
        for _ in range(connections):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(one, select.EPOLLIN)
            lines[one.fileno()] = (one, bytearray())
        asked = dict.fromkeys(lines, time.perf_counter())
        for one, _ in lines.values():
            one.sendall(request)
        begun = time.perf_counter()
        while (now := time.perf_counter()) - begun < SECONDS:
            for number, _ in poll.poll(1.0):
                one, got = lines[number]
                got += one.recv(1 << 16)
                if _is_whole(got):
                    took.append(time.perf_counter() - asked[number])
                    got.clear()
                    asked[number] = time.perf_counter()
                    one.sendall(request)
    cuts = statistics.quantiles(took, n=100)
    return Load(len(took) / (now - begun), cuts[49] * 1000, cuts[98] * 1000)


def _is_whole(got: bytearray) -> bool:
    end = got.find(b"\r\n\r\n")
    length = LENGTH.search(got, 0, end + 2) if end >= 0 else None
    if length is None or len(got) < end + 4 + int(length[1]):
        return False
    if not got.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(got.decode(errors="replace"))
    return True


@contextlib.contextmanager
def servers(row: Row) -> Iterator[dict[str, Served]]:
    """The endpoints and their peers, by what they are called in the report."""
    with workspace() as opened, contextlib.ExitStack() as peers:
        ws = cupola.open(opened.root)
        ws.dataset.import_(str(SAMPLE / "flights.parquet"), name="flights", target="late")
        run = ws.train(
            dataset="flights", target="late", estimator="HistGradientBoostingClassifier", exclude=WITHOUT
        ).wait()
        ws.model.register(run.run, name="late")
        measured = ws.model.runtime("late")
        print(f"runtime: {measured.runtime} {measured.reason}: {measured.rows} rows, differ by {measured.difference}")
        directory = next(opened.root.glob("models/late/1-*"))
        found = {}
        for runtime in ("compiled", "native"):
            begun = time.perf_counter()
            deployed = ws.endpoint.deploy("late", name=runtime, runtime=runtime).wait()
            port = int(deployed.url.rpartition(":")[2])
            first_answer(port, SCORING, row)
            found[f"cupola, {runtime}"] = Served(port, deployed.pids, time.perf_counter() - begun, SCORING)
        for name, words in (("plain handler", ("pipeline", str(directory))), ("empty handler", ("empty",))):
            port = free_port()
            command = [sys.executable, "-m", "benchmarks.plain_server", words[0], str(port), *words[1:]]
            found[name] = peers.enter_context(started(command, port, row))
        fitted = skops.io.load(
            directory / "model.skops", trusted=skops.io.get_untrusted_types(file=directory / "model.skops")
        )
        pipeline = opened.root.parent / "pipeline.joblib"
        joblib.dump(fitted, pipeline)
        for peer in PEERS:
            if python := os.environ.get(peer.variable):
                for name, start in peer.servers.items():
                    found[name] = peers.enter_context(start(python, pipeline, row))
        agree(found, fitted)
        yield found


def agree(found: dict[str, Served], fitted: Any) -> None:
    """Raises RuntimeError when a server predicts otherwise than the pipeline itself."""
    frame = pandas.read_parquet(SAMPLE / "flights.parquet").drop(columns=["late", *WITHOUT]).dropna().head(SAME)
    expected = fitted.predict(frame).tolist()
    rows = [{str(name): value for name, value in one.items()} for one in frame.to_dict("records")]
    for name, one in found.items():
        if name != "empty handler" and predictions(answer(one.port, one.asked, rows)) != expected:
            raise RuntimeError(f"{name} predicts otherwise than the pipeline")
    print(f"all predict the same for {len(rows)} rows, {expected.count(True)} of them late")


def measured(all: dict[str, Served], loaded: Callable[[Served, int, bytes], Load], row: Row) -> None:
    """Prints the figures of each number of connections, the servers in turns, in units of the empty handler."""
    for connections in CONNECTIONS:
        loads: dict[str, list[Load]] = {name: [] for name in all}
        computed: dict[str, list[float]] = {name: [] for name in all}
        for turn in range(ROUNDS + 1):
            for name, one in all.items():
                before = one.cpu()
                load = loaded(one, connections, one.asked.body([row]))
                if turn:
                    loads[name].append(load)
                    computed[name].append((one.cpu() - before) / max(load.rate * SECONDS, 1) * 1e6)
        units = [("p50", "ms"), ("p99", "ms")] if connections == 1 else [("rate", "/s"), ("p99", "ms")]
        for field, unit in units:
            figures = [
                Figure(name=name, values=[getattr(one, field) for one in several], unit=unit)
                for name, several in loads.items()
            ]
            report(f"{field} at {connections} connections", figures, _beside(figures, field, connections))
        report(
            f"CPU per request at {connections} connections",
            [Figure(name=name, values=several, unit="us") for name, several in computed.items()],
        )


def _beside(figures: Sequence[Figure], field: str, connections: int) -> list[tuple[str, float, str]]:
    reaches = {("p50", 1): "at most 1.5", ("rate", 64): "at least 0.6"}
    limit = next(one.median for one in figures if one.name == "empty handler")
    reach = reaches.get((field, connections), "reported")
    ratios = [
        (f"{one.name} / empty handler", one.median / limit, reach if one.name == "cupola, compiled" else "reported")
        for one in figures
        if one.name != "empty handler"
    ]
    if (field, connections) == ("rate", 64):
        native = next(one.median for one in figures if one.name == "cupola, native")
        best = max(
            (one for one in figures if one.name != "empty handler" and not one.name.startswith("cupola")),
            key=lambda one: one.median,
        )
        ratios.append((f"cupola, native / {best.name}, the best peer", native / best.median, "at least 5"))
    return ratios


def main() -> None:
    machine("scikit-learn", "pandas", "uvicorn", "starlette", "treelite")
    has_wrk = shutil.which("wrk") is not None
    print(f"load by {'wrk, one thread' if has_wrk else 'our own client in Python: wrk is not installed'}")
    for peer in PEERS:
        if python := os.environ.get(peer.variable):
            print(f"{peer.versions(python)}: {peer.settings}")
        else:
            print(f"not run: {peer.packages[0]} ({peer.variable} names no Python that has it)")
    asked = row()
    with servers(asked) as all:
        report(
            "Cold start: until the first answer (reach of cupola, compiled: 500 ms)",
            [Figure(name=name, values=[one.cold * 1000]) for name, one in all.items()],
        )
        measured(all, by_wrk if has_wrk else by_our_own, asked)
        for kind, words in (("pss", "with its share of what is shared"), ("uss", "its own alone")):
            figures = [Figure(name=name, values=[one.memory(kind)], unit="MB") for name, one in all.items()]
            report(f"Memory, {words} (reach of cupola, compiled: 150 MB)", figures)


if __name__ == "__main__":
    main()
