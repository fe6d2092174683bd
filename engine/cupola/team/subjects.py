"""Any record by the name that people give it: what is commented on, tagged, looked up in the activity."""

from collections.abc import Callable

import msgspec

from cupola.errors import Ambiguous, BadName, NotFound
from cupola.store import Store, files, references
from cupola.team import notes
from cupola.team.notes import COLLECTIONS


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A record. ref: the exact name under which notes are kept: flights@3-7f3a for a version, flights for the dataset
    with all its versions, an id, the name of an endpoint or experiment.

    tags: those that it has from elsewhere: a run's from its beginning, a version's from its dataset or model. above:
    the record that it is a part of, whose comments also concern it.
    """

    kind: str
    ref: str
    name: str
    tags: tuple[str, ...] = ()
    job: str = ""
    above: tuple[str, str] | None = None


def find(store: Store, reference: str) -> Subject:
    """The one record that a reference names: KIND:REF, or REF where just one kind has it.

    `flights` is the dataset itself, `flights@3` a version. A whole name or id goes before the beginning of an id, a
    run or tuning before the job that works on it, anything before an experiment. Raises NotFound, Ambiguous.
    """
    kind, colon, rest = reference.partition(":")
    if colon and kind in FINDERS:
        return FINDERS[kind](store, rest)
    bare = (one for one in COLLECTIONS if one not in ("experiment", "pipeline"))  # a pipeline is named as its data is
    kinds = [one for one in bare if _names_one(store, one, reference)]
    if not kinds and _names_one(store, "experiment", reference):
        return _experiment(store, reference)
    if len(kinds) == 1:
        return FINDERS[kinds[0]](store, reference)
    found = [one for kind in kinds or ("run", "tuning", "job") if (one := _perhaps(store, kind, reference))]
    trained = {one.job for one in found}
    found = [one for one in found if one.kind != "job" or one.ref not in trained]
    if not found:
        hint = f"say which kind, as in run:{reference[:80]}" if kinds else "each kind has its `cupola KIND ls`"
        known = "dataset, run, tuning, job, model, endpoint or experiment"
        raise NotFound(f"there is no {known} {reference[:80]!a}", hint=hint)
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
    if kind == "tuning":
        from cupola.tuning import records as tunings

        return reference in tunings.ids(store)
    if kind == "job":
        from cupola.jobs import wish

        return reference in wish.directories(store)
    from cupola.experiments import records as runs

    return reference in (runs.names(store) if kind == "experiment" else runs.directories(store))


def _dataset(store: Store, reference: str) -> Subject:
    from cupola.datasets import records as datasets

    name = references.parse(reference, "dataset").name
    if reference == name and name in datasets.names(store):
        return Subject(kind="dataset", ref=name, name=name, tags=tuple(datasets.settings_of(store, name).tags))
    found = datasets.find(store, reference)
    given = notes.of(store, "dataset", name, datasets.settings_of(store, name).tags).tags
    return Subject(kind="dataset", ref=found.ref, name=name, tags=tuple(given), above=("dataset", name))


def _run(store: Store, reference: str) -> Subject:
    from cupola.experiments import records as runs

    found = runs.find(store, reference)
    given = runs.read(store, f"{found.experiment}/{found.id}").tags
    above = ("experiment", found.experiment)
    return Subject(kind="run", ref=found.id, name=found.name, tags=tuple(given), job=found.job, above=above)


def _job(store: Store, reference: str) -> Subject:
    from cupola.jobs import wish

    found = wish.find(store, reference)
    return Subject(kind="job", ref=found.id, name=found.name)


def _tuning(store: Store, reference: str) -> Subject:
    from cupola.tuning import records as tunings

    found = tunings.find(store, reference)
    return Subject(kind="tuning", ref=found.id, name=found.name, job=next(iter(found.jobs), ""))


def _model(store: Store, reference: str) -> Subject:
    from cupola.registry import records as models

    name = references.parse(reference, "name of a model").name
    if reference == name and name in models.names(store):
        return Subject(kind="model", ref=name, name=name)
    found = models.find(store, reference)
    given = notes.of(store, "model", name).tags
    return Subject(kind="model", ref=found.ref, name=name, tags=tuple(given), above=("model", name))


def _endpoint(store: Store, reference: str) -> Subject:
    if reference not in files.listing(store, COLLECTIONS["endpoint"]):
        raise NotFound(f"there is no endpoint {reference[:80]!a} here", hint="`cupola endpoint ls` lists them")
    return Subject(kind="endpoint", ref=reference, name=reference)


def _flow(store: Store, reference: str) -> Subject:
    from cupola.flows import records as flows

    return Subject(kind="flow", ref=flows.find(store, reference).name, name=reference)


def _pipeline(store: Store, reference: str) -> Subject:
    from cupola.pipelines import definition

    definition.path_of(store, reference)
    return Subject(kind="pipeline", ref=reference, name=reference)


def _experiment(store: Store, reference: str) -> Subject:
    from cupola.experiments import records as runs

    if reference not in runs.names(store):
        raise NotFound(f"there is no experiment {reference[:80]!a} here", hint="`cupola run ls` shows what runs are in")
    return Subject(kind="experiment", ref=reference, name=reference)


FINDERS: dict[str, Callable[[Store, str], Subject]] = {
    "dataset": _dataset,
    "run": _run,
    "job": _job,
    "tuning": _tuning,
    "model": _model,
    "endpoint": _endpoint,
    "experiment": _experiment,
    "flow": _flow,
    "pipeline": _pipeline,
}
