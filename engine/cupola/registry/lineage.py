"""What came from what: data to runs, runs to models, models to endpoints, in both directions."""

from collections.abc import Callable
from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.datasets import records as datasets
from cupola.errors import Ambiguous, BadName, BadOption, NotFound
from cupola.experiments import records as runs
from cupola.registry import records as models
from cupola.serving import records as endpoints
from cupola.store import Store
from cupola.workspace import Workspace

Edges = set[tuple[str, str]]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A record: `id` is unique in the graph ("model:churn@3-7f3a"), `ref` names it for other commands."""

    id: str
    kind: str
    ref: str
    name: str
    status: str = ""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """`target` was made from `source` (ids of nodes)."""

    source: str
    target: str


class Lineage(msgspec.Struct, kw_only=True):
    """All that the record at `root` came from and all that came from it."""

    root: str
    nodes: list[Node]
    edges: list[Edge]


@action("lineage", writes=False)
def lineage(
    ws: Workspace,
    reference: Annotated[str, Arg(help="a run, dataset, model or endpoint; model:churn where a name is not unique")],
    *,
    up: Annotated[bool, Arg(help="only what it came from")] = False,
    down: Annotated[bool, Arg(help="only what came from it")] = False,
) -> Lineage:
    """Show what a record came from and what came from it: data, runs, models, endpoints, to any depth."""
    if up and down:
        raise BadOption("--up and --down together are what is shown without them", hint="give one of them or none")
    root = _node(ws.store, reference)
    nodes, edges = _graph(ws.store)
    nodes.setdefault(root.id, root)
    kept: Edges = set()
    if not down:
        kept |= _reached(root.id, {(target, source) for source, target in edges}, backwards=True)
    if not up:
        kept |= _reached(root.id, edges)
    shown = {root.id} | {end for edge in kept for end in edge}
    return Lineage(
        root=root.id,
        nodes=[nodes.get(one) or _lost(one) for one in sorted(shown)],
        edges=[Edge(source=source, target=target) for source, target in sorted(kept)],
    )


def _node(store: Store, reference: str) -> Node:
    """The one record that a reference names, of whatever kind. Raises NotFound, Ambiguous."""
    finders: dict[str, Callable[[Store, str], Node]] = {
        "dataset": lambda store, ref: _dataset(datasets.find(store, ref).ref),
        "run": lambda store, ref: _run(runs.find(store, ref)),
        "model": lambda store, ref: _model(models.find(store, ref)),
        "endpoint": lambda store, ref: _endpoint(endpoints.find(store, ref)),
    }
    kind, colon, rest = reference.partition(":")
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
    named = [one for one in found if reference.partition("@")[0] in (one.name, one.ref)]
    found = named or found  # a name goes before the beginning of an id
    if doubt and not named:
        raise doubt
    if not found:
        raise NotFound(f"there is no dataset, run, model or endpoint {reference!r}")
    if len(found) > 1:
        kinds = ", ".join(one.kind for one in found)
        raise Ambiguous(f"{reference!r} names several records ({kinds})", hint=f"write {found[0].kind}:{reference}")
    return found[0]


def _graph(store: Store) -> tuple[dict[str, Node], Edges]:
    """Every record and every edge from what it was made from."""
    nodes: list[Node] = []
    edges: Edges = set()
    for run in runs.ls(store):
        nodes.append(_run(run))
        if run.dataset:
            nodes.append(_dataset(run.dataset))
            edges.add((f"dataset:{run.dataset}", f"run:{run.id}"))
    for model in models.ls(store):
        nodes.append(_model(model))
        edges.add((f"run:{model.run}", f"model:{model.ref}"))
    for endpoint in endpoints.ls(store):
        nodes.append(_endpoint(endpoint))
        edges |= {(f"model:{one.model}", f"endpoint:{endpoint.name}") for one in endpoint.variants}
    return {one.id: one for one in nodes}, edges


def _reached(start: str, edges: Edges, backwards: bool = False) -> Edges:
    """The edges on the ways from `start`; `backwards`: `edges` are turned round, and the answer is turned back."""
    after: dict[str, list[str]] = {}
    for source, target in edges:
        after.setdefault(source, []).append(target)
    found: Edges = set()
    todo, seen = [start], {start}
    while todo:
        here = todo.pop()
        for there in after.get(here, []):
            found.add((there, here) if backwards else (here, there))
            if there not in seen:
                seen.add(there)
                todo.append(there)
    return found


def _dataset(ref: str) -> Node:
    return Node(id=f"dataset:{ref}", kind="dataset", ref=ref, name=ref.partition("@")[0])


def _run(run: runs.Run) -> Node:
    return Node(id=f"run:{run.id}", kind="run", ref=run.id, name=run.name, status=run.status)


def _model(model: models.ModelState) -> Node:
    return Node(id=f"model:{model.ref}", kind="model", ref=model.ref, name=model.name, status=model.status)


def _endpoint(endpoint: endpoints.EndpointState) -> Node:
    name = endpoint.name
    return Node(id=f"endpoint:{name}", kind="endpoint", ref=name, name=name, status=endpoint.status)


def _lost(one: str) -> Node:
    """A record that others name and that is not here any more (or lies in the trash)."""
    kind, _, ref = one.partition(":")
    return Node(id=one, kind=kind, ref=ref, name=ref.partition("@")[0], status="Missing")
