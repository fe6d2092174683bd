"""An action as a form shows it: its fields, what is wrong with what was typed, and the command that does the same."""

from typing import Any

import msgspec

from cupola import arguments as words
from cupola.actions import Action, Parameter
from cupola.errors import BadOption


class Field(msgspec.Struct, kw_only=True):
    """One parameter. kind: text, integer, number, boolean, choice, pairs (KEY=VALUE), path."""

    name: str
    option: str
    kind: words.Kind
    help: str
    required: bool
    default: Any
    positional: bool
    repeated: bool
    choices: list[str]
    completes: str


class Form(msgspec.Struct, kw_only=True):
    """An action; what each attribute means stands in `cupola.actions.Action`. forbidden: why its user may not do it."""

    name: str
    summary: str
    description: str
    writes: bool
    waits: str | None
    dry_run: bool
    confirm: str
    about: str
    key: str
    forbidden: str = ""
    fields: list[Field] = []


def describe(action: Action, *, fields: bool = True) -> Form:
    """The form of `action`; without its fields it costs no look at the function's types."""
    return Form(
        name=action.name,
        summary=action.summary,
        description=action.description,
        writes=action.writes,
        waits=action.waits,
        dry_run=action.dry_run,
        confirm=action.confirm,
        about=action.about,
        key=action.key,
        fields=[field(one) for one in action.parameters] if fields else [],
    )


def fill(action: Action, typed: dict[str, Any]) -> dict[str, Any]:
    """Arguments from what was typed: texts become the parameters' types, empty ones are left out.

    Lists and dicts may be given as such or as text (words as a shell splits them). What is no parameter stays as it is,
    for `actions.run` to refuse. Raises BadOption.
    """
    known = {parameter.name for parameter in action.parameters}
    filled = {name: value for name, value in typed.items() if name not in known}
    for parameter in action.parameters:
        value = typed.get(parameter.name)
        if value is None or (value == "" and not parameter.required):
            continue
        filled[parameter.name] = _value(parameter, value)
    return filled


def check(action: Action, typed: dict[str, Any]) -> dict[str, str]:
    """One sentence for each parameter whose value does not fit or is missing."""
    wrong = {}
    for parameter in action.parameters:
        value = typed.get(parameter.name)
        if value is None or value == "":
            if parameter.required:
                wrong[parameter.name] = "is needed"
            continue
        try:
            _value(parameter, value)
        except BadOption as error:
            wrong[parameter.name] = error.message
    return wrong


def _value(parameter: Parameter, value: Any) -> Any:
    if parameter.repeated and isinstance(value, str):
        value = words.split(value)
    if words.kind(parameter) == "pairs":
        if isinstance(value, dict):
            return value
        return {key: item for pair in value for key, item in words.convert(parameter, pair).items()}
    if isinstance(value, list | tuple):
        return [words.convert(parameter, item) if isinstance(item, str) else item for item in value]
    return words.convert(parameter, value) if isinstance(value, str) else value


def field(parameter: Parameter) -> Field:
    default = parameter.default
    return Field(
        name=parameter.name,
        option=words.option(parameter),
        kind=words.kind(parameter),
        help=parameter.arg.help,
        required=parameter.required,
        default=msgspec.to_builtins(default),
        positional=parameter.positional,
        repeated=parameter.repeated,
        choices=list(words.choices(parameter)),
        completes=parameter.arg.completes,
    )
