"""What people say of runs: tags and comments, a journal per writer for all of them, and their fold."""

from typing import TYPE_CHECKING

from cupola.errors import BadOption
from cupola.store import Store, feed, journals, names

if TYPE_CHECKING:
    from cupola.experiments.records import Run

DIRECTORY = ".cupola/notes/experiments"


def say(store: Store, run: "Run", op: str, values: list[str]) -> None:
    """Writes down that a tag was set ("tag") or taken away ("untag"), or a comment ("comment"), and announces it."""
    user, host = names.who()
    entries = [{"ref": run.id, "op": op, "value": value, "user": user, "host": host} for value in values]
    journals.append(store, f"{DIRECTORY}/{store.writer}.jsonl", entries)
    feed.announce(store, "run", run.id, run.revision)


def check_tag(tag: str) -> str:
    """The tag itself. Raises BadOption for one that is empty, too long, or would not fit on a line."""
    if not tag.strip() or len(tag) > 100 or not tag.isprintable() or "," in tag:
        raise BadOption(f"{tag!r} is not a tag", hint="up to 100 printable characters without a comma")
    return tag.strip()


def overlay(store: Store, runs: list["Run"]) -> None:
    """Puts the tags and comments of all people onto the runs."""
    from cupola.experiments.records import Comment

    known = {run.id: run for run in runs}
    for entry in journals.folded(store, DIRECTORY):
        run = known.get(str(entry.get("ref")))
        if run is None:
            continue
        value = str(entry.get("value", ""))
        if entry.get("op") == "comment":
            said = {name: str(entry.get(name, "")) for name in ("user", "host", "time")}
            run.comments.append(Comment(text=value, **said))
        elif entry.get("op") == "untag":
            run.tags = [tag for tag in run.tags if tag != value]
        elif value not in run.tags:
            run.tags.append(value)
