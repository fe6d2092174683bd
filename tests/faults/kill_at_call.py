"""Kills a process (SIGKILL) at its n-th call that changes something below a directory, for n = 1, 2, ... to the end.

    with Killer(tmp_path, "tests.store.operations:publish") as killer:
        for half in (False, True):
            every_call(killer, prepare, check, half=half)

The function is imported once, by a process that has the shim (kill_at_call.c) in it, and called in a fork of that for
each n, so that a heavy import is paid once. All processes that the function starts share the count.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any

import pytest

CONTROL = Struct("@lll4096s")
REPOSITORY = Path(__file__).parents[2]
MOST = 2000


@dataclass(frozen=True)
class Outcome:
    """What became of one call of the function: whether it was killed, after how many calls, what it raised."""

    killed: bool
    calls: int
    error: str


class Killer:
    """Calls `MODULE:FUNCTION` in a child and kills that at a given call. Skips where there is no C compiler."""

    def __init__(self, directory: Path, function: str) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no C compiler for the shim")
        shim = directory / "kill_at_call.so"
        source = Path(__file__).with_suffix(".c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
        self._control = directory / "kill_at_call.control"
        self._control.write_bytes(bytes(CONTROL.size))
        environment = os.environ | {
            "LD_PRELOAD": str(shim),
            "KILL_CONTROL": str(self._control),
            "PYTHONPATH": str(REPOSITORY),
        }
        self._server = subprocess.Popen(
            [sys.executable, __file__, function],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=REPOSITORY,
            text=True,
        )

    def call(self, root: Path, *arguments: Any, at: int, half: bool = False) -> Outcome:
        """Calls the function with (str(root), *arguments); the child dies at call number `at` below `root` (0: never).

        `half`: a write that it dies in has written half of its bytes.
        """
        assert self._server.stdin and self._server.stdout
        self._control.write_bytes(CONTROL.pack(at, half, 0, os.fsencode(root.resolve())))
        self._server.stdin.write(json.dumps([str(root), *arguments]) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the process that calls the function is gone"
        calls = CONTROL.unpack(self._control.read_bytes())[2]
        return Outcome(calls=calls, **json.loads(answer))

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()

    def __enter__(self) -> "Killer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def every_call(
    killer: Killer,
    prepare: Callable[[], tuple[Path, list[Any]]],
    check: Callable[[Path, bool], None],
    *,
    half: bool = False,
) -> int:
    """Kills the function at call 1, 2, 3, ... until it comes to its end; gives the number of calls it makes.

    `prepare` makes a fresh directory and gives it with the function's further arguments; `check(root, killed)` looks at
    what is left.
    """
    for at in range(1, MOST):
        root, arguments = prepare()
        outcome = killer.call(root, *arguments, at=at, half=half)
        assert not outcome.error, outcome.error
        check(root, outcome.killed)
        if not outcome.killed:
            return outcome.calls
    raise AssertionError(f"it never came to its end in {MOST} calls")


def _serve(name: str) -> None:
    import traceback

    module, _, function = name.partition(":")
    call = getattr(importlib.import_module(module), function)
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                call(*json.loads(line))
            except BaseException:  # noqa: BLE001 - whatever it is, the test shall see it
                os.write(writing, traceback.format_exc().encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answer:
            error = answer.read()
        _, status = os.waitpid(child, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status), "error": error}), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
