"""The warm starter: a process that has imported the heavy libraries, never computed, and forks what the agent asks for.

It is started with one passive thread for every numeric library (variables come too late after the import), talks to its
agent over one socket, and ends with it; what it has forked goes on. Nothing may start a thread or compute here: a fork
after an OpenMP region hangs.
"""

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from typing import NoReturn

import msgspec

from cupola.jobs import warm

MODULES = (
    "numpy", "pandas", "pyarrow", "pyarrow.parquet", "pyarrow.csv", "duckdb", "scipy.sparse", "scipy.stats", "joblib",
    "sklearn", "sklearn.compose", "sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics",
    "sklearn.model_selection", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.impute", "skops.io",
    "starlette.applications", "uvicorn", "threadpoolctl",
)  # fmt: skip
FIRST = ("cupola.jobs.keeper",)
OWN = (
    "cupola.jobs.attempt", "cupola.datasets.importing", "cupola.training.job",
    "cupola.registry.registration", "cupola.serving.keeper", "cupola.serving.gateway",
)  # fmt: skip
MESSAGE = 1 << 18
DESCRIPTORS = 16
QUIET = 0.2  # seconds without a request after which one is forked in advance


class Request(msgspec.Struct, kw_only=True):
    """Fork a process of its own session that runs `main(argv)` of a module; its descriptors' numbers become `{fds}`.

    One that is not `warm` does not wait until all is imported: it imports itself what it finds missing.
    """

    id: int
    module: str
    argv: list[str]
    env: dict[str, str]
    log: str
    warm: bool = False


class Reply(msgspec.Struct, kw_only=True):
    """What became of a request: the new process. The first reply, of no request, says that all is imported."""

    id: int
    pid: int
    missing: list[str] = msgspec.field(default_factory=list)


def main() -> None:
    """Serves the agent at the other end of the socket whose descriptor is the only argument."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if sys.path[0] == os.getcwd():  # noqa: PTH109 - put there by -m; -P would show in the sys.flags of warm jobs
        del sys.path[0]
    line = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(line.fileno(), False)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    waiting: list[tuple[Request, list[int]]] = []
    missing = []
    for name in (*FIRST, *MODULES, *OWN):
        missing += _import(name)
        waiting += _fork_early(line)
    warm.prepare()
    gc.collect()
    gc.freeze()
    line.send(msgspec.json.encode(Reply(id=0, pid=os.getpid(), missing=missing)))
    for request, descriptors in waiting:
        _fork(line, request, descriptors)
    _build_catalogue(line)
    _serve(line)


def _serve(line: socket.socket) -> None:
    """Forks what is asked for until the agent is gone; when there is time, one in advance, for the next."""
    spare: Spare | None = None
    while True:
        if not select.select([line], [], [], None if spare else QUIET)[0]:
            spare = Spare(line)
        elif (asked := _receive(line)) is None:
            return
        elif spare is not None and spare.take(*asked):
            _answer(line, *asked, spare.pid)
            spare = None
        else:
            _fork(line, *asked)


class Spare:
    """A process forked in advance, which becomes what is asked for (10 to 15 ms sooner); it ends with the starter."""

    def __init__(self, line: socket.socket) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            line.close()
            self.ours.close()
            asked = _receive(theirs)
            if asked is None:
                os._exit(0)
            _become(theirs, *asked)
        theirs.close()

    def take(self, request: Request, descriptors: list[int]) -> bool:
        """Hands it a request; False when it is gone."""
        try:
            socket.send_fds(self.ours, [msgspec.json.encode(request)], descriptors)
        except OSError:
            return False
        finally:
            self.ours.close()
        return True


def _import(name: str) -> list[str]:
    """Imports a module; what cannot be imported, a job that needs it will say for itself."""
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - whatever an installed library raises when it is imported
        return [f"{name}: {error}"]
    return []


def _receive(line: socket.socket) -> tuple[Request, list[int]] | None:
    """The next request with its descriptors; None when the agent is gone."""
    data, descriptors, _, _ = socket.recv_fds(line, MESSAGE, DESCRIPTORS)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return (msgspec.json.decode(data, type=Request), descriptors) if data else None


def _fork_early(line: socket.socket) -> list[tuple[Request, list[int]]]:
    """Serves, between two imports, what was asked for and need not have it all; gives back the rest."""
    rest = []
    while select.select([line], [], [], 0)[0]:
        asked = _receive(line)
        if asked is None:
            sys.exit(0)
        if asked[0].warm:
            rest.append(asked)
        else:
            warm.prepare()
            _fork(line, *asked)
    return rest


def _build_catalogue(line: socket.socket) -> None:
    """Has what people must know of estimators written down, where that is not yet done, in a process of its own."""
    from cupola.environments import catalogue

    if catalogue.path().exists() or os.fork():
        return
    line.close()
    code = 1
    try:
        catalogue.build()
        code = 0
    except Exception:  # noqa: BLE001 - the last one who can say it
        traceback.print_exc()
    finally:
        os._exit(code)


def _fork(line: socket.socket, request: Request, descriptors: list[int]) -> None:
    pid = os.fork()
    if pid == 0:
        _become(line, request, descriptors)
    _answer(line, request, descriptors, pid)


def _answer(line: socket.socket, request: Request, descriptors: list[int], pid: int) -> None:
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
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its agent is gone, and so is its work
        main()
