"""Estimators of the workspace's own: `module:name` is what src/module.py calls `name`, be it a class, a function that
makes an estimator, or an estimator such as a pipeline.

Looking one up runs its module. That is done in a process of its own, once for each content of src/, and only when
somebody has asked for it by its whole name; a form only looks whether the file is there. A job has a copy of src/, as
it was when the job was filed, and imports from there.
"""

import ast
import hashlib
import os
import re
import subprocess
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from cupola.environments import catalogue
from cupola.environments.catalogue import Estimator
from cupola.errors import BadOption

NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
PATIENCE = 120.0  # seconds for a module to be imported
JOB = "CUPOLA_JOB_DIR"  # set in jobs alone

_source: ContextVar[Path | None] = ContextVar("source", default=None)


def use(root: Path) -> None:
    """Says in which workspace names are looked up from here on."""
    _source.set(root / "src")


def is_own(name: str) -> bool:
    return ":" in name


def check(name: str) -> Path:
    """The file that a name means, without running it. Raises BadOption where there is none."""
    match, source = NAME.fullmatch(name), _source.get()
    if match is None or source is None:
        hint = "an estimator of the workspace's own is MODULE:NAME, as in mymodel:Model for src/mymodel.py"
        raise BadOption(f"{name!r} names no estimator", where="--estimator", hint=hint)
    path = source.joinpath(*match[1].split("."))
    for one in (path.with_suffix(".py"), path / "__init__.py"):
        if one.is_file():
            return one
    raise BadOption(f"there is no src/{match[1].replace('.', '/')}.py in this workspace", where="--estimator")


def find(name: str) -> Estimator:
    """What can be said of it. Raises BadOption where it cannot be imported or is no estimator, with the reason."""
    if JOB in os.environ:
        from cupola.environments.scan import of_own

        return of_own(name)
    check(name)
    source = _source.get()
    assert source is not None
    known = f"own-{catalogue.fingerprint()}-{_content(source)}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"
    target = catalogue.path().with_name(known)
    if not target.exists():
        _look_up(name, source, target)
    return msgspec.json.decode(target.read_bytes(), type=Estimator)


def loaded(name: str) -> Any:
    """What a name means, imported into this process. Raises BadOption."""
    import importlib

    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise BadOption(f"{name} cannot be imported: {type(error).__name__}: {error}", where="--estimator") from error


def names(root: Path, prefix: str = "") -> list[str]:
    """What may be an estimator in src/, read without running it: its classes, functions and what it assigns."""
    found = []
    for path in sorted((root / "src").rglob("*.py")):
        parts = path.relative_to(root / "src").with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if module and (module.startswith(prefix) or prefix.startswith(module)):
            found += [f"{module}:{one}" for one in _defined(path)]
    return found


def _defined(path: Path) -> list[str]:
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    found = [one.name for one in body if isinstance(one, ast.FunctionDef)]
    found += [one.name for one in body if isinstance(one, ast.ClassDef) and _may_fit(one)]
    for one in body:
        if isinstance(one, ast.Assign):
            found += [target.id for target in one.targets if isinstance(target, ast.Name) and target.id.islower()]
    return [one for one in found if not one.startswith("_")]


def _may_fit(one: ast.ClassDef) -> bool:
    """Whether a class has a fit, or may have it from another."""
    return bool(one.bases) or any(isinstance(each, ast.FunctionDef) and each.name == "fit" for each in one.body)


def _content(source: Path) -> str:
    said = hashlib.sha256()
    for path in sorted(source.rglob("*.py")):
        said.update(str(path.relative_to(source)).encode() + b"\0" + path.read_bytes() + b"\0")
    return said.hexdigest()[:16]


def _look_up(name: str, source: Path, target: Path) -> None:
    path = os.pathsep.join([str(source), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", "-m", "cupola.environments", name, str(target)]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", JOB: ""}
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment, cwd=source
        )
    except subprocess.TimeoutExpired:
        raise BadOption(f"{name} was not imported in {PATIENCE:.0f} s", where="--estimator") from None
    if ended.returncode:
        why = (ended.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise BadOption(why[:300], where="--estimator")
