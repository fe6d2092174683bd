"""What the bridge answers: each call is a function of the workspace and the request's arguments (see cupola.bridge)."""

from collections.abc import Callable
from typing import Any

from cupola import actions, completion, details, forms
from cupola.arguments import command_line
from cupola.errors import BadOption, Conflict, CupolaError, DiskTrouble, NotFound, Refused
from cupola.settings import Settings
from cupola.store import files, names
from cupola.store.root import MARK
from cupola.workspace import Workspace

DOMAIN = {
    "datasets": "dataset", "runs": "run", "jobs": "job", "models": "model", "endpoints": "endpoint",
    "tunings": "tuning", "flows": "flow", "pipelines": "pipeline",
}  # fmt: skip
NEWEST = 1000  # acts that a screen shows


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


def step_types(ws: Workspace) -> list[dict[str, Any]]:
    """The types that a step of a pipeline may have, with the fields of each."""
    from cupola.pipelines import types

    return [
        {"name": one.name, "summary": one.summary, "fields": [forms.field(each) for each in one.fields]}
        for one in types.catalogue().values()
    ]


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


CALLS: dict[str, Callable[..., Any]] = {
    "action": action,
    "outcome": outcome,
    "pulse": pulse,
    "records": records,
    "record": record,
    "profile": details.profile,
    "report": details.report,
    "grid": details.grid,
    "flow_preview": details.flow_preview,
    "definition": details.definition,
    "step_types": step_types,
    "metrics": details.metrics,
    "curve": details.curve,
    "trials": details.trials,
    "artifact": details.artifact,
    "plots": details.plots,
    "log": details.log,
    "takes": details.takes,
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


def _plain(result: Any) -> Any:
    return list(result) if hasattr(result, "__next__") else result
