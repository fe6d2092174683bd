"""What a user can do with pipelines: look, run, stop, go on, answer, find out why a step was done again."""

from typing import Annotated, Any

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.errors import BadInput, BadOption, CupolaError
from cupola.experiments import saving
from cupola.jobs import amounts, logs
from cupola.pipelines import (
    callbacks,
    changes,
    definition,
    editing,
    exporting,
    graph,
    records,
    removing,
    standing,
    starting,
    types,
)
from cupola.pipelines.changes import Why
from cupola.pipelines.records import Edge, ExecutionState, Parameter, Step
from cupola.pipelines.removing import Removed
from cupola.schedules import states
from cupola.search import evaluating
from cupola.store import names
from cupola.workspace import Workspace

PipelineName = Annotated[str, Arg(help="a pipeline: the name of its file in pipelines/", completes="pipeline")]
ExecutionName = Annotated[
    str, Arg(help="an execution: its id, the beginning of it, or a pipeline for its newest", completes="execution")
]


class PipelineState(msgspec.Struct, kw_only=True):
    """A pipeline: what its file says, and how its newest execution stands. next: when a schedule runs it next.

    error: why the file cannot be used.
    """

    name: str
    path: str = ""
    version: str = ""
    description: str = ""
    parameters: list[Parameter] = []
    steps: list[Step] = []
    edges: list[Edge] = []
    executions: int = 0
    execution: str | None = None
    status: str | None = None
    secondary_status: str = ""
    message: str = ""
    started: str | None = None
    ended: str | None = None
    user: str = ""
    next: str | None = None
    error: str = ""


class Exported(msgspec.Struct, kw_only=True):
    """The file that was written, and the steps that it declares."""

    pipeline: str
    path: str
    steps: list[str]


class Answered(msgspec.Struct, kw_only=True):
    """What a Callback was told."""

    execution: str
    step: str
    user: str
    time: str
    outputs: dict[str, Any] = {}
    failed: str = ""


class Log(msgspec.Struct, kw_only=True):
    """The end of what a step has printed, and where all of it lies (relative to the workspace)."""

    execution: str
    step: str
    path: str
    text: str


@action("pipeline ls", writes=False)
def ls(
    ws: Workspace,
    *,
    filter: Annotated[str | None, Arg(help="only those: 'status = Failed'")] = None,
    sort: Annotated[str | None, Arg(help="by this field: started:desc")] = None,
) -> list[PipelineState]:
    """List the pipelines, by name, each with how its newest execution stands."""
    there = sorted({*definition.names(ws.store), *records.names_of_executed(ws.store)})
    found, coming = [_state(ws, one) for one in there], states.coming(ws.store)
    for one in found:
        one.next = coming.get(one.name)
    return evaluating.chosen(found, filter, sort)


@action("pipeline show", writes=False, about="pipeline")
def show(
    ws: Workspace,
    pipeline: Annotated[
        str, Arg(help="a pipeline, or one of its executions by its id (or the beginning of it)", completes="pipeline")
    ],
) -> PipelineState | ExecutionState:
    """Show a pipeline (its steps, and what each comes after), or how one of its executions stands."""
    if pipeline in definition.names(ws.store):
        definition.read(ws.store, pipeline)  # what is wrong with it is said as an error
        found = _state(ws, pipeline)
        found.next = states.coming(ws.store).get(pipeline)
        return found
    return standing.find(ws.store, pipeline)


def _wrong_parameter(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """What is wrong with the parameters of a run, while they are typed."""
    return definition.wrong_parameters(ws.store, given)


@action("pipeline run", about="pipeline", key="r", waits="pipeline", check=_wrong_parameter)
def run(
    ws: Workspace,
    pipeline: PipelineName,
    *,
    param: Annotated[
        dict[str, Any] | None, Arg(help="a parameter of the pipeline: threshold=0.8", short="p", pairs=True)
    ] = None,
    steps: Annotated[list[str] | None, Arg(help="run only these; the others are as they were in --origin")] = None,
    origin: Annotated[
        str | None,
        Arg(help="the execution that these are taken from (default: the last that succeeded)", completes="execution"),
    ] = None,
    no_cache: Annotated[bool, Arg(help="do every step, also where nothing has changed")] = False,
) -> ExecutionState:
    """Run a pipeline in the background: each step when what it needs is there, several at once.

    A step whose code, inputs, parameters and packages are those of an earlier time is not done again (`pipeline why`
    says what was different). An execution that was interrupted goes on at its step.
    """
    chosen = [name for one in steps or [] for name in one.split(",") if name]
    found = starting.start(ws, pipeline, param, steps=chosen, origin=origin, cache=not no_cache)
    return standing.of(ws.store, found)


@action("pipeline executions", writes=False, about="pipeline")
def executions(
    ws: Workspace,
    pipeline: Annotated[str | None, Arg(help="only those of this pipeline", completes="pipeline")] = None,
    *,
    filter: Annotated[str | None, Arg(help="only those: 'status = Failed'")] = None,
    sort: Annotated[str | None, Arg(help="by this field: submitted:desc")] = None,
    limit: Annotated[int | None, Arg(help="at most so many")] = None,
) -> list[ExecutionState]:
    """List the executions of a pipeline, or of all, the newest first."""
    if pipeline is not None and pipeline not in records.names_of_executed(ws.store):
        definition.path_of(ws.store, pipeline)
    every = records.every(ws.store) if pipeline is None else records.executions(ws.store, pipeline)
    return evaluating.chosen([standing.of(ws.store, one) for one in every], filter, sort, limit)


@action("pipeline stop", about="execution", key="x", confirm="y")
def stop(ws: Workspace, execution: ExecutionName) -> ExecutionState:
    """Stop an execution, and what its steps do in the background; `pipeline retry` goes on."""
    return standing.of(ws.store, starting.stop(ws, execution))


@action("pipeline retry", about="execution", key="R", waits="pipeline")
def retry(ws: Workspace, execution: ExecutionName) -> ExecutionState:
    """Go on with an execution that failed or was stopped: what has succeeded stays, the rest is done again."""
    return standing.of(ws.store, starting.retry(ws, execution))


@action("pipeline answer", about="execution")
def answer(
    ws: Workspace,
    execution: ExecutionName,
    step: Annotated[str, Arg(help="the Callback that waits")],
    *,
    output: Annotated[
        dict[str, Any] | None,
        Arg(
            help="what other steps can refer to: approved=true, rows=12; a text that looks so in quotes",
            short="o",
            pairs=True,
        ),
    ] = None,
    fail: Annotated[str | None, Arg(help="let the step fail, for this reason")] = None,
) -> Answered:
    """Answer a Callback step, so that its execution goes on."""
    if fail is not None and output:
        raise BadOption("--fail and --output exclude each other", where="--fail")
    found = records.find(ws.store, execution)
    said = {name: definition.scalar(one) if isinstance(one, str) else one for name, one in (output or {}).items()}
    made = callbacks.give(ws.store, found, step, said, fail or "")
    return Answered(
        execution=found.id, step=step, user=made.user, time=made.time, outputs=made.outputs, failed=made.failed
    )


@action("pipeline log", writes=False, about="execution")
def log(
    ws: Workspace,
    execution: ExecutionName,
    step: Annotated[str, Arg(help="one of its steps: prepare, each[0]")],
    *,
    attempt: Annotated[int | None, Arg(help="which try of it (default: the last)")] = None,
    lines: Annotated[int, Arg(help="how many of the last lines")] = 200,
) -> Log:
    """Show the end of what a step has printed."""
    found = records.find(ws.store, execution)
    path = standing.log_path(ws.store, found, step, attempt)
    return Log(execution=found.id, step=step, path=path, text=logs.last(ws.store, path, lines)[0])


@action("pipeline export", writes=False, about="pipeline")
def export(
    ws: Workspace,
    reference: Annotated[str, Arg(help="a pipeline, or a flow, tuning, autopilot or run", completes="pipeline")],
    path: Annotated[str, Arg(help="the file to write: pipelines/NAME.toml, or .py", completes="file")],
    *,
    overwrite: Annotated[bool, Arg(help="replace a file that is there")] = False,
) -> Exported:
    """Write a pipeline to a TOML or Python file: another pipeline, or one that does again what a run has done.

    Of a flow it prepares a dataset; of a run, a tuning or an autopilot it makes a model and registers it. The dataset
    is a parameter of it.
    """
    to = place.path(path)
    if to.suffix not in (".toml", ".py"):
        raise BadOption(f"{to.name!r} does not say what to write", where="PATH", hint="end it in .toml or .py")
    if to.is_dir() or (to.exists() and not overwrite):
        raise BadInput("a file or directory stands there", where=str(to), hint="--overwrite replaces a file")
    found = exporting.of(ws, reference)
    found.name = names.as_name(to.stem)
    text = exporting.toml(found) if to.suffix == ".toml" else exporting.python(found)
    if not to.parent.is_dir() and to.parent == ws.root / records.DIRECTORY:
        to.parent.mkdir()
    saving.write(to, text.encode())
    return Exported(pipeline=found.name, path=str(to), steps=[one.name for one in found.steps])


@action("pipeline rm", about="pipeline", key="D", dry_run=True, confirm="y")
def rm(
    ws: Workspace,
    pipeline: Annotated[
        str, Arg(help="a pipeline, or one of its executions by its id (or the beginning of it)", completes="pipeline")
    ],
    *,
    keep: Annotated[int | None, Arg(help="only executions: those beyond the newest so many that are over")] = None,
    older_than: Annotated[str | None, Arg(help="only executions: those that ended before that: 30d, 12h")] = None,
    dry_run: Annotated[bool, Arg(help="only say what would be removed")] = False,
) -> Removed:
    """Move an execution to the trash, with its logs and files, or a pipeline with all of them; or only its older ones.

    `pipeline restore` brings them back. What runs stays, and so does an execution from which another has taken results;
    a pipeline that a schedule runs stays too. Runs, versions and endpoints that were made stay as they are.
    """
    store = ws.store
    if keep is not None and keep < 0:
        raise BadOption("--keep takes 0 or more", where="--keep")
    older = amounts.seconds(older_than, "--older-than")
    named = pipeline in {*definition.names(store), *records.names_of_executed(store)}
    if keep is not None or older is not None:
        if not named:
            raise BadOption(f"{pipeline} is no pipeline", hint="--keep and --older-than choose executions of one")
        found = removing.surplus(store, pipeline, keep or 0, older)
        made = Removed(removed=[one.id for one in found.going], kept=[one.id for one in found.kept], dry_run=dry_run)
        tokens = [] if dry_run else [removing.remove(store, one) for one in found.going]
        made.trash = tokens[0] if len(tokens) == 1 else None
        return made
    if named:
        removing.check_idle(store, pipeline)
        token = None if dry_run else removing.remove_pipeline(store, pipeline)
        return Removed(removed=[pipeline], trash=token, dry_run=dry_run)
    chosen = records.find(store, pipeline)
    removing.check_unused(store, chosen)
    return Removed(removed=[chosen.id], trash=None if dry_run else removing.remove(store, chosen), dry_run=dry_run)


@action("pipeline restore")
def restore(
    ws: Workspace,
    trash: Annotated[str, Arg(help="the token that `pipeline rm` gave, or the id of the execution, or the pipeline")],
) -> PipelineState | ExecutionState:
    """Bring back what `pipeline rm` removed: an execution, or a pipeline with its executions."""
    name = removing.restore(ws.store, trash)
    if name in {*definition.names(ws.store), *records.names_of_executed(ws.store)}:
        return _state(ws, name)
    return standing.find(ws.store, name)


def _wrong_step(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """What is wrong with the arguments of a step, by their names, before all of them are there."""
    if not given.get("type"):
        return {}
    found = {}
    for name, value in (given.get("argument") or {}).items():
        try:
            editing.converted(given["type"], {name: value})
        except CupolaError as error:
            found[name] = error.message
    return found


@action("pipeline step", about="pipeline", check=_wrong_step)
def step(
    ws: Workspace,
    pipeline: Annotated[str, Arg(help="a pipeline; a new name makes one", completes="pipeline")],
    step: Annotated[str, Arg(help="the step: a new one, or one that is changed")],
    *,
    type: Annotated[str | None, Arg(help="its type", choices=types.NAMED)] = None,
    argument: Annotated[
        dict[str, Any] | None,
        Arg(help="what a step of its type takes: estimator=SVC; lists and tables as in TOML", short="a", pairs=True),
    ] = None,
    after: Annotated[list[str] | None, Arg(help="the steps that come before it; '' for none")] = None,
    if_steps: Annotated[list[str] | None, Arg(help="of a Condition: what is run where it holds; '' for none")] = None,
    else_steps: Annotated[list[str] | None, Arg(help="of a Condition: what is run where not; '' for none")] = None,
    unset: Annotated[list[str] | None, Arg(help="arguments that it is no longer to have")] = None,
) -> PipelineState:
    """Add a step to a pipeline, or change one; `pipeline undo` takes it back.

    The comments of its file stay, and nothing is written that is wrong.
    """
    lists = [one if one is None else [each for each in one if each] for one in (after, if_steps, else_steps)]
    editing.put_step(
        ws.store, pipeline, step, type=type, after=lists[0], if_steps=lists[1], else_steps=lists[2],
        arguments=argument, unset=unset,
    )  # fmt: skip
    return _state(ws, pipeline)


@action("pipeline unstep", about="pipeline", confirm="y")
def unstep(
    ws: Workspace,
    pipeline: PipelineName,
    step: Annotated[str, Arg(help="the step that is taken out")],
) -> PipelineState:
    """Take a step out of a pipeline, and out of what other steps say of it; `pipeline undo` brings it back."""
    editing.remove_step(ws.store, pipeline, step)
    return _state(ws, pipeline)


@action("pipeline undo", about="pipeline")
def undo(ws: Workspace, pipeline: PipelineName) -> PipelineState:
    """Take the last change of a pipeline's steps back; again for the one before it."""
    editing.undo(ws.store, pipeline)
    return _state(ws, pipeline)


@action("pipeline redo", about="pipeline")
def redo(ws: Workspace, pipeline: PipelineName) -> PipelineState:
    """Make a change again that was taken back."""
    editing.redo(ws.store, pipeline)
    return _state(ws, pipeline)


@action("pipeline why", writes=False, about="pipeline")
def why(
    ws: Workspace,
    pipeline: Annotated[str, Arg(help="a pipeline, or one of its executions", completes="pipeline")],
    step: Annotated[str, Arg(help="one of its steps: prepare, each[0]")],
) -> Why:
    """Say why a step was done, or was not: what has changed since its result was kept.

    Of a pipeline it says what would come of the step now, with what its newest execution knows of the steps before it.
    """
    return changes.why(ws, pipeline, step)


def _state(ws: Workspace, name: str) -> PipelineState:
    found = PipelineState(name=name)
    try:
        read, _ = definition.read(ws.store, name)
        found.path, found.version, found.description = read.path, read.version, read.description
        found.parameters, found.steps, found.edges = read.parameters, read.steps, graph.edges(read, {})
    except CupolaError as error:
        found.error = str(error)
    made = records.executions(ws.store, name)
    found.executions = len(made)
    if made:
        last = standing.of(ws.store, made[0])
        found.execution, found.status, found.user = last.execution, last.status, last.user
        found.started, found.ended = last.started, last.ended
        found.secondary_status, found.message = last.secondary_status, last.message
        same = made[0].definition
        if not found.steps and same.sha256 == (found.version and read.sha256):
            found.parameters, found.steps, found.edges = same.parameters, same.steps, graph.edges(same, {})
            found.description = same.description
    return found


from cupola.schedules import actions as _more  # noqa: E402, F401  `pipeline schedule`
