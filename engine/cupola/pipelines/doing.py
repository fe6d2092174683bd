"""What a step does, in a process of its own: calls a function, or has an action done and waits for what it started."""

import hashlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from cupola import actions
from cupola.errors import BadInput, NotFound, WorkFailed
from cupola.jobs import amounts
from cupola.jobs import records as jobs
from cupola.pipelines import calling, checking, deploying, selecting, types
from cupola.pipelines.asked import Asked, causes_of, done, outcome_of
from cupola.pipelines.records import Execution, StepState
from cupola.pipelines.workers import Outcome, Said, Say, Task
from cupola.registry import records as models
from cupola.store import names
from cupola.workspace import Workspace


def do(ws: Workspace, execution: Execution, code: Path, driver: str, task: Task, say: Say) -> Outcome:
    """Does what the step is for. Raises CupolaError where it cannot be done, and whatever a user's function raises."""
    if task.step is None:
        from cupola.pipelines import python

        return python.compiled(ws, execution, code)
    asked = Asked(ws, execution, code, driver, task, task.step, say)
    if asked.step.type in types.ACTIONS:
        made = done(asked, types.ACTIONS[asked.step.type], _given(asked))
        if asked.step.type == "RegisterModel" and asked.arguments.get("approve"):
            done(asked, "model approve", {"model": made.outputs["ref"]}, "approve")
            made = outcome_of(models.find(asked.ws.store, made.outputs["ref"]))
        return made
    return DO[asked.step.type](asked)


def _given(asked: Asked) -> dict[str, Any]:
    return {name: one for name, one in asked.arguments.items() if name not in types.OWN_FIELDS.get(asked.step.type, {})}


def _lambda(asked: Asked) -> Outcome:
    given = asked.typed(types.Lambda)
    os.environ[calling.OUTPUTS] = str(asked.ws.root / asked.directory / "outputs")
    return calling.call(asked.execution, given.function, given.parameters, asked.code)


def _processing(asked: Asked) -> Outcome:
    given = asked.typed(types.Processing)
    chosen = [one for one in ("script", "function", "flow", "action") if getattr(given, one)]
    if len(chosen) != 1:
        raise BadInput(f"step {asked.step.name}: Processing takes one of script, function, flow and action")
    if chosen[0] in ("script", "function"):
        return _as_job(asked, "cupola.pipelines.processing", given)
    if not isinstance(given.arguments, dict) and given.arguments:
        raise BadInput(f"step {asked.step.name}: the arguments of {chosen[0]} are a table")
    more = dict(given.arguments or {})
    if given.action:
        return done(asked, given.action, more)
    flow = actions.find("flow run")
    return done(asked, "flow run", {flow.parameters[0].name: given.flow} | more)


def _as_job(asked: Asked, module: str, given: Any) -> Outcome:
    """Has a module of ours do it as a job of its own, once, and waits for that."""
    store = asked.ws.store
    with names.filed_under(asked.filed):
        ident = names.new_id()
        try:
            job = jobs.find(store, ident) if asked.again else None
        except NotFound:
            job = None
        if job is None:
            text = hashlib.sha256(asked.execution.text.encode()).hexdigest()
            spec = {
                "execution": asked.execution.id, "pipeline": asked.execution.pipeline, "step": asked.step.name,
                "type": asked.step.type, "arguments": asked.arguments, "directory": asked.directory,
                "code": str(asked.code.relative_to(asked.ws.root)), "text": text,
            }  # fmt: skip
            name = f"{asked.execution.pipeline}-{asked.step.name}"[:100]
            job = asked.with_room(partial(
                jobs.file, store, id=ident, kind="processing", name=name,
                command=[sys.executable, "-m", module], spec=spec, cpus=given.cpus,
                gpus=getattr(given, "gpus", 0), memory=amounts.size(given.memory),
                max_runtime=amounts.seconds(given.max_runtime), directory=asked.ws.root,
            ))  # fmt: skip
    asked.say(Said(job=job.id))
    ended = jobs.wait(store, job.id)
    if ended.status != "Completed":
        error = ended.error or WorkFailed(ended.reason or f"it ended as {ended.status}", where=f"job {ended.id}").info()
        return Outcome(error=error, causes=causes_of(asked.ws, job.id))
    return msgspec.convert(ended.output, Outcome)


def _notebook(asked: Asked) -> Outcome:
    return _as_job(asked, "cupola.pipelines.notebook", asked.typed(types.NotebookJob))


DO: dict[str, Callable[[Asked], Outcome]] = {
    "Lambda": _lambda, "Processing": _processing, "NotebookJob": _notebook, "SQL": selecting.sql,
    "Endpoint": deploying.endpoint, "QualityCheck": checking.quality, "ClarifyCheck": checking.bias,
}  # fmt: skip


def code_of(ws: Workspace, job: str) -> Path:
    """Where src/ lies as it was when a job was filed."""
    return ws.root / jobs.find(ws.store, job).directory_in_store / "code"


def written(execution: Execution, state: StepState) -> list[str]:
    """What may be files that a step has written into its own directory, as its outputs name them."""
    own = f"{execution.directory}/work/"
    return [one for one in state.outputs.values() if isinstance(one, str) and one.startswith(own)]
