"""The graph of what came from what, from record to record; lists are read only where a way leads through them."""

from collections.abc import Callable, Iterable
from functools import cached_property

import msgspec

from cupola.datasets import records as datasets
from cupola.errors import Ambiguous, CupolaError, NotFound
from cupola.experiments import records as experiments
from cupola.jobs import records as jobs
from cupola.lineage import executed
from cupola.pipelines import records as pipelines
from cupola.pipelines import standing
from cupola.registry import records as registry
from cupola.schedules import records as schedules
from cupola.serving import records as serving
from cupola.store import Store, files
from cupola.team import verdicts
from cupola.training.records import SHORT, FiledFlow
from cupola.transform.records import KIND as TRANSFORM
from cupola.tuning import records as tunings

MISSING = "Missing"
STARTED = ("execution", "run", "tuning", "job", "endpoint")  # by schedules


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A record: `id` is unique in the graph ("model:churn@3-7f3a"), `ref` names it for other commands. status: Missing
    where others name it and it is not here any more. bad: which bad data it is or came from, and who said so.
    """

    id: str
    kind: str
    ref: str
    name: str
    status: str = ""
    bad: str = ""


class Edge(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """`target` was made from `source` (ids of nodes)."""

    source: str
    target: str


class Lineage(msgspec.Struct, kw_only=True):
    """All that the record at `root` came from and all that came from it."""

    root: str
    nodes: list[Node]
    edges: list[Edge]

    @property
    def text(self) -> str:
        """It as a tree, for people."""
        from cupola.lineage import drawing

        return drawing.text(self)


def of(store: Store, root: Node, *, up: bool = True, down: bool = True) -> Lineage:
    """The ways from a record to what it came from, and to what came from it."""
    graph = _Graph(store)
    nodes, edges = {root.id: root}, set()
    for wanted, following in ((up, graph.sources), (down, graph.results)):
        for here, there in _ways(root, following) if wanted else ():
            nodes.setdefault(there.id, there)
            ends = (there.id, here.id) if following == graph.sources else (here.id, there.id)
            edges.add(Edge(source=ends[0], target=ends[1]))
    spoiled = _spoiled(graph, nodes, edges)
    shown = [msgspec.structs.replace(nodes[one], bad=spoiled.get(one, "")) for one in sorted(nodes)]
    return Lineage(root=root.id, nodes=shown, edges=sorted(edges))


def _ways(root: Node, following: Callable[[Node], list[Node]]) -> Iterable[tuple[Node, Node]]:
    """Every step of the ways from a record."""
    todo, seen = [root], {root.id}
    while todo:
        here = todo.pop()
        for there in following(here):
            yield here, there
            if there.id not in seen:
                seen.add(there.id)
                todo.append(there)


def _spoiled(graph: "_Graph", nodes: dict[str, Node], edges: set[Edge]) -> dict[str, str]:
    """Which of the nodes are, or came from, data that is marked as bad, and the words for it."""
    found: dict[str, str] = {}
    if not graph.bad:
        return found
    results: dict[str, list[str]] = {}
    for edge in edges:
        results.setdefault(edge.source, []).append(edge.target)
    todo = [(f"dataset:{ref}", verdict.words) for ref, verdict in sorted(graph.bad.items())]
    # A record whose data lies beyond what is shown (--down) knows of it by the record itself.
    todo += [(one, words) for one, node in nodes.items() if (words := graph.words(node))]
    while todo:
        one, words = todo.pop()
        if one not in found:
            found[one] = words
            todo += [(each, words) for each in results.get(one, [])]
    return found


class _Graph:
    def __init__(self, store: Store) -> None:
        self.store = store

    @cached_property
    def bad(self) -> dict[str, verdicts.Verdict]:
        return verdicts.bad(self.store)

    @cached_property
    def made(self) -> dict[str, datasets.DatasetVersion]:
        """The versions that flows have made."""
        every = (one for name in datasets.names(self.store) for one in datasets.versions(self.store, name))
        return {one.ref: one for one in every if one.made}

    @cached_property
    def runs(self) -> dict[str, experiments.Run]:
        return {one.id: one for one in experiments.ls(self.store)}

    @cached_property
    def tunings(self) -> dict[str, tunings.Tuning]:
        return {one.id: one for one in tunings.every(self.store)}

    @cached_property
    def models(self) -> dict[str, registry.ModelState]:
        return {one.ref: one for one in registry.ls(self.store)}

    @cached_property
    def transforms(self) -> dict[str, jobs.JobState]:
        return {one.id: one for one in jobs.ls(self.store) if one.kind == TRANSFORM and "model" in one.output}

    @cached_property
    def endpoints(self) -> dict[str, serving.EndpointState]:
        return {one.name: one for one in serving.ls(self.store)}

    @cached_property
    def fired(self) -> dict[str, str]:
        """By the id of a node the schedule that has started it."""
        found: dict[str, str] = {}
        for name in files.listing(self.store, schedules.DIRECTORY):
            for one in schedules.firings(self.store, name):
                if one.started:
                    found[f"{one.kind}:{one.started}"] = name
        return found

    @cached_property
    def makers(self) -> executed.Makers:
        return executed.makers(self.store)

    def sources(self, node: Node) -> list[Node]:
        """What a record was made from, the execution that has made it, and the schedule that has started it."""
        if node.status == MISSING or node.kind == "schedule":
            return []
        made = self._made_from(node) if node.kind != "execution" else []
        if maker := self.makers.get(node.id):
            made.append(execution(self.store, maker))
        if name := self.fired.get(node.id):
            made.append(schedule(name))
        return made

    def _made_from(self, node: Node) -> list[Node]:
        if node.kind == "dataset":
            return [flow(made_by(self.made[node.ref]))] if node.ref in self.made else []
        if node.kind == "flow":
            refs = [
                ref for one in self.made.values() if one.made and made_by(one) == node.ref for ref in one.made.inputs
            ]
            refs += [ref for one in self.runs.values() if one.flow == node.ref for ref in (one.dataset, *one.looked_up)]
            searching = [one for one in self.tunings.values() if flow_of(one) == node.ref]
            refs += [ref for one in searching for ref in (data_of(one), *looked_up(one))]
            return [dataset(self.store, ref) for ref in dict.fromkeys(refs) if ref]
        if node.kind == "run":
            made = self._run(node.ref)
            return self._sources_of_run(made) if made else []
        if node.kind == "tuning":
            searched = self.tunings[node.ref]
            data = [dataset(self.store, ref)] if (ref := data_of(searched)) else []
            if ref := flow_of(searched):
                data = [flow(ref)]
            return [*data, *map(self._tuning_node, searched.warm_start)]
        if node.kind == "model":
            made_of = self.models.get(node.ref)
            return self._sources_of_model(made_of) if made_of and not made_of.origin else []
        if node.kind == "job":
            return [self._model_node(self.transforms[node.ref].output["model"])] if node.ref in self.transforms else []
        variants = self.endpoints[node.ref].variants if node.ref in self.endpoints else []
        return [self._model_node(one.model) for one in variants]

    def results(self, node: Node) -> list[Node]:
        """What was made from a record, or by an execution, or was started by a schedule."""
        if node.kind == "schedule":
            return [self._of_id(one) for one, name in self.fired.items() if name == node.ref and _known(one)]
        if node.kind == "execution":
            return [self._of_id(one) for one, maker in self.makers.items() if maker.id == node.ref]
        if node.kind == "dataset":
            searching = [one for one in self.tunings.values() if data_of(one) == node.ref]
            ids = {one.id for one in searching}  # whose trials stand below them
            made = [one for one in self.runs.values() if one.dataset == node.ref and one.tuning not in ids]
            through = [*map(flow_of, searching), *(one.flow for one in made)]  # and of flows what was made with them
            through += [made_by(one) for one in self.made.values() if one.made and node.ref in one.made.inputs]
            through += [one.flow for one in self.runs.values() if node.ref in one.looked_up]
            through += [flow_of(one) for one in self.tunings.values() if node.ref in looked_up(one)]
            flows = [flow(ref) for ref in dict.fromkeys(through) if ref]
            searched = [tuning(one) for one in searching if not flow_of(one)]
            made = [one for one in made if not one.flow]
            own = (one for one in self.models.values() if one.dataset == node.ref and _is_own_python(one))
            return [*flows, *searched, *map(run, made), *map(model, own)]
        if node.kind == "flow":
            searched = [tuning(one) for one in self.tunings.values() if flow_of(one) == node.ref]
            ids = {one.ref for one in searched}
            made = [one for one in self.runs.values() if one.flow == node.ref and one.tuning not in ids]
            prepared = [dataset(self.store, ref) for ref, one in self.made.items() if made_by(one) == node.ref]
            return [*prepared, *searched, *map(run, made)]
        if node.kind == "tuning":
            begun = [tuning(one) for one in self.tunings.values() if node.ref in one.warm_start]
            return [*begun, *(run(one) for one in self.runs.values() if one.tuning == node.ref)]
        if node.kind == "run":
            return [model(one) for one in self.models.values() if one.run == node.ref]
        if node.kind == "model":
            served = (one for one in self.endpoints.values() if any(each.model == node.ref for each in one.variants))
            many = (one for one in self.transforms.values() if one.output["model"] == node.ref)
            chains = (one for one in self.models.values() if any(each.model == node.ref for each in one.members))
            return [*map(model, chains), *map(endpoint, served), *map(transform, many)]
        return []

    def words(self, node: Node) -> str:
        """What is bad about the data of a run or model, by its own record."""
        made = (
            self._run(node.ref) if node.kind == "run" else self.models.get(node.ref) if node.kind == "model" else None
        )
        return verdicts.words(self.bad, verdicts.data(made)) if made else ""

    def _run(self, ident: str) -> experiments.Run | None:
        if "runs" in self.__dict__:
            return self.runs.get(ident)
        try:
            return experiments.find(self.store, ident)
        except CupolaError:
            return None

    def _sources_of_run(self, made: experiments.Run) -> list[Node]:
        searched = self.tunings.get(made.tuning) if made.tuning else None
        above = [self._tuning_node(made.tuning)] if made.tuning else []
        if not made.dataset or (searched and data_of(searched) == made.dataset):
            return above
        if made.flow:
            return [*above, flow(made.flow)]
        return [*above, dataset(self.store, made.dataset)]

    def _sources_of_model(self, made: registry.ModelState) -> list[Node]:
        """Its run or its members; of own Python the data whose columns it takes."""
        if made.members:
            return [self._model_node(one) for one in dict.fromkeys(each.model for each in made.members)]
        return [dataset(self.store, made.dataset)] if _is_own_python(made) else [self._run_node(made.run)]

    def _of_id(self, ident: str) -> Node:
        """What an execution has made, by the id of its node."""
        kind, _, ref = ident.partition(":")
        if kind == "dataset":
            return dataset(self.store, ref)
        if kind == "endpoint":
            return endpoint(self.endpoints[ref]) if ref in self.endpoints else _missing(kind, ref)
        if kind == "job":
            return transform(self.transforms[ref]) if ref in self.transforms else _missing(kind, ref)
        of = {
            "run": self._run_node, "tuning": self._tuning_node, "model": self._model_node,
            "execution": self._execution_node,
        }  # fmt: skip
        return of[kind](ref)

    def _execution_node(self, ident: str) -> Node:
        try:
            return execution(self.store, pipelines.find(self.store, ident))
        except CupolaError:
            return _missing("execution", ident)

    def _tuning_node(self, ident: str) -> Node:
        return tuning(self.tunings[ident]) if ident in self.tunings else _missing("tuning", ident)

    def _run_node(self, ident: str) -> Node:
        found = self._run(ident)
        return run(found) if found else _missing("run", ident)

    def _model_node(self, ref: str) -> Node:
        return model(self.models[ref]) if ref in self.models else _missing("model", ref)


def dataset(store: Store, ref: str) -> Node:
    name = ref.partition("@")[0]
    try:
        datasets.find(store, ref)
    except CupolaError:
        return _missing("dataset", ref)
    return Node(id=f"dataset:{ref}", kind="dataset", ref=ref, name=name)


def run(one: experiments.Run) -> Node:
    return Node(id=f"run:{one.id}", kind="run", ref=one.id, name=one.name, status=one.status)


def execution(store: Store, one: pipelines.Execution) -> Node:
    """An execution of a pipeline, which has made what its steps say."""
    status = standing.of(store, one).status
    return Node(id=f"execution:{one.id}", kind="execution", ref=one.id, name=one.pipeline, status=status)


def schedule(name: str) -> Node:
    """A schedule, which has started what its firings say."""
    return Node(id=f"schedule:{name}", kind="schedule", ref=name, name=name)


def _known(ident: str) -> bool:
    """Whether it is of a kind that stands in the graph."""
    return ident.partition(":")[0] in STARTED


def tuning(one: tunings.Tuning) -> Node:
    return Node(id=f"tuning:{one.id}", kind="tuning", ref=one.id, name=one.name)


def data_of(one: tunings.Tuning) -> str:
    """The version of a dataset that a tuning trains on; "" for a study of a script."""
    return str(one.training.get("dataset") or "")


def flow(ref: str) -> Node:
    """A flow as it was when something was made or trained with it."""
    return Node(id=f"flow:{ref}", kind="flow", ref=ref, name=ref.partition("@")[0])


def flow_named(store: Store, reference: str) -> Node:
    """The flow of that name with which something was made or trained; NAME@HASH is one of several states of it.

    Raises NotFound, Ambiguous.
    """
    graph = _Graph(store)
    used = [*map(made_by, graph.made.values()), *(one.flow for one in graph.runs.values())]
    used += map(flow_of, graph.tunings.values())
    found = sorted({one for one in used if one and reference in (one, one.partition("@")[0])})
    if not found:
        raise NotFound(f"nothing was made or trained with a flow {reference!r}")
    if len(found) > 1:
        hint = f"write one of {', '.join(f'flow:{one}' for one in found[:5])}"
        raise Ambiguous(f"the flow {reference} was used in {len(found)} states", hint=hint)
    return flow(found[0])


def made_by(version: datasets.DatasetVersion) -> str:
    """The flow that has made a version, as those name it that are trained with one; "" for none."""
    return f"{version.made.flow}@{version.made.sha256[:SHORT]}" if version.made else ""


def flow_of(one: tunings.Tuning) -> str:
    """The flow that prepares the rows of a tuning's runs, as these name it; "" for none."""
    filed = _filed(one)
    return filed.ref if filed else ""


def looked_up(one: tunings.Tuning) -> list[str]:
    """The versions of datasets that the joins of that flow look columns up in."""
    filed = _filed(one)
    return filed.looked_up if filed else []


def _filed(one: tunings.Tuning) -> FiledFlow | None:
    filed = one.training.get("flow")
    return msgspec.convert(filed, FiledFlow) if filed else None


def model(one: registry.ModelState) -> Node:
    return Node(id=f"model:{one.ref}", kind="model", ref=one.ref, name=one.name, status=one.status)


def _is_own_python(one: registry.ModelState) -> bool:
    """Whether it was made of code and a dataset, without a run."""
    return bool(one.dataset) and not (one.run or one.members or one.origin)


def endpoint(one: serving.EndpointState) -> Node:
    return Node(id=f"endpoint:{one.name}", kind="endpoint", ref=one.name, name=one.name, status=one.status)


def transform(one: jobs.JobState) -> Node:
    """A batch transform that has ended well."""
    return Node(id=f"job:{one.id}", kind="job", ref=one.id, name=one.name, status=one.status)


def _missing(kind: str, ref: str) -> Node:
    """A record that others name and that is not here any more (or lies in the trash)."""
    return Node(id=f"{kind}:{ref}", kind=kind, ref=ref, name=ref.partition("@")[0], status=MISSING)
