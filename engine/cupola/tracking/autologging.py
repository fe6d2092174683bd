"""`cupola.autolog()`: what well-known libraries do is logged without a line in between.

A library is touched once it is imported, before or after the call, and never imported for it. Where it offers callbacks
or hooks those are used. Trouble in here is said once and is never the end of a training.
"""

import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# The module after whose import a library is touched, and what touches it.
LIBRARIES = {
    "sklearn.base": "scikit_learn",
    "lightgbm": "boosting",
    "xgboost": "boosting",
    "torch": "pytorch",
    "torch.utils.tensorboard.writer": "tensorboard",
}


def autolog() -> None:
    """Logs what scikit-learn, LightGBM, XGBoost and PyTorch do from now on; a second call changes nothing.

    Into the open run; where none is open, each fit of an estimator and each training of LightGBM and XGBoost becomes a
    run of its own. Estimators: parameters, seconds, score on the training rows, curves, the best of a search. Boosting:
    every evaluation. PyTorch: the loss that was propagated back and the learning rate, at most ten times a second, the
    optimizer's settings, and scalars that are given to TensorBoard's SummaryWriter.
    """
    for module in LIBRARIES:
        if module in _touched:
            continue
        loaded = sys.modules.get(module)
        if loaded is not None and not _is_being_imported(loaded):
            _touch(module, loaded)
        else:
            _finder.waiting.add(module)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


class _Finder(MetaPathFinder):
    """Finds what all others find, and has it touched when it has been imported."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self.waiting:
            return None
        self.waiting.discard(name)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """A loader as it is, and a touch at the end."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self.own.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self.own
        module.__loader__ = self.own
        self.own.exec_module(module)
        _touch(module.__name__, module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)


_finder = _Finder()
_touched: set[str] = set()


def _touch(name: str, module: ModuleType) -> None:
    _touched.add(name)
    from cupola.tracking.libraries import logging

    library = importlib.import_module(f"cupola.tracking.libraries.{LIBRARIES[name]}")
    logging.quietly(lambda: library.touch(module))


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))
