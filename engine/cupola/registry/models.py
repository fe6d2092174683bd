"""A model loaded from its files: what was hashed is what is loaded, and nothing that it names runs unasked."""

import importlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import Corrupt, Refused
from cupola.registry import contents
from cupola.registry import signature as signatures
from cupola.registry.contents import PICKLE, SAMPLE, SKOPS
from cupola.registry.signature import Signature

# What a skops file may name beyond what skops itself trusts. Functions only of our own and of scikit-learn (a
# FunctionTransformer would call them); of the others classes, which are made without running their constructors.
CLASSES = ("sklearn.", "numpy.", "scipy.", "pandas.", "cupola.training.")
FUNCTIONS = ("sklearn.", "cupola.training.")
NEVER = ("sklearn.datasets.", "sklearn.utils.", "sklearn.externals.", "numpy.lib.", "numpy.distutils.", "pandas.io.")

# Their predict is the class of the largest predict_proba, so that one call gives both.
BY_LARGEST = ("HistGradientBoostingClassifier", "RandomForestClassifier", "ExtraTreesClassifier")


class Prediction(msgspec.Struct, frozen=True):
    """What a model says of a frame: arrays with a row per row; `probabilities` in the order of `classes`, or None."""

    values: Any
    probabilities: Any | None


class Model:
    """A fitted pipeline with its signature; `predict` takes a frame of the signature's columns."""

    def __init__(self, pipeline: Any, signature: Signature, sample: list[dict[str, Any]]) -> None:
        self.pipeline = pipeline
        self.signature = signature
        self.sample = sample
        self.classes: list[Any] | None = None
        self._steps = [step for _, step in getattr(pipeline, "steps", [])[:-1] if step not in (None, "passthrough")]
        self._final = pipeline.steps[-1][1] if hasattr(pipeline, "steps") else pipeline
        self._probable = hasattr(pipeline, "predict_proba")
        if hasattr(pipeline, "classes_"):
            self.classes = pipeline.classes_.tolist()
        self._by_largest = self._probable and type(self._final).__name__ in BY_LARGEST

    def predict(self, frame: Any) -> Prediction:
        """The same numbers as the pipeline's own predict and predict_proba, with the preparation done once."""
        for step in self._steps:
            frame = step.transform(frame)
        if not self._probable:
            return Prediction(self._final.predict(frame), None)
        probabilities = self._final.predict_proba(frame)
        if self._by_largest:
            return Prediction(self._final.classes_.take(probabilities.argmax(axis=1)), probabilities)
        return Prediction(self._final.predict(frame), probabilities)


def load(directory: Path, expected: Mapping[str, str], *, pickle_trusted: bool = False) -> Model:
    """The model of a directory whose files have the sha256 that `expected` gives for each.

    pickle_trusted: a key that this user trusts has signed these very files; only then is a pickle opened.
    Raises Corrupt for a file that is missing, added or changed by a byte, Refused for what may not be loaded.
    """
    data = contents.read(directory, expected)
    try:
        signature = signatures.decode(data[signatures.FILE])
        sample = msgspec.json.decode(data[SAMPLE], type=list[dict[str, Any]]) if SAMPLE in data else []
    except (KeyError, msgspec.DecodeError) as error:
        raise Corrupt(
            f"the model's {signatures.FILE} or {SAMPLE} cannot be read: {error}", where=str(directory)
        ) from None
    if SKOPS in data:
        return Model(_from_skops(data[SKOPS], directory), signature, sample)
    if PICKLE not in data:
        raise Corrupt(f"there is neither {SKOPS} nor {PICKLE}", where=str(directory))
    if not pickle_trusted:
        raise Refused(
            f"{PICKLE} can run any code when it is loaded, and nobody whom you trust has signed it",
            where=str(directory),
            hint="`cupola model verify REF --trust` signs it with your key, if you know where it comes from",
        )
    return Model(_from_pickle(data[PICKLE], directory), signature, sample)


def _from_skops(data: bytes, directory: Path) -> Any:
    import skops.io

    where = str(directory / SKOPS)
    try:
        named = skops.io.get_untrusted_types(data=data)
        strangers = [name for name in named if not _harmless(name)]
        if strangers:
            raise Refused(f"the model names what is not loaded from a file: {', '.join(strangers)[:500]}", where=where)
        return skops.io.loads(data, trusted=named)
    except Refused:
        raise
    except Exception as error:  # a file can be wrong in any way
        raise Corrupt(f"the model cannot be loaded: {_sentence(error)}", where=where) from error


def _from_pickle(data: bytes, directory: Path) -> Any:
    try:
        return pickle.load(io.BytesIO(data))  # its hash is signed by a key that this user trusts
    except Exception as error:  # a pickle can raise anything
        raise Corrupt(f"the model cannot be loaded: {_sentence(error)}", where=str(directory / PICKLE)) from error


def _harmless(name: str) -> bool:
    """Whether what a skops file names may be made from it. Only modules of the packages above are ever imported."""
    if not name.startswith(CLASSES) or name.startswith(NEVER):
        return False
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        return False
    if isinstance(found, type):
        return f"{found.__module__}.".startswith(CLASSES)
    return name.startswith(FUNCTIONS) and f"{getattr(found, '__module__', '')}.".startswith(FUNCTIONS)


def _sentence(error: Exception) -> str:
    text = f"{error}".strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}"[:500]
