"""What stands for a value that is known only later: "${parameters.threshold}", "${steps.train.outputs.run}".

parameters.NAME, execution.id (or .pipeline, .started, .user), item (within a ForEach), and of a step that is over
steps.NAME.outputs.FIELD, steps.NAME.metrics.NAME, steps.NAME.properties.FILE.KEY (from a JSON file that it has written)
and steps.NAME.status; fields of fields follow after a dot, places of a list as [0]. A text that is one reference
becomes the value itself, within a longer text its words.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from cupola.errors import BadInput, meant

REFERENCE = re.compile(r"\$\{\s*([^{}]*?)\s*\}")
OPEN = re.compile(r"\$\{\s*(?:parameters|execution|steps|item)\b[^{}]*$")  # one that is never closed
PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
FIELDS = ("outputs", "metrics", "properties", "status")
OF_EXECUTION = ("id", "pipeline", "started", "user")


def found(value: Any) -> Iterator[str]:
    """Every reference in a value, without its braces."""
    for text in _texts(value):
        yield from REFERENCE.findall(text)


def unclosed(value: Any) -> str:
    """The first that was begun as a reference, and has no end; "" where none is."""
    return next((one for text in _texts(value) for one in OPEN.findall(text)), "")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def parts(reference: str) -> list[str | int]:
    """The names and places that a reference goes through. Raises BadInput for what is none."""
    pieces: list[str | int] = []
    at = 0
    while at < len(reference) and (piece := PART.match(reference, at)):
        pieces.append(piece[1] if piece[1] is not None else int(piece[2]))
        at = piece.end()
    if not pieces or at != len(reference):
        raise BadInput(f"${{{reference}}} is no reference", hint="as in ${steps.train.outputs.run}")
    return pieces


def steps_in(value: Any) -> list[str]:
    """The steps that a value refers to, each once."""
    pieces = [parts(one) for one in found(value)]
    return list(dict.fromkeys(str(one[1]) for one in pieces if one[0] == "steps" and len(one) > 1))


def wrong(reference: str, parameters: list[str], steps: list[str], within: bool) -> str:
    """What is wrong with a reference, as can be told beforehand; "" where nothing is. within: it is in a ForEach."""
    try:
        first, *rest = parts(reference)
    except BadInput as error:
        return str(error)
    shown = f"${{{reference}}}"
    if first == "item" and within:
        return ""
    if first == "parameters" and rest:
        return (
            "" if rest[0] in parameters else f"{shown}: there is no parameter {rest[0]!r}{_near(rest[0], parameters)}"
        )
    if first == "execution" and len(rest) == 1:
        return "" if rest[0] in OF_EXECUTION else f"{shown}: an execution has {', '.join(OF_EXECUTION)}"
    if first == "steps" and rest:
        if rest[0] not in steps:
            return f"{shown}: there is no step {rest[0]!r}{_near(rest[0], steps)}"
        if len(rest) < 2 or rest[1] not in FIELDS:
            return f"{shown}: of a step one has .outputs, .metrics, .properties and .status"
        return ""
    return f"{shown} refers to nothing: a reference begins with parameters., steps. or execution."


def resolved(value: Any, known: dict[str, Any]) -> Any:
    """The value with every reference replaced by what `known` holds. Raises BadInput where it holds nothing there."""
    if isinstance(value, str):
        if whole := REFERENCE.fullmatch(value):
            return looked_up(whole[1], known)
        return REFERENCE.sub(lambda one: _text(looked_up(one[1], known)), value)
    if isinstance(value, dict):
        return {name: resolved(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [resolved(one, known) for one in value]
    return value


def looked_up(reference: str, known: dict[str, Any]) -> Any:
    """What one reference stands for. Raises BadInput."""
    here: Any = known
    gone = ""
    for piece in parts(reference):
        there = f"{gone}[{piece}]" if isinstance(piece, int) else f"{gone}.{piece}" if gone else piece
        try:
            here = here[piece]
        except (KeyError, IndexError, TypeError):
            has = ", ".join(map(str, here)) if isinstance(here, dict) else ""
            hint = f"there is: {has}" if has else None
            raise BadInput(f"${{{reference}}} stands for nothing: there is no {there}", hint=hint) from None
        gone = there
    return here


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _near(name: Any, known: list[str]) -> str:
    hint = meant(str(name), known)
    return f"; {hint}" if hint else ""
