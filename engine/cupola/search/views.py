"""Views: a filter, an order and columns that are kept under a name, for oneself or for everybody in the workspace.

`.cupola/notes/views/WRITER.jsonl`: a journal per writer, as all notes are, so that what is saved in two copies merges.
A line saves a view or takes it away; the last one counts. A user's own view goes before everybody's of the same name.
"""

import msgspec

from cupola.errors import NotFound
from cupola.store import Store, feed, journals, names

DIRECTORY = ".cupola/notes/views"


class View(msgspec.Struct, kw_only=True):
    """What a list shows of its kind of record. sort: FIELD or FIELD:desc. columns: fields, [] for those of the list.

    shared: it is everybody's, else that of `user`.
    """

    name: str
    kind: str
    filter: str = ""
    sort: str = ""
    columns: list[str] = msgspec.field(default_factory=list)
    shared: bool = False
    user: str = ""
    host: str = ""
    time: str = ""


def ls(store: Store) -> list[View]:
    """This user's views and everybody's, by name."""
    me = names.who()[0]
    found: dict[tuple[str, str], View] = {}
    for entry in journals.folded(store, DIRECTORY):
        try:
            view = msgspec.convert({**entry.get("view", {}), "time": entry.get("time", "")}, View, strict=False)
        except (msgspec.ValidationError, TypeError):
            continue  # a hand has been in it
        key = (view.name, "" if view.shared else view.user)
        found.pop(key, None)
        if entry.get("op") == "save":
            found[key] = view
    mine = [view for view in found.values() if view.shared or view.user == me]
    return sorted(mine, key=lambda view: (view.name, view.shared))


def find(store: Store, name: str) -> View:
    """The view of that name: this user's own, else everybody's. Raises NotFound."""
    known = ls(store)
    found = next((view for view in known if view.name == name), None)
    if found is None:
        several = ", ".join(dict.fromkeys(view.name for view in known))
        hint = f"there are: {several}" if known else "`cupola view save` makes one"
        raise NotFound(f"there is no view {name[:80]!a}", hint=hint)
    return found


def save(store: Store, view: View) -> View:
    """Keeps a view under its name, for its user or for everybody, in place of one that was there."""
    _write(store, "save", view)
    return next(one for one in ls(store) if (one.name, one.shared) == (view.name, view.shared))


def remove(store: Store, view: View) -> None:
    _write(store, "rm", view)


def _write(store: Store, op: str, view: View) -> None:
    path = f"{DIRECTORY}/{store.writer}.jsonl"
    line = journals.append(store, path, [{"op": op, "view": msgspec.to_builtins(view)}])
    feed.announce(store, "view", view.name, line, path)
