"""The companion that previews flows: a line of JSON a question, answered in their order."""

import os
import queue
import threading
import time
from typing import Any, BinaryIO

import duckdb
import msgspec

from cupola import bugs
from cupola.errors import CupolaError
from cupola.flows import checking, executing
from cupola.flows.previewing import Previews
from cupola.flows.records import Flow
from cupola.jobs import memory
from cupola.store import Store

LONGEST = 20.0  # seconds that an answer may take
LARGEST = 3 << 30  # bytes of memory of the process


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the requests end; the first line says of which workspace.

    Each request has an `id`, a `flow`, the `step` to show, how many `rows`, and whether `python` may run. Without
    `rows` the answer is null where nothing is wrong with the formulas and conditions up to that step.
    """
    begin = msgspec.json.decode(requests.readline())
    waiting: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()
    previews = Previews(Store.open(begin["root"], readonly=True))
    while True:
        request = waiting.get()
        answers.write(msgspec.json.encode({"id": request["id"], **answer(previews, request)}) + b"\n")
        answers.flush()


def _read(requests: BinaryIO, waiting: "queue.Queue[dict[str, Any]]") -> None:
    for line in requests:
        waiting.put(msgspec.json.decode(line))
    os._exit(0)  # whoever asked has ended


def answer(previews: Previews, request: dict[str, Any]) -> dict[str, Any]:
    """The result or the error; what takes too long is given up."""
    done = threading.Event()
    threading.Thread(target=_bound, args=(previews, done), daemon=True).start()
    try:
        flow = msgspec.convert(request["flow"], Flow)
        if "rows" not in request:
            checking.expressions(previews.store, flow, request["step"])
            return {"result": None}
        return {"result": previews.preview(flow, request["step"], request["rows"], request["python"])}
    except CupolaError as error:
        return {"error": error.info()}
    except duckdb.InterruptException as error:
        return {"error": executing.said(error, f"flow {flow.name}").info()}
    except Exception as error:  # noqa: BLE001  a bug in one answer must not end the others
        return {"error": bugs.told(error)}
    finally:
        done.set()


def _bound(previews: Previews, done: threading.Event) -> None:
    """Interrupts a query that takes too long. The process ends before it takes the machine's memory: DuckDB bounds only
    its own, and not that of the values it works on."""
    end = time.monotonic() + LONGEST
    while not done.wait(0.1):
        if memory.resident(os.getpid()) > LARGEST:
            os._exit(1)
        if time.monotonic() > end:
            previews.connection.interrupt()
