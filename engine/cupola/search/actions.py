"""What a user can do with the search language beside `ls --filter`: find records of any kind, keep views."""

from typing import Annotated, Any, Literal

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadFilter, BadOption
from cupola.search import finding, kinds, views
from cupola.search.evaluating import chosen, order
from cupola.search.fields import Fields
from cupola.search.finding import Found
from cupola.search.reading import read
from cupola.search.views import View
from cupola.store.names import check_name, who
from cupola.workspace import Workspace

Kind = Literal["dataset", "run", "tuning", "job", "model", "endpoint", "activity"]
Name = Annotated[str, Arg(help="a view", completes="view")]
Shared = Annotated[bool, Arg(help="everybody's in this workspace, not only yours")]


class Removed(msgspec.Struct, kw_only=True):
    """The view that was taken away."""

    removed: str
    shared: bool


@action("find", writes=False)
def find(
    ws: Workspace,
    query: Annotated[
        str, Arg(help="a word, or 'tags contains best and user = ana'; kind names the kind", completes="any filter")
    ],
    *,
    limit: Annotated[int | None, Arg(help="at most so many")] = None,
) -> list[Found]:
    """Find records of every kind: datasets, runs, tunings, models, endpoints, executions, schedules, jobs.

    A word is looked for in names, descriptions, tags and comments; fields are as in the filter of a list, and what a
    kind of record does not have is empty there.
    """
    try:
        return chosen(finding.find(ws, query), None, None, limit)
    except BadFilter as error:
        error.where = "QUERY"
        raise


@action("view save")
def save(
    ws: Workspace,
    name: Annotated[str, Arg(help="what to call it", completes="view")],
    *,
    kind: Annotated[Kind, Arg(help="what it lists")] = "run",
    filter: Annotated[str, Arg(help="which of them", completes="any filter")] = "",
    sort: Annotated[str, Arg(help="in which order: FIELD or FIELD:desc")] = "",
    column: Annotated[list[str] | None, Arg(help="a field to show; all of them together")] = None,
    shared: Shared = False,
) -> View:
    """Keep a filter, an order and columns under a name, for yourself or (--shared) for everybody in this workspace.

    `view show NAME` lists what it selects; in the app it is among the views of its pane.
    """
    check_name(name, "name of a view")
    read(filter)
    order(sort or "id", [], Fields([]))
    if any(not one.strip() or len(one) > 200 for one in column or []):
        raise BadOption("--column takes the name of a field")
    user, host = who()
    view = View(
        name=name, kind=kind, filter=filter, sort=sort, columns=column or [], shared=shared, user=user, host=host
    )
    return views.save(ws.store, view)


@action("view ls", writes=False)
def ls(ws: Workspace, *, kind: Annotated[Kind | None, Arg(help="only those of this kind")] = None) -> list[View]:
    """List the views: yours, and those that everybody has."""
    return [one for one in views.ls(ws.store) if kind in (None, one.kind)]


@action("view show", writes=False)
def show(ws: Workspace, view: Name) -> list[Any]:
    """List the records that a view selects, in its order; where it names columns, those alone and each one's name."""
    kept = views.find(ws.store, view)
    records = kinds.records(ws, kept.kind)
    fields = Fields(records)
    found = chosen(records, kept.filter or None, kept.sort or None)
    if not kept.columns or not records:
        return found
    getters = {one: fields.find(one) for one in kept.columns}
    if missing := [name for name, get in getters.items() if get is None]:
        raise BadOption(f"there is no field {missing[0]!r}", where=f"view {kept.name}", hint=fields.near(missing[0]))
    return [_named(one) | {name: get(one) if get else None for name, get in getters.items()} for one in found]


@action("view rm")
def rm(ws: Workspace, view: Name, *, shared: Shared = False) -> Removed:
    """Take a view away: yours, or (--shared) everybody's."""
    known = [one for one in views.ls(ws.store) if one.name == view and one.shared == shared]
    kept = known[0] if known else views.find(ws.store, view)
    if kept.shared != shared:
        said = "is everybody's" if kept.shared else "is yours alone"
        raise BadOption(f"the view {view!r} {said}", hint="--shared takes everybody's away" if kept.shared else None)
    views.remove(ws.store, kept)
    return Removed(removed=kept.name, shared=shared)


def _named(record: Any) -> dict[str, str]:
    """What names a record in a list that shows only some of its fields."""
    return {"ref": str(getattr(record, "ref", None) or getattr(record, "id", None) or getattr(record, "name", ""))}
