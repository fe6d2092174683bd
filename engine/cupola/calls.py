"""What the bridge answers: each call is a function of the workspace and the request's arguments (see cupola.bridge)."""

import os
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from cupola import actions, completion, forms
from cupola.arguments import command_line
from cupola.errors import BadInput, BadOption, Conflict, CupolaError, DiskTrouble, NotFound, Refused
from cupola.settings import Settings
from cupola.store import files, names
from cupola.store.root import MARK
from cupola.workspace import Workspace

DOMAIN = {
    "datasets": "dataset", "runs": "run", "jobs": "job", "models": "model", "endpoints": "endpoint",
    "tunings": "tuning", "flows": "flow", "pipelines": "pipeline",
}  # fmt: skip
LOG_LIMIT = 1_000_000
NEWEST = 1000  # acts that a screen shows
PLOTTED = 1000  # points of a metric: more than a terminal has columns
KEPT_HISTORIES = 4


def workspace(ws: Workspace) -> dict[str, Any]:
    """What the screen's header says."""
    from cupola.store.names import who

    user, host = who()
    try:
        settings = ws.settings
    except CupolaError:  # as the notices say
        settings = Settings()
    return {
        "name": settings.name,
        "path": str(ws.root),
        "description": settings.description,
        "readonly": ws.readonly,
        "user": user,
        "host": host,
        "mount": ws.store.mount.kind,
        "late": ws.store.mount.stale_seconds,
        "mend": ws.store.mount.mend,
        "advice": "; ".join(ws.notices) or None,
    }


def edited_by_hand(ws: Workspace) -> list[str]:
    """The directories in which people edit files: what changes there is told although no feed line says so."""
    named = [f"{kind}/{name}" for kind in ("datasets", "endpoints") for name in files.listing(ws.store, kind)]
    return ["", "datasets", "endpoints", "flows", "pipelines", *named]


def action(
    ws: Workspace,
    name: str,
    arguments: dict[str, Any] | None = None,
    opened: dict[str, Any] | None = None,
    filed: str | None = None,
) -> Any:
    """Any action by its name; from a form that is `opened` on a record it is refused where that is not what was shown:
    before it begins, and once more under the claim where the record is written.

    Of an action that is `filed` under an id, a disk that fails at the last step is no error where all of it is there.
    Raises Conflict, which says who has changed it, and what the action raises.
    """
    from cupola.store import basis

    given = forms.fill(actions.find(name), arguments or {})
    if opened:
        _check_unchanged(ws, opened)
    with basis.expecting(opened["shown"] if opened else {}):
        try:
            if filed is None:
                return _plain(actions.run(ws, name, **given))
            with names.filed_under(filed):
                return _plain(actions.run(ws, name, **given))
        except Conflict as error:
            if opened:
                _check_unchanged(ws, opened, error)
            raise
        except DiskTrouble as error:
            return _done_anyway(ws, filed, error)


def _check_unchanged(ws: Workspace, opened: dict[str, Any], error: Conflict | None = None) -> None:
    """Raises Conflict, which says who it was, where somebody has changed what a form is open on."""
    if who := changed(ws, **opened):
        hint = "open the form again, which shows how it is now, then repeat your change"
        where = error.where if error else f"{opened['kind']} {opened['ref']}"
        raise Conflict(who, where=where, hint=hint) from error


def _done_anyway(ws: Workspace, filed: str | None, error: DiskTrouble) -> Any:
    """What was made although the disk failed; raises the error where nothing was, or where that cannot be told."""
    made = None
    try:
        made = outcome(ws, filed) if filed else None
    except DiskTrouble:
        error.hint = "whether it was done cannot be told while the disk fails: look, before you do it again"
    if made is None:
        raise error
    return made


def outcome(ws: Workspace, filed: str) -> Any:
    """The record that an action filed under that id has made, as `KIND show` gives it; None where it was not done."""
    from cupola import outcome

    found = outcome.of(ws.store, filed)
    if found is None:
        return None
    kind, ref = found
    if kind == "note":
        return {"status": "done"}
    return _plain(actions.run(ws, f"{kind} show", **{actions.find(f"{kind} show").parameters[0].name: ref}))


def pulse(ws: Workspace) -> None:
    """Answers when the mount does. Raises NotFound where the workspace is gone, DiskTrouble where its disk fails."""
    try:
        files.read_bytes(ws.store, MARK)
    except NotFound:
        hint = "this screen goes on by itself when it is back"
        raise NotFound("the workspace is gone: deleted, moved or unmounted", where=str(ws.root), hint=hint) from None


def opened(ws: Workspace, kind: str, ref: str) -> dict[str, Any]:
    """What a form is opened on: the record, and how it is, to be handed in with the change."""
    from cupola.team import changes

    state = {"kind": kind, "ref": ref, "shown": changes.states(ws.store, kind, ref)}  # before it is read
    return {"opened": state, "record": record(ws, f"{kind}s", ref) if kind in DOMAIN.values() else None}


def changed(ws: Workspace, kind: str, ref: str, shown: dict[str, str]) -> str | None:
    """Who has changed, since then, what a form is open on; None where nobody has."""
    from cupola.team import changes

    return changes.since(ws.store, kind, ref, shown)


def records(ws: Workspace, kind: str) -> list[Any]:
    """The list that `KIND ls` gives."""
    if kind == "agent":
        return [action(ws, "agent status")]
    if kind == "activity":
        return list(action(ws, "activity", {"limit": NEWEST}))
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


def step_types(ws: Workspace) -> list[dict[str, Any]]:
    """The types that a step of a pipeline may have, with the fields of each."""
    from cupola.pipelines import types

    return [
        {"name": one.name, "summary": one.summary, "fields": [forms.field(each) for each in one.fields]}
        for one in types.catalogue().values()
    ]


def definition(ws: Workspace, pipeline: str) -> dict[str, str]:
    """The file of a pipeline, and what it says."""
    from cupola.pipelines import definition

    path = definition.path_of(ws.store, pipeline)
    return {"path": path, "text": files.read_bytes(ws.store, path).decode(errors="replace")}


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


def report(ws: Workspace, dataset: str) -> Any:
    """The report that is kept of a dataset's version for its own target; None where none was made yet."""
    from cupola.datasets import records as datasets
    from cupola.insights import records as reports

    version = datasets.find(ws.store, dataset)
    return reports.kept(ws.store, version, version.target)


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
    """The forms of all actions; of those that this user's role forbids, or a broken workspace.toml, why."""
    from cupola.team import roles

    found = []
    try:
        settings, broken = ws.settings, ""
    except CupolaError as error:
        settings, broken = Settings(), str(error)
    for one in actions.catalogue():
        form = forms.describe(one, fields=False)
        try:
            form.forbidden = broken if one.writes else ""
            if one.writes:
                roles.check(settings, one, names.who()[0])
        except Refused as error:
            form.forbidden = error.message
        found.append(form)
    return found


def complete(ws: Workspace, kind: str, prefix: str = "", arguments: dict[str, Any] | None = None) -> list[str]:
    return completion.names(ws.store, kind, prefix, arguments or {})


def paths(ws: Workspace, typed: str) -> list[str]:
    return completion.paths(typed)


def look(ws: Workspace, pane: str, kind: str = "", ref: str = "") -> None:
    """Lets others see what is looked at."""
    from cupola.team import presence

    presence.look(ws.store, pane, kind, ref)


def team(ws: Workspace) -> dict[str, Any]:
    """Who is here, and how many comments name this user that they have not read."""
    from cupola.team import presence, unread

    return {"here": presence.here(ws.store), "unread": len(unread.comments(ws.store))}


def notes(ws: Workspace, kind: str, ref: str) -> dict[str, Any]:
    """The tags of a record and the comments on it."""
    name = f"{kind}:{ref}"
    return {"tags": action(ws, "tag ls", {"ref": name})[0].tags, "comments": action(ws, "comment ls", {"ref": name})}


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


def host(ws: Workspace) -> dict[str, Any]:
    """How busy this host is."""
    import psutil

    from cupola.jobs import gpus

    memory = psutil.virtual_memory()
    used = {"used": memory.total - memory.available, "total": memory.total}
    cards = [
        {"name": one.name, "busy": one.utilization, "memory_used": one.memory_used, "memory_total": one.memory}
        for one in gpus.cards()
    ]
    return {"cpu": psutil.cpu_percent(), "memory": used, "gpus": cards}


_histories: dict[str, Any] = {}  # what was read of the runs looked at last, to be read on

CALLS: dict[str, Callable[..., Any]] = {
    "action": action,
    "outcome": outcome,
    "pulse": pulse,
    "records": records,
    "record": record,
    "profile": profile,
    "report": report,
    "grid": grid,
    "flow_preview": flow_preview,
    "definition": definition,
    "step_types": step_types,
    "metrics": metrics,
    "curve": curve,
    "trials": trials,
    "artifact": artifact,
    "plots": plots,
    "log": log,
    "takes": takes,
    "describe": describe,
    "check": check,
    "command": command,
    "actions": catalogue,
    "complete": complete,
    "paths": paths,
    "host": host,
    "look": look,
    "team": team,
    "notes": notes,
    "opened": opened,
    "changed": changed,
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
