"""Names of what exists, for shells, forms and prompts that complete as one types."""

from collections.abc import Callable, Iterable
from typing import Any

from cupola.store import Store, files

LIMIT = 200


def names(store: Store, kind: str, prefix: str = "", arguments: dict[str, Any] | None = None) -> list[str]:
    """Names of the existing things of a kind (as `Arg.completes` says) that begin with `prefix`; [] for unknown kinds.

    arguments: what is filled in so far, since a column belongs to their `dataset`, a parameter to their `estimator`.
    """
    source = SOURCES.get(kind)
    known = source(store, prefix, arguments or {}) if source else []
    return list(dict.fromkeys(one for one in known if one.startswith(prefix)))[:LIMIT]


def _datasets(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    return _with_versions(store, "datasets", prefix)


def _models(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    return _with_versions(store, "models", prefix)


def _endpoints(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    return files.listing(store, "endpoints")


def _experiments(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    return files.listing(store, "experiments")


def _jobs(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.jobs import records as jobs

    return (name for job in jobs.ls(store) for name in (job.id, job.name))


def _runs(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.experiments import records as experiments

    return (name for run in experiments.ls(store) for name in (run.name, run.id))


def _columns(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.datasets import records as datasets

    named = arguments.get("dataset") or arguments.get("ref")
    return [column.name for column in datasets.find(store, str(named)).columns] if named else []


def _estimators(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.environments import catalogue

    return catalogue.load()


def _parameters(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.environments import catalogue

    estimator = catalogue.load().get(str(arguments.get("estimator")))
    return [f"{name}=" for name in estimator.parameters] if estimator else []


def _with_versions(store: Store, kind: str, prefix: str) -> Iterable[str]:
    """NAME, and NAME@N once an @ was typed."""
    name, at, _ = prefix.partition("@")
    if not at:
        return files.listing(store, kind)
    numbers = {entry.partition("-")[0] for entry in files.listing(store, f"{kind}/{name}")}
    return [f"{name}@{number}" for number in sorted(filter(str.isdigit, numbers), key=int)]


def _of_any_kind(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    return (one for kind in ("dataset", "model", "endpoint", "run", "job") for one in names(store, kind, prefix))


SOURCES: dict[str, Callable[[Store, str, dict[str, Any]], Iterable[str]]] = {
    "dataset": _datasets,
    "model": _models,
    "endpoint": _endpoints,
    "experiment": _experiments,
    "job": _jobs,
    "run": _runs,
    "record": _of_any_kind,
    "column": _columns,
    "estimator": _estimators,
    "parameter": _parameters,
}
