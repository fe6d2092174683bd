"""Why a step was done again, or would be: what is different from the time when its result was kept."""

import contextlib
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.jobs import records as jobs
from cupola.pipelines import definition, fingerprints, graph, records, references, results, standing, types
from cupola.pipelines.records import Execution, ExecutionState, Pipeline, StepState
from cupola.workspace import Workspace


class Why(msgspec.Struct, kw_only=True):
    """Why a step is as it is. cached: its result is, or would be, taken from `origin`; changes: what is different from
    the execution `since`, a sentence each."""

    pipeline: str
    step: str
    execution: str = ""
    cached: bool = False
    origin: str = ""
    since: str = ""
    changes: list[str] = []
    said: str = ""


def why(ws: Workspace, reference: str, step: str) -> Why:
    """Why a step of an execution was done; of a pipeline, whether it would be now. Raises NotFound."""
    if reference in definition.names(ws.store):
        return _now(ws, reference, step)
    execution = records.find(ws.store, reference)
    state = standing.step_of(standing.of(ws.store, execution), step)
    found = Why(
        pipeline=execution.pipeline, step=step, execution=execution.id, cached=state.cached, origin=state.origin
    )
    if state.cached:
        found.said = f"nothing that it depends on has changed since the execution {state.origin}"
        return found
    if not state.fingerprint:
        found.said = _without(state)
        return found
    return _compared(ws, found, execution, state.fingerprint, _code(ws, execution))


def _now(ws: Workspace, name: str, step: str) -> Why:
    """What would come of a step if the pipeline ran now, with the parameters of its newest execution."""
    pipeline, text = definition.read(ws.store, name)
    made = records.executions(ws.store, name)
    if not made:
        if pipeline.steps:
            pipeline.step(step)
        return Why(pipeline=name, step=step, said="the pipeline has never run")
    last = _newest(ws, made)
    if not pipeline.steps:
        pipeline = made[0].definition
    found = Why(pipeline=name, step=step)
    try:
        now = _fingerprint(ws, pipeline, text, made[0], last, step)
    except CupolaError as error:
        if isinstance(error, NotFound):
            raise
        found.said = f"what it depends on cannot be told now: {error}"
        return found
    if not now:
        found.said = _without(standing.step_of(last, step))
        return found
    kept = _kept(ws, pipeline, now, step)
    chosen = pipeline.step(step.partition("[")[0])
    if not chosen.cache:
        what = f"a step of the type {chosen.type}" if types.find(chosen.type).again else "a step with `cache = false`"
        found.said = f"it would be done again: {what} is done every time"
        return found
    if kept is None:
        return _compared(ws, found, None, now, ws.root)
    found.cached, found.origin = True, kept.execution
    found.said = f"it would not be done again: nothing has changed since the execution {kept.execution}"
    if again := _again_before(ws, pipeline, text, made[0], last, step):
        found.said += f"; unless {', '.join(again)}, which would be done again before it, gives something else"
    return found


def _newest(ws: Workspace, made: list[Execution]) -> ExecutionState:
    """How the newest execution stands; a step that it did not come to as in the last one that did."""
    newest = state = standing.of(ws.store, made[0])
    known = {one.name: one for one in newest.steps}
    for one in made[1:]:
        if state.status == "Succeeded":
            break
        state = standing.of(ws.store, one)
        succeeded = {each.name: each for each in state.steps if each.status == "Succeeded"}
        known |= {name: each for name, each in succeeded.items() if name not in known or not known[name].outputs}
    newest.steps = [*known.values()]
    return newest


def _kept(ws: Workspace, pipeline: Pipeline, now: fingerprints.Fingerprint, step: str) -> results.Result | None:
    chosen = pipeline.step(step.partition("[")[0])
    return results.take(ws.store, pipeline.name, now, chosen.expire_after) if chosen.cache else None


def _again_before(
    ws: Workspace, pipeline: Pipeline, text: str, execution: Execution, last: ExecutionState, step: str
) -> list[str]:
    """The steps before one, and before those, that would be done again, as far as that can be told now."""
    before = graph.before(pipeline)
    todo, names = [step.partition("[")[0]], set[str]()
    while todo:
        new = {*before.get(todo.pop(), [])} - names
        names |= new
        todo += new
    found = []
    for one in last.steps:
        if one.name.partition("[")[0] in names:
            with contextlib.suppress(CupolaError):
                now = _fingerprint(ws, pipeline, text, execution, last, one.name)
                if now and _kept(ws, pipeline, now, one.name) is None:
                    found.append(one.name)
    return found


def _fingerprint(
    ws: Workspace, pipeline: Pipeline, text: str, execution: Execution, last: ExecutionState, name: str
) -> fingerprints.Fingerprint:
    chosen = pipeline.step(name.partition("[")[0])
    if chosen.type in ("Condition", "Fail", "Callback") or (chosen.type == "ForEach" and "[" not in name):
        return {}
    known = _known(pipeline, execution, last)
    if "[" in name:
        from cupola.pipelines import foreach

        inner = foreach.steps(chosen, references.resolved(chosen.arguments["items"], known), known)
        chosen = next((one for one in inner if one.name == name), chosen)
    arguments = references.resolved(chosen.arguments, known)
    return fingerprints.of(ws.store, chosen, arguments, fingerprints.Code(ws.root, pipeline.path, text))


def _known(pipeline: Pipeline, execution: Execution, last: ExecutionState) -> dict[str, Any]:
    parameters = {one.name: execution.parameters.get(one.name, one.default) for one in pipeline.parameters}
    steps = {
        one.name: {
            "outputs": one.outputs, "metrics": one.metrics, "properties": one.properties, "status": one.status,
        }
        for one in last.steps
    }  # fmt: skip
    return {"parameters": parameters, "execution": execution.about, "steps": steps}


def _compared(
    ws: Workspace, found: Why, execution: Execution | None, mine: fingerprints.Fingerprint, code: Path
) -> Why:
    """Compares with the newest execution before that has done the step itself."""
    for one in records.executions(ws.store, found.pipeline):
        if execution is not None and (one.submitted, one.id) >= (execution.submitted, execution.id):
            continue
        states = standing.of(ws.store, one).steps
        before = next((state for state in states if state.name == found.step and state.fingerprint), None)
        if before is None or before.status != "Succeeded":
            continue
        done_by = before.origin or one.id
        found.since = done_by

        def line(path: str, then: str = done_by) -> str:
            return _line(ws, path, then, code)

        found.changes = fingerprints.changes(before.fingerprint, mine, line)
        if found.changes:
            found.said = "; ".join(found.changes)
        elif execution is None:
            found.said = "it would be done again: its result is too old, or what it names is gone"
        else:
            found.said = "nothing had changed: its result was too old or gone, or none was to be taken"
        return found
    found.said = "it has not succeeded before"
    return found


def _line(ws: Workspace, path: str, then: str, code: Path) -> str:
    """Where a file differs from what it was in an execution."""
    try:
        before = records.find(ws.store, then)
        if path.endswith(".py") and path == before.definition.path:
            return fingerprints.first_difference(before.text, (ws.root / path).read_text(errors="replace"))
        return fingerprints.difference(_code(ws, before) / path, fingerprints.place(code, path))
    except (CupolaError, OSError):
        return ""


def _code(ws: Workspace, execution: Execution) -> Path:
    return ws.root / jobs.find(ws.store, execution.job).directory_in_store / "code"


def _without(state: StepState) -> str:
    """Of a step whose result is never kept, or that was not begun."""
    if state.type in ("Condition", "Fail", "Callback", "ForEach"):
        return f"a {state.type} is done every time"
    if state.status == "Skipped":
        return state.reason or "no branch has led to it"
    return "it was not begun"
