"""What a step's result depends on: its arguments, what it reads, its code and its packages, each with a digest.

Two tries of a step with the same fingerprint come to the same; where they differ, what is different is its answer to
why it was done again. A module of src/ counts with the modules of src/ that it imports; nothing is run to find them.
"""

import ast
import contextlib
import hashlib
import sys
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from cupola import actions
from cupola.datasets import records as datasets
from cupola.errors import BadInput, CupolaError, NotFound
from cupola.flows import records as flows
from cupola.pipelines import sources, types
from cupola.pipelines.records import Step
from cupola.pipelines.sources import Sources
from cupola.registry import records as models
from cupola.store import Store

LONGEST = 200  # characters of a value that is kept as it is
TRAINED_WITH = ("scikit-learn", "numpy", "pandas")
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "cv2": "opencv-python"}
Fingerprint = dict[str, str]


class Code:
    """Where src/ lies, the path and the text of the pipeline (of one in Python), and what is known of it by now."""

    def __init__(self, directory: Path, path: str, text: str) -> None:
        self.directory, self.path, self.text = directory, path, text
        self.seen: dict[tuple[str, ...], Fingerprint] = {}

    def of(self, step: Step, arguments: dict[str, Any]) -> Fingerprint:
        """The code that a step runs, and the packages that it imports. Raises BadInput."""
        named = [arguments.get(one) for one in ("function", "script", "notebook", "estimator")]
        key = (step.type, *(one if isinstance(one, str) else "" for one in named))
        if key not in self.seen:
            self.seen[key] = _code(self, *key)
        return self.seen[key]


def of(store: Store, step: Step, arguments: dict[str, Any], code: Code) -> Fingerprint:
    """What a step depends on, its references being values by now. Raises BadInput."""
    found = {"type": step.type}
    completes = {one.name: one.arg.completes for one in types.find(step.type).fields}
    resources = _resources(step, arguments)
    for name, value in arguments.items():
        if name in resources:
            continue
        if name in ("inputs", "parameters") and isinstance(value, dict):
            for each, one in value.items():
                seen = _input(store, one) if name == "inputs" else _shown(one)
                found[f"{name.removesuffix('s')} {each}"] = seen
        elif name == "arguments" and isinstance(value, dict):
            meant = _meant(arguments.get("action"))
            found |= {
                f"argument {each}": _argument(store, meant.get(each, ""), one)
                for each, one in value.items()
                if each not in resources
            }
        else:
            meant_here = completes.get(name, "") if name not in types.NAMES.get(step.type, ()) else ""
            found[f"argument {name}"] = _argument(store, meant_here, value)
    if step.type == "SQL":
        query = str(arguments.get("query", ""))
        named = [one for one in datasets.names(store) if one.lower() in query.lower() and f"{one}@" not in query]
        found |= {f"input {one}": _dataset(store, one) for one in named}
    if isinstance(flow := arguments.get("flow"), str):
        found |= {f"input {one}": _dataset(store, one) for one in _read_by(store, flow, step.type in types.ACTIONS)}
    found |= code.of(step, arguments)
    return found


def _resources(step: Step, arguments: dict[str, Any]) -> tuple[str, ...]:
    """The arguments that say what it is done with, and make no other result; those of an endpoint are its own."""
    if step.type == "Endpoint" or str(arguments.get("action", "")).startswith("endpoint "):
        return ()
    return (*types.RESOURCES, "timeout") if step.type == "Lambda" else types.RESOURCES


def _meant(action: Any) -> dict[str, str]:
    """What the arguments of an action name of what goes in: those that it cannot do without, and no new names."""
    if not isinstance(action, str):
        return {}
    given = actions.find(action).parameters
    return {one.name: one.arg.completes for one in given if one.required and one.name not in ("name", "output")}


def _read_by(store: Store, flow: str, rows_are_given: bool) -> list[str]:
    """The datasets that a flow reads; where its rows are given, those that it looks things up in."""
    try:
        found = flows.find(store, flow)
        main = flows.main_source(flows.ordered(found), [*found.sources]) if rows_are_given else ""
    except CupolaError:
        return []  # whoever runs it will say so
    return [ref for id, ref in found.sources.items() if id != main]


def key(found: Fingerprint) -> str:
    """A name that only the same fingerprint gets."""
    return hashlib.sha256(msgspec.json.encode(found, order="deterministic")).hexdigest()[:32]


def changes(before: Fingerprint, after: Fingerprint, line: Callable[[str], str] | None = None) -> list[str]:
    """What differs, a sentence each; `line(path)` says where in a file."""
    said = []
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        kind, _, rest = name.partition(" ")
        if kind == "code" and old and new:
            where = line(rest) if line else ""
            said.append(f"the code of {rest} has changed" + (f", {where}" if where else ""))
        elif kind == "code":
            said.append(f"{rest} is {'no longer part' if new is None else 'now part'} of its code")
        elif old is None:
            said.append(f"{_thing(name)} is new: {new}")
        elif new is None:
            said.append(f"{_thing(name)} is gone; it was {old}")
        else:
            said.append(f"{_thing(name)} was {old}, and is {new}")
    return said


def _thing(name: str) -> str:
    kind, _, rest = name.partition(" ")
    words = {"argument": "", "input": "the input ", "parameter": "the parameter ", "package": "the package "}
    return f"{words.get(kind, kind + ' ')}{rest}".strip() if kind in words else name


def _argument(store: Store, completes: str, value: Any) -> str:
    """A value; what names a record or a file, with what that holds."""
    if not isinstance(value, str):
        return _shown(value)
    if completes == "dataset":
        return _dataset(store, value)
    if completes == "model":
        with contextlib.suppress(NotFound):
            return models.find(store, value).ref
    path = store.root / (f"flows/{value}.toml" if completes == "flow" else value)
    if completes in ("file", "flow") and path.is_file():
        return f"{value} {_digest(path)}"
    return _shown(value)


def _dataset(store: Store, reference: str) -> str:
    try:
        return _version_of(datasets.find(store, reference))
    except NotFound:
        return reference


def _version_of(version: datasets.DatasetVersion) -> str:
    """A version with a digest of its rows, and of what dataset.toml says that they are."""
    meant = [version.data_sha256, version.target, [(one.name, one.type, one.role) for one in version.columns]]
    return f"{version.ref} {hashlib.sha256(msgspec.json.encode(meant)).hexdigest()[:16]}"


def _input(store: Store, value: Any) -> str:
    """A file of the workspace with its digest, else a dataset with that of its version. Raises BadInput."""
    text = str(value)
    path = within(store.root, text)
    if path.is_file() or path.is_dir():
        return f"{text} {_digest(path)}"
    try:
        return _version_of(datasets.find(store, text))
    except CupolaError:
        raise BadInput(f"the input {text!r} is neither a file of the workspace nor a dataset") from None


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value, order="deterministic").decode()
    return text if len(text) <= LONGEST else f"{text[:60]}... {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _code(of: Code, type: str, function: str, script: str, notebook: str, estimator: str) -> Fingerprint:
    found = Sources({sources.SOURCE: of.directory / sources.SOURCE})
    module, _, name = function.partition(":")
    if module and module == of.path:
        found.add(of.path, without_others(of.text, name))
    elif module:
        found.module(module)
    if script:
        file = place(of.directory, script)
        found.roots = {str(Path(script).parent): file.parent} | found.roots  # where Python looks first
        found.add(script, sources.read(file))
    if notebook:
        found.roots = {".": _root(of.directory)} | found.roots  # where its kernel runs
        found.notebook(notebook, sources.read(place(of.directory, notebook)))
    if ":" in estimator:
        found.module(estimator.partition(":")[0])
    if type in types.ACTIONS:
        found.packages |= set(TRAINED_WITH)
    said = {f"code {path}": hashlib.sha256(text).hexdigest()[:16] for path, text in found.texts.items()}
    if found.texts or found.packages:
        said["python"] = sys.version.partition(" ")[0]
    return said | {f"package {one}": held for one in sorted(found.packages) if (held := _version(one))}


def place(code: Path, path: str) -> Path:
    """Where a file of the workspace is read from: of src/ the copy, others where they stand."""
    copy = code / path
    return copy if copy.is_file() and "src" in Path(path).parts[:1] else within(_root(code), path)


def within(root: Path, path: str) -> Path:
    """A file of the workspace. Raises BadInput for one outside of it."""
    found = root / path
    if not found.resolve().is_relative_to(root.resolve()):
        raise BadInput("this lies outside of the workspace", where=path)
    return found


def _root(code: Path) -> Path:
    """The workspace that the code (its own, or the copy of a job) is of."""
    return next(one for one in (code, *code.parents) if (one / "workspace.toml").is_file())


def without_others(text: str, function: str) -> bytes:
    """A pipeline in Python without its other steps: what one step's result depends on."""
    tree = ast.parse(text)
    kept = [
        one
        for one in tree.body
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) or one.name == function or not _marked(one)
    ]
    return ast.unparse(ast.Module(body=kept, type_ignores=[])).encode()


def _marked(one: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is a step or a pipeline."""
    return any(
        isinstance(name, ast.Name) and name.id in ("step", "pipeline")
        for decorator in one.decorator_list
        for name in ast.walk(decorator)
    )


def _digest(path: Path) -> str:
    """Of what a file holds, or all files of a directory."""
    if path.is_dir():
        each = [f"{one.relative_to(path)} {_digest(one)}" for one in sorted(path.rglob("*")) if one.is_file()]
        return hashlib.sha256("\n".join(each).encode()).hexdigest()[:16]
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@cache
def _version(module: str) -> str:
    """The version of the package that a module is of; "" for one of Python's own."""
    if not module or module in sys.stdlib_module_names:
        return ""
    try:
        return metadata.version(DISTRIBUTIONS.get(module, module))
    except metadata.PackageNotFoundError:
        return ""


def difference(before: Path, after: Path) -> str:
    """The first line that differs between two files, as it is now; "" where they cannot be read, or do not differ."""
    try:
        return first_difference(before.read_text(errors="replace"), after.read_text(errors="replace"))
    except OSError:
        return ""


def first_difference(before: str, after: str) -> str:
    """The first line that differs between two texts, as it is in the second."""
    old, new = before.splitlines(), after.splitlines()
    for number, (mine, theirs) in enumerate(zip(new, old, strict=False), 1):
        if mine != theirs:
            return f"line {number}: {mine.strip()[:60]}"
    longer = "added" if len(new) > len(old) else "removed"
    return f"line {min(len(new), len(old)) + 1}: {longer}" if len(new) != len(old) else ""


def digest(store: Store, path: str) -> str:
    """The digest of a file or a directory of the workspace; "" where there is none."""
    try:
        return _digest(store.root / path)
    except (OSError, ValueError):
        return ""
