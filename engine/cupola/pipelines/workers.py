"""Workers: the processes in which steps are done, forked by the driver, which has computed nothing.

A worker does one step after the other, as a warm Lambda does: a fork costs 15 ms where the heavy libraries are loaded,
and what a step has imported the next one need not. What a step prints goes to the log of its try. What it has to say
goes to the driver, a JSON line each: the job that it has filed, and last what came of it. A worker ends
with its driver.
"""

import contextlib
import io
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from cupola.errors import CupolaError, ErrorInfo
from cupola.jobs import child, room, warm
from cupola.pipelines.records import Step
from cupola.store import Store
from cupola.store.trouble import FULL, trouble

MESSAGE = 1 << 18


class Outcome(msgspec.Struct, kw_only=True):
    """What a step has come to: what others can refer to, or the error that it failed of, and words for its cause."""

    outputs: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    error: ErrorInfo | None = None
    causes: list[str] = []


class Task(msgspec.Struct, kw_only=True):
    """A try of a step: `arguments` with values for references; directory: its own, in the workspace; again: another
    process had begun this very try. Without a step: to make the definition of a pipeline in Python."""

    step: Step | None = None
    arguments: dict[str, Any] = {}
    attempt: int = 1
    directory: str
    again: bool = False


class Said(msgspec.Struct, kw_only=True):
    """A line of a worker to the driver: the job that it has filed, or what else it waits for, or the outcome; `killed`
    where it has none to say any more, since somebody has killed it."""

    job: str = ""
    waits: str = ""
    killed: bool = False
    outcome: Outcome | None = None


Say = Callable[[Said], None]
Do = Callable[[Task, Say], Outcome]


class Worker:
    """A worker as its driver sees it: `line` can be read when it has something to say, or has ended."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid, self.line = pid, line
        self.timeout: float | None = None
        self.deadline: float | None = None
        self.timed_out = False
        self._rest = b""

    def give(self, task: Task, timeout: float | None = None) -> None:
        """Has it do a step, for so many seconds at most."""
        self.timeout = timeout
        self.deadline = None if timeout is None else time.monotonic() + timeout
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end is seen when it is read
            self.line.sendall(msgspec.json.encode(task) + b"\n")

    def read(self) -> tuple[list[Said], bool]:
        """What it has said since, and whether it is still there."""
        try:
            data = self.line.recv(MESSAGE)
        except ConnectionResetError:
            data = b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [msgspec.json.decode(line, type=Said) for line in lines], bool(data)

    def end(self) -> int:
        """Takes its end, and gives what wait() says of it."""
        self.line.close()
        return os.waitpid(self.pid, 0)[1]

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def overdue(self) -> None:
        """Ends one whose step takes longer than it may."""
        if self.deadline is not None and not self.timed_out and time.monotonic() >= self.deadline:
            self.timed_out = True
            self.kill()


class Log(io.FileIO):
    """Where a step prints to. On a full disk that waits for room where jobs do, as what a job prints waits in its pipe:
    a step does not fail for its own words. waits: while it is done; what there is to say of its end waits for nothing.
    """

    def __init__(self, descriptor: int, root: Path) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.root = root
        self.waits = False

    def write(self, data: Any) -> int:
        while True:
            try:
                return super().write(data)
            except OSError as error:
                if error.errno not in FULL or not self.waits or not room.may_wait(Store.open(self.root)):
                    raise
            time.sleep(room.PAUSE)


def hire(do: Do, root: Path, private: list[int]) -> Worker:
    """Forks a worker that does what it is given; `private` are descriptors of the driver alone."""
    ours, theirs = socket.socketpair()
    driver = os.getpid()
    pid = os.fork()
    if pid == 0:
        _work(do, root, theirs, [ours.detach(), *private], driver)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    theirs.close()
    return Worker(pid, ours)


def _work(do: Do, root: Path, line: socket.socket, private: list[int], driver: int) -> NoReturn:
    code = 1
    try:
        os.setpgid(0, 0)
        child.libc.prctl(child.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != driver:
            os._exit(0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for one in private:
            os.close(one)

        def say(said: Said) -> None:
            line.sendall(msgspec.json.encode(said) + b"\n")

        logs = [Log(1, root), Log(2, root)]
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.BufferedWriter(one), "utf-8", "backslashreplace", line_buffering=one is logs[1])
            for one in logs
        )
        variables = dict(os.environ)
        for text in line.makefile("rb"):
            task = msgspec.json.decode(text, type=Task)
            _as_new(root, variables)
            outcome = _tried(do, root / task.directory / "log.txt", task, say, logs)
            with contextlib.suppress(OSError):  # the disk is full
                sys.stdout.flush()
                sys.stderr.flush()
            say(Said(outcome=outcome))
        code = 0
    finally:
        os._exit(code)


def _as_new(root: Path, variables: dict[str, str]) -> None:
    """Takes back what the step before may have changed of the process."""
    os.chdir(root)
    if os.environ != variables:
        os.environ.clear()
        os.environ.update(variables)
    warm.reseed(int.from_bytes(os.urandom(4)))


@contextlib.contextmanager
def _waiting(logs: list[Log]) -> Iterator[None]:
    for one in logs:
        one.waits = True
    try:
        yield
    finally:
        for one in logs:
            one.waits = False


def _log_to(log: Path) -> None:
    """Has what is printed go to the log; to nowhere where the disk has no room for one."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno not in FULL:
            raise
        opened = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    os.close(opened)


def _tried(do: Do, log: Path, task: Task, say: Say, logs: list[Log]) -> Outcome:
    """What comes of it; an error becomes part of that, with a traceback in the log where it is not one of ours."""
    try:
        _log_to(log)
        with _waiting(logs):
            found = do(task, say)
            sys.stdout.flush()
            return found
    except CupolaError as error:
        with contextlib.suppress(OSError):
            print(f"error: {error}", flush=True)
        return Outcome(error=error.info(), causes=_kinds(error))
    except SystemExit as error:
        said = error.code if isinstance(error.code, str) else f"it ended with exit status {error.code}"
        return Outcome(error=ErrorInfo(kind="SystemExit", message=said), causes=["exit", "SystemExit"])
    except BaseException as error:  # noqa: BLE001 - whatever a function raises is why its step has failed
        import traceback

        with contextlib.suppress(OSError):  # there may be no room for it, where the disk is full
            traceback.print_exc()
        causes = ["exit", *_kinds(error)]
        if isinstance(error, OSError) and error.errno in FULL:
            return Outcome(error=trouble(error, str(error.filename or "")).info(), causes=["disk", *causes])
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        return Outcome(error=ErrorInfo(kind=type(error).__name__, message=what), causes=causes)


def _kinds(error: BaseException) -> list[str]:
    return [one.__name__ for one in type(error).__mro__ if one not in (object, BaseException, Exception)]
