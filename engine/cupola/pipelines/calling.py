"""Calling a function of src/, or a step of a pipeline in Python, and what it gives back."""

import importlib
import sys
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadInput
from cupola.pipelines.records import Execution
from cupola.pipelines.workers import Outcome

OUTPUTS = "CUPOLA_OUTPUTS"
LARGEST = 4 << 20  # bytes that a step gives back
LIBRARIES = frozenset(sys.modules)  # what is loaded before any code of the user's


def call(execution: Execution, function: str, parameters: dict[str, Any], code: Path) -> Outcome:
    """Calls "module:name" of src/ (or a step of a pipeline in Python) with parameters by name.

    What it gives back is the step's outputs: a dict, in which "metrics" are its metrics, else {"value": ...}.
    """
    module, _, name = function.partition(":")
    if not name:
        raise BadInput(f"{function!r} is no function", hint="module:name names one of src/")
    source = str(code / "src")
    if source not in sys.path:
        sys.path.insert(0, source)
    _forget(source)
    if module == execution.definition.path:
        from cupola.pipelines import python

        chosen = python.function(execution, name, code)
    else:
        try:
            chosen = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name != module.partition(".")[0] and error.name != module:
                raise
            raise BadInput(f"there is no module {module!r} in src/", where=function) from None
        except AttributeError:
            raise BadInput(f"src/{module.replace('.', '/')}.py has no {name!r}", where=function) from None
    return returned(chosen(**parameters), function)


def _forget(source: str) -> None:
    """Has the modules of src/ imported anew: what an earlier step has left in their globals is none of this one's.

    A process for each step would keep libraries apart too; forking this one, with all of them, takes 30 ms a step.
    """
    for name in sys.modules.keys() - LIBRARIES:
        known = getattr(sys.modules[name], "__dict__", {})
        if any(str(one).startswith(f"{source}/") for one in (known.get("__file__"), *(known.get("__path__") or ()))):
            del sys.modules[name]


def returned(value: Any, function: str) -> Outcome:
    """What a function has given back, as outputs and metrics. Raises BadInput for what is no JSON."""
    outputs = {} if value is None else value if isinstance(value, dict) else {"value": value}
    try:
        encoded = msgspec.json.encode(outputs, enc_hook=_number)
        plain = msgspec.json.decode(encoded)
    except (TypeError, ValueError, NotImplementedError, msgspec.MsgspecError):
        hint = "give back numbers, texts, lists and dicts; write tables to files, and give back their paths"
        raise BadInput(f"{function} has given back what is no JSON: {type(value).__name__}", hint=hint) from None
    if len(encoded) > LARGEST:
        hint = f"write it to a file of ${OUTPUTS}, and give back its path"
        said = f"{function} has given back {len(encoded) / 1e6:.1f} MB, and {LARGEST / 1e6:.1f} are the most"
        raise BadInput(said, hint=hint)
    metrics = plain.pop("metrics", {}) if isinstance(plain.get("metrics"), dict) else {}
    return Outcome(outputs=plain, metrics=metrics)


def _number(value: Any) -> Any:
    """A number of numpy as Python's own."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise NotImplementedError
