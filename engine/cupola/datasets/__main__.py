"""Work on data that is done in a process of its own.

`python -m cupola.datasets import` is the job that `dataset import` files. `python -m cupola.datasets answer` reads one
request (a line of JSON) from its standard input, answers it on its standard output, and ends when the input ends, so
that it never outlives whoever asked. `python -m cupola.datasets grid` answers one request after the other about the
version that the first line names, as a companion of the bridge.
"""

import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from cupola.datasets import records
from cupola.datasets.records import ImportOptions
from cupola.errors import CupolaError, Usage, WorkFailed
from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt
from cupola.store import Store

MEMORY = 3 << 30
TOO_MUCH = WorkFailed(
    f"the answer needs more than {MEMORY >> 30} GB of memory", hint="ask for less (--limit), or export the data"
)

_giving = threading.Lock()


def main(arguments: list[str]) -> None:
    if arguments == ["import"]:
        attempt.work(_import)
    elif arguments == ["answer"]:
        _answer()
    elif arguments == ["grid"]:
        from cupola.datasets import answering

        answering.serve(sys.stdin.buffer, sys.stdout.buffer)
    else:
        raise Usage("`cupola dataset` starts this; it takes `import`, `answer` or `grid`")


def _import(job: Attempt) -> dict[str, Any]:
    from cupola.datasets import importing

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was begun is cleared away
    options = msgspec.convert(job.spec["options"], ImportOptions)
    name, source = job.spec["dataset"], Path(job.spec["source"])
    version = job.with_room(lambda: importing.run(job.store, name, source, options, job.report))
    return {"dataset": version.dataset, "version": version.version, "ref": version.ref}


def _answer() -> None:
    request = msgspec.json.decode(sys.stdin.buffer.readline())
    for watch in (_end_with_the_asker, _stay_small):
        threading.Thread(target=watch, daemon=True).start()
    try:
        answer = {"result": _ask(**request)}
    except CupolaError as error:
        answer = {"error": error.info()}
    except MemoryError:
        answer = {"error": TOO_MUCH.info()}
    except BaseException:  # noqa: BLE001  an interpreter that ends meanwhile would trip over the waiting thread
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    _give(answer)


def _give(answer: dict[str, Any]) -> NoReturn:
    with _giving:
        sys.stdout.buffer.write(msgspec.json.encode(answer))
        sys.stdout.buffer.flush()
        os._exit(0)


def _end_with_the_asker() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _stay_small() -> None:
    """Ends the process with a sentence before its answer takes the machine's memory: DuckDB bounds only its own."""
    page = os.sysconf("SC_PAGE_SIZE")
    while int(Path("/proc/self/statm").read_text().split()[1]) * page < MEMORY:
        time.sleep(0.05)
    _give({"error": TOO_MUCH.info()})


def _ask(root: str, what: str, **about: Any) -> Any:
    store = Store.open(root, readonly=True)
    if what == "export":
        from cupola.datasets import exporting

        version = records.find(store, about["dataset"])
        return exporting.export(store, version, Path(about["path"]), about["format"])
    if what == "predictions":
        from cupola.experiments import predictions

        return predictions.answer(store, **about)
    if what == "flow":
        from cupola.flows import exporting as python

        return python.answer(store, **about)
    if what == "lookups":
        from cupola.flows import lookups

        return lookups.answer(store, **about)
    if what == "target":
        from cupola.flows import aiming

        return aiming.answer(store, **about)
    if what == "forecast":
        from cupola.forecasting import tables

        return tables.answer(store, **about)
    if what == "bias":
        from cupola.explain import held

        return held.answer(store, **about)
    from cupola.datasets import querying

    if what == "sql":
        return querying.sql(store, about["query"], about["limit"])
    version = records.find(store, about["dataset"])
    return querying.preview(store, version, about["limit"], about["sort"], about["filter"])


if __name__ == "__main__":
    main(sys.argv[1:])
