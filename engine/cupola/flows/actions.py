"""What a user can do with flows: write them down, change them, look at what a step does, run and export them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from cupola import companions, place
from cupola.actions import Arg, action
from cupola.datasets import records as datasets
from cupola.errors import BadInput, BadOption, NotReady
from cupola.flows import checking, editing, exporting, records
from cupola.flows.asked import KIND, Asked, FlowPreview
from cupola.flows.records import Flow, FlowStep
from cupola.flows.transforms import catalogue
from cupola.flows.transforms.catalogue import TransformForm
from cupola.jobs import amounts
from cupola.jobs import records as jobs
from cupola.store import feed, files, names
from cupola.workspace import Workspace

LEAST = 256 << 20  # bytes that a flow's job needs, of which a good half is not DuckDB's
Name = Annotated[str, Arg(help="a flow", completes="flow")]
Step = Annotated[str | None, Arg(help="a step of it (default: its last)", completes="step")]
Sources = Annotated[
    list[str] | None, Arg(help="a dataset, or ID=DATASET: flights, weather=weather@2", completes="dataset")
]
Added = Annotated[list[str] | None, Arg(help="a step: 'fill-missing columns=age method=median'")]
Target = Annotated[str | None, Arg(help="the dataset to make a version of (default: as the flow)", completes="dataset")]


class FlowState(msgspec.Struct, kw_only=True):
    """A flow as it is shown. wrong: what is wrong with a step, as far as that shows without the data."""

    name: str
    description: str
    seed: int
    sources: dict[str, str]
    steps: list[FlowStep]
    revision: int
    undo: int = 0
    redo: int = 0
    wrong: str = ""


class FlowRun(msgspec.Struct, kw_only=True):
    """A run of a flow: its job, and once it has ended what it has made."""

    job: str
    flow: str
    dataset: str
    status: str = "Queued"
    version: int | None = None
    ref: str | None = None
    rows: int | None = None


class FlowExport(msgspec.Struct, kw_only=True):
    """What `flow export` wrote. kind: python or pipeline."""

    flow: str
    kind: str
    path: str


class FlowRemoved(msgspec.Struct, kw_only=True):
    """What was (or with --dry-run would be) moved to the trash; `trash` is the token that brings it back."""

    removed: str
    trash: str | None = None
    dry_run: bool = False


class FlowRestored(msgspec.Struct, kw_only=True):
    """The flow that came back."""

    flow: str


@action("flow new")
def new(
    ws: Workspace,
    name: Annotated[str, Arg(help="of the flow")],
    *,
    source: Sources = None,
    add: Added = None,
    description: Annotated[str, Arg(help="what it is for")] = "",
    seed: Annotated[int, Arg(help="of all chance in it")] = 0,
) -> FlowState:
    """Make a flow: named transforms of one dataset or several, one after the other.

    `cupola flow transforms` lists what there is; a step may be added here or by `flow edit`.
    """
    names.check_name(name, "name of a flow")
    flow = Flow(name=name, description=description, seed=seed)
    _change(ws, flow, source or [], add or [])
    if not flow.sources:
        raise BadOption("a flow needs a source", where="--source", hint="such as --source flights")
    records.create(ws.store, flow)
    return _state(ws, records.find(ws.store, name))


@action("flow ls", writes=False)
def ls(ws: Workspace) -> list[FlowState]:
    """List the flows."""
    return [_listed(ws, name) for name in records.ls(ws.store)]


@action("flow show", writes=False, about="flow")
def show(ws: Workspace, flow: Name) -> FlowState:
    """Show a flow: its sources and steps, and what is wrong with them."""
    return _state(ws, records.find(ws.store, flow), _check_all)


@action("flow transforms", writes=False)
def transforms(
    ws: Workspace,
    name: Annotated[str | None, Arg(help="one of them, with its parameters", completes="transform")] = None,
) -> list[TransformForm]:
    """List the transforms that there are, with what they do; of one, its parameters."""
    return [catalogue.form(catalogue.find(name))] if name else catalogue.listed()


@action("flow edit", about="flow", key="e")
def edit(
    ws: Workspace,
    flow: Name,
    *,
    add: Added = None,
    set: Annotated[list[str] | None, Arg(help="a step's parameters: 'fill method=mean columns=age'")] = None,
    move: Annotated[list[str] | None, Arg(help="a step: 'scale before=fill', 'scale after=fill'")] = None,
    remove: Annotated[list[str] | None, Arg(help="a step", completes="step")] = None,
    source: Sources = None,
    description: Annotated[str | None, Arg(help="what it is for")] = None,
    seed: Annotated[int | None, Arg(help="of all chance in it")] = None,
) -> FlowState:
    """Change a flow: add, set, move and remove steps, in this order; `flow undo` takes it back.

    A step is written as its transform and NAME=VALUE pairs, lists with commas; id=, inputs= (a join has two) and
    after= or before= say how it is called and where it stands. A JSON object sets all parameters of a step.
    """

    def change(found: Flow) -> None:
        _change(ws, found, source or [], add or [], set or [], move or [], remove or [])
        if description is not None:
            found.description = description
        if seed is not None:
            found.seed = seed
        records.ordered(found)

    return _state(ws, records.change(ws.store, flow, change))


@action("flow undo", about="flow", key="u")
def undo(ws: Workspace, flow: Name) -> FlowState:
    """Take the last change of a flow back; again for the one before it."""
    records.find(ws.store, flow)
    there, _ = records.changes(ws.store, flow)
    if len(there) < 2:
        raise NotReady(f"there is no change of {flow} to take back")
    return _state(ws, records.put_back(ws.store, flow, there[-2]))


@action("flow redo", about="flow")
def redo(ws: Workspace, flow: Name) -> FlowState:
    """Make a change again that was taken back."""
    records.find(ws.store, flow)
    _, there = records.changes(ws.store, flow)
    if not there:
        raise NotReady(f"there is no change of {flow} that was taken back")
    return _state(ws, records.put_back(ws.store, flow, there[-1]))


@action("flow preview", writes=False, about="flow")
def preview(
    ws: Workspace,
    flow: Name,
    *,
    step: Step = None,
    rows: Annotated[int, Arg(help="so many rows")] = 20,
    python: Annotated[bool, Arg(help="run its steps of Python, which is code that somebody wrote")] = False,
) -> FlowPreview:
    """Show what a step does to a sample of the data, before and after, with the changed cells marked."""
    return previewed(ws, records.find(ws.store, flow), step, rows, python)


def previewed(ws: Workspace, flow: Flow, step: str | None, rows: int, python: bool) -> FlowPreview:
    """What a step of a flow does, which need not be written down yet."""
    if not 1 <= rows <= 500:
        raise BadOption(f"--rows is from 1 to 500, not {rows}")
    name = f"flow {ws.root}{' python' if python else ''}"
    try:
        return msgspec.convert(_ask(ws, name, flow, step, rows=rows, python=python), FlowPreview)
    finally:
        if python:  # what its code has done to the process, no other answer shall have
            companions.close(name)


def _ask(ws: Workspace, name: str, flow: Flow, step: str | None, **more: Any) -> Any:
    """What the companion of that name says of a flow (`showing`)."""
    command = [sys.executable, "-m", "cupola.flows", "preview"]
    request = {"flow": msgspec.to_builtins(flow), "step": step, **more}
    return companions.ask(name, command, {"root": str(ws.root)}, request)


@action("flow run", waits="job", about="flow")
def run(
    ws: Workspace,
    flow: Name,
    *,
    dataset: Target = None,
    step: Annotated[str | None, Arg(help="only up to this step", completes="step")] = None,
    cpus: Annotated[int, Arg(help="how many it may use")] = 1,
    memory: Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")] = None,
) -> FlowRun:
    """Run a flow in the background, into a version of a dataset; the same flow and data give the version there is.

    What its steps learn, they learn from the training part: that of its split, or of one by chance before the first
    step that learns. Rows that do not fit into memory go to the disk, where the transforms allow.
    """
    found, limit = records.find(ws.store, flow), amounts.size(memory)
    if limit is not None and limit < LEAST:
        raise BadOption(
            f"{memory} of memory are too few for a flow: Python, its libraries and what it writes take most of it",
            where="--memory",
            hint=f"{LEAST >> 20}M is the least; more is faster, and sorting long texts needs more",
        )
    inputs = {id: datasets.find(ws.store, ref).ref for id, ref in found.sources.items()}
    _check_all(ws, found, records.ordered(found, step))
    name = names.check_name(dataset or flow, "name for a dataset")
    if name in {ref.partition("@")[0] for ref in inputs.values()}:
        hint = "--dataset names another one"
        raise BadOption(
            f"{name} is what the flow is made of, and cannot be what it makes", where="--dataset", hint=hint
        )
    job = jobs.file(
        ws.store,
        kind=KIND,
        name=f"{flow}-flow",
        command=[sys.executable, "-m", "cupola.flows", "run"],
        spec=msgspec.to_builtins(Asked(flow=found, inputs=inputs, dataset=name, step=step)),
        cpus=cpus,
        memory=limit,
    )
    return FlowRun(job=job.id, flow=flow, dataset=name)


@action("flow export", writes=False, about="flow")
def export(
    ws: Workspace,
    flow: Name,
    *,
    python: Annotated[str | None, Arg(help="a file to write as plain Python, without Cupola", completes="file")] = None,
    pipeline: Annotated[str | None, Arg(help="a file to write as a pipeline of one step", completes="file")] = None,
    step: Annotated[str | None, Arg(help="only up to this step", completes="step")] = None,
    overwrite: Annotated[bool, Arg(help="replace a file that is there")] = False,
) -> FlowExport:
    """Write a flow as plain Python that gives the same rows, or as a pipeline's step."""
    found = records.find(ws.store, flow)
    if (python is None) == (pipeline is None):
        raise BadOption("either --python FILE or --pipeline FILE is needed")
    path = place.path(str(python or pipeline))
    if path.is_dir() or (path.exists() and not overwrite):
        raise BadInput("a file or directory stands there", where=str(path), hint="--overwrite replaces a file")
    if pipeline is not None:
        exporting.pipeline(found, path)
        return FlowExport(flow=flow, kind="pipeline", path=str(path))
    from cupola.datasets import asking

    _check(ws, found, records.ordered(found, step))
    asking.ask(ws.store, "flow", flow=msgspec.to_builtins(found), step=step, path=str(path))
    return FlowExport(flow=flow, kind="python", path=str(path))


@action("flow rm", about="flow", key="D", dry_run=True, confirm="y")
def rm(
    ws: Workspace, flow: Name, *, dry_run: Annotated[bool, Arg(help="only say what would be removed")] = False
) -> FlowRemoved:
    """Move a flow to the trash; `flow restore` brings it back."""
    records.find(ws.store, flow)
    if dry_run:
        return FlowRemoved(removed=flow, dry_run=True)
    token = files.trash(ws.store, records.path(flow))
    feed.announce(ws.store, "flow", flow, 0)
    return FlowRemoved(removed=flow, trash=token)


@action("flow restore")
def restore(ws: Workspace, trash: Annotated[str, Arg(help="the token that `flow rm` gave")]) -> FlowRestored:
    """Bring back what `flow rm` removed."""
    path = files.untrash(ws.store, trash, records.DIRECTORY)
    name = Path(path).name.removesuffix(records.SUFFIX)
    feed.announce(ws.store, "flow", name, 0)
    return FlowRestored(flow=name)


def _change(
    ws: Workspace,
    flow: Flow,
    sources: list[str],
    added: list[str],
    changed: list[str] | None = None,
    moved: list[str] | None = None,
    removed: list[str] | None = None,
) -> None:
    for text in sources:
        editing.source(flow, text)
    for ref in flow.sources.values():
        datasets.find(ws.store, ref)
    for verb, texts in (
        (editing.add, added),
        (editing.set_, changed or []),
        (editing.move, moved or []),
        (editing.remove, removed or []),
    ):
        for text in texts:
            verb(flow, text)


def _check(ws: Workspace, flow: Flow, steps: list[FlowStep]) -> None:
    """Raises, naming the step, what is wrong with its parameters, and which of its columns are not there."""
    checking.parameters(flow, steps)
    checking.columns(ws.store, flow, steps)


def _check_all(ws: Workspace, flow: Flow, steps: list[FlowStep]) -> None:
    """Raises what is wrong with what its formulas and conditions say, too: DuckDB reads them, in the companion."""
    _check(ws, flow, steps)
    if any(one.type in checking.EXPRESSIONS for one in steps):
        _ask(ws, f"flow {ws.root}", flow, steps[-1].id)


def _listed(ws: Workspace, name: str) -> FlowState:
    """A flow in the list; one whose file cannot be read hides no other."""
    from cupola.errors import CupolaError

    try:
        return _state(ws, records.find(ws.store, name))
    except CupolaError as error:
        return FlowState(name=name, description="", seed=0, sources={}, steps=[], revision=0, wrong=str(error))


def _state(
    ws: Workspace, flow: Flow, check: Callable[[Workspace, Flow, list[FlowStep]], None] | None = None
) -> FlowState:
    from cupola.errors import CupolaError

    wrong: Any = ""
    try:
        (check or _check)(ws, flow, records.ordered(flow))
    except CupolaError as error:
        wrong = str(error)
    done, undone = records.changes(ws.store, flow.name)
    return FlowState(
        name=flow.name,
        description=flow.description,
        seed=flow.seed,
        sources=flow.sources,
        steps=flow.steps,
        revision=flow.revision,
        undo=max(0, len(done) - 1),
        redo=len(undone),
        wrong=wrong,
    )
