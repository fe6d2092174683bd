"""Whether what steps name is there (functions and scripts of src/, which take what they are given; notebooks, and what
runs them); nothing is run."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cupola.errors import meant
from cupola.pipelines import fingerprints, graph, references, sources
from cupola.pipelines.records import Pipeline, Step

FOR_NOTEBOOKS = ("nbclient", "nbformat", "ipykernel")


def wrong(pipeline: Pipeline, chosen: list[str], code: Path) -> tuple[Step, str] | None:
    """The first of the chosen steps (all where none is) that cannot be done with the code as it is, and why not."""
    before = graph.before(pipeline)
    for step in pipeline.steps:
        if chosen and step.name not in chosen:
            continue
        inner = step.arguments.get("step") if step.type == "ForEach" else None
        type, arguments = (inner.get("type"), inner) if isinstance(inner, dict) else (step.type, step.arguments)
        said = (
            (_not_installed() if type == "NotebookJob" else "")
            or _missing(arguments, code, bool(before[step.name]))
            or _wrong(pipeline.path, arguments, code)
        )
        if said:
            return step, said
    return None


def _not_installed() -> str:
    missing = [one for one in FOR_NOTEBOOKS if importlib.util.find_spec(one) is None]
    return f"a NotebookJob needs what is not installed: pip install {' '.join(missing)}" if missing else ""


def _missing(arguments: dict[str, Any], code: Path, later: bool) -> str:
    """The file that a step is to run and that is not there; outside of src/ an earlier step may have to write it."""
    for path in (_plain(arguments.get("script")), _plain(arguments.get("notebook"))):
        own = path.startswith("src/")
        if path and (own or not later) and not (code / path if own else fingerprints.place(code, path)).is_file():
            return f"there is no file {path}"
    return ""


def _wrong(path: str, arguments: dict[str, Any], code: Path) -> str:
    function = _plain(arguments.get("function"))
    if not function or function.startswith(f"{path}:"):
        return ""
    module, _, name = function.partition(":")
    file = sources.module_file(code, module)
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
