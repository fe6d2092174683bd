"""The companion that previews flows: a line of JSON a question, answered in their order."""

import os
import queue
import threading
from typing import Any, BinaryIO

import msgspec

from cupola import bugs
from cupola.errors import CupolaError, ErrorInfo
from cupola.flows import checking
from cupola.flows.previewing import Previews
from cupola.flows.records import Flow
from cupola.store import Store


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
        answers.write(msgspec.json.encode({"id": request["id"], **_answer(previews, request)}) + b"\n")
        answers.flush()


def _read(requests: BinaryIO, waiting: "queue.Queue[dict[str, Any]]") -> None:
    for line in requests:
        waiting.put(msgspec.json.decode(line))
    os._exit(0)  # whoever asked has ended


def _answer(previews: Previews, request: dict[str, Any]) -> dict[str, Any]:
    try:
        flow = msgspec.convert(request["flow"], Flow)
        if "rows" not in request:
            return {"result": checking.expressions(previews.store, flow, request["step"])}
        return {"result": previews.preview(flow, request["step"], request["rows"], request["python"])}
    except CupolaError as error:
        return {"error": error.info()}
    except Exception as error:  # noqa: BLE001  a bug in one answer must not end the others
        hint = f"the traceback is in {bugs.write_down(error)}"
        message = f"a bug in Cupola: {type(error).__name__}: {error}"
        return {"error": ErrorInfo(kind="Bug", message=message, hint=hint)}
