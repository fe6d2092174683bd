"""The files of a model: copied and hashed in one reading, and read again only through the descriptor that is hashed."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cupola.errors import Corrupt

SKOPS = "model.skops"
PICKLE = "model.pkl"
SAMPLE = "sample.json"
ANSWERS = "answers.json"
DESCRIPTION = "model.json"
PYTHON, SOURCE, GIVEN = "python.json", "src", "files"  # of own Python: which module, its code, what its load is given
CHAIN, MEMBERS = "chain.json", "members"  # of a chain: what its members are given, and where their files are
FLOW, FLOW_TEXT = "flow.json", "flow.toml"  # of a flow before the model: what it has learned; its file, for people
MLMODEL = "MLmodel"  # of a model that MLflow has saved
BASELINE = "baseline.json"
CARD = "card.toml"  # what people say of a version: no file of the model
CHUNK = 1 << 20
SHAPE = "a module of a model has load(directory) and predict(model, frame)"


class OwnPython(msgspec.Struct):
    """python.json: the module, by its name below src/."""

    module: str


def read(directory: Path, expected: Mapping[str, str]) -> dict[str, bytes]:
    """The bytes of every file that `expected` names, read once and checked; use these bytes, never the file again.

    Raises Corrupt naming the file that is missing, or not what it was when it was registered.
    """
    return {name: _checked(directory / name, sha256) for name, sha256 in expected.items()}


def problems(directory: Path, expected: Mapping[str, str]) -> list[str]:
    """One sentence for each file that is missing, changed or not expected; [] when all is as it was registered."""
    known = {*expected, "version.json", CARD}
    found = []
    for name, sha256 in expected.items():
        try:
            _checked(directory / name, sha256)
        except Corrupt as error:
            found.append(f"{name}: {error.message}")
    there = {path.name for path in directory.iterdir() if path.is_file()}
    return found + [f"{name}: this file was not registered" for name in sorted(there - known)]


def copy(source: Path, target: Path) -> tuple[str, int]:
    """Copies a file (never a symlink) to a new one; gives the sha256 of what was copied, and its size."""
    digest = hashlib.sha256()
    size = 0
    with open(_open(source), "rb") as original, target.open("xb") as copied:
        while chunk := original.read(CHUNK):
            digest.update(chunk)
            copied.write(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def whole(hashes: Mapping[str, str]) -> str:
    """One sha256 over all files: that of what `sha256sum` prints of them in the order of their paths."""
    return hashlib.sha256("".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes)).encode()).hexdigest()


def _checked(path: Path, sha256: str) -> bytes:
    try:
        with open(_open(path), "rb") as file:
            data = file.read()
    except OSError as error:
        raise Corrupt(f"it cannot be read: {error.strerror}", where=str(path)) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Corrupt("it is not what was registered: its checksum differs", where=str(path))
    return data


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
