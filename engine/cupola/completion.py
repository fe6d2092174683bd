"""Names of what exists, for shells, forms and prompts that complete as one types."""

import contextlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from cupola import place
from cupola.errors import CupolaError
from cupola.search.kinds import KINDS
from cupola.store import Store, files

LIMIT = 200
MOST_PATHS = 50


def names(store: Store, kind: str, prefix: str = "", arguments: dict[str, Any] | None = None) -> list[str]:
    """Names of the existing things of a kind (as `Arg.completes` says) that begin with `prefix`; [] for unknown kinds.

    arguments: what is filled in so far, since a column belongs to their `dataset`, a parameter to their `estimator`.
    """
    source = SOURCES.get(kind)
    known = source(store, prefix, arguments or {}) if source else []
    whole = kind.endswith(" filter")  # it may begin with another word than was typed: params.kernel for kern
    return list(dict.fromkeys(one for one in known if whole or one.startswith(prefix)))[:LIMIT]


def paths(typed: str) -> list[str]:
    """What a path may become, from where the user stands or with ~; directories with a slash at their end."""
    head, slash, name = typed.rpartition("/")
    found = []
    try:
        with os.scandir(place.path(head + slash or ".")) as entries:
            for entry in entries:
                if entry.name.startswith(name) and (name.startswith(".") or not entry.name.startswith(".")):
                    found.append(head + slash + entry.name + "/" * entry.is_dir())
                if len(found) >= MOST_PATHS:
                    break
    except OSError:
        return []
    return sorted(found)


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


def _plots(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    """Those of the `run` among the arguments."""
    from cupola.experiments import plots
    from cupola.experiments import records as experiments

    found = arguments.get("run")
    return [one.name for one in plots.of_run(store, experiments.find(store, str(found)))] if found else []


def _tokens(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.tokens import records as tokens

    return (one.name for one in tokens.ls(store))


def _pipelines(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.pipelines import definition

    return definition.names(store)


def _executions(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.pipelines import records as pipelines

    return (one.id for one in pipelines.every(store))


def _tunings(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.tuning import records as tunings

    return (name for tuning in tunings.every(store) for name in (tuning.name, tuning.id))


def _columns(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.datasets import records as datasets

    named = arguments.get("dataset") or arguments.get("ref")
    return [column.name for column in datasets.find(store, str(named)).columns] if named else []


def _targets(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    """Columns, and those that formulas of the `flow` among the arguments make."""
    from cupola.flows import records as flows

    named = arguments.get("flow")
    steps = flows.find(store, str(named)).steps if named else []
    made = (one.params.get("name") for one in steps if one.type == "formula")
    return [*_columns(store, prefix, arguments), *(str(one) for one in made if one)]


def _features(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    """Columns, and those that the `flow` among the arguments leaves at its end, as far as they show without rows."""
    from cupola.flows import checking
    from cupola.flows import records as flows

    found = [*_columns(store, prefix, arguments)]
    if named := arguments.get("flow"):
        with contextlib.suppress(CupolaError):  # something is wrong with it, which is told elsewhere
            flow = flows.find(store, str(named))
            steps = flows.ordered(flow)
            made = checking.columns(store, flow, steps).get(steps[-1].id) if steps else None
            found += [one for one in made or [] if one != checking.SPLIT]
    return found


def _estimators(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.environments import catalogue, own

    return [*catalogue.load(), *own.names(store.root, prefix.partition(":")[0])]


def _parameters(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.environments import catalogue

    estimator = catalogue.load().get(str(arguments.get("estimator")))
    return [f"{name}=" for name in estimator.parameters] if estimator else []


def _metrics(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    """Those of the estimator among the arguments; without one, or of one's own, all."""
    from cupola.environments import catalogue
    from cupola.training.records import TASKS, metrics_of

    estimator = catalogue.load().get(str(arguments.get("estimator")))
    tasks = [TASKS[estimator.kind]] if estimator else [*TASKS.values()]
    return (one for task in tasks for one in metrics_of(task, arguments.get("target")))


def _filters(kind: str, store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    """The whole filter, with what may stand at its end."""
    from cupola.search import completing

    found = completing.complete(prefix, len(prefix), _fields(store, kind))
    every = [prefix[: found.start] + one for one in found.candidates]
    return [one for one in every if one.startswith(prefix)] or (every if len(every) == 1 else [])


def _any_filter(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    """As for the kind among the arguments; without one, for every kind."""
    chosen = str(arguments.get("kind") or "")
    return (one for kind in ([chosen] if chosen in KINDS else KINDS) for one in _filters(kind, store, prefix, {}))


def _views(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.search import views

    return (view.name for view in views.ls(store))


def _sorts(kind: str, store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    return (one for name in _fields(store, kind).names for one in (name, f"{name}:desc"))


def _fields(store: Store, kind: str) -> Any:
    from cupola.search import kinds
    from cupola.search.fields import Fields
    from cupola.workspace import Workspace

    return Fields(kinds.records(Workspace(store), kind))


def _flows(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.flows import records as flows

    return flows.ls(store)


def _steps(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    """Those of the `flow` among the arguments."""
    from cupola.flows import records as flows

    named = arguments.get("flow")
    return [one.id for one in flows.find(store, str(named)).steps] if named else []


def _transforms(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.flows.transforms import catalogue

    return catalogue.TRANSFORMS


def _schedules(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    return files.listing(store, "schedules")


def _with_versions(store: Store, kind: str, prefix: str) -> Iterable[str]:
    """NAME, and NAME@N once an @ was typed."""
    name, at, _ = prefix.partition("@")
    if not at:
        return files.listing(store, kind)
    numbers = {entry.partition("-")[0] for entry in files.listing(store, f"{kind}/{name}")}
    return [f"{name}@{number}" for number in sorted(filter(str.isdigit, numbers), key=int)]


def _of_any_kind(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    return (
        one for kind in ("dataset", "model", "endpoint", "run", "job", "tuning") for one in names(store, kind, prefix)
    )


def _autopilots(store: Store, prefix: str, arguments: dict[str, Any]) -> Iterable[str]:
    from cupola.autopilot import records as autopilots
    from cupola.experiments import records as experiments

    return (name for run in experiments.ls(store) if autopilots.is_one(run) for name in (run.name, run.id))


SOURCES: dict[str, Callable[[Store, str, dict[str, Any]], Iterable[str]]] = {
    "dataset": _datasets,
    "model": _models,
    "endpoint": _endpoints,
    "experiment": _experiments,
    "job": _jobs,
    "run": _runs,
    "plot": _plots,
    "view": _views,
    "token": _tokens,
    "any filter": _any_filter,
    "tuning": _tunings,
    "autopilot": _autopilots,
    "flow": _flows,
    "step": _steps,
    "transform": _transforms,
    "pipeline": _pipelines,
    "schedule": _schedules,
    "execution": _executions,
    "record": _of_any_kind,
    "column": _columns,
    "target": _targets,
    "feature": _features,
    "estimator": _estimators,
    "parameter": _parameters,
    "metric": _metrics,
}
SOURCES |= {f"{kind} filter": partial(_filters, kind) for kind in KINDS}
SOURCES |= {f"{kind} sort": partial(_sorts, kind) for kind in KINDS}
