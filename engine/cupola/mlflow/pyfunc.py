"""A version of ours as MLflow loads it: `mlflow.pyfunc.load_model` calls `_load_pyfunc` of an exported model.

Loading an MLflow model runs its code, whoever does it; what a pickle in it may do was decided with that.
"""

from pathlib import Path
from typing import Any

import msgspec

from cupola.mlflow.flavours import PROBABILITIES
from cupola.registry import models
from cupola.registry.models import Model
from cupola.registry.records import ModelVersion
from cupola.registry.signature import Signature
from cupola.runtimes.frames import Frames
from cupola.runtimes.tables import Table


def _load_pyfunc(path: str) -> "Served":
    """The model of the directory `model` of an export, its files checked."""
    directory = Path(path)
    version = msgspec.json.decode((directory / "version.json").read_bytes(), type=ModelVersion)
    return Served(models.load(directory, version.files, pickle_trusted=True))


class Served:
    """A model that answers frames of MLflow's as an endpoint answers requests."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._frames = Frames(model.signature)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """An answer a row; with `params={"probabilities": True}` a table, with the probability of each class beside it.

        Raises BadInput for what an endpoint would refuse.
        """
        found = self._model.predict(self._frames.frame(_table(model_input, self._model.signature)))
        if not (params or {}).get(PROBABILITIES):
            return found.values
        import pandas as pd

        beside: dict[str, Any] = {"prediction": found.values}
        if found.probabilities is not None:
            beside |= {f"probability_{one}": found.probabilities[:, at] for at, one in enumerate(self._classes())}
        if found.scores is not None:
            beside["score"] = found.scores
        return pd.DataFrame(beside)

    def _classes(self) -> list[Any]:
        return self._model.classes or self._model.signature.classes or []


def _table(frame: Any, signature: Signature) -> Table:
    """The rows as a client would send them: missing values as None, whole numbers and moments as those."""
    whole = {one.name for one in signature.columns if one.type == "integer"}
    columns = []
    for name in frame.columns:
        values = frame[name].astype(object)
        columns.append([_value(one, name in whole) for one in values.where(values.notna(), None)])
    return Table([str(name) for name in frame.columns], columns, len(frame))


def _value(value: Any, whole: bool) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    value = value.item() if hasattr(value, "item") else value
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value
