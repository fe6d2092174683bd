"""What a form that is open on a record has to know: the state that it shows, and who has changed that since."""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime

from cupola.datasets import records as datasets
from cupola.flows import records as flows
from cupola.pipelines import definition
from cupola.registry import cards
from cupola.registry import records as models
from cupola.serving import records as serving
from cupola.store import Store, basis
from cupola.store.names import who
from cupola.team import activity, deeds, notes, subjects
from cupola.team.deeds import Act
from cupola.team.subjects import Subject

SHOWN = 120  # characters of what somebody did
LAST = "last act"  # beside the paths: what the newest act on the record was, so that no clocks need to be compared
TAGGING = ("tagged", "untagged")
BESIDE_IT = {"commented", "imported", "registered", "trained", "submitted", "completed", "failed"}
BESIDE_IT |= {"marked bad", "marked good"}


def states(store: Store, kind: str, reference: str) -> dict[str, str]:
    """The state of all that people can change of a record, by path (`cupola.store.basis`). Raises NotFound."""
    subject = subjects.find(store, f"{kind}:{reference}")
    found = _paths(store, subject)
    last = _newest(store, subject, found)
    return found | {LAST: _key(last)}


def since(store: Store, kind: str, reference: str, shown: Mapping[str, str]) -> str | None:
    """Who has changed a record since it had the states `shown`, how long ago, and what they did; None: nobody has."""
    subject = subjects.find(store, f"{kind}:{reference}")
    now = _paths(store, subject)
    changed = [path for path in shown if path != LAST and shown[path] != now.get(path, "")]
    if not changed:
        return None
    act = _newest(store, subject, changed)
    if act is None or _key(act) == shown.get(LAST):
        return f"somebody changed {changed[0]} with an editor"
    name = "you, elsewhere," if (act.user, act.host) == who() else act.user
    return f"{name} changed this {_ago(act.time)}: {act.verb} {act.text[:SHOWN]}".rstrip()


def _paths(store: Store, subject: Subject) -> dict[str, str]:
    if subject.kind == "flow":
        return {flows.path(subject.name): basis.of_file(store, flows.path(subject.name))}
    tags = notes.of(store, subject.kind, subject.ref, subject.tags).tags
    found = {notes.tags_path(subject.kind, subject.ref): notes.state(tags)}
    if subject.kind in ("dataset", "endpoint"):
        path = datasets.settings_path(subject.name) if subject.kind == "dataset" else serving.wish_path(subject.name)
        found[path] = basis.of_file(store, path)
    elif subject.kind == "pipeline":
        path = definition.path_of(store, subject.name)
        found[path] = basis.of_file(store, path)
    elif subject.kind == "model":
        journals = [models.aliases_path(subject.name)]
        if "@" in subject.ref:
            version = models.find(store, subject.ref)
            journals.append(models.approvals_path(version))
            found[cards.path(version)] = basis.of_file(store, cards.path(version))
        found |= {path: basis.of_journals(store, path) for path in journals}
    return found


def _newest(store: Store, subject: Subject, paths: Iterable[str]) -> Act | None:
    """The newest act that changed what lies at one of the paths, from what tells of this record alone."""
    tags = "" if subject.kind == "flow" else notes.tags_path(subject.kind, subject.ref)
    wholes = {subject.ref, subject.name}
    noted = deeds.of_notes(store, subject.kind) if tags else []
    acts = [one for one in noted if one.ref in wholes]
    acts += [one for one in activity.told(store) if one.kind == subject.kind and _is_of(one, subject)]
    if subject.kind == "model":
        acts += deeds.of_aliases(store, subject.name)
        if "@" in subject.ref:
            acts += deeds.of_model(store, models.find(store, subject.ref))
    changing = [one for one in acts if one.verb not in BESIDE_IT]
    wanted = [
        one for one in changing if (tags in paths if one.verb in TAGGING else any(path != tags for path in paths))
    ]
    return max(wanted, key=activity.order, default=None)


def _is_of(act: Act, subject: Subject) -> bool:
    """dataset.toml is that of all versions; else an act is on a record, or on the whole of which that is a version."""
    if subject.kind == "dataset":
        return act.ref.partition("@")[0] == subject.name
    return act.ref in (subject.ref, subject.name)


def _key(act: Act | None) -> str:
    return f"{act.time} {act.user} {act.host} {act.verb}" if act else ""


def _ago(moment: str) -> str:
    """How long ago, by this host's clock; "just now" also where the other's is ahead."""
    try:
        seconds = int(time.time() - datetime.fromisoformat(moment).timestamp())
    except ValueError:
        return "just now"
    if seconds < 1:
        return "just now"
    return f"{seconds} s ago" if seconds < 120 else f"{seconds // 60} min ago" if seconds < 7200 else moment
