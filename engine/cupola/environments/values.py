"""Values for an estimator's parameters: read from words as they are typed, and checked before anything is filed."""

import contextlib
import json
import math
from collections.abc import Mapping
from typing import Any

from cupola.environments import catalogue
from cupola.environments.catalogue import Constraint, Estimator, Parameter
from cupola.errors import BadOption, meant

WORDS = {"true": True, "false": False, "none": None, "null": None}


def check(estimator: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with every value as the estimator will get it; a text is read by what the parameter takes.

    Text that is an option of the parameter stays text; else it is read as None, a boolean, a number, a list or an
    object (JSON). `estimator=DecisionTreeClassifier` names the estimator inside another one, and
    `estimator__max_depth=3` sets a parameter of it; `estimators=Ridge,SVR` names several, and `Ridge__alpha=2` sets a
    parameter of one.
    Raises BadOption: unknown estimator or parameter, wrong type, out of range, one that cannot be trained by name.
    """
    known = catalogue.find(estimator)
    if known.refused:
        raise BadOption(f"{estimator} cannot be trained by its name: {known.refused}", where="--estimator")
    own = {name: value for name, value in given.items() if "__" not in name or name in known.parameters}
    values = {name: value(known, name, text) for name, text in own.items()}
    several = values.get("estimators", [])
    for name, inner in _nested({key: one for key, one in given.items() if key not in own}).items():
        chosen = name if name in several else values.get(name) if name in known.parameters else None
        if not isinstance(chosen, str):
            example = next(iter(inner))
            raise BadOption(
                f"{estimator}: {name}__{example} sets a parameter of the estimator inside, and none is named",
                where="-p",
                hint=f"give also -p {name}=ESTIMATOR",
            )
        values |= {f"{name}__{key}": each for key, each in check(chosen, inner).items()}
    for name, one in known.parameters.items():
        if one.required and name not in values:
            raise _required(known, one)
    return values


def value(estimator: Estimator, name: str, given: Any) -> Any:
    """One value, read and checked. Raises BadOption."""
    one = estimator.parameters.get(name)
    if one is None:
        raise _unknown(estimator, name)
    kinds = {each.kind for each in one.constraints}
    if isinstance(given, str) and kinds & {"any", "estimators"}:
        given = _readings(given)[-1] if "any" in kinds else _named(given)
    for reading in _readings(given) if isinstance(given, str) else [given]:
        for each in one.constraints:
            if _fits(each, reading):
                return _as(each, reading)
    raise BadOption(f"{estimator.name}: {name} takes {takes(one)}, not {given!r}", where="-p", hint=one.help or None)


def takes(one: Parameter) -> str:
    """What the parameter takes, in words: "a number above 0, or None"."""
    words = [_words(each) for each in one.constraints]
    if not words:
        return "only its default here"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _required(known: Estimator, one: Parameter) -> BadOption:
    kinds = {each.kind for each in one.constraints}
    if "estimator" in kinds:
        what, example = "another estimator inside", _example(known)
    elif "estimators" in kinds:
        what = "several other estimators inside"
        example = "LogisticRegression,GaussianNB" if known.kind == "classifier" else "Ridge,SVR"
    else:
        what, example = f"a value of {one.name}", "VALUE"
    return BadOption(f"{known.name} needs {what}", where="-p", hint=f"give -p {one.name}={example}")


def _nested(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        outer, inside, inner = name.partition("__")
        if inside:
            found.setdefault(outer, {})[inner] = value
    return found


def _unknown(estimator: Estimator, name: str) -> BadOption:
    hint = meant(name, estimator.parameters, f"it has: {', '.join(sorted(estimator.parameters))}", 3)
    return BadOption(f"{estimator.name} has no parameter {name!r}", where="-p", hint=hint)


def _readings(text: str) -> list[Any]:
    """What a typed text may mean, the likeliest first; the text itself comes first so that an option wins."""
    found: list[Any] = [text]
    word = text.strip()
    if word.lower() in WORDS:
        found.append(WORDS[word.lower()])
    for read in (int, float):
        try:
            found.append(read(word))
            break
        except ValueError:
            continue
    if word[:1] in ("[", "{", "("):
        with contextlib.suppress(ValueError):
            found.append(json.loads(f"[{word[1:-1]}]" if word[0] == "(" else word))
    return found


def _named(text: str) -> list[str]:
    """The names of estimators in a text: A,B or ["A", "B"]."""
    return [one.strip(" \"'") for one in text.strip("[] ").split(",") if one.strip(" \"'")]


def _fits(one: Constraint, given: Any) -> bool:
    match one.kind:
        case "none":
            return given is None
        case "boolean":
            return isinstance(given, bool)
        case "option":
            return isinstance(given, str) and given in one.options
        case "text":
            return isinstance(given, str)
        case "integer":
            return isinstance(given, int) and not isinstance(given, bool) and _inside(one, given)
        case "number":
            return isinstance(given, int | float) and not isinstance(given, bool) and _inside(one, given)
        case "infinity":
            return given == "inf" or (isinstance(given, float) and math.isinf(given))
        case "list":
            return isinstance(given, list | tuple)
        case "dict":
            return isinstance(given, dict)
        case "estimator":
            return isinstance(given, str) and not catalogue.find(given).refused
        case "estimators":
            known = [catalogue.find(str(name)) for name in given] if isinstance(given, list | tuple) else []
            return len(known) > 0 and len(set(given)) == len(known) and not any(each.refused for each in known)
        case "any":
            return not isinstance(given, float) or math.isfinite(given)
        case _:
            return False


def _inside(one: Constraint, given: float) -> bool:
    if not math.isfinite(given):
        return False
    above = one.low is None or given > one.low or (given == one.low and not one.open_low)
    below = one.high is None or given < one.high or (given == one.high and not one.open_high)
    return above and below


def _as(one: Constraint, given: Any) -> Any:
    if one.kind == "number":
        return float(given)
    if one.kind == "infinity":
        return "inf"  # JSON has no infinity; whoever makes the estimator reads it back
    return list(given) if one.kind == "list" else given


def _words(one: Constraint) -> str:
    match one.kind:
        case "none":
            return "None"
        case "boolean":
            return "true or false"
        case "option":
            return " | ".join(one.options if len(one.options) <= 12 else (*one.options[:12], "..."))
        case "text":
            return "a text"
        case "integer" | "number":
            return f"{'an integer' if one.kind == 'integer' else 'a number'}{_bounds(one)}"
        case "infinity":
            return "inf"
        case "list":
            return "a list such as [1, 2]"
        case "dict":
            return 'an object such as {"a": 1}'
        case "any":
            return "any value"
        case "estimators":
            return "a list of different estimators such as Ridge,SVR"
        case _:
            return "the name of an estimator"


def _bounds(one: Constraint) -> str:
    low, high = (None if each is None else f"{each:.10g}" for each in (one.low, one.high))
    if low and high and not one.open_low and not one.open_high:
        return f" from {low} to {high}"
    words = []
    if low:
        words.append(f"above {low}" if one.open_low else f"of at least {low}")
    if high:
        words.append(f"below {high}" if one.open_high else f"of at most {high}")
    return f" {' and '.join(words)}" if words else ""


def _example(known: Estimator) -> str:
    return "LogisticRegression" if known.kind == "classifier" else "Ridge"
