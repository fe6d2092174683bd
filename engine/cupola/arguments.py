"""Words to arguments and back: how a command line, the `:` prompt and a form fill in the parameters of an action.

A parameter `max_runtime` is the option `--max-runtime` (a trailing `_`, which Python needs for its own words, is
dropped); a boolean is a flag with a `--no-` twin; a list is given by repeating the option; a dict by `KEY=VALUE`. A
number may be written as a percentage: 50% is 0.5.
"""

import json
import re
import shlex
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from cupola.actions import Action, Parameter
from cupola.errors import BadOption, meant

Kind = Literal["text", "integer", "number", "boolean", "choice", "pairs", "path"]
ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|((?:\((?:[^()]|\([^()]*\))*\)|[^,])*?))\s*,')


def option(parameter: Parameter) -> str:
    """`--max-runtime` for `max_runtime`."""
    return "--" + parameter.name.rstrip("_").replace("_", "-")


def kind(parameter: Parameter) -> Kind:
    """What one value of the parameter is; of a list, what its items are."""
    if parameter.arg.pairs or typing.get_origin(parameter.type) is dict or parameter.type is dict:
        return "pairs"
    if choices(parameter):
        return "choice"
    item = _item(parameter.type)
    kinds: dict[Any, Kind] = {bool: "boolean", int: "integer", float: "number", Path: "path"}
    return kinds.get(item, "text")


def choices(parameter: Parameter) -> tuple[str, ...]:
    """The only values that are taken, or () where any is."""
    item = _item(parameter.type)
    return parameter.arg.choices or (tuple(typing.get_args(item)) if typing.get_origin(item) is Literal else ())


def convert(parameter: Parameter, text: str) -> Any:
    """The value that `text` stands for. Raises BadOption with what would have fitted."""
    what = kind(parameter)
    if what == "pairs":
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise BadOption(f"{_called(parameter)} takes KEY=VALUE, not {text!r}")
        return {key: value}
    if what == "choice":
        return _choice(parameter, text)
    if what == "boolean":
        return _boolean(parameter, text)
    readers: dict[Kind, Callable[[str], Any]] = {"integer": int, "number": _number, "path": Path}
    try:
        return readers.get(what, str)(text)
    except ValueError:
        article = {"integer": "a whole number", "number": "a number"}[what]
        raise BadOption(f"{_called(parameter)} takes {article}, not {text!r}") from None


def parse(parameters: Sequence[Parameter], words: Sequence[str], *, partial: bool = False) -> dict[str, Any]:
    """The arguments that `words` give. Everything after `--` is positional, whatever it looks like.

    Raises BadOption for what is unknown, does not fit, or is missing (unless `partial`).
    """
    found = _Arguments(parameters)
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            found.positional.extend(waiting)
            break
        if word.startswith("-") and len(word) > 1 and not _is_number(word) and not found.is_signed(word):
            found.option(word, waiting)
        else:
            found.positional.append(word)
    return found.finish(partial)


def command_line(action: Action, arguments: dict[str, Any]) -> str:
    """The command that runs `action` with `arguments`, ready to paste into a shell."""
    positional: list[str] = []
    options: list[str] = []
    for parameter in action.parameters:
        value = arguments.get(parameter.name)
        if value is None or value == parameter.default or value in ([], {}):
            continue
        if parameter.positional:
            positional.extend(str(item) for item in _several(value))
        elif kind(parameter) == "boolean":
            options.append(option(parameter) if value else "--no-" + option(parameter)[2:])
        elif kind(parameter) == "pairs":
            pairs = value.items() if isinstance(value, dict) else (str(pair).split("=", 1) for pair in _several(value))
            options.extend(word for key, item in pairs for word in (_flag(parameter), f"{key}={_text(item)}"))
        else:
            options.extend(word for item in _several(value) for word in (option(parameter), _text(item)))
    guard = ["--"] if any(word.startswith("-") for word in positional) else []
    return shlex.join(["cupola", *action.name.split(), *options, *guard, *positional])


def split(text: str) -> list[str]:
    """`text` as the words a shell would see. Raises BadOption for a quote that is not closed."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadOption(f"{text!r}: {str(error).lower()}") from None


def items(text: str) -> list[str]:
    """The items of a list: what stands between its commas, but for those within brackets; `"a, b"` is one item."""
    found = (quoted.replace('""', '"') or plain.strip() for quoted, plain in ITEM.findall(f"{text},"))
    return [one for one in found if one]


def listed(values: Sequence[str]) -> str:
    """A list as one types it: `items` gives its values."""
    return ",".join(map(_quoted, values))


def _quoted(value: str) -> str:
    if '"' not in value and items(f"{value},)") == [value, ")"]:  # the brackets that it opens it closes
        return value
    return '"' + value.replace('"', '""') + '"'


class _Arguments:
    """What has been read so far."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = parameters
        self.options = {option(one): one for one in parameters}
        self.options.update({f"-{one.arg.short}": one for one in parameters if one.arg.short})
        self.positional: list[str] = []
        self.values: dict[str, Any] = {}

    def option(self, word: str, waiting: list[str]) -> None:
        name, equals, value = word.partition("=")
        if not word.startswith("--") and len(word) > 2:
            name, equals, value = word[:2], "=", word[2:].removeprefix("=")
        positive = "--" + name[5:] if name.startswith("--no-") and name not in self.options else name
        parameter = self.options.get(positive)
        if parameter is None or (positive != name and kind(parameter) != "boolean"):
            raise BadOption(f"there is no option {name}", hint=self._hint(name))
        if kind(parameter) == "boolean" and not equals:
            self.set(parameter, positive == name)
            return
        if not equals:
            if not waiting or waiting[0] == "--":
                raise BadOption(f"{name} needs a value")
            value = waiting.pop(0)
        self.set(parameter, convert(parameter, value))

    def is_signed(self, word: str) -> bool:
        """Whether -word is a value: some parameter takes such, and it is no one-letter option."""
        return len(word) > 2 and word[1] != "-" and any(one.arg.signed for one in self.parameters)

    def set(self, parameter: Parameter, value: Any) -> None:
        if kind(parameter) == "pairs":
            self.values.setdefault(parameter.name, {}).update(value)
        elif parameter.repeated:
            self.values.setdefault(parameter.name, []).append(value)
        else:
            self.values[parameter.name] = value

    def finish(self, partial: bool) -> dict[str, Any]:
        self._place()
        missing = [one for one in self.parameters if one.required and one.name not in self.values]
        if missing and not partial:
            verb = "is" if len(missing) == 1 else "are"
            raise BadOption(f"{' and '.join(map(_called, missing))} {verb} missing", hint="--help shows the rest")
        return self.values

    def _place(self) -> None:
        words = list(self.positional)
        for parameter in self.parameters:
            if not parameter.positional or not words:
                continue
            take = len(words) if parameter.repeated else 1
            for word in words[:take]:
                self.set(parameter, convert(parameter, word))
            words = words[take:]
        if words:
            raise BadOption(f"{words[0]!r} is one word too many", hint="--help shows what is taken")

    def _hint(self, name: str) -> str:
        return meant(name, self.options, "--help lists them")


def _item(hint: Any) -> Any:
    """`T` of `T | None`, `list[T]`, `tuple[T, ...]`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    if typing.get_origin(hint) in (list, tuple):
        return _item(typing.get_args(hint)[0])
    return hint


def _choice(parameter: Parameter, text: str) -> str:
    known = choices(parameter)
    if text not in known:
        listed = ", ".join(known)
        raise BadOption(f"{_called(parameter)} takes one of {listed}, not {text!r}", hint=meant(text, known))
    return text


def _number(text: str) -> float:
    """0.5, which may be written as 50% too."""
    share = text.rstrip().removesuffix("%")
    return float(text) if share == text.rstrip() else float(share) / 100


def _boolean(parameter: Parameter, text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise BadOption(f"{_called(parameter)} takes true or false, not {text!r}")
    return words[text.lower()]


def _called(parameter: Parameter) -> str:
    return parameter.name.rstrip("_").upper() if parameter.positional else option(parameter)


def _flag(parameter: Parameter) -> str:
    return f"-{parameter.arg.short}" if parameter.arg.short else option(parameter)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    return (
        value if isinstance(value, str) else json.dumps(value) if isinstance(value, bool | dict | list) else str(value)
    )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
