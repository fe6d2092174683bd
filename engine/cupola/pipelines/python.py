"""Running the text of a pipeline in Python: to make its definition, or to call one of its steps. Only jobs do so."""

import inspect
import sys
import traceback
import types as modules
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadInput, BadOption, CupolaError
from cupola.pipelines import declaring, definition, functions
from cupola.pipelines.records import Compiled, Execution, Parameter, Pipeline, Step
from cupola.pipelines.workers import Outcome
from cupola.store import records
from cupola.workspace import Workspace

TYPES = {str: "String", int: "Integer", float: "Float", bool: "Boolean", list: "List"}


def compiled(ws: Workspace, execution: Execution, code: Path) -> Outcome:
    """Makes the definition of an execution's pipeline, writes it down, and gives the parameters. Raises BadInput."""
    found = defined(execution.definition, execution.text, code)
    parameters = definition.given(found, execution.parameters)
    for one in execution.steps:
        found.step(one)
    if said := functions.wrong(found, execution.steps, code):
        raise BadInput(f"line {said[0].line}: step {said[0].name}: {said[1]}", where=found.path)
    made = Compiled(definition=found, parameters=parameters)
    records.write(ws.store, f"{execution.directory}/definition.json", made, kind="execution", ref=execution.id)
    return Outcome()


def defined(bare: Pipeline, text: str, code: Path) -> Pipeline:
    """The pipeline that a text declares. Raises BadInput with the line of what is wrong."""
    module = run(text, bare.path, code)
    marked = [one for one in vars(module).values() if inspect.isfunction(one) and hasattr(one, "cupola_pipeline")]
    if len(marked) != 1:
        raise BadInput(f"one function is marked with @pipeline, and here {len(marked)} are", where=bare.path)
    function = marked[0]
    parameters = [_parameter(one, function, bare.path) for one in inspect.signature(function).parameters.values()]
    noted = _guarded(lambda: declaring.noted_by(function, [one.name for one in parameters]), bare.path)
    lines = {one.name: one.line for one in noted}

    def wrong(where: str, message: str) -> BadInput:
        name = where.removeprefix("$.steps.").partition(".")[0]
        at = f"line {lines[name]}: " if name in lines else ""
        return BadInput(f"{at}{message}", where=bare.path)

    steps = [_step(one, bare.path, wrong) for one in noted]
    description = (inspect.getdoc(function) or "").partition("\n")[0]
    found = msgspec.structs.replace(bare, parameters=parameters, steps=steps, description=description)
    definition.check(found, wrong)
    return found


def function(execution: Execution, name: str, code: Path) -> Callable[..., Any]:
    """A step's function, as the execution's text defines it. Raises BadInput."""
    path = execution.definition.path
    found = getattr(run(execution.text, path, code), name, None)
    if found is None:
        raise BadInput(f"there is no function {name!r}", where=path)
    plain: Callable[..., Any] = inspect.unwrap(found)
    return plain


def run(text: str, path: str, code: Path) -> modules.ModuleType:
    """The module that a text makes. Raises BadInput, with the line, for whatever it raises."""
    source = str(code / "src")
    if source not in sys.path:
        sys.path.insert(0, source)
    name = Path(path).stem.replace("-", "_").replace(".", "_")
    module = modules.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    _guarded(lambda: exec(compile(text, path, "exec", dont_inherit=True), vars(module)), path)
    return module


def _guarded(do: Callable[[], Any], path: str) -> Any:
    """What `do` gives; what it raises is said with the line of the pipeline that it comes from."""
    try:
        return do()
    except SyntaxError as error:
        raise BadInput(f"line {error.lineno}: this is not Python: {error.msg}", where=path) from None
    except Exception as error:
        places = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == path]
        at = f"line {places[-1]}: " if places else ""
        said = str(error) if isinstance(error, CupolaError) else f"{type(error).__name__}: {error}"
        raise BadInput(f"{at}{said}".partition("\n")[0], where=path) from error


def _parameter(one: inspect.Parameter, function: Callable[..., Any], path: str) -> Parameter:
    hint = typing.get_type_hints(function).get(one.name, str)
    default = None if one.default is inspect.Parameter.empty else one.default
    choices = list(typing.get_args(hint)) if typing.get_origin(hint) is typing.Literal else []
    kind = type(choices[0]) if choices else typing.get_origin(hint) or hint
    if kind not in TYPES:
        line = function.__code__.co_firstlineno
        raise BadInput(f"line {line}: the parameter {one.name} is a str, int, float, bool, list or Literal", where=path)
    found = msgspec.convert({"name": one.name, "type": TYPES[kind], "choices": choices}, Parameter)
    try:
        found.default = None if default is None else definition.value(found, default)
    except BadOption as error:
        raise BadInput(f"line {function.__code__.co_firstlineno}: {error.message}", where=path) from None
    return found


def _step(noted: declaring.Noted, path: str, wrong: Callable[[str, str], BadInput]) -> Step:
    said = dict(noted.said)
    if isinstance(said.get("function"), str):
        said["function"] = said["function"].replace("{path}", path)
    found = definition.step(noted.name, said | {"type": noted.type}, definition.Written(), wrong)
    found.line = noted.line
    return found
