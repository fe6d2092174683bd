"""Looks for records of every kind at once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from cupola.errors import BadFilter
from cupola.search import query as queries
from cupola.search.evaluating import Test, compiled
from cupola.search.fields import Fields
from cupola.search.reading import read, trouble
from cupola.store import Store
from cupola.team import notes, verdicts

if TYPE_CHECKING:
    from cupola.workspace import Workspace

SHOWN = 200  # characters of what is said of a record


class Found(msgspec.Struct, kw_only=True):
    """A record that was found. ref: by which other commands take it. time: when it was made. text: what it is about."""

    kind: str
    ref: str
    name: str
    status: str = ""
    user: str = ""
    time: str = ""
    text: str = ""
    tags: list[str] = msgspec.field(default_factory=list)
    bad: str = ""


class Experiment(msgspec.Struct, kw_only=True):
    """An experiment with what people say of it."""

    name: str
    tags: list[str]
    runs: int


def find(workspace: "Workspace", text: str) -> list[Found]:
    """The records that the query is true of: those that are called so first, then kind by kind, the newest first.

    A record that has no such field has nothing in it. Raises BadFilter for a field that no kind of record has.
    """
    query = read(text)
    said = _comments(workspace.store)
    every = [(kind, records, _fields(kind, records, said)) for kind, records in _records(workspace) if records]
    for name, at in queries.fields(query):
        _check(text, name, at, [fields for _, _, fields in every])
    named = query.text if isinstance(query, queries.Word) else None
    found = [
        _found(kind, one, _saying(named, fields, one) if named else "")
        for kind, records, fields in every
        for one in _chosen(records, compiled(text, fields, lenient=True))
    ]
    return sorted(found, key=lambda one: named not in (one.name, one.ref))


def _records(workspace: "Workspace") -> Iterator[tuple[str, list[Any]]]:
    """The records of each kind, the newest first. A job that makes a run is found as that run."""
    from cupola.datasets import records as datasets

    store = workspace.store
    versions = datasets.every(store)
    by_ref = {one.ref: one for one in versions}
    notes.put_tags(store, "dataset", by_ref)
    verdicts.put(store, by_ref)
    yield "dataset", versions
    runs = workspace.action("run ls")
    yield "run", runs
    yield "tuning", workspace.action("tuning ls")
    yield "model", workspace.action("model ls")
    yield "endpoint", workspace.action("endpoint ls")
    yield "execution", workspace.action("pipeline executions")
    yield "schedule", workspace.action("schedule ls")
    yield "job", [one for one in workspace.action("job ls") if not one.run]
    counts: dict[str, int] = {}
    for one in runs:
        counts[one.experiment] = counts.get(one.experiment, 0) + 1
    tagged = {name: notes.Notes() for name in counts}
    notes.replay(notes.entries(store, "experiment"), tagged)
    yield "experiment", [Experiment(name=name, tags=tagged[name].tags, runs=counts[name]) for name in sorted(counts)]


def _comments(store: Store) -> dict[tuple[str, str], list[str]]:
    """The comments on each record, by its kind and exact name."""
    found: dict[tuple[str, str], list[str]] = {}
    for kind in notes.COLLECTIONS:
        for entry in notes.entries(store, kind):
            if entry.get("op") == "comment":
                found.setdefault((kind, str(entry.get("ref"))), []).append(str(entry.get("value", "")))
    return found


def _fields(kind: str, records: list[Any], said: dict[tuple[str, str], list[str]]) -> Fields:
    """The fields of a kind, which a word looks in together with the comments on a record."""

    def comments(record: Any) -> list[str]:
        ref = _ref(record)
        whole = said.get((kind, ref.partition("@")[0]), []) if "@" in ref else []
        return [*said.get((kind, ref), []), *whole]

    fields = Fields(records, texts=[comments])
    if kind == "endpoint" and (served := fields.find("variants.model")):
        fields.texts.insert(0, served)
    if kind == "schedule" and (runs := fields.find("runs")):
        fields.texts.insert(0, runs)
    own = fields.plain.get("kind")  # a job has one too
    fields.plain["kind"] = (lambda record: [kind, own(record)]) if own else (lambda record: kind)
    return fields


def _check(text: str, name: str, at: int, kinds: list[Fields]) -> None:
    """Raises BadFilter for a field that no record has, or that could be several."""
    doubt = None
    for fields in kinds:
        try:
            if fields.find(name) is not None:
                return
        except BadFilter as error:
            doubt = error
    if doubt:
        raise trouble(doubt.message, text, at)
    if kinds:
        hint = next((hint for fields in kinds if (hint := fields.near(name))), None)
        raise trouble(f"no kind of record has a field {name[:100]!r}", text, at, hint)


def _chosen(records: list[Any], test: Test) -> list[Any]:
    return [one for one in records if test(one)]


def _saying(word: str, fields: Fields, record: Any) -> str:
    """The comment on a record in which the word stands."""
    comments = fields.texts[-1](record)
    return next((one for one in comments if word.casefold() in one.casefold()), "")


def _ref(record: Any) -> str:
    return next(
        str(ref) for name in ("ref", "id", "tuning", "execution", "name") if (ref := getattr(record, name, None))
    )


def _found(kind: str, record: Any, comment: str) -> Found:
    texts = ("description", "reason", "message", "source")
    times = ("submitted", "registered", "imported", "updated")
    about = [record.estimator, record.dataset] if kind in ("run", "tuning") else []
    about += [record.when, record.runs] if kind == "schedule" else []
    about += [str(getattr(record, name, "") or "") for name in texts]
    command = " ".join(getattr(record, "command", ()))
    return Found(
        kind=kind,
        ref=_ref(record),
        name=record.name,
        status=getattr(record, "status", ""),
        user=getattr(record, "user", ""),
        time=next((moment for name in times if (moment := getattr(record, name, None))), ""),
        text=", ".join(one for one in (comment, *about, command) if one)[:SHOWN],
        tags=getattr(record, "tags", []),
        bad=getattr(record, "bad", ""),
    )
