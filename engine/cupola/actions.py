"""What a user can do, declared once: the command line, the palette, the forms and the Python API are made from it."""

import importlib
import inspect
import re
import typing
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

from cupola.errors import BadOption, ReadOnly

# Each domain's verbs live in one module, loaded only when one of them is named.
DOMAINS = {
    "dataset": "cupola.datasets.actions",
    "train": "cupola.training.actions",
    "tune": "cupola.tuning.actions",
    "tuning": "cupola.tuning.actions",
    "autopilot": "cupola.autopilot.actions",
    "forecast": "cupola.forecasting.actions",
    "run": "cupola.experiments.actions",
    "job": "cupola.jobs.actions",
    "model": "cupola.registry.actions",
    "endpoint": "cupola.serving.actions",
    "flow": "cupola.flows.actions",
    "transform": "cupola.transform.actions",
    "schedule": "cupola.schedules.actions",
    "bias": "cupola.explain.actions",
    "mlflow": "cupola.mlflow.actions",
    "import": "cupola.importing.actions",
    "lineage": "cupola.lineage.actions",
    "find": "cupola.search.actions",
    "view": "cupola.search.actions",
    "pipeline": "cupola.pipelines.actions",
    "agent": "cupola.agent.actions",
    "key": "cupola.jobs.key",
    "token": "cupola.tokens.actions",
    "check": "cupola.checking.actions",
    "trash": "cupola.checking.actions",
    "merge": "cupola.merging.actions",
    "comment": "cupola.team.actions",
    "tag": "cupola.team.actions",
    "activity": "cupola.team.actions",
    "who": "cupola.team.actions",
    "access": "cupola.team.actions",
}
# Verbs of a domain that another room declares.
MORE = {"dataset": "cupola.insights.actions", "flow": "cupola.insights.actions"}

Waits = Literal["job", "run", "tuning", "autopilot", "forecast", "pipeline", "endpoint", "request", "itself"]
Role = Literal["viewer", "member", "approver", "deployer"]


class Arg(msgspec.Struct, frozen=True, kw_only=True):
    """What a form or a shell needs to know of a parameter beyond its type; goes into `Annotated[T, Arg(...)]`.

    help: one line. short: a one-letter option ("p" for -p). completes: the kind of record or thing whose names
    complete it (dataset, model, run, job, endpoint, experiment, column, estimator, metric, file, directory).
    pairs: the values are KEY=VALUE and arrive as a dict. choices: the only values that are taken. signed: a word such
    as -draft is a value of it and no option.
    """

    help: str = ""
    short: str = ""
    completes: str = ""
    pairs: bool = False
    choices: tuple[str, ...] = ()
    signed: bool = False


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of an action, as read from its signature."""

    name: str
    type: Any
    required: bool
    default: Any
    positional: bool
    repeated: bool
    arg: Arg


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A verb: `name` is what the command line calls it ("model register").

    writes: refused under --readonly. role: what it needs where workspace.toml has [roles]; a "deployer" is an approver
    where deployments need approval, else a member. waits: what --wait waits for ("itself": it always does). dry_run:
    the function takes `dry_run=True`. confirm: what the screen asks before it runs ("y", or "name": by typing the
    record's name). about: the kind of record that its first parameter names (the screen offers the verb there); key:
    its key there. anywhere: it needs no workspace, and outside of one gets None. check(workspace, arguments): gives
    {PARAMETER: a sentence} for what a form can say of values before all of them are filled in.
    """

    name: str
    function: Callable[..., Any]
    writes: bool = True
    role: Role = "member"
    waits: Waits | None = None
    dry_run: bool = False
    confirm: Literal["", "y", "name"] = ""
    about: str = ""
    key: str = ""
    anywhere: bool = False
    check: Callable[[Any, dict[str, Any]], dict[str, str]] | None = None

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """What the docstring says after its first line."""
        return (inspect.getdoc(self.function) or "").partition("\n")[2].strip()

    @property
    def parameters(self) -> list[Parameter]:
        """The function's parameters after the first, which is the workspace."""
        hints = typing.get_type_hints(self.function, include_extras=True)
        found = list(inspect.signature(self.function).parameters.values())[1:]
        return [_parameter(one, hints[one.name]) for one in found]


_declared: dict[str, Action] = {}
F = TypeVar("F", bound=Callable[..., Any])


def action(name: str, **more: Any) -> Callable[[F], F]:
    """Declares a function `f(ws, ...)` as the action `name`; parameters that follow `*` are options."""

    def declare(function: F) -> F:
        _declared[name] = Action(name=name, function=function, **more)
        return function

    return declare


def find(name: str) -> Action:
    """The action of that name ("train", "model register"). Raises BadOption where there is none."""
    if name.split()[0] in DOMAINS:
        _load(name.split()[0])
    if name not in _declared:
        raise BadOption(f"there is no action called {name!r}", hint="`cupola --help` lists them")
    return _declared[name]


def domain(name: str) -> list[Action]:
    """All actions of one domain, in the order in which they are declared."""
    _load(name)
    return [one for one in _declared.values() if one.name.split()[0] == name]


def _load(name: str) -> None:
    for module in (DOMAINS[name], MORE.get(name)):
        if module:
            importlib.import_module(module)


def catalogue() -> list[Action]:
    """Every action there is."""
    return [one for name in DOMAINS for one in domain(name)]


def run(workspace: Any, name: str, /, **arguments: Any) -> Any:
    """Runs an action on a workspace: the one place where --readonly and roles are enforced, and where it is written
    down who did what (`Workspace.permit` and `Workspace.tell`, so that no door can go without).

    Raises ReadOnly, Refused, BadOption for an argument that is unknown or missing, and what the action itself raises.
    """
    chosen = find(name)
    told = chosen.writes and workspace is not None
    if told:
        if workspace.readonly:
            said = f"{chosen.name} writes, and this workspace was opened read-only"
            raise ReadOnly(said, where=str(workspace.root), hint=workspace.why_readonly)
        workspace.permit(chosen)
    known = {one.name: one for one in chosen.parameters}
    for given in arguments:
        if given not in known:
            raise BadOption(f"{name} has no option {given!r}", hint=f"it has: {', '.join(sorted(known))}")
    for one in known.values():
        if one.required and one.name not in arguments:
            raise BadOption(f"{name} needs {one.name}", hint=one.arg.help or None)
    if told:
        _check_text(name, arguments)
    result = chosen.function(workspace, **arguments)
    if told:
        workspace.tell(chosen, arguments, result)
    return result


def _check_text(name: str, value: Any) -> None:
    """Refuses half characters (bytes of the command line that are no UTF-8 arrive as such): no record can hold them."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadOption(f"{name}: {value[:60]!a} is not UTF-8 text") from None
    elif isinstance(value, dict):
        _check_text(name, [*value, *value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            _check_text(name, one)


def _parameter(one: inspect.Parameter, hint: Any) -> Parameter:
    arg = Arg()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *extras = typing.get_args(hint)
        arg = next((extra for extra in extras if isinstance(extra, Arg)), arg)
    return Parameter(
        name=one.name,
        type=hint,
        required=one.default is inspect.Parameter.empty,
        default=None if one.default is inspect.Parameter.empty else one.default,
        positional=one.kind is not inspect.Parameter.KEYWORD_ONLY,
        repeated=bool(re.match(r"(list|tuple|dict)\b", str(hint).removeprefix("<class '"))),
        arg=arg,
    )
