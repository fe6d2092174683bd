"""The servers that `serving_speed` compares with: of each its start, its first answer, its processes and its end.

MLflow, BentoML and MLServer (with mlserver-sklearn) are each taken from the Python that a variable of the environment
names: one that has it, msgspec, and scikit-learn of the same version as here. Each serves the same fitted pipeline in
one process with one thread of OpenMP; BentoML and MLServer without the batching that they offer, and with it.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psutil

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0  # seconds for a server to answer first
BATCH, WAIT = 64, 0.01  # requests that MLServer puts together at most, and the seconds that it waits for them
DATATYPES = {int: "INT64", float: "FP64", str: "BYTES"}  # of the Open Inference protocol

Row = Mapping[str, Any]


class Asked(msgspec.Struct, frozen=True):
    """How a server is asked: where, and the body that stands for rows."""

    path: str
    body: Callable[[Sequence[Row]], bytes]


class Served(msgspec.Struct):
    """A server: where it answers, its processes, the seconds until its first answer, and how it is asked."""

    port: int
    pids: list[int]
    cold: float
    asked: Asked

    def cpu(self) -> float:
        """Seconds that its processes have computed."""
        times = [psutil.Process(pid).cpu_times() for pid in self.pids]
        return sum(float(one.user + one.system) for one in times)

    def memory(self, kind: str) -> float:
        """Megabytes that are its own ("uss"), or with its share of what it has in common with others ("pss")."""
        return sum(float(getattr(psutil.Process(pid).memory_full_info(), kind)) for pid in self.pids) / 1e6


class Peer(msgspec.Struct, frozen=True):
    """A product: its packages, the variable that names its Python, how it is set, and its servers of a pipeline by
    what they are called in the report."""

    packages: tuple[str, ...]
    variable: str
    settings: str
    servers: Mapping[str, Callable[[str, Path, Row], contextlib.AbstractContextManager[Served]]]

    def versions(self, python: str) -> str:
        """Of what its Python has to have; raises CalledProcessError where it has not."""
        packages = (*self.packages, "scikit-learn", "msgspec")
        ask = f"from importlib.metadata import version; print(*map(version, {packages}))"
        said = subprocess.run([python, "-c", ask], check=True, stdout=subprocess.PIPE, text=True).stdout
        return ", ".join(f"{name} {version}" for name, version in zip(packages, said.split(), strict=True))


def _records(rows: Sequence[Row]) -> bytes:
    return json.dumps({"dataframe_records": rows}).encode()


def _columns(rows: Sequence[Row]) -> bytes:
    """The rows as tensors of the Open Inference protocol, one a column, that MLServer makes a DataFrame of."""
    inputs = [
        {"name": name, "shape": [len(rows), 1], "datatype": DATATYPES[type(value)], "data": [one[name] for one in rows]}
        | ({"parameters": {"content_type": "str"}} if isinstance(value, str) else {})
        for name, value in rows[0].items()
    ]
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs}).encode()


SCORING = Asked("/invocations", _records)
OPEN_INFERENCE = Asked("/v2/models/late/infer", _columns)


def answer(port: int, asked: Asked, rows: Sequence[Row]) -> Any:
    """What a server says to rows; raises RuntimeError with its words when it refuses them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("POST", asked.path, asked.body(rows), {"Content-Type": "application/json"})
        answered = connection.getresponse()
        said = answered.read()
    if answered.status != 200:
        raise RuntimeError(said.decode(errors="replace"))
    return json.loads(said)


def predictions(said: Any) -> Any:
    """The predictions of an answer: of the scoring protocol, of Open Inference, or a list that is nothing else."""
    if isinstance(said, list):
        return said
    return said["predictions"] if "predictions" in said else said["outputs"][0]["data"]


def first_answer(port: int, asked: Asked, row: Row) -> None:
    """Asks until there is an answer: also a server that refuses may be one that has yet to load its model."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer(port, asked, [row])
        except (OSError, RuntimeError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        return


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    command: Sequence[str],
    port: int,
    row: Row,
    asked: Asked = SCORING,
    cwd: str | Path = ROOT,
    variables: Mapping[str, str] = {},
) -> Iterator[Served]:
    """A peer's server, from its start to its first answer, and its end."""
    begun = time.perf_counter()
    server = subprocess.Popen(
        command, env=os.environ | dict(variables), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd
    )
    try:
        first_answer(port, asked, row)
        cold = time.perf_counter() - begun
        own = psutil.Process(server.pid)
        yield Served(port, [server.pid, *(one.pid for one in own.children(recursive=True))], cold, asked)
    finally:
        for one in psutil.Process(server.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.terminate()
        server.terminate()
        server.wait()


def _surroundings(python: str) -> dict[str, str]:
    """One thread of OpenMP, the pipeline's own classes, and the commands that are beside its Python."""
    path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    return {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "engine"), "PATH": path}


@contextlib.contextmanager
def mlflow(python: str, pipeline: Path, row: Row) -> Iterator[Served]:
    """`mlflow models serve` of the pipeline, saved as MLflow saves one of scikit-learn."""
    with tempfile.TemporaryDirectory() as home:
        save = (
            "import sys, joblib, mlflow.sklearn\n"
            "fitted = joblib.load(sys.argv[1])\n"
            "mlflow.sklearn.save_model(fitted, sys.argv[2], serialization_format='cloudpickle')\n"
        )
        variables, target, port = _surroundings(python), f"{home}/model", free_port()
        subprocess.run([python, "-c", save, str(pipeline), target], check=True, env=os.environ | variables)
        command = [python, "-m", "mlflow", "models", "serve", "-m", target, "-p", str(port), "--env-manager", "local"]
        with started([*command, "--workers", "1"], port, row, variables=variables) as one:
            yield one


@contextlib.contextmanager
def bentoml(python: str, pipeline: Path, row: Row, batching: str = "") -> Iterator[Served]:
    """`bentoml serve` of a service as its guide has one: it loads the pipeline, and predicts for rows."""
    service = (
        "from typing import Any\n\nimport bentoml, joblib, pandas\n\n\n"
        "@bentoml.service(workers=1, threads=1, logging={'access': {'enabled': False}})\n"
        "class Late:\n"
        "    def __init__(self) -> None:\n"
        f"        self.fitted = joblib.load({str(pipeline)!r})\n\n"
        f"    @bentoml.api(route='/invocations'{batching})\n"
        "    def predict(self, dataframe_records: list[dict[str, Any]]) -> list[Any]:\n"
        "        return self.fitted.predict(pandas.DataFrame(dataframe_records)).tolist()\n"
    )
    with tempfile.TemporaryDirectory() as home:
        Path(home, "service.py").write_text(service)
        port = free_port()
        command = [python, "-m", "bentoml", "serve", "service:Late", "--host", "127.0.0.1", "--port", str(port)]
        variables = _surroundings(python) | {"BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "True"}
        with started(command, port, row, SCORING, home, variables) as one:
            yield one


@contextlib.contextmanager
def mlserver(python: str, pipeline: Path, row: Row, **batching: float) -> Iterator[Served]:
    """`mlserver start` of the pipeline by mlserver-sklearn, in the server's own process."""
    with tempfile.TemporaryDirectory() as home:
        port = free_port()
        settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_endpoint": None}
        model = {
            "name": "late",
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": str(pipeline)},
        }
        Path(home, "settings.json").write_text(json.dumps(settings | {"parallel_workers": 0, "debug": False}))
        Path(home, "model-settings.json").write_text(json.dumps(model | batching))
        command = [str(Path(python).parent / "mlserver"), "start", home]
        with started(command, port, row, OPEN_INFERENCE, home, _surroundings(python)) as one:
            yield one


PEERS = (
    Peer(("mlflow",), "CUPOLA_BENCH_MLFLOW", "one worker", {"mlflow models serve": mlflow}),
    Peer(
        ("bentoml",),
        "CUPOLA_BENCH_BENTOML",
        "one worker, one thread, no access log; batching with its own limits",
        {"bentoml": bentoml, "bentoml, batching": partial(bentoml, batching=", batchable=True")},
    ),
    Peer(
        ("mlserver", "mlserver-sklearn"),
        "CUPOLA_BENCH_MLSERVER",
        f"no parallel worker, no debug log, no metrics; batching of up to {BATCH} requests within {WAIT} s",
        {"mlserver": mlserver, "mlserver, batching": partial(mlserver, max_batch_size=BATCH, max_batch_time=WAIT)},
    ),
)
