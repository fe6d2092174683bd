"""Companions: processes beside the bridge that hold in memory what the screen goes on asking about, such as the rows of
a grid. Each speaks JSON lines as the bridge does, and ends with the bridge, whose end closes its standard input."""

import contextlib
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from cupola.errors import ErrorInfo, WorkFailed, from_info

MOST = 4  # companions at once; the one that was asked longest ago makes room
_companions: dict[str, "Companion"] = {}
_lock = threading.Lock()


def ask(name: str, command: Sequence[str], begin: dict[str, Any], request: dict[str, Any]) -> Any:
    """What the companion of that name answers; `command` starts it where it is not there, `begin` is its first line.

    Raises what it raised; WorkFailed where it was killed.
    """
    return _of(name, command, begin).ask(request)


def close(name: str) -> None:
    """Ends the companion of that name, if it is there."""
    with _lock:
        found = _companions.pop(name, None)
    if found:
        found.close()


def _of(name: str, command: Sequence[str], begin: dict[str, Any]) -> "Companion":
    with _lock:
        found = _companions.pop(name, None)
        if found is None or found.has_ended:
            found = Companion(command, begin)
        _companions[name] = found
        crowd = [_companions.pop(one) for one in list(_companions)[:-MOST]]
    for one in crowd:
        one.close()
    return found


class Companion:
    """One such process; it is asked from any thread, and answers in any order."""

    def __init__(self, command: Sequence[str], begin: dict[str, Any]) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._number = 0
        self.has_ended = False
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/"
        )
        self._write(begin)
        threading.Thread(target=self._read, name="companion", daemon=True).start()

    def ask(self, request: dict[str, Any]) -> Any:
        future: Future[Any] = Future()
        with self._lock:
            if self.has_ended:
                raise _gone()
            self._number += 1
            number = self._number
            self._waiting[number] = future
            self._write({"id": number, **request})
        answer = future.result()
        if "error" in answer:
            raise from_info(msgspec.convert(answer["error"], ErrorInfo))
        return answer["result"]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError):  # that it has ended is seen where its answers are read
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            answer = msgspec.json.decode(line)
            with self._lock:
                waiting = self._waiting.pop(answer["id"], None)
            if waiting:
                waiting.set_result(answer)
        self._process.wait()
        with self._lock:
            self.has_ended, lost, self._waiting = True, self._waiting, {}
        for one in lost.values():
            one.set_exception(_gone())


def _gone() -> WorkFailed:
    return WorkFailed("the process that was to answer has ended, perhaps for want of memory", hint="ask again")
