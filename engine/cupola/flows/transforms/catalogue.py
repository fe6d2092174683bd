"""The transforms that there are, as forms and commands need them: readable without loading anything heavy."""

import typing
from collections.abc import Collection, Iterable
from typing import Any, get_type_hints

import msgspec

from cupola import forms
from cupola.actions import Arg, Parameter
from cupola.arguments import choices, convert, items
from cupola.errors import BadInput, BadOption, meant
from cupola.flows.records import FlowStep, looks_up
from cupola.flows.transforms import (
    columns,
    combining,
    custom,
    dates,
    encoding,
    missing,
    models,
    nested,
    numeric,
    outliers,
    rows,
    series,
    strings,
    text,
)  # fmt: skip
from cupola.flows.transforms.transform import Transform
from cupola.store import toml

MODULES = (
    missing, models, outliers, encoding, numeric, text, dates, strings, columns, rows, combining, nested, series,
    custom,
)  # fmt: skip
LONGEST = 100_000  # characters of a parameter: each version of the file is kept with it
INSTEAD = "`cupola flow run` makes a dataset with it; train on that, with a flow of the steps after it"
TRANSFORMS: dict[str, Transform] = {one.name: one for module in MODULES for one in module.TRANSFORMS}


class TransformForm(msgspec.Struct, kw_only=True):
    """A transform as a form and a list show it. What inputs, memory and serving mean stands in `Transform`.

    learns: whether it is fitted on the training part.
    """

    name: str
    group: str
    summary: str
    learns: bool
    inputs: str
    memory: str
    serving: str
    fields: list[forms.Field]


def listed() -> list[TransformForm]:
    """The forms of all transforms, group by group."""
    return [form(one) for one in TRANSFORMS.values()]


def form(transform: Transform) -> TransformForm:
    return TransformForm(
        name=transform.name,
        group=transform.group,
        summary=transform.summary,
        learns=transform.learn is not None,
        inputs=transform.inputs,
        memory=transform.memory,
        serving=transform.serving,
        fields=[forms.field(one) for one in parameters(transform)],
    )


def find(name: str) -> Transform:
    """The transform of that name. Raises BadOption with the one that was probably meant."""
    if name not in TRANSFORMS:
        hint = meant(name, TRANSFORMS, "`cupola flow transforms` lists them")
        raise BadOption(f"there is no transform {name!r}", hint=hint)
    return TRANSFORMS[name]


def parameters(transform: Transform) -> list[Parameter]:
    """Its parameters, as those of an action."""
    hints = get_type_hints(transform.params, include_extras=True)
    return [_parameter(one, hints[one.name]) for one in msgspec.structs.fields(transform.params)]


def _parameter(field: Any, hint: Any) -> Parameter:
    type, arg = typing.get_args(hint)
    return Parameter(
        name=field.name,
        type=type,
        required=field.required,
        default=None
        if field.required
        else field.default_factory()
        if callable(field.default_factory)
        else field.default,
        positional=False,
        repeated=typing.get_origin(type) is list,
        arg=arg if isinstance(arg, Arg) else Arg(),
    )


def _default(field: Any) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default


def typed(transform: Transform, words: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Parameters from what was typed: (name, text) pairs; a list's items stand behind commas or come one by one.

    An empty text takes a parameter back to its default. Raises BadOption.
    """
    known = {one.name: one for one in parameters(transform)}
    found: dict[str, Any] = {}
    for name, said in words:
        if name not in known:
            raise _unknown(transform, name)
        if not known[name].repeated:
            found[name] = convert(known[name], said) if said else None
        else:
            found.setdefault(name, []).extend(convert(known[name], item) for item in items(said))
    return found


def params_of(step: FlowStep) -> Any:
    """The typed parameters of a step. Raises BadOption, BadInput: what is wrong, and what would be right."""
    transform = find(step.type)
    known = {one.name: one for one in parameters(transform)}
    for name, value in step.params.items():
        if name not in known:
            raise _unknown(transform, name)
        allowed = choices(known[name])
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and len(one) > LONGEST:
                raise BadOption(f"{name} is a text of {len(one):,} characters, and {LONGEST:,} are the most")
            if allowed and one not in allowed:
                hint = meant(str(one), allowed)
                raise BadOption(f"{name} takes one of {', '.join(allowed)}, not {one!r}", hint=hint)
    for name, parameter in known.items():
        if parameter.required and step.params.get(name) in (None, "", []):
            raise BadOption(f"{transform.name} needs {name}", hint=parameter.arg.help or None)
    try:
        return msgspec.convert(step.params, transform.params)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at ")
        raise BadOption(f"{where.strip('`').removeprefix('$.') or step.type}: {toml.in_words(reason)}") from None


def learns(step: FlowStep) -> bool:
    """Whether a step learns anything from the training part. Raises BadOption as `params_of`."""
    transform = find(step.type)
    return transform.learn is not None and transform.learns(params_of(step))


def check_servable(steps: Iterable[FlowStep], aside: Collection[str] = ()) -> None:
    """Raises BadOption where the flow cannot be applied to rows that come one by one, as in an endpoint.

    aside: steps and sources whose rows are known before, and go with a model where a join looks them up.
    """
    for step in steps:
        if step.id in aside:
            if step.type == "python":
                said = f"step {step.id} (python) makes what a join looks up, which is made without code of one's own"
                raise BadOption(said, hint=INSTEAD)
        elif looks_up(step, aside):
            if params_of(step).how != "left":
                raise BadOption(
                    f"step {step.id} (join) is to drop or add rows, and a request has an answer for each of its own",
                    hint="how=left keeps them; drop-missing after it leaves those without a partner out of training",
                )
        elif find(step.type).serving == "refused":
            raise BadOption(f"step {step.id} ({step.type}) looks at other rows, which a request has not", hint=INSTEAD)


def columns_named(transform: Transform, params: Any) -> list[str]:
    """The columns of its input that the parameters name."""
    found: list[str] = []
    for one in parameters(transform):
        if one.arg.completes == "column" and not (transform.name == "formula" and one.name == "name"):
            value = getattr(params, one.name)
            found += value if isinstance(value, list) else [value] if value else []
    return found


def _unknown(transform: Transform, name: str) -> BadInput | BadOption:
    known = [one.name for one in parameters(transform)]
    return BadOption(
        f"{transform.name} has no parameter {name!r}", hint=meant(name, known, f"it has {', '.join(known)}")
    )
