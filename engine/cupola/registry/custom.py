"""Own Python as a model: a module with `load(directory)`, `predict(model, frame)` and, if it likes, `predict_stream`.

The version holds the code as it was registered (`src/`), the files that its `load` is given (`files/`), and
python.json, which names the module. The code runs where it is trusted, from a directory that only this user can write.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from cupola.errors import BadInput, Corrupt, WorkFailed
from cupola.registry import unpacking
from cupola.registry.contents import GIVEN, PYTHON, SHAPE, SOURCE, OwnPython

ATTRIBUTES = "custom_attributes"  # in the attrs of a frame: what its client has said beside the rows


class Custom:
    """A module with what its `load` gave, as an estimator. Rows that no client has sent have no attributes: ""."""

    def __init__(self, module: ModuleType, model: Any) -> None:
        self._module, self._model = module, model
        if callable(getattr(module, "predict_stream", None)):
            self.stream = self._stream

    def predict(self, frame: Any) -> Any:
        frame.attrs.setdefault(ATTRIBUTES, "")
        return values(self._module.predict(self._model, frame), len(frame))

    def _stream(self, frame: Any) -> Iterator[Any]:
        frame.attrs.setdefault(ATTRIBUTES, "")
        yield from self._module.predict_stream(self._model, frame)


def load(data: Mapping[str, bytes], hashes: Mapping[str, str]) -> Custom:
    """The model of a version's files, whose code is run. Raises Corrupt, and BadInput for what its code does wrong."""
    try:
        name = msgspec.json.decode(data[PYTHON], type=OwnPython).module
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{PYTHON} cannot be read: {error}") from None
    return loaded(unpacking.directory(data, hashes), name)


def loaded(directory: Path, name: str) -> Custom:
    """The same of a directory, whoever may write it."""
    with _imported(directory / SOURCE, name) as module:
        missing = [one for one in ("load", "predict") if not callable(getattr(module, one, None))]
        if missing:
            raise BadInput(f"{name} has no {' and no '.join(missing)}", hint=SHAPE)
        files = directory / GIVEN
        try:
            return Custom(module, module.load(str(files if files.is_dir() else directory)))
        except Exception as error:
            raise BadInput(f"{name}.load failed: {_sentence(error)}") from error


class _imported:
    """A module of a directory. Its modules are forgotten afterwards: other versions have others of the same names."""

    def __init__(self, source: Path, name: str) -> None:
        self._source, self._name = source, name

    def __enter__(self) -> ModuleType:
        self._before = {name: module for name, module in sys.modules.items() if self._is_theirs(name)}
        for name in self._before:
            del sys.modules[name]
        sys.path.insert(0, str(self._source))
        importlib.invalidate_caches()
        try:
            return importlib.import_module(self._name)
        except Exception as error:
            self.__exit__()
            raise BadInput(f"{self._name} cannot be imported: {_sentence(error)}") from error

    def __exit__(self, *_: object) -> None:
        sys.path.remove(str(self._source))
        for name in [name for name in sys.modules if self._is_theirs(name)]:
            del sys.modules[name]
        sys.modules.update(self._before)

    def _is_theirs(self, name: str) -> bool:
        """Whether the directory has a module of that name; of the packages below it as well."""
        top = name.partition(".")[0]
        return (self._source / f"{top}.py").is_file() or (self._source / top).is_dir()


def values(found: Any, rows: int) -> Any:
    """What was answered as an array with an entry a row; a table's rows are objects. Raises WorkFailed for others."""
    import numpy as np
    import pandas as pd

    if isinstance(found, pd.DataFrame):
        entries = found.to_dict("records")
        found = np.empty(len(entries), dtype=object)
        found[:] = [{str(name): _plain(value) for name, value in one.items()} for one in entries]
    elif isinstance(found, list | tuple) and any(isinstance(one, dict | list | tuple) for one in found):
        entries, found = list(found), np.empty(len(found), dtype=object)
        found[:] = [_plain(one) for one in entries]
    else:
        found = np.asarray(found)
    if found.ndim == 0 or len(found) != rows:
        said = (
            "one answer that is no list"
            if not found.ndim
            else "1 answer"
            if len(found) == 1
            else f"{len(found)} answers"
        )
        raise WorkFailed(f"the model gave {said} for {rows} rows")
    return found


def _plain(value: Any) -> Any:
    """A value as JSON can hold it: numbers of numpy as Python's, also within lists and objects."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:300]
