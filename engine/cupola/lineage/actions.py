"""What a user can ask of lineage."""

from collections.abc import Callable
from typing import Annotated

from cupola.actions import Arg, action
from cupola.datasets import records as datasets
from cupola.errors import Ambiguous, BadName, BadOption, NotFound
from cupola.experiments import records as runs
from cupola.lineage import graph
from cupola.lineage.graph import Lineage, Node
from cupola.pipelines import records as pipelines
from cupola.registry import records as models
from cupola.schedules import records as schedules
from cupola.serving import records as endpoints
from cupola.store import Store
from cupola.tuning import records as tunings
from cupola.workspace import Workspace


@action("lineage", writes=False)
def lineage(
    ws: Workspace,
    reference: Annotated[
        str,
        Arg(
            help="a dataset, run, tuning, model, endpoint, execution or schedule, or flow:NAME; model:churn if unclear",
            completes="record",
        ),
    ],
    *,
    up: Annotated[bool, Arg(help="only what it came from")] = False,
    down: Annotated[bool, Arg(help="only what came from it")] = False,
) -> Lineage:
    """Show what a record came from and what came from it: data, flows, tunings, runs, models, endpoints, transforms.

    Executions of pipelines stand beside them, with what they have made, and schedules with what they have started. What
    is, or came from, data that `dataset mark` calls bad says so.
    """
    if up and down:
        raise BadOption("--up and --down together are what is shown without them", hint="give one of them or none")
    return graph.of(ws.store, find(ws.store, reference), up=not down, down=not up)


def find(store: Store, reference: str) -> Node:
    """The one record that a reference names, of whatever kind. Raises NotFound, Ambiguous."""
    finders: dict[str, Callable[[Store, str], Node]] = {
        "dataset": lambda store, ref: graph.dataset(store, datasets.find(store, ref).ref),
        "run": lambda store, ref: graph.run(runs.find(store, ref)),
        "tuning": lambda store, ref: graph.tuning(tunings.find(store, ref)),
        "model": lambda store, ref: graph.model(models.find(store, ref)),
        "endpoint": lambda store, ref: graph.endpoint(endpoints.find(store, ref)),
        "execution": lambda store, ref: graph.execution(store, pipelines.find(store, ref)),
        "schedule": lambda store, ref: graph.schedule(schedules.wish(store, ref).name),
    }
    kind, colon, rest = reference.partition(":")
    if colon and kind == "flow":
        return graph.flow_named(store, rest)
    if colon and kind in finders:
        return finders[kind](store, rest)
    found, doubt = [], None
    for find in finders.values():
        try:
            found.append(find(store, reference))
        except Ambiguous as error:
            doubt = error
        except (NotFound, BadName):
            continue
    if len(found) > 1:
        found = [one for one in found if one.kind != "schedule"]  # it is called as the pipeline that it runs
    if len(found) > 1 and reference not in [one.ref for one in found if one.kind == "execution"]:
        found = [one for one in found if one.kind != "execution"]  # a pipeline is called as what it makes
    named = [one for one in found if reference.partition("@")[0] in (one.name, one.ref)]
    found = named or found  # a name goes before the beginning of an id
    if doubt and not named:
        raise doubt
    if not found:
        raise NotFound(f"there is no dataset, run, tuning, model, endpoint, execution or schedule {reference!r}")
    if len(found) > 1:
        kinds = ", ".join(one.kind for one in found)
        raise Ambiguous(f"{reference!r} names several records ({kinds})", hint=f"write {found[0].kind}:{reference}")
    return found[0]
