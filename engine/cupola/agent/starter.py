"""The warm starter: a process that has imported the heavy libraries, never computed, and forks what the agent asks for.

It is started with one passive thread for every numeric library (variables come too late after the import), talks to its
agent over one socket, and ends with it; what it has forked goes on. Nothing may start a thread or compute here: a fork
after an OpenMP region hangs.
"""

import gc
import importlib
import os
import signal
import socket
import sys
import time
import traceback
from typing import NoReturn

import msgspec

MODULES = (
    "numpy", "pandas", "pyarrow", "pyarrow.parquet", "pyarrow.csv", "duckdb", "scipy.sparse", "scipy.stats", "joblib",
    "sklearn", "sklearn.compose", "sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics",
    "sklearn.model_selection", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.impute", "skops.io",
    "starlette.applications", "uvicorn", "threadpoolctl",
)  # fmt: skip
OWN = (
    "cupola.jobs.keeper", "cupola.jobs.attempt", "cupola.datasets.importing", "cupola.datasets.sql",
    "cupola.training.work", "cupola.serving.keeper", "cupola.serving.server", "cupola.serving.gateway",
)  # fmt: skip
MESSAGE = 1 << 18
DESCRIPTORS = 16


class Request(msgspec.Struct, kw_only=True):
    """Fork a process of its own session that runs `main(argv)` of a module; its descriptors' numbers become `{fds}`."""

    id: int
    module: str
    argv: list[str]
    env: dict[str, str]
    log: str


class Reply(msgspec.Struct, kw_only=True):
    """What became of a request: the new process. The first reply, of no request, says that all is imported."""

    id: int
    pid: int
    missing: list[str] = msgspec.field(default_factory=list)


def main() -> None:
    """Serves the agent at the other end of the socket whose descriptor is the only argument."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    line = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(line.fileno(), False)
    missing = _import()
    from cupola.jobs import warm

    warm.prepare()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    line.send(msgspec.json.encode(Reply(id=0, pid=os.getpid(), missing=missing)))
    while True:
        data, descriptors, _, _ = socket.recv_fds(line, MESSAGE, DESCRIPTORS)
        if not data:
            return
        _fork(line, msgspec.json.decode(data, type=Request), descriptors)


def _import() -> list[str]:
    """Imports all there is to import; what cannot be, a job that needs it will say for itself."""
    missing = []
    for name in (*MODULES, *OWN):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever an installed library raises when it is imported
            missing.append(f"{name}: {error}")
    return missing


def _fork(line: socket.socket, request: Request, descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    pid = os.fork()
    if pid == 0:
        _become(line, request, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    line.send(msgspec.json.encode(Reply(id=request.id, pid=pid)))


def _become(line: socket.socket, request: Request, descriptors: list[int]) -> NoReturn:
    code = 1
    try:
        os.setsid()
        line.close()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(request.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir("/")
        os.environ.clear()
        os.environ.update(request.env)
        held = msgspec.json.encode(descriptors).decode()
        argv = [word.replace("{fds}", held) for word in request.argv]
        sys.argv = [request.module, *argv]
        code = importlib.import_module(request.module).main(argv) or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the last one who can say it
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), request.module, request.argv, file=sys.stderr)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
