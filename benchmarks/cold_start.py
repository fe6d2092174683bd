"""From a request to a sleeping serverless endpoint to its answer: at its own port and through the gateway.

Beside it: the same pipeline behind a plain Starlette handler that is started for the request, which imports everything
anew, and the same request to the endpoint once it is awake. Reach: 300 ms at the median.
"""

import http.client
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import cupola
from benchmarks.measure import Figure, machine, report
from benchmarks.serving_speed import SAMPLE, plain
from benchmarks.workspaces import workspace
from cupola.serving import records

ROUNDS = 15
GATEWAY_ROUNDS = 9  # the gateway keeps its connections, which a server that ends lets go after 5 s
PEER_ROUNDS = 5


def latency(connection: http.client.HTTPConnection, body: bytes) -> float:
    """Milliseconds of one request, its answer read."""
    begun = time.perf_counter()
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    if answer.status != 200:
        raise RuntimeError(data.decode(errors="replace"))
    return (time.perf_counter() - begun) * 1000


def asked(url: str, path: str, body: bytes) -> float:
    """Milliseconds of one request over a connection of its own, its answer read."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(str(urlsplit(url).netloc))
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    taken = (time.perf_counter() - begun) * 1000
    connection.close()
    if answer.status != 200:
        raise RuntimeError(data.decode(errors="replace"))
    return taken


def main() -> None:
    machine("scikit-learn", "pandas", "uvicorn", "starlette")
    rows = json.loads((SAMPLE / "rows.json").read_bytes())["dataframe_records"]
    body = json.dumps({"dataframe_records": rows[:1]}).encode()
    with workspace() as opened:
        ws = cupola.open(opened.root)
        ws.dataset.import_(str(SAMPLE / "flights.parquet"), name="flights", target="late")
        without = ["wind_gust", "scheduled"]
        run = ws.train(
            dataset="flights", target="late", estimator="HistGradientBoostingClassifier", exclude=without
        ).wait()
        model = ws.model.register(run.run, name="late")
        deployed = ws.endpoint.deploy("late", name="late", mode="serverless", idle="1s").wait()

        seen = records.status(opened.store, "late")
        keeper = seen.process.pid if seen and seen.process else 0
        children = Path(f"/proc/{keeper}/task/{keeper}/children")

        def asleep() -> None:
            """Waits until it sleeps, and the server that ended has let its last connection go."""
            while not ws.endpoint.show("late").asleep or children.read_text():
                time.sleep(0.05)

        own: list[float] = []
        awake: list[float] = []
        for _ in range(ROUNDS):
            asleep()
            own.append(asked(deployed.url, "/invocations", body))
            awake.append(asked(deployed.url, "/invocations", body))
        through = []
        for _ in range(GATEWAY_ROUNDS):
            asleep()
            through.append(asked(deployed.gateway, "/endpoints/late/invocations", body))
        cold = []
        for _ in range(PEER_ROUNDS):
            begun = time.perf_counter()
            with plain("pipeline", str(next(opened.root.glob("models/late/1-*")))) as port:
                latency(http.client.HTTPConnection("127.0.0.1", port), body)
                cold.append((time.perf_counter() - begun) * 1000)
    figures = [
        Figure(name=f"asleep, its own port, {model.estimator}", values=own),
        Figure(name="asleep, through the gateway", values=through),
        Figure(name="awake, its own port, a new connection", values=awake),
        Figure(name="plain Starlette handler started for the request", values=cold),
    ]
    report(
        "First request to a serverless endpoint that sleeps",
        figures,
        [
            ("asleep / 300 ms", figures[0].median / 300, "at most 1"),
            ("asleep, gateway / 300 ms", figures[1].median / 300, "at most 1"),
            ("plain handler started / asleep", figures[3].median / figures[0].median, "reported"),
        ],
    )


if __name__ == "__main__":
    main()
