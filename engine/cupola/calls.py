"""What the bridge answers: each call is a function of the workspace and the request's arguments (see cupola.bridge)."""

import os
from collections.abc import Callable
from typing import Any

import msgspec

from cupola import actions, completion, forms
from cupola.arguments import command_line
from cupola.errors import BadInput, BadOption, NotFound
from cupola.store import files
from cupola.workspace import Workspace

DOMAIN = {"datasets": "dataset", "runs": "run", "jobs": "job", "models": "model", "endpoints": "endpoint"}
LOG_LIMIT = 1_000_000


def workspace(ws: Workspace) -> dict[str, Any]:
    """What the screen's header says."""
    from cupola.store.names import who

    user, host = who()
    return {
        "name": ws.settings.name,
        "path": str(ws.root),
        "description": ws.settings.description,
        "readonly": ws.readonly,
        "user": user,
        "host": host,
        "mount": ws.store.mount.kind,
        "advice": "; ".join(ws.notices) or None,
    }


def edited_by_hand(ws: Workspace) -> list[str]:
    """The directories in which people edit files: what changes there is told although no feed line says so."""
    named = [f"{kind}/{name}" for kind in ("datasets", "endpoints") for name in files.listing(ws.store, kind)]
    return ["", "datasets", "endpoints", *named]


def action(ws: Workspace, name: str, arguments: dict[str, Any] | None = None) -> Any:
    """Any action by its name."""
    return _plain(actions.run(ws, name, **forms.fill(actions.find(name), arguments or {})))


def records(ws: Workspace, kind: str) -> list[Any]:
    """The list that `KIND ls` gives."""
    if kind == "agent":
        return [action(ws, "agent status")]
    return list(action(ws, f"{_domain(kind)} ls"))


def record(ws: Workspace, kind: str, ref: str) -> Any:
    """The record that `KIND show` gives."""
    if kind == "agent":
        return action(ws, "agent status")
    name = f"{_domain(kind)} show"
    return action(ws, name, {actions.find(name).parameters[0].name: ref})


def profile(ws: Workspace, ref: str) -> Any:
    from cupola.datasets import records as datasets

    return datasets.profile(ws.store, datasets.find(ws.store, ref))


def metrics(ws: Workspace, run: str, after: int = 0) -> dict[str, Any]:
    """A run's metrics from the `after`-th entry on."""
    from cupola.experiments import records as experiments

    entries = experiments.metrics(ws.store, experiments.find(ws.store, run))
    return {"entries": entries[after:], "after": len(entries)}


def artifact(ws: Workspace, run: str, name: str) -> Any:
    """A JSON artifact of a run."""
    from cupola.experiments import records as experiments

    data = files.read_bytes(ws.store, experiments.artifact_path(ws.store, experiments.find(ws.store, run), name))
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise BadInput(f"the artifact {name} is no JSON: {error}", where=run) from None


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


def describe(ws: Workspace, name: str, arguments: dict[str, Any] | None = None) -> forms.Form:
    return forms.describe(actions.find(name))


def check(ws: Workspace, name: str, arguments: dict[str, Any] | None = None) -> dict[str, str]:
    chosen, given = actions.find(name), arguments or {}
    wrong = forms.check(chosen, given)
    if chosen.check:
        fit = {name: value for name, value in given.items() if name not in wrong}
        wrong = chosen.check(ws, forms.fill(chosen, fit)) | wrong
    return wrong


def command(ws: Workspace, name: str, arguments: dict[str, Any] | None = None) -> str:
    chosen = actions.find(name)
    return command_line(chosen, forms.fill(chosen, arguments or {}))


def catalogue(ws: Workspace) -> list[forms.Form]:
    return [forms.describe(one, fields=False) for one in actions.catalogue()]


def complete(ws: Workspace, kind: str, prefix: str = "", arguments: dict[str, Any] | None = None) -> list[str]:
    return completion.names(ws.store, kind, prefix, arguments or {})


def look(ws: Workspace, pane: str, kind: str = "", ref: str = "") -> None:
    """Lets others see what is looked at."""
    from cupola.team import presence

    presence.look(ws.store, pane, kind, ref)


def sample(ws: Workspace, endpoint: str) -> str | None:
    """A row that the endpoint's first model was trained on, as JSON; None where it has kept none."""
    from cupola.registry import contents
    from cupola.registry import records as models
    from cupola.serving import records as serving

    version = models.find(ws.store, serving.wish(ws.store, endpoint).variants[0].model)
    try:
        rows = msgspec.json.decode(files.read_bytes(ws.store, f"{version.directory}/{contents.SAMPLE}"))
    except (NotFound, msgspec.DecodeError):
        return None
    return msgspec.json.encode(rows[0]).decode() if rows else None


def host(ws: Workspace) -> dict[str, Any]:
    """How busy this host is."""
    import psutil

    memory = psutil.virtual_memory()
    used = {"used": memory.total - memory.available, "total": memory.total}
    return {"cpu": psutil.cpu_percent(), "memory": used, "gpus": _gpus()}


CALLS: dict[str, Callable[..., Any]] = {
    "action": action,
    "records": records,
    "record": record,
    "profile": profile,
    "metrics": metrics,
    "artifact": artifact,
    "log": log,
    "sample": sample,
    "describe": describe,
    "check": check,
    "command": command,
    "actions": catalogue,
    "complete": complete,
    "host": host,
    "look": look,
}


def _domain(kind: str) -> str:
    if kind not in DOMAIN:
        raise BadOption(f"there is no kind of record {kind!r}", hint=f"there are {', '.join(DOMAIN)}")
    return DOMAIN[kind]


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


def _plain(result: Any) -> Any:
    return list(result) if hasattr(result, "__next__") else result


def _gpus() -> list[dict[str, Any]]:
    """The NVIDIA cards of this host; none where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(place) for place in range(pynvml.nvmlDeviceGetCount())]
        return [_gpu(pynvml, handle) for handle in handles]
    except pynvml.NVMLError:
        return []


def _gpu(nvml: Any, handle: Any) -> dict[str, Any]:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return {
        "name": nvml.nvmlDeviceGetName(handle),
        "busy": nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
        "memory_used": memory.used,
        "memory_total": memory.total,
    }
