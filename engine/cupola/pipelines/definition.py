"""Reading a pipeline from its file, and saying in a sentence, with the line, what is wrong with it."""

import contextlib
import hashlib
import math
import re
from collections.abc import Callable
from typing import Any, cast

import msgspec

from cupola.errors import BadInput, BadOption, CupolaError, NotFound, meant
from cupola.jobs import amounts
from cupola.pipelines import causes, conditions, graph, references, types
from cupola.pipelines.records import DIRECTORY, Parameter, ParameterType, Pipeline, Retry, Step
from cupola.store import Store, files, toml
from cupola.store.names import NAME, check_name

HEADER = re.compile(r"\s*\[\s*steps\s*\.\s*[\"']?([\w-]+)[\"']?\s*\]")
STEP_KEYS = types.FOR_ALL
Wrong = Callable[[str, str], BadInput]
FUNCTION = re.compile(r"(?:[A-Za-z_][\w.]*|pipelines/[\w.-]+\.py):[A-Za-z_]\w*")
PLAIN: dict[str, type[Any]] = {"String": str, "Integer": int, "Float": float, "Boolean": bool, "List": list}


class WrittenParameter(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """[parameters.NAME] as people write it."""

    type: str = ""
    default: str | int | float | bool | list[Any] | None = None
    choices: list[str | int | float] = []
    description: str = ""


class Written(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """pipelines/NAME.toml as people write it; parallel: how many steps are run at once at most."""

    format: int = 1
    revision: int = 1
    description: str = ""
    parameters: dict[str, WrittenParameter | str | int | float | bool | list[Any]] = {}
    steps: dict[str, dict[str, Any]] = {}
    parallel: int = 8
    cache: bool = True
    expire_after: str | None = None
    retry: list[Retry] = []


class Lines:
    """Where in a file a step, or one of its fields, stands."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path

        headers = ((HEADER.match(line), number) for number, line in enumerate(text.splitlines(), 1))
        self.steps = {found[1]: number for found, number in reversed([*headers]) if found}

    def of(self, where: str) -> int:
        return toml.place_of(self.text, where)[0]

    def of_step(self, name: str) -> int:
        """Where a step begins; looked up, since looking through the file for each of many steps takes minutes."""
        return self.steps.get(name) or self.of(f"$.steps.{name}")

    def wrong(self, where: str, message: str) -> BadInput:
        return BadInput(f"line {self.of(where)}: {message}", where=self.path)


def names(store: Store) -> list[str]:
    """The names of all pipelines that have a file, in order."""
    found = [one.rpartition(".") for one in files.listing(store, DIRECTORY)]
    return sorted({stem for stem, _, end in found if end in ("toml", "py") and NAME.fullmatch(stem)})


def path_of(store: Store, name: str) -> str:
    """Where a pipeline stands. Raises NotFound, BadInput where there are two files."""
    check_name(name, "name of a pipeline")
    there = [one for one in files.listing(store, DIRECTORY) if one in (f"{name}.toml", f"{name}.py")]
    if not there:
        hint = meant(name, names(store), f"one is a file {DIRECTORY}/NAME.toml or NAME.py")
        raise NotFound(f"there is no pipeline {name!r} here", hint=hint)
    if len(there) > 1:
        raise BadInput(f"there are {' and '.join(there)}; which is meant cannot be told", where=DIRECTORY)
    return f"{DIRECTORY}/{there[0]}"


def read(store: Store, name: str) -> tuple[Pipeline, str]:
    """A pipeline and its text; of one in Python only what the file is, since nothing runs it here.

    Raises NotFound, BadInput, Corrupt.
    """
    path = path_of(store, name)
    data = files.read_bytes(store, path)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"byte 0x{data[error.start]:02x} is not UTF-8 text", where=path) from None
    sha256 = hashlib.sha256(data).hexdigest()
    if path.endswith(".py"):
        return Pipeline(name=name, path=path, sha256=sha256), text
    return parse(text, name, path, sha256), text


def parse(text: str, name: str, path: str, sha256: str) -> Pipeline:
    """The pipeline that a TOML text says. Raises BadInput, Corrupt with the line of what is wrong."""
    raw = toml.parse(text.encode(), path)
    lines = Lines(text, path)
    _check_names(raw, lines.wrong)
    written = toml.convert(raw, Written, text.encode(), path)
    parameters = [_parameter(one, said, lines) for one, said in written.parameters.items()]
    steps = []
    for one, said in written.steps.items():
        steps.append(step(one, dict(said), written, lines.wrong))
        steps[-1].line = lines.of_step(one)
    if written.parallel < 1:
        raise lines.wrong("$.parallel", "parallel is 1 or more")
    found = Pipeline(
        name=name, path=path, sha256=sha256, description=written.description, parameters=parameters, steps=steps,
        parallel=written.parallel,
    )  # fmt: skip
    check(found, lines.wrong)
    return found


def _check_names(raw: dict[str, Any], wrong: Wrong) -> None:
    """Refuses a name at the top of the file, or of a parameter, that means nothing there, and says which one may."""
    _check_keys(raw, Written, "a pipeline", "$", wrong)
    parameters = raw.get("parameters")
    for name, said in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(said, dict):
            _check_keys(said, WrittenParameter, "a parameter", f"$.parameters.{name}", wrong)


def _check_keys(said: dict[str, Any], kind: type[msgspec.Struct], what: str, at: str, wrong: Wrong) -> None:
    known = [*kind.__struct_fields__]
    for name in said:
        if name not in known:
            raise wrong(f"{at}.{name}", f"{what} has no {name!r} ({_meant(name, known)})")


def _meant(name: str, known: list[str]) -> str:
    return meant(name, known, f"it has: {', '.join(known) or 'none'}")


def check(pipeline: Pipeline, wrong: Wrong) -> None:
    """Raises what `wrong(where, message)` makes of the first thing that is wrong with a pipeline as a whole."""
    if not pipeline.steps:
        raise wrong("$.steps", "a pipeline has at least one step: [steps.NAME]")
    known, parameters = [one.name for one in pipeline.steps], [one.name for one in pipeline.parameters]
    for step in pipeline.steps:
        at = f"$.steps.{step.name}"
        for field in ("depends_on", "if_steps", "else_steps"):
            for other in getattr(step, field):
                if other not in known:
                    raise wrong(f"{at}.{field}", f"{field}: there is no step {other!r} ({_meant(other, known)})")
        if step.type != "Condition" and (step.if_steps or step.else_steps):
            raise wrong(at, "if_steps and else_steps go with a Condition")
        _check_arguments(step.type, step.arguments, at, wrong, parameters, known, False)
        _check_properties(pipeline, step, wrong)
    if found := graph.circle(pipeline):
        raise wrong(f"$.steps.{found[0]}", f"these steps wait for one another: {' -> '.join(found)}")


def _check_arguments(
    type: str, arguments: dict[str, Any], at: str, wrong: Wrong, parameters: list[str], known: list[str], within: bool
) -> None:
    try:
        chosen = types.find(type)
    except BadInput as error:
        raise wrong(f"{at}.type", error.said) from None
    for name, value in arguments.items():
        if open_ := references.unclosed(value):
            raise wrong(f"{at}.{name}", f"{open_[:60]!r} is not closed: a reference ends with }}")
        for one in references.found({} if type == "ForEach" and name == "step" else value):
            if said := references.wrong(one, parameters, known, within):
                raise wrong(f"{at}.{name}", said)
    if found := types.wrong(chosen, arguments):
        raise wrong(f"{at}.{found[0]}" if found[0] else at, found[1])
    function = arguments.get("function")
    if isinstance(function, str) and not any(references.found(function)) and not FUNCTION.fullmatch(function):
        raise wrong(f"{at}.function", f"{function!r} is no function: module:name names one of src/")
    for field, read_ in (("timeout", amounts.seconds), ("max_runtime", amounts.seconds), ("memory", amounts.size)):
        amount = arguments.get(field)
        if isinstance(amount, str) and not any(references.found(amount)):
            try:
                read_(amount, field)
            except BadOption as error:
                raise wrong(f"{at}.{field}", str(error)) from None
    for field in ("outputs", "property_files"):
        named = arguments.get(field)
        for path in named.values() if isinstance(named, dict) else ():
            if path.startswith("/") or ".." in path.split("/"):
                raise wrong(f"{at}.{field}", f"{path!r} lies outside of $CUPOLA_OUTPUTS")
    if type == "Condition" and (said := conditions.wrong(arguments["conditions"])):
        raise wrong(f"{at}.conditions", said)
    if type == "ForEach":
        items = arguments["items"]
        if not isinstance(items, list) and not any(references.found(items)):
            raise wrong(f"{at}.items", f"items is a list, and not {items!r}")
        inner = dict(arguments["step"])
        kind = inner.pop("type", "")
        if kind in ("ForEach", "Condition", "Callback"):
            raise wrong(f"{at}.step", f"a {kind} cannot be the step of a ForEach")
        if misplaced := next((one for one in STEP_KEYS if one in inner), ""):
            raise wrong(f"{at}.step", f"{misplaced} is said of the ForEach itself (it holds for each of its steps)")
        _check_arguments(str(kind), inner, f"{at}.step", wrong, parameters, known, True)


def _check_properties(pipeline: Pipeline, step: Step, wrong: Wrong) -> None:
    """Refuses a reference to a property file that the step which it names does not say that it writes."""
    by_name = {one.name: one for one in pipeline.steps}
    for argument, reference in ((name, one) for name, said in step.arguments.items() for one in references.found(said)):
        match references.parts(reference):
            case ["steps", name, "properties", file, *_] if by_name[str(name)].type != "ForEach":
                there = by_name[str(name)].arguments.get("property_files") or {}
                if isinstance(there, dict) and file not in there:
                    has = f"it has {', '.join(there)}" if there else "it has no property_files"
                    said = f"${{{reference}}}: the step {name} writes no property file {file!r} ({has})"
                    raise wrong(f"$.steps.{step.name}.{argument}", said)


def _parameter(name: str, said: WrittenParameter | str | int | float | bool | list[Any], lines: Lines) -> Parameter:
    at = f"$.parameters.{name}"
    if not NAME.fullmatch(name) or "." in name:
        raise lines.wrong(at, f"{name!r} cannot be the name of a parameter")
    given = said if isinstance(said, WrittenParameter) else WrittenParameter(default=said)
    seen = (one for one in ("Boolean", "Integer", "Float", "List") if _is(given.default, one))
    type = given.type or next(seen, "String")
    if type not in PLAIN:
        raise lines.wrong(at, f"a parameter is a String, an Integer, a Float, a Boolean or a List, and not {type!r}")
    found = Parameter(name=name, type=cast(ParameterType, type), choices=given.choices, description=given.description)
    try:
        found.choices = given.choices if type == "List" else [_value(found, one) for one in given.choices]
        found.default = None if given.default is None else value(found, given.default)
    except BadOption as error:
        raise lines.wrong(at, error.message) from None
    return found


def step(name: str, said: dict[str, Any], written: Written, wrong: Wrong) -> Step:
    """A step as it is written, with what holds for all steps. Raises what `wrong(where, message)` makes."""
    at = f"$.steps.{name}"
    if not NAME.fullmatch(name) or "." in name:
        raise wrong(at, f"{name!r} cannot be the name of a step")
    given = {key: said.pop(key) for key in STEP_KEYS if key in said}
    if not isinstance(given.get("type"), str):
        raise wrong(at, "a step has a type, such as Processing, Training or Condition")
    if "retry" in given and isinstance(given["retry"], dict):
        given["retry"] = [given["retry"]]
    for one in given["retry"] if isinstance(given.get("retry"), list) else ():
        if isinstance(one, dict):
            _check_keys(one, Retry, "a retry", f"{at}.retry", wrong)
    expires = given.pop("expire_after", written.expire_after)
    if expires is not None and not isinstance(expires, str):
        raise wrong(f"{at}.expire_after", f'expire_after takes a text such as "30d", and not {expires!r}')
    try:
        found = msgspec.convert(given | {"name": name, "arguments": said}, Step)
        found.expire_after = amounts.seconds(expires, "expire_after")
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at ")
        field = where.strip("`").removeprefix("$")
        raise wrong(at + field, f"{field.removeprefix('.')}: {toml.in_words(reason)}".removeprefix(": ")) from None
    except CupolaError as error:
        raise wrong(f"{at}.expire_after", str(error)) from None
    for one in found.retry:
        if why := causes.wrong(one):
            raise wrong(f"{at}.retry", f"retry: {why}")
    never = types.catalogue().get(found.type)
    found.cache = given.get("cache", written.cache and not (never is not None and never.again))
    found.retry = found.retry or written.retry
    return found


def given(pipeline: Pipeline, parameters: dict[str, Any]) -> dict[str, Any]:
    """All parameters of an execution: those that are given, and the defaults of the others.

    Texts, as a command line gives them, become what the parameter is. Raises BadOption.
    """
    known = {one.name: one for one in pipeline.parameters}
    for name in parameters:
        if name not in known:
            hint = _meant(name, [*known])
            raise BadOption(f"the pipeline {pipeline.name} has no parameter {name!r}", where="-p", hint=hint)
    found = {}
    for name, one in known.items():
        if name in parameters:
            found[name] = value(one, parameters[name])
        elif one.default is None:
            raise BadOption(
                f"the pipeline {pipeline.name} needs its parameter {name}", where="-p", hint=one.description
            )
        else:
            found[name] = one.default
    return found


def wrong_parameters(store: Store, said: dict[str, Any]) -> dict[str, str]:
    """What is wrong with `param` for the `pipeline` of a form, as it is typed: of all, and for each as "param.NAME".

    Those of a pipeline in Python are known only to its job.
    """
    try:
        pipeline, _ = read(store, said.get("pipeline") or "")
    except CupolaError:
        return {}
    parameters = said.get("param") or {}
    found = {}
    for one in pipeline.parameters:
        own = {one.name: parameters[one.name]} if one.name in parameters else {}
        if said_of := _wrong(msgspec.structs.replace(pipeline, parameters=[one]), own):
            found[f"param.{one.name}"] = said_of
    if not pipeline.path.endswith(".py") and (said_of := _wrong(pipeline, parameters)):
        found["param"] = said_of
    return found


def _wrong(pipeline: Pipeline, parameters: dict[str, Any]) -> str:
    try:
        given(pipeline, parameters)
    except BadOption as error:
        return error.said
    return ""


def value(parameter: Parameter, given: Any) -> Any:
    """A value as the parameter is. Raises BadOption where it cannot be that, or is none of its choices."""
    found = _value(parameter, given)
    if isinstance(found, float) and not math.isfinite(found):
        raise BadOption(f"{parameter.name} cannot be {found}", where="-p", hint="give a number")
    for one in found if isinstance(found, list) else [found]:
        if parameter.choices and one not in parameter.choices:
            hint = f"one of {', '.join(map(str, parameter.choices))}"
            raise BadOption(f"{parameter.name} cannot be {one!r}", where="-p", hint=hint)
    return found


def _value(parameter: Parameter, given: Any) -> Any:
    if _is(given, parameter.type):
        return float(given) if parameter.type == "Float" else given
    if parameter.type == "String" and isinstance(given, int | float) and not isinstance(given, bool):
        return str(given)
    if parameter.type == "List" and isinstance(given, str):
        return _listed(parameter.name, given.strip())
    try:
        return msgspec.convert(given, PLAIN[parameter.type], strict=not isinstance(given, str))
    except msgspec.ValidationError:
        an = "an" if parameter.type == "Integer" else "a"
        raise BadOption(f"{parameter.name} is {an} {parameter.type}, and not {given!r}", where="-p") from None


def _listed(name: str, text: str) -> list[Any]:
    """The list that a text is: as TOML or JSON writes one, or its items with commas between them."""
    if text.startswith("["):
        found: list[Any] = parsed(name, text)
        return found
    return [scalar(one.strip()) for one in text.split(",")] if text else []


def scalar(text: str) -> Any:
    """What is typed: a number, true, false and what stands in quotes as what it is, anything else as a text."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return found if isinstance(found, int | float | str) else text


def parsed(name: str, text: str) -> Any:
    """A list or a table as TOML or JSON writes it. Raises BadOption."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(text)
        raise BadOption(f"{name}: {text[:60]!r} is neither TOML nor JSON") from None


def _is(value: Any, type: str) -> bool:
    if type == "Float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if type == "Integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, PLAIN[type])
