"""Whether the functions and scripts of src/ that steps name are there and take what they are given; nothing is run."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cupola.errors import meant
from cupola.pipelines import fingerprints, references
from cupola.pipelines.records import Pipeline, Step


def wrong(pipeline: Pipeline, chosen: list[str], code: Path) -> tuple[Step, str] | None:
    """The first of the chosen steps (all where none is) that cannot be done with the code as it is, and why not."""
    for step in pipeline.steps:
        if chosen and step.name not in chosen:
            continue
        inner = step.arguments.get("step") if step.type == "ForEach" else None
        if said := _wrong(pipeline.path, inner if isinstance(inner, dict) else step.arguments, code):
            return step, said
    return None


def _wrong(path: str, arguments: dict[str, Any], code: Path) -> str:
    script, function = _plain(arguments.get("script")), _plain(arguments.get("function"))
    if script.startswith("src/") and not (code / script).is_file():
        return f"there is no file {script}"
    if not function or function.startswith(f"{path}:"):
        return ""
    module, _, name = function.partition(":")
    file = fingerprints.module_file(code, module)
    if file is None:
        top = module.partition(".")[0]
        known = (code / "src" / top).is_dir() or importlib.util.find_spec(top) is not None
        return "" if known else f"there is no module {module!r} in src/"
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        return f"{file.relative_to(code)}: line {error.lineno}: this is not Python: {error.msg}"
    except (OSError, ValueError):
        return ""  # whoever runs it will say so
    names = dict(_names(tree))
    if not names.keys() & {name, "*", "__getattr__"}:
        hint = meant(name, names)
        return f"{file.relative_to(code)} has no {name!r}" + (f" ({hint})" if hint else "")
    found, given = names.get(name), arguments.get("parameters", {})
    return _unfit(found, function, given) if found is not None and isinstance(given, dict) else ""


def _plain(value: Any) -> str:
    """A text that is known now; "" for what is none, or stands for one that is known only later."""
    return value if isinstance(value, str) and not any(references.found(value)) else ""


def _names(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | None]]:
    """The names that a module gets when it is imported, and what each takes where that can be read."""
    for one in tree.body:
        if isinstance(one, ast.FunctionDef) and not one.decorator_list:
            yield one.name, one
        else:
            yield from ((name, None) for each in ast.walk(one) for name in _bound(each))


def _bound(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [one.asname or one.name for one in node.names]
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


def _unfit(found: ast.FunctionDef, function: str, given: dict[str, Any]) -> str:
    """What of the parameters that a function is given it does not take, or needs beside them; "" where all is well."""
    takes = found.args
    places = [one.arg for one in takes.args]
    named = [*places, *(one.arg for one in takes.kwonlyargs)]
    optional = {*places[len(places) - len(takes.defaults) :]} if takes.defaults else set()
    optional |= {one.arg for one, default in zip(takes.kwonlyargs, takes.kw_defaults, strict=True) if default}
    if takes.posonlyargs:
        return ""
    if (odd := next((one for one in given if one not in named), "")) and takes.kwarg is None:
        hint = meant(odd, named, f"it takes {', '.join(named) or 'nothing'}")
        return f"{function} takes no {odd!r} ({hint})"
    if missing := next((one for one in named if one not in given and one not in optional), ""):
        return f"{function} needs {missing!r} among its parameters"
    return ""
