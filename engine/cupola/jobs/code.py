"""Code as of filing: the script of a command and the workspace's src/, copied into the job by content."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cupola.errors import BadOption
from cupola.jobs.wish import Code

LIMIT = 20 * 2**20
INTERPRETERS = re.compile(r"(pypy|python)[\d.]*|(ba|da|k|z)?sh|Rscript|julia|perl|ruby|node")
PYTHON_TAKES_VALUE = ("-W", "-X", "--check-hash-based-pycs")


def snapshot(root: Path, staged: Path, command: list[str], directory: Path) -> Code | None:
    """Copies what `command` would run into `staged`/code; None when there is no code to copy.

    Raises BadOption where src/ is larger than 20 MB.
    """
    position = script_position(command, directory)
    if position is None and not (is_python(command[0]) and "-m" in command[:3]):
        return None
    wanted = dict(source(root))
    script = None
    if position is not None:
        origin = directory / command[position]
        inside = origin.resolve().is_relative_to(root.resolve())
        script = str(origin.resolve().relative_to(root.resolve())) if inside else f"script/{origin.name}"
        wanted[script] = origin
    hashes = {path: _copy(file, staged / "code" / path) for path, file in wanted.items()}
    origin_text = None if script is None else str(wanted[script].resolve())
    return Code(files=hashes, script=script, position=position if script else None, origin=origin_text)


def script_position(command: list[str], directory: Path) -> int | None:
    """Where in a command its script stands: what an interpreter is told to run, or the script that is itself named."""
    if not INTERPRETERS.fullmatch(Path(command[0]).name):
        return 0 if "/" in command[0] and _starts_with(directory / command[0], b"#!") else None
    index = 1
    while index < len(command) and command[index].startswith("-"):
        if command[index] in ("-m", "-c", "-e", "-"):
            return None
        index += 2 if is_python(command[0]) and command[index] in PYTHON_TAKES_VALUE else 1
    return index if index < len(command) and (directory / command[index]).is_file() else None


def is_python(program: str) -> bool:
    return re.fullmatch(r"(pypy|python)[\d.]*", Path(program).name) is not None


def changed(directory: Path, code: Code) -> str | None:
    """The first copied file whose content is not what was filed, if any. `directory` is the job's code/."""
    for path, digest in code.files.items():
        try:
            if hashlib.sha256((directory / path).read_bytes()).hexdigest() != digest:
                return path
        except OSError:
            return path
    return None


def source(root: Path) -> Iterator[tuple[str, Path]]:
    """The regular files below src/, by their path in the workspace; links are not followed."""
    total = 0
    for folder, names, files in os.walk(root / "src"):
        names[:] = [one for one in names if one != "__pycache__" and not one.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                continue
            total += path.stat().st_size
            if total > LIMIT:
                raise BadOption("src/ is over 20 MB, too much to copy into a job", hint="--live runs it in place")
            yield str(path.relative_to(root)), path


def _copy(origin: Path, target: Path) -> str:
    try:
        content = origin.read_bytes()
    except OSError as error:
        raise BadOption(f"{origin} cannot be read: {error.strerror}") from None
    if len(content) > LIMIT:
        raise BadOption(f"{origin} is over 20 MB, too much to copy into a job", hint="--live runs it in place")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False
