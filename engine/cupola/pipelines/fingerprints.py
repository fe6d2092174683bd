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

from cupola.datasets import records as datasets
from cupola.errors import BadInput, CupolaError, NotFound
from cupola.pipelines import types
from cupola.pipelines.records import Step
from cupola.registry import records as models
from cupola.store import Store, files

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
        named = [arguments.get(one) for one in ("function", "script", "estimator")]
        key = (step.type, *(one if isinstance(one, str) else "" for one in named))
        if key not in self.seen:
            self.seen[key] = _code(self, *key)
        return self.seen[key]


def of(store: Store, step: Step, arguments: dict[str, Any], code: Code) -> Fingerprint:
    """What a step depends on, its references being values by now. Raises BadInput."""
    found = {"type": step.type}
    completes = {one.name: one.arg.completes for one in types.find(step.type).fields}
    for name, value in arguments.items():
        if name in ("inputs", "parameters") and isinstance(value, dict):
            for each, one in value.items():
                seen = _input(store, one) if name == "inputs" else _shown(one)
                found[f"{name.removesuffix('s')} {each}"] = seen
        else:
            meant = completes.get(name, "") if name not in types.NAMES.get(step.type, ()) else ""
            found[f"argument {name}"] = _argument(store, meant, value)
    if step.type == "SQL":
        query = str(arguments.get("query", ""))
        named = [one for one in datasets.names(store) if one.lower() in query.lower() and f"{one}@" not in query]
        found |= {f"input {one}": _dataset(store, one) for one in named}
    found |= code.of(step, arguments)
    return found


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
    if path.is_file():
        return f"{text} {_digest(path)}"
    if path.is_dir():
        each = [f"{one.relative_to(path)} {_digest(one)}" for one in sorted(path.rglob("*")) if one.is_file()]
        return f"{text} {hashlib.sha256(chr(10).join(each).encode()).hexdigest()[:16]}"
    try:
        return _version_of(datasets.find(store, text))
    except CupolaError:
        raise BadInput(f"the input {text!r} is neither a file of the workspace nor a dataset") from None


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value, order="deterministic").decode()
    return text if len(text) <= LONGEST else f"{text[:60]}... {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _code(of: Code, type: str, function: str, script: str, estimator: str) -> Fingerprint:
    sources: dict[str, bytes] = {}
    packages: set[str] = set()
    module, _, name = function.partition(":")
    if module and module == of.path:
        sources[of.path] = without_others(of.text, name)
        follow(sources[of.path], of.directory, sources, packages)
    elif module:
        _module(module, of.directory, sources, packages)
    if script:
        sources[script] = _read(place(of.directory, script))
        follow(sources[script], of.directory, sources, packages)
    if ":" in estimator:
        _module(estimator.partition(":")[0], of.directory, sources, packages)
    if type in types.ACTIONS:
        packages |= set(TRAINED_WITH)
    found = {f"code {path}": hashlib.sha256(text).hexdigest()[:16] for path, text in sources.items()}
    if sources or packages:
        found["python"] = sys.version.partition(" ")[0]
    return found | {f"package {one}": held for one in sorted(packages) if (held := _version(one))}


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


def follow(text: bytes, code: Path, sources: dict[str, bytes], packages: set[str]) -> None:
    """Adds the modules of src/ that a text imports, and theirs, to the sources, and all others to the packages."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return  # whoever runs it will say so
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                _module(one.name, code, sources, packages)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            _module(node.module, code, sources, packages)
            for one in node.names:
                if module_file(code, f"{node.module}.{one.name}"):
                    _module(f"{node.module}.{one.name}", code, sources, packages)


def _module(name: str, code: Path, sources: dict[str, bytes], packages: set[str]) -> None:
    file = module_file(code, name)
    if file is None:
        packages.add(name.partition(".")[0])
        return
    path = str(file.relative_to(code))
    if path not in sources:
        sources[path] = _read(file)
        follow(sources[path], code, sources, packages)


def module_file(code: Path, module: str) -> Path | None:
    """The file of a module of src/."""
    stem = code / "src" / module.replace(".", "/")
    return next((one for one in (stem.with_suffix(".py"), stem / "__init__.py") if one.is_file()), None)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"it cannot be read: {error.strerror}", where=str(path)) from None


def _digest(path: Path) -> str:
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


def file_digest(store: Store, path: str) -> str:
    """The digest of a file of the workspace. Raises NotFound."""
    return hashlib.sha256(files.read_bytes(store, path)).hexdigest()[:16]
