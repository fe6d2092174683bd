"""The companion that answers about a grid: a line of JSON a question; a newer view overtakes the older ones."""

import contextlib
import os
import queue
import threading
from typing import Any, BinaryIO

import duckdb
import msgspec
import pyarrow as pa

from cupola import bugs
from cupola.datasets import records
from cupola.datasets.gridding import Grid, View
from cupola.errors import CupolaError
from cupola.store import Store

Request = dict[str, Any]


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the requests end; the first line says which version of which workspace they are about.

    Each request has an `id`, the `turn` of its view (a higher one is newer), a `view`, and `what` is asked: page,
    shape, summary, find, row.
    """
    begin = msgspec.json.decode(requests.readline())
    asked = _Asked(requests)
    try:
        store = Store.open(begin["root"], readonly=True)
        grid, fault = Grid(store, records.find(store, begin["dataset"])), None
        asked.interrupt = grid.interrupt
    except CupolaError as error:
        grid, fault = None, error.info()
    while True:
        for work in grid.ahead() if grid else ():
            if not asked.is_empty():
                break
            _do(work)
        request = asked.next()
        answer = {"error": fault} if grid is None else _answer(grid, request, asked)
        answers.write(msgspec.json.encode({"id": request["id"], **answer}) + b"\n")
        answers.flush()


def _answer(grid: Grid, request: Request, asked: "_Asked") -> Request:
    if asked.is_overtaken(request):
        return {"result": None}
    view = msgspec.convert(request.get("view") or {}, View)
    more = request.get("more") or {}
    try:
        match request["what"]:
            case "page":
                return {"result": grid.page(view, **more)}
            case "shape":
                return {"result": grid.shape(view, **more)}
            case "summary":
                return {"result": grid.summary(view, **more)}
            case "find":
                return {"result": grid.find(view, **more)}
            case _:
                return {"result": grid.row(**more)}
    except duckdb.InterruptException:
        return {"result": None}
    except CupolaError as error:
        return {"error": error.info()}
    except Exception as error:  # noqa: BLE001  a bug in one answer must not end the others
        return {"error": bugs.told(error)}


def _do(work: Any) -> None:
    """Works ahead, till the next question comes. An error is the answer when it is asked for."""
    with contextlib.suppress(duckdb.Error, pa.ArrowException):
        work()


class _Asked:
    """The requests that wait, read by a thread of their own: what comes ends what is overtaken or done ahead."""

    def __init__(self, requests: BinaryIO) -> None:
        self.interrupt: Any = lambda: None
        self._waiting: queue.Queue[Request] = queue.Queue()
        self._turn = 0
        self._under_way: Request | None = None
        threading.Thread(target=self._read, args=(requests,), daemon=True).start()

    def is_empty(self) -> bool:
        self._under_way = None
        return self._waiting.empty()

    def next(self) -> Request:
        self._under_way = self._waiting.get()
        return self._under_way

    def is_overtaken(self, request: Request) -> bool:
        return int(request.get("turn") or 0) < self._turn

    def _read(self, requests: BinaryIO) -> None:
        for line in requests:
            request = msgspec.json.decode(line)
            self._turn = max(self._turn, int(request.get("turn") or 0))
            self._waiting.put(request)
            if self._under_way is None or self.is_overtaken(self._under_way):
                self.interrupt()
        os._exit(0)
