"""What a step does, in a process of its own: calls a function, or has an action done and waits for what that started.

An action is filed under the execution, the step and the try: a process that takes over from one that was killed finds
what was started, and does not start it again.
"""

import builtins
import contextlib
import hashlib
import importlib
import os
import sys
import typing
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from cupola import actions, outcome, waiting
from cupola.errors import BadInput, CupolaError, ErrorInfo, NotFound, WorkFailed
from cupola.jobs import amounts, attempts, room
from cupola.jobs import records as jobs
from cupola.pipelines import causes, fingerprints, types
from cupola.pipelines.records import Execution, Step, StepState
from cupola.pipelines.workers import Outcome, Said, Say, Task
from cupola.registry import records as models
from cupola.store import names
from cupola.workspace import Workspace

OUTPUTS = "CUPOLA_OUTPUTS"
LARGEST = 4 << 20  # bytes that a step gives back
T = TypeVar("T")
LIBRARIES = frozenset(sys.modules)  # what is loaded before any code of the user's


class Asked(NamedTuple):
    """A task, with all that it takes to do it. code: where src/ lies as it was; driver: where its attempt lies."""

    ws: Workspace
    execution: Execution
    code: Path
    driver: str
    task: Task
    step: Step
    say: Say

    @property
    def arguments(self) -> dict[str, Any]:
        return self.task.arguments

    @property
    def again(self) -> bool:
        return self.task.again

    @property
    def directory(self) -> str:
        return self.task.directory

    @property
    def filed(self) -> str:
        return f"pipeline/{self.execution.id}/{self.step.name}/{self.task.attempt}"

    def with_room(self, do: Callable[[], T]) -> T:
        """What `do` files; on a full disk it is done anew when there is room, where jobs wait for that."""
        return room.wait_for(self.ws.store, self.driver, do)

    def typed(self, kind: type[Any]) -> Any:
        """The arguments as the type's struct. Raises BadInput."""
        try:
            return msgspec.convert(self.arguments, kind)
        except msgspec.ValidationError as error:
            raise BadInput(f"step {self.step.name}: {error}") from None


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


def done(asked: Asked, name: str, arguments: dict[str, Any], part: str = "") -> Outcome:
    """Has an action done, once, and waits for what it has started; `part` tells the actions of one step apart."""
    store, action = asked.ws.store, actions.find(name)
    filed = f"{asked.filed}/{part}" if part else asked.filed
    found = outcome.of(store, filed) if asked.again else None
    with names.filed_under(filed):
        if found is None:
            record = asked.with_room(partial(actions.run, asked.ws, name, **arguments))
        else:
            record = again(asked.ws, action, arguments, found)
    return outcome_of(record) if action.waits in (None, "itself") else waited(asked, action, record)


def waited(asked: Asked, action: actions.Action, record: Any) -> Outcome:
    """What becomes of what an action has started."""
    job = _job_of(action, record)
    asked.say(Said(job=job))

    def tell(state: Any) -> None:
        if not job:
            asked.say(Said(waits=f"the {action.waits} {waiting.name_of(action, record)} is {state.status}"))

    try:
        return outcome_of(waiting.wait(asked.ws, action, record, progress=tell))
    except WorkFailed as error:
        return Outcome(error=error.info(), causes=["WorkFailed", *_causes(asked.ws, job)])


def outcome_of(record: Any) -> Outcome:
    """What others can refer to of a record: its fields, and its metrics."""
    fields = msgspec.to_builtins(record) if isinstance(record, msgspec.Struct) else {"value": record}
    if hasattr(record, "ref"):
        fields["ref"] = record.ref
    metrics = fields.get("metrics")
    return Outcome(outputs=fields, metrics=metrics if isinstance(metrics, dict) else {})


def again(ws: Workspace, action: actions.Action, arguments: dict[str, Any], found: tuple[str, str]) -> Any:
    """The record of what an earlier process has started, or made, as the action itself gave it."""
    kind, ref = found
    if kind == "note":
        return None
    shown = kind
    if kind in ("run", "job") and action.waits in ("tuning", "autopilot", "forecast"):
        shown = action.waits
        ref = str(jobs.find(ws.store, ref).spec.get(shown, ref)) if kind == "job" else ref
    record = actions.run(ws, f"{shown} show", **{actions.find(f"{shown} show").parameters[0].name: ref})
    given = typing.get_type_hints(action.function).get("return")
    if not isinstance(given, type) or not issubclass(given, msgspec.Struct) or isinstance(record, given):
        return record
    return _as_given(ws, given, kind, record, arguments)


def _as_given(
    ws: Workspace, given: type[msgspec.Struct], kind: str, record: Any, arguments: dict[str, Any]
) -> msgspec.Struct:
    """What an action says of the run or the job that it has started: what was asked for, and how that stands."""
    job = record.job if kind == "run" else record.id
    if kind == "run":
        said = {one: getattr(record, one) for one in given.__struct_fields__ if hasattr(record, one)}
    else:
        spec = jobs.find(ws.store, job).spec
        said = arguments | {one: value for one, value in spec.items() if not isinstance(value, dict)}
        said["status"] = record.status
    said |= {kind: record.id, "job": job}
    return msgspec.convert({one: said[one] for one in given.__struct_fields__ if one in said}, given)


def _job_of(action: actions.Action, record: Any) -> str:
    """The job that does it, where there is one that can be told."""
    made = getattr(record, "jobs", None)
    if isinstance(made, list) and made:
        return str(made[0])
    return "" if action.waits in ("endpoint", "request") else waiting.name_of(action, record)


def _causes(ws: Workspace, job: str) -> list[str]:
    """Why a job has ended, in all words that a retry may name."""
    with contextlib.suppress(CupolaError):
        found = jobs.find(ws.store, job)
        ends = attempts.ends(ws.store, found, attempts.numbers(ws.store, found))
        if ends:
            kinds = _kinds(ends[-1].error) if ends[-1].error else []
            full = causes.CAUSES["disk"] if "DiskFull" in kinds else []
            return [*full, *causes.CAUSES.get(ends[-1].cause, [ends[-1].cause]), *kinds]
    return []


def _kinds(error: ErrorInfo) -> list[str]:
    """The exception by which a job has ended, and what that is one of; of another's than ours its name begins the
    message."""
    if error.kind == "DiskFull":
        return ["DiskFull", "OSError"]
    if error.kind != "Bug":
        return [error.kind]
    name = error.message.partition(":")[0]
    known = getattr(builtins, name, None)
    return [one.__name__ for one in known.__mro__] if isinstance(known, type) else [name]


def call(execution: Execution, function: str, parameters: dict[str, Any], code: Path) -> Outcome:
    """Calls "module:name" of src/ (or a step of a pipeline in Python) with parameters by name.

    What it gives back is the step's outputs: a dict, in which "metrics" are its metrics, else {"value": ...}.
    """
    module, _, name = function.partition(":")
    if not name:
        raise BadInput(f"{function!r} is no function", hint="module:name names one of src/")
    source = str(code / "src")
    if source not in sys.path:
        sys.path.insert(0, source)
    _forget(source)
    if module == execution.definition.path:
        from cupola.pipelines import python

        chosen = python.function(execution, name, code)
    else:
        try:
            chosen = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name != module.partition(".")[0] and error.name != module:
                raise
            raise BadInput(f"there is no module {module!r} in src/", where=function) from None
        except AttributeError:
            raise BadInput(f"src/{module.replace('.', '/')}.py has no {name!r}", where=function) from None
    return returned(chosen(**parameters), function)


def _forget(source: str) -> None:
    """Has the modules of src/ imported anew: what an earlier step has left in their globals is none of this one's.

    A process for each step would keep libraries apart too; forking this one, with all of them, takes 30 ms a step.
    """
    for name in sys.modules.keys() - LIBRARIES:
        known = getattr(sys.modules[name], "__dict__", {})
        if any(str(one).startswith(f"{source}/") for one in (known.get("__file__"), *(known.get("__path__") or ()))):
            del sys.modules[name]


def returned(value: Any, function: str) -> Outcome:
    """What a function has given back, as outputs and metrics. Raises BadInput for what is no JSON."""
    outputs = {} if value is None else value if isinstance(value, dict) else {"value": value}
    try:
        encoded = msgspec.json.encode(outputs, enc_hook=_number)
        plain = msgspec.json.decode(encoded)
    except (TypeError, ValueError, NotImplementedError, msgspec.MsgspecError):
        hint = "give back numbers, texts, lists and dicts; write tables to files, and give back their paths"
        raise BadInput(f"{function} has given back what is no JSON: {type(value).__name__}", hint=hint) from None
    if len(encoded) > LARGEST:
        hint = f"write it to a file of ${OUTPUTS}, and give back its path"
        said = f"{function} has given back {len(encoded) / 1e6:.1f} MB, and {LARGEST / 1e6:.1f} are the most"
        raise BadInput(said, hint=hint)
    metrics = plain.pop("metrics", {}) if isinstance(plain.get("metrics"), dict) else {}
    return Outcome(outputs=plain, metrics=metrics)


def _number(value: Any) -> Any:
    """A number of numpy as Python's own."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise NotImplementedError


def _lambda(asked: Asked) -> Outcome:
    given = asked.typed(types.Lambda)
    os.environ[OUTPUTS] = str(asked.ws.root / asked.directory / "outputs")
    return call(asked.execution, given.function, given.parameters, asked.code)


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
        return Outcome(error=error, causes=_causes(asked.ws, job.id))
    return msgspec.convert(ended.output, Outcome)


def _notebook(asked: Asked) -> Outcome:
    return _as_job(asked, "cupola.pipelines.notebook", asked.typed(types.NotebookJob))


def _sql(asked: Asked) -> Outcome:
    from cupola.pipelines import selecting

    return selecting.sql(asked)


def _endpoint(asked: Asked) -> Outcome:
    from cupola.pipelines import deploying

    return deploying.endpoint(asked)


def _quality(asked: Asked) -> Outcome:
    from cupola.pipelines import checking

    return checking.quality(asked)


def _bias(asked: Asked) -> Outcome:
    from cupola.pipelines import checking

    return checking.bias(asked)


DO: dict[str, Callable[[Asked], Outcome]] = {
    "Lambda": _lambda, "Processing": _processing, "NotebookJob": _notebook, "SQL": _sql, "Endpoint": _endpoint,
    "QualityCheck": _quality, "ClarifyCheck": _bias,
}  # fmt: skip


def code_of(ws: Workspace, job: str) -> Path:
    """Where src/ lies as it was when a job was filed."""
    return ws.root / jobs.find(ws.store, job).directory_in_store / "code"


def source(asked: Asked, path: str) -> Path:
    """A file that a step runs. Raises BadInput where it is not there."""
    found = fingerprints.place(asked.code, path)
    if not found.is_file():
        raise BadInput("there is no such file", where=path)
    return found


def written(execution: Execution, state: StepState) -> list[str]:
    """What may be files that a step has written into its own directory, as its outputs name them."""
    own = f"{execution.directory}/work/"
    return [one for one in state.outputs.values() if isinstance(one, str) and one.startswith(own)]
