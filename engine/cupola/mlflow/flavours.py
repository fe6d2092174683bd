"""The flavours of an MLflow model: which file of it is the model, who can load that, and whether it can run code.

Models of scikit-learn, LightGBM and XGBoost are loaded without MLflow; any other by `mlflow.pyfunc`, where it is
installed. https://mlflow.org/docs/latest/ml/model/ (storage format), and what MLflow 2.22 and 3.17 write.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cupola.errors import BadInput, NotReady
from cupola.registry import unpacking
from cupola.registry.contents import MLMODEL, SKOPS

BOOSTER, MLFLOW = "booster", "mlflow"  # storage: a library's own format, which runs nothing; whatever can run code
XGBOOST = (".ubj", ".json", ".xgb")
LIGHTGBM = (".lgb", ".txt")
OURS, OURS_AT = "cupola", "model"  # of a version that we have exported, and the directory with its files
PROBABILITIES = "probabilities"  # the parameter of an exported model that asks for them


class Flavour(msgspec.Struct, frozen=True):
    """How a model is loaded. name: of the library, or "python_function"; file: of the model within its directory."""

    name: str
    file: str = ""
    model_class: str = ""

    @property
    def storage(self) -> str:
        """ "skops", BOOSTER or MLFLOW: what a version of it is stored as."""
        if self.file == SKOPS:
            return "skops"
        natively = {"lightgbm": LIGHTGBM, "xgboost": XGBOOST}.get(self.name, ())
        return BOOSTER if self.file.endswith(tuple(natively)) and natively else MLFLOW


def of(mlmodel: bytes) -> Flavour:
    """The flavour that an MLmodel has and that is loaded best. Raises BadInput for what is none."""
    try:
        flavours = yaml.safe_load(mlmodel)["flavors"]
        if OURS in flavours:
            return Flavour(OURS)
        for name, key in (("sklearn", "pickled_model"), ("lightgbm", "data"), ("xgboost", "data")):
            if name in flavours and isinstance(flavours[name].get(key), str):
                return Flavour(name, flavours[name][key], str(flavours[name].get("model_class", "")))
        if "python_function" in flavours:
            return Flavour("python_function")
        named = ", ".join(map(str, flavours))
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"the model's {MLMODEL} cannot be read: {type(error).__name__}") from None
    raise BadInput(f"a model of these flavours cannot be called with rows: {named[:200]}")


def booster(flavour: Flavour, data: bytes) -> Any:
    """A model of LightGBM or XGBoost from its library's own format; it runs on one thread."""
    if flavour.name == "lightgbm":
        import lightgbm

        return LightGBM(lightgbm.Booster(model_str=data.decode()))
    import xgboost

    kind = flavour.model_class.rpartition(".")[2]
    if kind in ("XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor"):
        model = getattr(xgboost, kind)(n_jobs=1)
        model.load_model(bytearray(data))
        return model
    found = xgboost.Booster({"nthread": 1})
    found.load_model(bytearray(data))
    return XGBoost(found)


def pyfunc(data: Mapping[str, bytes], hashes: Mapping[str, str]) -> Any:
    """Any model, by MLflow itself: only for files that a user trusts. Raises NotReady where MLflow is not installed."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    try:
        from mlflow import pyfunc as loader
    except ImportError:
        raise NotReady(
            "this model is loaded by MLflow, which is not installed beside Cupola",
            hint="install it in the environment that serves: pip install mlflow",
        ) from None
    return loader.load_model(str(unpacking.directory(data, hashes)))


class LightGBM:
    """A booster as an estimator."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, frame: Any) -> Any:
        return self._booster.predict(frame, num_threads=1)


class XGBoost:
    """A booster as an estimator."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, frame: Any) -> Any:
        import xgboost

        return self._booster.predict(xgboost.DMatrix(frame, nthread=1))


def root(directory: Path) -> Path:
    """Where the MLmodel of a directory lies: there, or below artifacts/ as in a logged model. Raises BadInput."""
    for one in (directory, directory / "artifacts"):
        if (one / MLMODEL).is_file():
            return one
    hint = "it is a directory with a file MLmodel, as `save_model` of MLflow leaves it"
    raise BadInput("this is no MLflow model", where=str(directory), hint=hint)
