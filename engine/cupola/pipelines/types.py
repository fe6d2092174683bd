"""The types of steps, by the names that the hosted service gives them, and what each takes.

A type stands for an action, whose arguments it takes, or has a struct of its own here; both are read without loading
anything heavy, for forms and for checks before anything is run.
"""

from functools import cache
from typing import Annotated, Any

import msgspec

from cupola import actions
from cupola.actions import Arg, Parameter
from cupola.errors import BadInput, meant
from cupola.store import toml

Function = Annotated[str, Arg(help="a function of src/: module:name; its parameters are those of the step")]
Parameters = Annotated[dict[str, Any], Arg(help="what the function is given, by name", pairs=True)]
Timeout = Annotated[str | None, Arg(help="the longest that it may take: 90s, 15m, 2h")]
Cpus = Annotated[int, Arg(help="how many CPUs it gets, and so how many threads")]
Gpus = Annotated[int, Arg(help="how many GPUs it gets")]
Memory = Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")]


class Processing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Run a script, a function, a flow or any action of Cupola as a job of its own."""

    script: Annotated[str | None, Arg(help="a Python script of the workspace", completes="file")] = None
    function: Function | None = None
    flow: Annotated[str | None, Arg(help="a flow, which makes a dataset", completes="flow")] = None
    action: Annotated[str | None, Arg(help="any other action: dataset import, model approve, ...")] = None
    arguments: Annotated[
        list[Any] | dict[str, Any], Arg(help="the words that a script gets, or the arguments of a flow or an action")
    ] = []
    parameters: Parameters = {}
    inputs: Annotated[
        dict[str, str], Arg(help="files and datasets that it reads; it runs again when one has changed", pairs=True)
    ] = {}
    outputs: Annotated[dict[str, str], Arg(help="files that it writes to $CUPOLA_OUTPUTS, by name", pairs=True)] = {}
    property_files: Annotated[
        dict[str, str], Arg(help="JSON files there, whose values other steps can refer to", pairs=True)
    ] = {}
    cpus: Cpus = 1
    gpus: Gpus = 0
    memory: Memory = None
    max_runtime: Timeout = None


class Lambda(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Call a Python function, in a process of its own that is there within milliseconds."""

    function: Function
    parameters: Parameters = {}
    inputs: Annotated[dict[str, str], Arg(help="files and datasets that it reads", pairs=True)] = {}
    timeout: Timeout = None


class Condition(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Decide which steps are run: if_steps where all of its conditions hold, else_steps where not."""

    conditions: Annotated[list[Any], Arg(help="tables of type, left and right; all of them have to hold")]


class Fail(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """End the execution as failed, and say why."""

    error_message: Annotated[str, Arg(help="what is said")] = "the pipeline has come to a Fail step"


class Callback(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Wait for an answer: of a person (`pipeline answer`), of an HTTP call with a token, or that a file is there."""

    message: Annotated[str, Arg(help="what is asked")] = ""
    file: Annotated[str | None, Arg(help="the file of the workspace that is waited for", completes="file")] = None
    timeout: Timeout = None


class QualityCheck(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Hold the columns of a dataset against a baseline: another version, or what a model was trained on."""

    dataset: Annotated[str, Arg(help="the data that is checked", completes="dataset")]
    baseline: Annotated[str | None, Arg(help="a dataset: flights@1", completes="dataset")] = None
    model: Annotated[str | None, Arg(help="a version whose training data is the baseline", completes="model")] = None
    exclude: Annotated[list[str], Arg(help="columns that are not looked at", completes="column")] = []
    missing: Annotated[float, Arg(help="by how much the share of missing values may rise")] = 0.05
    drift: Annotated[float, Arg(help="how far values may move: the population stability index")] = 0.2
    rows: Annotated[int, Arg(help="how many rows there are to be at least")] = 1
    report: Annotated[bool, Arg(help="whether grave warnings of `dataset report` are violations too")] = False
    fail: Annotated[bool, Arg(help="whether violations fail the step")] = True


class ClarifyCheck(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Measure whether a model treats parts of the rows held out differently, and fail where it does so too much."""

    run: Annotated[str, Arg(help="a run, or a version of a model", completes="run")]
    facet: Annotated[list[str], Arg(help="a column (each of its values), COL=VALUE, or COL>NUMBER")]
    label: Annotated[str | None, Arg(help="the answer that is good to get; of numbers: '>30'")] = None
    group: Annotated[str | None, Arg(help="a column within whose values CDDL and CDDPL are taken")] = None
    limits: Annotated[
        dict[str, float], Arg(help="how far from 0 (DI: from 1) a metric may be: DPPL=0.1 DI=0.2", pairs=True)
    ] = {}
    fail: Annotated[bool, Arg(help="whether violations fail the step")] = True


class ForEach(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Run one step for each of several items, at the same time; within it "${item}" is the item."""

    items: Annotated[Any, Arg(help="a list, or what stands for one")]
    step: Annotated[dict[str, Any], Arg(help="the step: its type, and what that takes")]
    parallel: Annotated[int, Arg(help="how many at once at most")] = 8


class NotebookJob(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Run a notebook from its first cell to its last, and keep it as it is then."""

    notebook: Annotated[str, Arg(help="a notebook of the workspace", completes="file")]
    parameters: Annotated[dict[str, Any], Arg(help="what its cell with the tag parameters is to set", pairs=True)] = {}
    kernel: Annotated[str | None, Arg(help="the Jupyter kernel (default: what the notebook names)")] = None
    inputs: Annotated[dict[str, str], Arg(help="files and datasets that it reads", pairs=True)] = {}
    cpus: Cpus = 1
    memory: Memory = None
    max_runtime: Timeout = None


class SQL(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Answer a SELECT over datasets: rows for other steps, or a new version of a dataset."""

    query: Annotated[str, Arg(help="one SELECT; datasets are tables by their names")]
    name: Annotated[str | None, Arg(help="the dataset that the rows become", completes="dataset")] = None
    target: Annotated[str | None, Arg(help="of that dataset, the column that models are to predict")] = None
    role: Annotated[dict[str, str], Arg(help="of that dataset, COL=ROLE", pairs=True)] = {}
    limit: Annotated[int, Arg(help="rows that other steps can refer to, where no dataset is made")] = 1000


class Endpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Serve a version of a model: deploys the endpoint where there is none, else rolls the change out."""

    model: Annotated[str, Arg(help="a model: churn, churn@3, churn@champion", completes="model")]
    name: Annotated[str, Arg(help="the endpoint", completes="endpoint")]
    deploy: Annotated[dict[str, Any], Arg(help="more that `endpoint deploy` takes, where it is new", pairs=True)] = {}
    update: Annotated[dict[str, Any], Arg(help="more that `endpoint update` takes: rollout, bake, alarm")] = {}


class StepType(msgspec.Struct, frozen=True, kw_only=True):
    """A type of step: what it stands for, and what it takes. again: it has an effect outside of its outputs, and so is
    never taken from an earlier execution unless the step says `cache = true`."""

    name: str
    summary: str
    action: str = ""
    struct: type[msgspec.Struct] | None = None
    again: bool = False

    @property
    def fields(self) -> list[Parameter]:
        """What a step of this type takes, as forms show it."""
        return _fields(self.name)


ACTIONS = {
    "Training": "train",
    "Tuning": "tune",
    "AutoML": "autopilot",
    "RegisterModel": "model register",
    "Transform": "transform",
}
STRUCTS: tuple[type[msgspec.Struct], ...] = (
    Processing, Lambda, Condition, Fail, Callback, QualityCheck, ClarifyCheck, ForEach, NotebookJob, SQL, Endpoint,
)  # fmt: skip
NAMED = (*ACTIONS, *(one.__name__ for one in STRUCTS))
NEVER_CACHED = ("Condition", "Fail", "Callback", "Endpoint")
# What names what comes out, and no content that goes in; a script and a notebook count as code.
NAMES = {
    "SQL": ("name",), "RegisterModel": ("name",), "Training": ("register",), "Tuning": ("register",),
    "AutoML": ("register",), "Processing": ("script",), "Transform": ("output",),
    "NotebookJob": ("notebook",),
}  # fmt: skip
RESOURCES = ("cpus", "gpus", "memory", "max_runtime")  # what it is done with: the result is the same
FOR_ALL = ("type", "description", "depends_on", "if_steps", "else_steps", "cache", "expire_after", "retry")
OWN_FIELDS = {"RegisterModel": {"approve": Annotated[bool, Arg(help="approve the version at once")]}}


@cache
def catalogue() -> dict[str, StepType]:
    """Every type by its name."""
    found = {
        name: StepType(name=name, action=action, summary=actions.find(action).summary)
        for name, action in ACTIONS.items()
        if action.split()[0] in actions.DOMAINS
    }
    for one in STRUCTS:
        summary = (one.__doc__ or "").partition("\n")[0]
        found[one.__name__] = StepType(
            name=one.__name__, struct=one, summary=summary, again=one.__name__ in NEVER_CACHED
        )
    return found


def find(name: str) -> StepType:
    """The type of that name. Raises BadInput."""
    known = catalogue()
    if name in known:
        return known[name]
    hint = meant(name, known, f"one of {', '.join(sorted(known))}")
    raise BadInput(f"there is no type of step {name!r}", hint=hint)


def wrong(type: StepType, arguments: dict[str, Any]) -> tuple[str, str] | None:
    """The argument that is wrong and why, as can be told while references stand for values; None where none is."""
    from cupola.pipelines import references

    known = {one.name: one for one in type.fields}
    for name, value in arguments.items():
        if name not in known:
            hint = meant(name, [*known, *FOR_ALL], f"it takes {', '.join(known)}")
            return name, f"a {type.name} step takes no {name!r} ({hint})"
        if any(references.found(value)):
            continue
        try:
            msgspec.convert(value, known[name].type)
        except msgspec.ValidationError as error:
            return name, f"{name}: {toml.in_words(str(error).partition(' - at ')[0])}"
    for name, field in known.items():
        if field.required and name not in arguments:
            return "", f"a {type.name} step needs {name} ({field.arg.help})"
    return None


@cache
def _fields(name: str) -> list[Parameter]:
    type = catalogue()[name]
    if type.struct is None:
        chosen = [one for one in actions.find(type.action).parameters if one.name not in ("dry_run", "host")]
        own = [_field(one, hint, False, False) for one, hint in OWN_FIELDS.get(name, {}).items()]
        return [*chosen, *own]
    import typing

    hints = typing.get_type_hints(type.struct, include_extras=True)
    return [_field(one.name, hints[one.name], one.required, one.default) for one in msgspec.structs.fields(type.struct)]


def _field(name: str, hint: Any, required: bool, default: Any) -> Parameter:
    import typing

    arg, plain = Arg(), hint
    if typing.get_origin(hint) is Annotated:
        plain, *extras = typing.get_args(hint)
        arg = next((one for one in extras if isinstance(one, Arg)), arg)
    default = None if default is msgspec.NODEFAULT else default
    repeated = str(plain).startswith(("list", "dict"))
    return Parameter(
        name=name, type=plain, required=required, default=default, positional=False, repeated=repeated, arg=arg
    )
