"""A pipeline in Python: `@step` functions, steps of the other types by their names, and a `@pipeline` that joins them.

Within a pipeline's function nothing is done: a call of a step notes it down, and gives what other steps can refer to
(`trained.outputs.run`, `trained.metrics.test_roc_auc`). Outside of one a step is the plain function that it was.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, overload

import msgspec

from cupola.errors import BadInput

P = ParamSpec("P")
R = TypeVar("R")


class Noted(msgspec.Struct, kw_only=True):
    """A step as it was noted down."""

    name: str
    type: str
    said: dict[str, Any]
    line: int


_noting: ContextVar[list[Noted] | None] = ContextVar("noting", default=None)


class Reference:
    """What stands for a value that is known only when the pipeline runs; its fields and places do too."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> "Reference":
        if name.startswith("_"):
            raise AttributeError(name)
        return Reference(f"{self._path}.{name}")

    def __getitem__(self, place: int | str) -> "Reference":
        return Reference(f"{self._path}[{place}]" if isinstance(place, int) else f"{self._path}.{place}")

    def __str__(self) -> str:
        return f"${{{self._path}}}"

    def __bool__(self) -> bool:
        raise BadInput(f"{self} is known only when the pipeline runs", hint="decide with a Condition")

    __repr__ = __str__


class Node:
    """A step that was noted down. Given to another step it stands for what its function gives back."""

    def __init__(self, name: str) -> None:
        self.name = name
        for field in ("outputs", "metrics", "properties", "status"):
            setattr(self, field, Reference(f"steps.{name}.{field}"))

    outputs: Reference
    metrics: Reference
    properties: Reference
    status: Reference


execution = Reference("execution")
item = Reference("item")


@overload
def step(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def step(*, type: str = ..., name: str | None = ..., **options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def step(function: Any = None, /, *, type: str = "Lambda", name: str | None = None, **options: Any) -> Any:
    """Makes a function a step: a Lambda, in a process of its own, or with type="Processing" a job of its own.

    options: what the type takes (inputs, timeout; cpus, memory, ...), and depends_on, cache, expire_after, retry.
    """
    if function is None:
        return lambda given: _step(given, type, name, options)
    return _step(function, type, name, options)


def _step(function: Callable[..., Any], type: str, name: str | None, options: dict[str, Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if _noting.get() is None:
            return function(*args, **kwargs)
        if not function.__qualname__.isidentifier():
            hint = "give it a name of its own at the top of the file, and what it closes over as parameters"
            raise BadInput(f"{function.__qualname__} cannot be a step: its job would not find it", hint=hint)
        bound = signature.bind(*args, **kwargs)
        said = {"function": f"{{path}}:{function.__name__}", "parameters": dict(bound.arguments)}
        return note(name or function.__name__.replace("_", "-"), type, said | options)

    called.cupola_step = True  # type: ignore[attr-defined]
    return called


def pipeline(function: Callable[P, R]) -> Callable[P, R]:
    """Marks the function that joins the steps; its parameters (str, int, float, bool, list, Literal) are its own."""
    function.cupola_pipeline = True  # type: ignore[attr-defined]
    return function


def note(name: str, type: str, said: dict[str, Any]) -> Node:
    """Notes a step down. Raises BadInput outside of a pipeline, and where its name is taken."""
    noted = _noting.get()
    if noted is None:
        raise BadInput(f"{type}({name!r}) stands outside of a pipeline", hint="call it in a function with @pipeline")
    names = {one.name for one in noted}
    if name in names:
        number = 2
        while f"{name}-{number}" in names:
            number += 1
        name = f"{name}-{number}"
    frame = sys._getframe(2)
    noted.append(Noted(name=name, type=type, said=plain(said), line=frame.f_lineno))
    return Node(name)


def plain(value: Any) -> Any:
    """A value with the text of a reference for what is known only later, and names for steps."""
    if isinstance(value, Node):
        return f"${{steps.{value.name}.outputs.value}}"
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, dict):
        return {
            name: [one.name if isinstance(one, Node) else one for one in given]
            if name in ("depends_on", "if_steps", "else_steps")
            else plain(given)
            for name, given in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def noted_by(function: Callable[..., Any], parameters: list[str]) -> list[Noted]:
    """The steps that a pipeline's function notes down."""
    token = _noting.set([])
    try:
        function(**{name: Reference(f"parameters.{name}") for name in parameters})
        return _noting.get() or []
    finally:
        _noting.reset(token)


class StepOf:
    """A type of step: call it with the step's name, and what the type takes."""

    def __init__(self, type: str) -> None:
        self.type = type

    def __call__(self, step: str, /, **arguments: Any) -> Node:
        return note(step, self.type, arguments)

    def inner(self, **arguments: Any) -> dict[str, Any]:
        """The step of a ForEach: `ForEach("train", items=[...], step=Training.inner(estimator=item))`."""
        return {"type": self.type} | arguments


class Comparison:
    """A condition: call it with what is compared."""

    def __init__(self, type: str) -> None:
        self.type = type

    def __call__(self, left: Any, right: Any) -> dict[str, Any]:
        return {"type": self.type, "left": left, "right": right}


def Not(condition: dict[str, Any]) -> dict[str, Any]:
    """That a condition does not hold."""
    return {"type": "Not", "condition": condition}


def Or(*conditions: dict[str, Any]) -> dict[str, Any]:
    """That one of several conditions holds."""
    return {"type": "Or", "conditions": list(conditions)}


def And(*conditions: dict[str, Any]) -> dict[str, Any]:
    """That all of several conditions hold."""
    return {"type": "And", "conditions": list(conditions)}


Processing, Training, Tuning, AutoML = StepOf("Processing"), StepOf("Training"), StepOf("Tuning"), StepOf("AutoML")
RegisterModel, Transform, Condition, Fail = map(StepOf, ("RegisterModel", "Transform", "Condition", "Fail"))
Callback, Lambda, QualityCheck = StepOf("Callback"), StepOf("Lambda"), StepOf("QualityCheck")
ClarifyCheck, ForEach, NotebookJob = StepOf("ClarifyCheck"), StepOf("ForEach"), StepOf("NotebookJob")
SQL, Endpoint = StepOf("SQL"), StepOf("Endpoint")
Equals, GreaterThan, LessThan, In = map(Comparison, ("Equals", "GreaterThan", "LessThan", "In"))
GreaterThanOrEqualTo, LessThanOrEqualTo = Comparison("GreaterThanOrEqualTo"), Comparison("LessThanOrEqualTo")
