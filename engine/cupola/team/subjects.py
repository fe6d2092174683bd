"""Any record by the name that people give it: what is commented on, tagged, looked up in the activity."""

from collections.abc import Callable

import msgspec

from cupola.errors import Ambiguous, BadName, NotFound
from cupola.store import Store, files
from cupola.team.notes import COLLECTIONS


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A record: `ref` is the exact one (flights@3-7f3a, an id, an endpoint's name), under which notes are kept.

    tags: those that it has from elsewhere: a run's from its beginning, a version's from dataset.toml.
    """

    kind: str
    ref: str
    name: str
    tags: tuple[str, ...] = ()
    job: str = ""


def find(store: Store, reference: str) -> Subject:
    """The one record that a reference names: KIND:REF, or REF where just one kind has it.

    A whole name or id goes before the beginning of an id, a run before the job that trains it. Raises NotFound,
    Ambiguous.
    """
    kind, colon, rest = reference.partition(":")
    if colon and kind in FINDERS:
        return FINDERS[kind](store, rest)
    kinds = [one for one in COLLECTIONS if _names_one(store, one, reference)]
    if len(kinds) == 1:
        return FINDERS[kinds[0]](store, reference)
    found = [one for kind in kinds or ("run", "job") if (one := _perhaps(store, kind, reference))]
    trained = {one.job for one in found}
    found = [one for one in found if one.kind != "job" or one.ref not in trained]
    if not found:
        hint = f"say which kind, as in run:{reference[:80]}" if kinds else "each kind has its `cupola KIND ls`"
        raise NotFound(f"there is no dataset, run, job, model or endpoint {reference[:80]!a}", hint=hint)
    if len(found) > 1:
        several = ", ".join(one.kind for one in found)
        hint = f"write {found[0].kind}:{reference[:80]}"
        raise Ambiguous(f"{reference[:80]!a} names several records ({several})", hint=hint)
    return found[0]


def _perhaps(store: Store, kind: str, reference: str) -> Subject | None:
    try:
        return FINDERS[kind](store, reference)
    except Ambiguous:
        raise
    except (NotFound, BadName):
        return None


def _names_one(store: Store, kind: str, reference: str) -> bool:
    """Whether a whole name or id says that this kind is meant."""
    if kind in ("dataset", "model"):
        return reference.partition("@")[0] in files.listing(store, COLLECTIONS[kind])
    if kind == "endpoint":
        return reference in files.listing(store, "endpoints")
    if kind == "job":
        from cupola.jobs import wish

        return reference in wish.directories(store)
    from cupola.experiments import records as runs

    return reference in runs.directories(store)


def _dataset(store: Store, reference: str) -> Subject:
    from cupola.datasets import records as datasets

    found = datasets.find(store, reference)
    tags = datasets.settings_of(store, found.dataset).tags
    return Subject(kind="dataset", ref=found.ref, name=found.dataset, tags=tuple(tags))


def _run(store: Store, reference: str) -> Subject:
    from cupola.experiments import records as runs

    found = runs.find(store, reference)
    given = runs.read(store, f"{found.experiment}/{found.id}").tags
    return Subject(kind="run", ref=found.id, name=found.name, tags=tuple(given), job=found.job)


def _job(store: Store, reference: str) -> Subject:
    from cupola.jobs import wish

    found = wish.find(store, reference)
    return Subject(kind="job", ref=found.id, name=found.name)


def _model(store: Store, reference: str) -> Subject:
    from cupola.registry import records as models

    found = models.find(store, reference)
    return Subject(kind="model", ref=found.ref, name=found.name)


def _endpoint(store: Store, reference: str) -> Subject:
    if reference not in files.listing(store, COLLECTIONS["endpoint"]):
        raise NotFound(f"there is no endpoint {reference[:80]!a} here", hint="`cupola endpoint ls` lists them")
    return Subject(kind="endpoint", ref=reference, name=reference)


FINDERS: dict[str, Callable[[Store, str], Subject]] = {
    "dataset": _dataset,
    "run": _run,
    "job": _job,
    "model": _model,
    "endpoint": _endpoint,
}
