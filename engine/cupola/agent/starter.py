"""The warm starter: a process that has imported the heavy libraries, never computed, and forks what the agent asks for.

It is started with one passive thread for every numeric library (variables come too late after the import), and talks
to its agent over one socket. When the agent tells it to, it ends; when the agent was killed, the next one may take it
over (importing anew takes seconds), for a while. What it has forked goes on. Nothing may start a thread or compute
here: a fork after an OpenMP region hangs.
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
from pathlib import Path
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
    "cupola.training.actions", "cupola.tuning.actions", "cupola.registry.actions", "cupola.transform.actions",
    "cupola.pipelines.driving",
)  # fmt: skip
MESSAGE = 1 << 18
DESCRIPTORS = 16
QUIET = 0.2  # seconds without a request after which one is forked in advance
ORPHANED = 30.0  # seconds that it waits for another agent when its own was killed


class Request(msgspec.Struct, kw_only=True):
    """Fork a process of its own session that runs `main(argv)` of a module; its descriptors' numbers become `{fds}`.

    Without a module: end. One that is not `warm` does not wait until all is imported: it imports itself what it finds
    missing.
    """

    id: int
    module: str
    argv: list[str]
    env: dict[str, str]
    log: str
    warm: bool = False


class Reply(msgspec.Struct, kw_only=True):
    """What became of a request: the new process. One of no request says that all is imported."""

    id: int
    pid: int
    missing: list[str] = msgspec.field(default_factory=list)


Asked = tuple[Request, list[int]]


class Desk:
    """Where agents ask: the listening socket at which the next one calls, and the line to the one that there is."""

    def __init__(self, descriptor: int) -> None:
        self.listener = socket.socket(fileno=descriptor)
        self.listener.set_inheritable(False)
        self.listener.listen(1)  # again: whose process is at the other end, callers are told from this
        self.line = self.listener.accept()[0]
        self.imported: Reply | None = None

    def asked(self, timeout: float | None) -> bool:
        """Whether somebody has asked, or is gone, within so many seconds."""
        return bool(select.select([self.line], [], [], timeout)[0])

    def receive(self) -> Asked | None:
        """The next request with its descriptors; None when the starter is to end."""
        while True:
            asked = _receive(self.line)
            if asked is not None:
                return asked if asked[0].module else None
            if not self._next_agent():
                return None

    def say(self, reply: Reply) -> None:
        if reply.id == 0:
            self.imported = reply
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the next agent finds out for itself
            self.line.send(msgspec.json.encode(reply))

    def close(self) -> None:
        """In a process that was forked: leaves both to the starter."""
        self.listener.close()
        self.line.close()

    def _next_agent(self) -> bool:
        """Waits for another agent to call; not any longer when nobody can find the way any more."""
        self.line.close()
        deadline = time.monotonic() + ORPHANED
        while time.monotonic() < deadline and Path(self.listener.getsockname()).exists():
            if select.select([self.listener], [], [], 0.5)[0]:
                self.line = self.listener.accept()[0]
                if self.imported:
                    self.say(self.imported)
                return True
        return False


def main() -> None:
    """Serves the agents that call at the listening socket whose descriptor is the only argument."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if sys.path[0] == os.getcwd():  # noqa: PTH109 - put there by -m; -P would show in the sys.flags of warm jobs
        del sys.path[0]
    desk = Desk(int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    waiting: list[Asked] = []
    missing = []
    for name in (*FIRST, *MODULES, *OWN):
        missing += _import(name)
        waiting += _fork_early(desk)
    warm.prepare()
    gc.collect()
    gc.freeze()
    desk.say(Reply(id=0, pid=os.getpid(), missing=missing))
    for request, descriptors in waiting:
        _fork(desk, request, descriptors)
    _build_catalogue(desk)
    _serve(desk)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(desk.listener.getsockname())  # noqa: PTH108


def _serve(desk: Desk) -> None:
    """Forks what is asked for until it is told to end; when there is time, one in advance, for the next."""
    spare: Spare | None = None
    while True:
        if not desk.asked(None if spare else QUIET):
            spare = Spare(desk)
        elif (asked := desk.receive()) is None:
            return
        elif spare is not None and spare.take(*asked):
            _answer(desk, *asked, spare.pid)
            spare = None
        else:
            _fork(desk, *asked)


class Spare:
    """A process forked in advance, which becomes what is asked for (10 to 15 ms sooner); it ends with the starter."""

    def __init__(self, desk: Desk) -> None:
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            desk.close()
            self.ours.close()
            asked = _receive(theirs)
            if asked is None:
                os._exit(0)
            theirs.close()
            _become(*asked)
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


def _receive(line: socket.socket) -> Asked | None:
    """The next request with its descriptors; None when the other end is gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(line, MESSAGE, DESCRIPTORS)
    except ConnectionResetError:  # said once, when the other end left with an answer unread; its last words follow
        return _receive(line)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return (msgspec.json.decode(data, type=Request), descriptors) if data else None


def _fork_early(desk: Desk) -> list[Asked]:
    """Serves, between two imports, what was asked for and need not have it all; gives back the rest."""
    rest = []
    while desk.asked(0):
        asked = desk.receive()
        if asked is None:
            sys.exit(0)
        if asked[0].warm:
            rest.append(asked)
        else:
            warm.prepare()
            _fork(desk, *asked)
    return rest


def _build_catalogue(desk: Desk) -> None:
    """Has what people must know of estimators written down, where that is not yet done, in a process of its own."""
    from cupola.environments import catalogue

    if catalogue.path().exists() or os.fork():
        return
    desk.close()
    code = 1
    try:
        catalogue.build()
        code = 0
    except Exception:  # noqa: BLE001 - the last one who can say it
        traceback.print_exc()
    finally:
        os._exit(code)


def _fork(desk: Desk, request: Request, descriptors: list[int]) -> None:
    pid = os.fork()
    if pid == 0:
        desk.close()
        _become(request, descriptors)
    _answer(desk, request, descriptors, pid)


def _answer(desk: Desk, request: Request, descriptors: list[int], pid: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    desk.say(Reply(id=request.id, pid=pid))


def _become(request: Request, descriptors: list[int]) -> NoReturn:
    code = 1
    try:
        os.setsid()
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
        with contextlib.suppress(OSError):  # a log on a full disk
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
