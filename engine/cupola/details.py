"""What the screen asks about one record beyond what `KIND show` gives: calls of the bridge (see cupola.calls)."""

import os
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from cupola.errors import BadInput, NotFound
from cupola.store import files
from cupola.workspace import Workspace

LOG_LIMIT = 1_000_000
PLOTTED = 1000  # points of a metric: more than a terminal has columns
KEPT_HISTORIES = 4

_histories: dict[str, Any] = {}  # what was read of the runs looked at last, to be read on


def profile(ws: Workspace, ref: str) -> Any:
    from cupola.datasets import records as datasets

    return datasets.profile(ws.store, datasets.find(ws.store, ref))


def report(ws: Workspace, dataset: str) -> Any:
    """The report that is kept of a dataset's version for its own target; None where none was made yet."""
    from cupola.datasets import records as datasets
    from cupola.insights import records as reports

    version = datasets.find(ws.store, dataset)
    return reports.kept(ws.store, version, version.target)


def grid(
    ws: Workspace,
    ref: str,
    what: str,
    turn: int,
    view: dict[str, Any] | None = None,
    more: dict[str, Any] | None = None,
) -> Any:
    """What is asked of the rows of a dataset's version, which a companion holds; None where a newer view, one of a
    higher `turn`, has overtaken the question. It is ended by what="close"."""
    from cupola import companions

    if what == "close":
        return companions.close(f"grid {ref}")
    command = [sys.executable, "-m", "cupola.datasets", "grid"]
    request = {"what": what, "turn": turn, "view": view, "more": more}
    return companions.ask(f"grid {ref}", command, {"root": str(ws.root), "dataset": ref}, request)


def flow_preview(
    ws: Workspace,
    flow: str,
    step: str | None = None,
    change: dict[str, list[str]] | None = None,
    rows: int = 100,
    python: bool = False,
) -> Any:
    """What a step does to a sample of the data, as `flow preview` says it; with changes that are not written: those
    that `flow edit` takes, by the names of its options. Of these the last step that was added or set is shown, else
    `step`."""
    from cupola.flows import actions as flows
    from cupola.flows import editing
    from cupola.flows import records as flow_records

    found = flow_records.find(ws.store, flow)
    verbs: dict[str, Callable[..., Any]] = {
        "source": editing.source, "add": editing.add, "set": editing.set_, "move": editing.move,
        "remove": editing.remove,
    }  # fmt: skip
    for verb, texts in (change or {}).items():
        for text in texts:
            made = verbs[verb](found, text)
            step = made.id if verb in ("add", "set") else step
    return flows.previewed(ws, found, step, rows, python)


def definition(ws: Workspace, pipeline: str) -> dict[str, str]:
    """The file of a pipeline, and what it says."""
    from cupola.pipelines import definition

    path = definition.path_of(ws.store, pipeline)
    return {"path": path, "text": files.read_bytes(ws.store, path).decode(errors="replace")}


def metrics(ws: Workspace, run: str) -> dict[str, Any]:
    """A run's metrics as a plot needs them: few enough points of each, by one process, with the extremes."""
    from cupola.experiments import histories

    return {"entries": histories.thin(histories.of_one_process(_logged(ws, run)), PLOTTED)}


def curve(ws: Workspace, run: str, name: str = "") -> dict[str, Any]:
    """A metric of a run as it is drawn over those of other runs, and the names of all that can be."""
    from cupola.experiments import curves

    logged = _logged(ws, run)
    found = curves.of(logged, name)
    return {"names": curves.names(logged), "points": found.points, "means": found.means, "logged": found.logged}


def trials(ws: Workspace, tuning: str) -> list[Any]:
    """The trials of a tuning, the newest first, each without what it was at its steps, which its run shows."""
    from cupola.tuning import records as tunings

    found = tunings.table(ws.store, tunings.find(ws.store, tuning))
    return [msgspec.structs.replace(one, steps={}) for one in reversed(found)]


def artifact(ws: Workspace, run: str, name: str) -> Any:
    """A JSON artifact of a run."""
    from cupola.experiments import records as experiments

    data = files.read_bytes(ws.store, experiments.artifact_path(ws.store, experiments.find(ws.store, run), name))
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise BadInput(f"the artifact {name} is no JSON: {error}", where=run) from None


def plots(ws: Workspace, run: str) -> dict[str, Any]:
    """The plots of what a run has left, and what it says of every threshold."""
    from cupola.experiments import plots
    from cupola.experiments import records as experiments

    found = experiments.find(ws.store, run)
    return {"plots": plots.of_artifacts(ws.store, found), "thresholds": plots.cuts(ws.store, found)}


def log(
    ws: Workspace, kind: str, ref: str, attempt: int | None = None, offset: int = 0, limit: int = 65_536
) -> dict[str, Any]:
    """Some of a log, from a byte on; a negative `offset` counts from the end."""
    path = files.absolute(ws.store, _log_path(ws, kind, ref, attempt))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return {"text": "", "offset": 0, "next": 0, "size": 0}
    try:
        size = os.fstat(descriptor).st_size
        start = max(size + offset, 0) if offset < 0 else min(offset, size)
        data = os.pread(descriptor, min(limit, LOG_LIMIT), start)
    finally:
        os.close(descriptor)
    data = _whole_characters(data)
    return {"text": data.decode(errors="replace"), "offset": start, "next": start + len(data), "size": size}


def takes(ws: Workspace, endpoint: str) -> dict[str, Any]:
    """What an endpoint takes: the columns of its first model, and the rows that the model has kept as its sample."""
    from cupola.registry import contents
    from cupola.registry import records as models
    from cupola.serving import records as serving

    version = models.find(ws.store, serving.wish(ws.store, endpoint).variants[0].model)
    try:
        rows = msgspec.json.decode(files.read_bytes(ws.store, f"{version.directory}/{contents.SAMPLE}"))
    except (NotFound, msgspec.DecodeError):
        rows = []
    return {"columns": version.signature.columns, "rows": rows}


def _logged(ws: Workspace, run: str) -> list[Any]:
    """What a run has logged, read on from where it was read to when it was among the last that were looked at."""
    from cupola.experiments import histories
    from cupola.experiments import records as experiments

    history = _histories.pop(run, None)
    found = experiments.find(ws.store, run)
    directory = experiments.attempt_directory(ws.store, found) or found.directory
    if history is None or history.directory != directory:
        history = histories.History(ws.store, directory)
    history.refresh()
    _histories[run] = history
    while len(_histories) > KEPT_HISTORIES:
        del _histories[next(iter(_histories))]
    logged: list[Any] = history.logged
    return logged


def _log_path(ws: Workspace, kind: str, ref: str, attempt: int | None) -> str:
    if kind == "job":
        from cupola.jobs import records as jobs

        return jobs.log_path(ws.store, ref, attempt)
    if kind == "endpoint":
        from cupola.serving import records as serving

        return serving.log_path(ref)
    raise NotFound(f"a {kind} has no log")


def _whole_characters(data: bytes) -> bytes:
    """`data` without the beginning of a character whose end is not there yet."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 == 0xC0:
            needed = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return data[:-back] if needed > back and len(data) > back else data
        if byte & 0x80 == 0:
            break
    return data
