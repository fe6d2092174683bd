"""A model loaded from its files: what was hashed is what is loaded, and nothing that it names runs unasked."""

import importlib
import io
import math
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import Corrupt, CupolaError, NotReady, Refused
from cupola.registry import contents, custom
from cupola.registry import signature as signatures
from cupola.registry.contents import ANSWERS, CHAIN, FLOW, MLMODEL, PICKLE, PYTHON, SAMPLE, SKOPS
from cupola.registry.signature import Signature

# What a skops file may name beyond what skops itself trusts. Functions only of our own and of scikit-learn (a
# FunctionTransformer would call them); of the others classes, which are made without running their constructors.
CLASSES = ("sklearn.", "numpy.", "scipy.", "pandas.", "cupola.training.", "cupola.forecasting.")
FUNCTIONS = ("sklearn.", "cupola.training.")
# Of a library of boosted trees only what its models are made of; and two kinds of dict.
ALSO = (
    "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor",
    "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRegressor",
    "xgboost.sklearn.XGBRFClassifier", "xgboost.sklearn.XGBRFRegressor",
    "collections.OrderedDict", "collections.defaultdict", "sklearn.utils._bunch.Bunch",
)  # fmt: skip
NEVER = ("sklearn.datasets.", "sklearn.utils.", "sklearn.externals.", "numpy.lib.", "numpy.distutils.", "pandas.io.")

# Their predict is the class of the largest predict_proba, so that one call gives both.
BY_LARGEST = ("HistGradientBoostingClassifier", "RandomForestClassifier", "ExtraTreesClassifier")


class Prediction(msgspec.Struct, frozen=True):
    """What a model says of a frame: arrays with a row per row; `probabilities` in the order of `classes`, or None.

    scores: of a model that finds anomalies how strange each row is; above 0 it is one (its value is -1).
    """

    values: Any
    probabilities: Any | None
    scores: Any | None = None


class Answers(msgspec.Struct, frozen=True):
    """answers.json: what the model said of the rows of its sample where it was trained, as a `Prediction` does."""

    values: list[Any]
    probabilities: list[list[float | None]] | None = None


class Model:
    """A fitted pipeline with its signature; `predict` takes a frame of the signature's columns.

    sample: rows to try it on, and `answers` what it said of them in training; none in a model that was made otherwise.
    scored: its predictions have scores. by_row: what it says of a row does not hang on the rows beside it, so that
    requests may be joined; of code that is not known that is not known. stream: the parts of its answer to a frame,
    of own code that has them.
    """

    def __init__(
        self,
        pipeline: Any,
        signature: Signature,
        sample: list[dict[str, Any]],
        answers: Answers | None = None,
        *,
        by_row: bool = True,
    ) -> None:
        self.pipeline = pipeline
        self.by_row = by_row and getattr(pipeline, "by_row", True)
        self.stream: Callable[[Any], Iterator[Any]] | None = getattr(pipeline, "stream", None)
        self.signature = signature
        self.sample = sample
        self.answers = answers
        self.classes: list[Any] | None = None
        self._steps = [step for _, step in getattr(pipeline, "steps", [])[:-1] if step not in (None, "passthrough")]
        self._final = pipeline.steps[-1][1] if hasattr(pipeline, "steps") else pipeline
        self._probable = hasattr(pipeline, "predict_proba")
        if hasattr(pipeline, "classes_"):
            self.classes = pipeline.classes_.tolist()
        self.scored = signature.task == "anomaly" and hasattr(pipeline, "decision_function")
        self._by_largest = self._probable and type(self._final).__name__ in BY_LARGEST

    def predict(self, frame: Any) -> Prediction:
        """The same numbers as the pipeline's own predict and predict_proba, with the preparation done once."""
        for step in self._steps:
            frame = step.transform(frame)
        if self.scored:
            return Prediction(self._final.predict(frame), None, -self._final.decision_function(frame).ravel())
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
    return of(contents.read(directory, expected), expected, directory, pickle_trusted=pickle_trusted)


def of(data: Mapping[str, bytes], expected: Mapping[str, str], directory: Path, *, pickle_trusted: bool) -> Model:
    """The model of files that have been checked; as `load` otherwise. `directory` is for errors."""
    if MLMODEL in data:
        data, expected = _without_wrapping(data, expected)
    try:
        signature = signatures.decode(data[signatures.FILE])
        sample = msgspec.json.decode(data[SAMPLE], type=list[dict[str, Any]]) if SAMPLE in data else []
        answers = msgspec.json.decode(data[ANSWERS], type=Answers) if ANSWERS in data else None
    except (KeyError, msgspec.DecodeError) as error:
        named = f"{signatures.FILE}, {SAMPLE} or {ANSWERS}"
        raise Corrupt(f"the model's {named} cannot be read: {error}", where=str(directory)) from None

    def trusted(name: str) -> None:
        if not pickle_trusted:
            raise Refused(
                f"{name} can run any code when it is loaded, and nobody whom you trust has signed it",
                where=str(directory),
                hint="`cupola model verify REF --trust` signs it with your key, if you know where it comes from",
            )

    if CHAIN in data:
        from cupola.registry import chains

        return chains.load(data, expected, directory, signature, sample, answers, pickle_trusted=pickle_trusted)
    if PYTHON in data:
        trusted("own Python code")
        return Model(custom.load(data, expected), signature, sample, answers, by_row=False)
    if MLMODEL in data:
        pipeline, by_row = _from_mlflow(data, expected, directory, trusted)
        return Model(pipeline, signature, sample, answers, by_row=by_row)
    if SKOPS in data:
        pipeline = _from_skops(data[SKOPS], directory)
    elif PICKLE in data:
        trusted(PICKLE)
        pipeline = _from_pickle(data[PICKLE], directory)
    else:
        raise Corrupt(f"there is neither {SKOPS} nor {PICKLE}", where=str(directory))
    if FLOW not in data:
        return Model(pipeline, signature, sample, answers)
    pipeline = _behind_a_flow(data[FLOW], pipeline, directory, trusted)
    return Model(pipeline, signature, sample, answers, by_row=pipeline.steps[0][1].served.by_row)


def _without_wrapping(
    data: Mapping[str, bytes], expected: Mapping[str, str]
) -> tuple[Mapping[str, bytes], Mapping[str, str]]:
    """The files of a model, where it is one that we have exported for MLflow and that has come back by its clients."""
    from cupola.mlflow import flavours

    if flavours.of(data[MLMODEL]).name != flavours.OURS:
        return data, expected
    inside = {name: name.removeprefix(f"{flavours.OURS_AT}/") for name in data if name.startswith(flavours.OURS_AT)}
    return {to: data[name] for name, to in inside.items()}, {to: expected[name] for name, to in inside.items()}


def _from_mlflow(
    data: Mapping[str, bytes], expected: Mapping[str, str], directory: Path, trusted: Callable[[str], None]
) -> tuple[Any, bool]:
    """The model of an MLflow directory, and whether it is known to answer row by row."""
    from cupola.mlflow import flavours  # with its reader of YAML, which other models do not need

    flavour = flavours.of(data[MLMODEL])
    if flavour.name != "python_function" and flavour.file not in data:
        raise Corrupt(f"{flavour.file[:200]!r} is missing", where=str(directory))
    if flavour.storage == "skops":
        return _from_skops(data[flavour.file], directory), True
    if flavour.storage == flavours.BOOSTER:
        try:
            return flavours.booster(flavour, data[flavour.file]), True
        except ImportError as error:
            raise NotReady(f"the model needs {error.name}, which is not installed", where=str(directory)) from None
        except Exception as error:  # a file can be wrong in any way
            raise Corrupt(f"the model cannot be loaded: {_sentence(error)}", where=str(directory)) from error
    trusted(flavour.file or "an MLflow model")
    if flavour.file.endswith(".pkl"):
        return _from_pickle(data[flavour.file], directory), True
    try:
        return _Called(flavours.pyfunc(data, expected)), False
    except CupolaError:
        raise
    except Exception as error:  # its own code can fail in any way
        raise Corrupt(f"the model cannot be loaded: {_sentence(error)}", where=str(directory)) from error


class _Called:
    """A model that answers with whatever its author likes, as an estimator."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, frame: Any) -> Any:
        return custom.values(self._model.predict(frame), len(frame))


def _behind_a_flow(data: bytes, pipeline: Any, directory: Path, trusted: Callable[[str], None]) -> Any:
    """The pipeline with the flow before it that its rows have come through in training."""
    from cupola.flows import deploying
    from cupola.training import flowing

    fitted = deploying.decode(data, str(directory / FLOW))
    if deploying.brings_python(fitted):
        trusted(f"a Python step of the flow {fitted.flow}")
    return flowing.behind(fitted, pipeline)


def answers_of(prediction: Prediction) -> Answers:
    """A prediction as it is kept and compared."""
    probable = prediction.probabilities
    return Answers(prediction.values.tolist(), None if probable is None else probable.tolist())


def first_difference(one: Answers, other: Answers) -> int | None:
    """The first row of which two answers say something else, or None.

    Numbers may differ by what other processors and versions of libraries round otherwise (a millionth); where there are
    probabilities, they alone count: which class is the largest may hang on such a rounding.
    """
    rows = (one.values, other.values) if one.probabilities is None else (one.probabilities, other.probabilities)
    if rows[1] is None or len(rows[0]) != len(rows[1]):
        return 0
    return next((place for place, pair in enumerate(zip(*rows, strict=True)) if not _alike(*pair)), None)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[name]) for name, value in one.items())
    numbers = [math.nan if each is None else each for each in (one, other)]
    if all(isinstance(each, int | float) for each in numbers):
        return all(map(math.isnan, numbers)) or math.isclose(*numbers, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)


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
    if name in ALSO:
        return True
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
