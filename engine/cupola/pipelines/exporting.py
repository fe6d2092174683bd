"""A pipeline as a file of its own: of another pipeline, or of what a run, a tuning, an autopilot or a flow has done."""

import contextlib
import keyword
from typing import Any

import msgspec

from cupola import actions
from cupola.autopilot import records as autopilots
from cupola.errors import BadInput, NotFound
from cupola.experiments import records as runs
from cupola.forecasting import records as forecasts
from cupola.jobs import amounts
from cupola.jobs import records as jobs
from cupola.pipelines import definition, records, references, types
from cupola.pipelines.records import Parameter, Pipeline, Step
from cupola.store import Store, files
from cupola.tuning import records as tunings
from cupola.tuning.records import TuningState
from cupola.workspace import Workspace

PLAIN = (*types.RESOURCES, "parallel", "converged")  # what is not written where it is as it is anyway
PYTHON = {"String": "str", "Integer": "int", "Float": "float", "Boolean": "bool", "List": "list"}


def of(ws: Workspace, reference: str) -> Pipeline:
    """The pipeline of that name, else one that does again what a flow, tuning, autopilot or run of that name has done.

    What it takes its rows from (of a flow, what they become) is a parameter. Raises NotFound, BadInput.
    """
    if reference in definition.names(ws.store):
        return _of_pipeline(ws, reference)
    if f"{reference}.toml" in files.listing(ws.store, "flows"):
        arguments = {"flow": reference, "arguments": {"dataset": "${parameters.dataset}"}}
        return _one("prepare", "Processing", arguments, reference)  # what it makes is called as `flow run` calls it
    with contextlib.suppress(NotFound):
        return _of_tuning(ws.store, tunings.state(ws.store, reference))
    try:
        run = runs.find(ws.store, reference)
    except NotFound:
        hint = "a pipeline, a flow, a tuning, an autopilot or a run can be exported"
        raise NotFound(f"there is nothing called {reference!r} here", hint=hint) from None
    return _of_run(ws.store, run)


def toml(pipeline: Pipeline) -> str:
    """The text of a file pipelines/NAME.toml. Raises BadInput where a step is a function of a pipeline in Python."""
    import tomlkit

    whole: dict[str, Any] = {"description": pipeline.description} if pipeline.description else {}
    if pipeline.parallel != Pipeline(name="", path="", sha256="").parallel:
        whole["parallel"] = pipeline.parallel
    whole["parameters"] = {
        one.name: one.default if _is_plain(one) else _said(one, ("name",)) for one in pipeline.parameters
    }
    whole["steps"] = {}
    for step in pipeline.steps:
        function = step.arguments.get("function")
        if isinstance(function, str) and function.startswith(f"{pipeline.path}:"):
            hint = "move it to a module of src/, and call it there"
            raise BadInput(f"the step {step.name} is a function of {pipeline.path} itself", hint=hint)
        whole["steps"][step.name] = {"type": step.type} | _options(step) | step.arguments
    return tomlkit.dumps({name: one for name, one in whole.items() if one != {}})


def python(pipeline: Pipeline) -> str:
    """The text of a file pipelines/NAME.py that declares the same. Raises BadInput."""
    for one in pipeline.parameters:
        if _identifier(one.name) != one.name:
            raise BadInput(f"{one.name!r} cannot be the name of a parameter in Python", hint="write TOML, or rename it")
    used = sorted({step.type for step in pipeline.steps})
    literal = any(one.choices for one in pipeline.parameters)
    lines = [f'"""{pipeline.description or pipeline.name}"""', ""]
    lines += ["from typing import Literal", ""] if literal else []
    lines += [f"from cupola.pipelines import {', '.join([*used, 'pipeline'])}", "", "", "@pipeline"]
    given = ", ".join(_parameter(one) for one in sorted(pipeline.parameters, key=lambda one: one.default is not None))
    lines.append(f"def {_identifier(pipeline.name)}({given}):")
    if pipeline.description:
        lines.append(f"    {pipeline.description!r}")
    known = {f"parameters.{one.name}": one.name for one in pipeline.parameters}
    referred = {name for step in pipeline.steps for name in references.steps_in(step.arguments)}
    for step in pipeline.steps:
        variable = _identifier(step.name)
        kept = step.name in referred and variable not in {*known.values(), *used}
        lines.append(f"    {variable} = {step.type}(" if kept else f"    {step.type}(")
        lines.append(f"        {step.name!r},")
        lines += [f"        {name}={_code(value, known)}," for name, value in (_options(step) | step.arguments).items()]
        lines.append("    )")
        if kept:
            known[f"steps.{step.name}"] = variable
    return "\n".join(lines) + "\n"


def _code(value: Any, known: dict[str, str]) -> str:
    """A value as Python writes it; what is a reference to a parameter, or to a step above, by its variable."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {_code(one, known)}' for name, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_code(one, known) for one in value)}]"
    if isinstance(value, str) and (whole := references.REFERENCE.fullmatch(value)):
        first, *rest = references.parts(whole[1])
        if rest and (variable := known.get(f"{first}.{rest[0]}")):
            plain = (isinstance(one, str) and one.isidentifier() and not one.startswith("_") for one in rest[1:])
            return variable + "".join(
                f".{one}" if so else f"[{one!r}]" for one, so in zip(rest[1:], plain, strict=True)
            )
    return repr(value)


def _of_pipeline(ws: Workspace, name: str) -> Pipeline:
    found, _ = definition.read(ws.store, name)
    if found.steps:
        return found
    made = records.executions(ws.store, name)
    if not made or made[0].definition.sha256 != found.sha256 or not made[0].definition.steps:
        hint = f"`cupola pipeline run {name}` does so"
        raise BadInput("what is in Python is known once a job has compiled it", where=found.path, hint=hint)
    return made[0].definition


def _of_run(store: Store, run: runs.Run) -> Pipeline:
    given = run.options | _resources(store, run.job)
    if autopilots.is_one(run):
        arguments = {"target": run.target, "horizon": run.split.get("horizon")} | given
        return _registered("search", "AutoML", arguments, run.dataset, "outputs.autopilot", run.name)
    if run.task == forecasts.TASK:
        takes = {one.name for one in actions.find("forecast").parameters}
        asked = {"dataset": "${parameters.dataset}", "target": run.target, "horizon": run.split["horizon"]}
        asked |= {name: one for name, one in given.items() if name in takes}
        arguments = {"action": "forecast", "arguments": asked}
        return _registered("forecast", "Processing", arguments, run.dataset, "outputs.run", run.name)
    arguments = {"target": run.target, "estimator": run.estimator, "param": run.params, "flow": run.flow or None}
    return _registered("train", "Training", arguments | given, run.dataset, "outputs.run", run.name)


def _of_tuning(store: Store, found: TuningState) -> Pipeline:
    asked = tunings.read(store, found.tuning)
    stops = asked.stops
    arguments = {
        "target": found.target, "estimator": found.estimator, "space": found.space, "strategy": found.strategy,
        "metric": found.objectives, "trials": found.wanted, "parallel": asked.parallel,
        "timeout": None if stops.seconds is None else f"{stops.seconds:g}s", "until": stops.value,
        "patience": stops.patience, "converged": stops.converged, "warm_start": asked.warm_start,
    } | found.options | _resources(store, asked.jobs[0] if asked.jobs else None)  # fmt: skip
    return _registered("tune", "Tuning", arguments, found.dataset, "outputs.best_run", found.name)


def _resources(store: Store, job: str | None) -> dict[str, Any]:
    """What a job was given to work with; nothing where there is no job (any more)."""
    try:
        wish = jobs.find(store, job) if job else None
    except NotFound:
        wish = None
    if wish is None:
        return {}
    memory = None if wish.memory is None else amounts.written(wish.memory)
    runtime = None if wish.max_runtime is None else f"{wish.max_runtime:g}s"
    return {"cpus": wish.cpus, "gpus": wish.gpus, "memory": memory, "max_runtime": runtime}


def _registered(name: str, type: str, arguments: dict[str, Any], dataset: str, run: str, model: str) -> Pipeline:
    """A step that makes a model, and one that registers it."""
    if not dataset:
        raise BadInput("it says of no dataset what it was made from, so that nothing can make it again")
    made = _one(name, type, {"dataset": "${parameters.dataset}"} | arguments, dataset.partition("@")[0])
    made.parameters.append(Parameter(name="model", type="String", default=model))
    registers = {"run": f"${{steps.{name}.{run}}}", "name": "${parameters.model}"}
    made.steps.append(Step(name="register", type="RegisterModel", arguments=registers))
    return made


def _one(name: str, type: str, arguments: dict[str, Any], dataset: str) -> Pipeline:
    """A pipeline of one step, with only what its type takes."""
    kept = {}
    for field in types.find(type).fields:
        value = arguments.get(field.name)
        if value not in (None, "", [], {}) and not (field.name in PLAIN and value == field.default):
            alone = field.repeated and not field.arg.pairs and isinstance(value, str)
            kept[field.name] = [value] if alone else value
    parameter = Parameter(name="dataset", type="String", default=dataset or None)
    step = Step(name=name, type=type, arguments=kept)
    return Pipeline(name=name, path="", sha256="", parameters=[parameter], steps=[step])


def _options(step: Step) -> dict[str, Any]:
    """What is said of a step beside what its type takes, where that is not the default."""
    found: dict[str, Any] = {
        name: getattr(step, name)
        for name in ("description", "depends_on", "if_steps", "else_steps")
        if getattr(step, name)
    }
    if step.cache == types.find(step.type).again:
        found["cache"] = step.cache
    if step.expire_after is not None:
        found["expire_after"] = f"{step.expire_after:g}s"
    if step.retry:
        found["retry"] = msgspec.to_builtins(step.retry)
    return found


def _is_plain(one: Parameter) -> bool:
    return one.default is not None and not one.choices and not one.description


def _said(one: Parameter, without: tuple[str, ...]) -> dict[str, Any]:
    fields = msgspec.to_builtins(one)
    return {name: value for name, value in fields.items() if name not in without and value not in (None, "", [])}


def _parameter(one: Parameter) -> str:
    hint = f"Literal[{', '.join(map(repr, one.choices))}]" if one.choices else PYTHON[one.type]
    return f"{one.name}: {hint}" + ("" if one.default is None else f" = {one.default!r}")


def _identifier(name: str) -> str:
    word = "".join(one if one.isalnum() else "_" for one in name)
    return (
        word
        if word.isidentifier() and not keyword.iskeyword(word)
        else f"{word}_"
        if word[:1].isalpha()
        else f"_{word}"
    )
