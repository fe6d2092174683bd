"""Runs commands, and the agent, jobs and servers behind them, with the n-th system call in a workspace failing.

    with Rig(tmp_path) as rig:
        outcome = rig.run(["-C", str(root), "dataset", "import", ...], root, error="EIO", at=17)

The shim (failing_call.c) is in the agent, so in the warm starter and all that is forked from it, and in a process that
forks a command line for each call, with its imports done. They share one count. The private home of the `home` fixture
has to be set in the environment.
"""

import errno
import itertools
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

import pytest

from cupola.jobs import agents

CONTROL = Struct("@lllllll512s4096s")
NEVER = 2**62  # only counts
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EPERM": errno.EPERM, "ESTALE": errno.ESTALE, "short": 0}
READING = ("EIO", "EPERM", "ESTALE")  # what also a call that only reads may fail with


@dataclass(frozen=True)
class Outcome:
    """How a command ended. status: None when it had to be killed. failed: how many calls did; what: the first one.

    settled: whether all jobs of the workspace have come to an end, too.
    """

    status: int | None
    out: str
    err: str
    calls: int
    failed: int
    what: str
    settled: bool


class Rig:
    """An agent and a command line that have the shim. Skips where there is no C compiler."""

    def __init__(self, directory: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no C compiler for the shim")
        shim = directory / "failing_call.so"
        source = Path(__file__).with_suffix(".c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
        self._control = directory / "failing_call.control"
        self._control.write_bytes(bytes(CONTROL.size))
        self._runs = itertools.count(1)
        environment = os.environ | {"LD_PRELOAD": str(shim), "FAILING_CALL": str(self._control)}
        self.log = directory / "failing_call.log"
        self._log = self.log.open("ab")
        self._agent = subprocess.Popen([sys.executable, __file__, "agent"], env=environment, stderr=self._log)
        while not agents.poke():  # else the first command would start one without the shim
            assert not self.agent_ended(), self.agent_ended()
            time.sleep(0.02)
        self._line = subprocess.Popen(
            [sys.executable, __file__, "commands"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            text=True,
        )

    def run(
        self, words: list[str], root: Path, error: str = "EIO", at: int = NEVER, lasting: float = 0, limit: float = 180
    ) -> Outcome:
        """Runs one command; call number `at` in `root` fails with `error` (`lasting`: and all, for so many seconds).

        Calls are counted until the command and its job are over; with `at` 0 none is. After `limit` seconds the command
        is killed.
        """
        reads = error in READING
        self._set(
            CONTROL.pack(
                next(self._runs), at, lasting > 0, ERRORS[error], reads, 0, 0, b"", os.fsencode(root.resolve())
            )
        )
        healed = threading.Timer(lasting, self._heal)
        if lasting:
            healed.start()
        assert self._line.stdin and self._line.stdout
        self._line.stdin.write(json.dumps([words, limit]) + "\n")
        self._line.stdin.flush()
        answer = self._line.stdout.readline()
        assert answer, f"what runs the commands is gone ({self._line.wait()})"
        if lasting:
            healed.join()
        ended = settled(root)
        self._heal()
        *_, calls, failed, what, _ = CONTROL.unpack(self._control.read_bytes())
        said = what.partition(b"\0")[0].decode(errors="replace")
        return Outcome(**json.loads(answer), calls=calls, failed=failed, what=said, settled=ended)

    def _heal(self) -> None:
        self._set(bytes(Struct("@ll").size))

    def _set(self, data: bytes) -> None:
        """In place: a process that has the file mapped would die of it when it was shorter for a moment (SIGBUS)."""
        with self._control.open("r+b", buffering=0) as control:
            control.write(data)

    def agent_ended(self) -> str:
        """How the agent has ended, if it has, and the last that it said."""
        status = self._agent.poll()
        return "" if status is None else f"exit status {status}: {self.log.read_text()[-3000:]}"

    def close(self) -> None:
        """Ends the command line; the agent and what it runs are stopped as any user would."""
        self._line.kill()
        self._line.communicate()
        stop = [sys.executable, "-m", "cupola.agent", "stop", "--jobs"]
        subprocess.run(stop, timeout=180, capture_output=True, check=False)
        if not self.agent_ended():
            self._agent.kill()
        self._agent.wait()
        self._log.close()

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pass_on() -> None:
    """Lets processes that the agent starts anew have the shim too."""
    from cupola.jobs import environment

    environment.NAMES = re.compile(environment.NAMES.pattern + "|LD_PRELOAD|FAILING_CALL")


def _agent() -> None:
    _pass_on()
    from cupola.agent.loop import run

    sys.exit(run(lambda: None))


def _commands() -> None:
    _pass_on()
    import cupola_tui.commands.acting  # noqa: F401 - once, and not in each child
    from cupola import actions

    for domain in actions.DOMAINS:
        actions.domain(domain)
    for line in sys.stdin:
        words, limit = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            status = _forked(words, limit, out.fileno(), err.fileno())
            said = [os.pread(one.fileno(), 1 << 20, 0).decode(errors="replace") for one in (out, err)]
        print(json.dumps({"status": status, "out": said[0], "err": said[1]}), flush=True)


def _forked(words: list[str], limit: float, out: int, err: int) -> int | None:
    from cupola_tui.commands import main

    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        status = 70
        try:
            status = main(words)
        finally:
            sys.stdout.flush()
            os._exit(status)
    handle = os.pidfd_open(pid)
    ended = select.select([handle], [], [], limit)[0]
    os.close(handle)
    if not ended:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if ended else None


def settled(root: Path, limit: float = 180) -> bool:
    """Waits until no job of a workspace is in its queue; whether it has become so."""
    queue = root / ".cupola" / "queue"
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if not queue.is_dir() or not any(_is_job(root, entry) for entry in queue.iterdir()):
            return True
        time.sleep(0.02)
    return False


def _is_job(root: Path, entry: Path) -> bool:
    """Whether there is a job for an entry of the queue: one that was never filed has none."""
    try:
        return (root / entry.read_text()).is_dir()
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    {"agent": _agent, "commands": _commands}[sys.argv[1]]()
