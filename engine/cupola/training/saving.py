"""A fitted pipeline as files: the model, what it takes and gives, some rows to try it on, and how it was made."""

import hashlib
import pickle
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
import numpy as np
import pandas as pd

from cupola.environments import own
from cupola.errors import CupolaError, DiskTrouble
from cupola.flows import deploying
from cupola.registry import contents, models, records, signature
from cupola.registry.signature import Signature, SignatureColumn, Writing
from cupola.store import secret
from cupola.training import baseline, flowing
from cupola.training.deciding import Decided
from cupola.training.fitting import Fitted
from cupola.training.preparation import Categories
from cupola.training.records import Training

SAMPLE = 5
SHOWN = 100  # categories that a signature lists
PACKAGES = (
    "scikit-learn", "numpy", "scipy", "pandas", "pyarrow", "skops", "joblib", "lightgbm", "xgboost",
    "xgboost-cpu", "cupola",
)  # fmt: skip


def save(
    directory: Path, fitted: Fitted, training: Training, source: list[str], writing: Writing = signature.PLAIN
) -> list[str]:
    """Writes model.skops (or model.pkl), signature.json, sample.json, answers.json (what the model says of the sample),
    baseline.json (what its data and predictions look like) and model.json; gives notes worth knowing. Of a flow before
    the model, what it has learned (flow.json) and its file.

    source: all columns of the dataset in order; writing: how its rows were written. The file is read back as a server
    would, and must predict the sample to the last bit; an estimator with which that fails is saved as a pickle, signed
    with this user's key.
    """
    described = describe(fitted, training, source, writing)
    columns = [one.name for one in described.columns]
    sample = fitted.table[columns].head(SAMPLE)
    _write(directory / signature.FILE, described)
    _write(directory / contents.SAMPLE, _rows(sample))
    said = models.Model(fitted.pipeline, described, []).predict(sample)
    _write(directory / contents.ANSWERS, models.answers_of(said))
    _write(directory / contents.BASELINE, baseline.of(fitted, training))
    made: dict[str, Any] = {
        "estimator": training.estimator,
        "task": training.task,
        "params": training.params,
        "seed": training.seed,
        "dataset": training.dataset,
        "target": training.target,
        "classes": fitted.target.classes,
        "packages": packages(),
    }
    flow, pipeline = flowing.apart(fitted.pipeline)
    if flow and training.flow:
        _write(directory / contents.FLOW, flow.fitted)
        (directory / contents.FLOW_TEXT).write_text(training.flow.text)
        if deploying.brings_python(flow.fitted):
            sha256 = hashlib.sha256((directory / contents.FLOW).read_bytes()).hexdigest()
            made["flow_mac"] = secret.sign(records.flow_payload(sha256))
    why = _skops(directory, fitted.pipeline, sample)
    notes = []
    if why:
        notes.append(f"warning: saved as a pickle, which only its maker loads unasked: {why}")
        data = _pickled(pipeline, training.estimator)
        (directory / contents.PICKLE).write_bytes(data)
        made |= {"reason": why, "mac": secret.sign(records.pickle_payload(hashlib.sha256(data).hexdigest()))}
    _write(directory / contents.DESCRIPTION, made)
    return notes


def describe(fitted: Fitted, training: Training, source: list[str], writing: Writing) -> Signature:
    """What the model takes and gives."""
    preparation, decided = fitted.pipeline.named_steps["prepare"], fitted.pipeline.named_steps["estimator"]
    columns = []
    for name, kind in fitted.takes:
        encoder = preparation.encoders_.get(name)
        kept = encoder.kept if isinstance(encoder, Categories) and len(encoder.kept) <= SHOWN else None
        columns.append(SignatureColumn(name=name, type=kind, dtype=str(fitted.table[name].dtype), categories=kept))
    used = {one.name for one in columns}
    return Signature(
        columns=columns,
        others=[name for name in source if name not in used],
        source=source,
        target=training.target,
        task=training.task,
        classes=fitted.target.classes if training.task == "classification" else None,
        threshold=decided.threshold if isinstance(decided, Decided) else None,
        writing=writing,
    )


def packages() -> dict[str, str]:
    """The versions of the packages that a model depends on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _pickled(pipeline: Any, estimator: str) -> bytes:
    """The pipeline as a pickle; the code of the workspace's own is in it, so that a server needs no src/."""
    if not own.is_own(estimator):
        return pickle.dumps(pipeline, protocol=5)
    import cloudpickle

    module = sys.modules[estimator.partition(":")[0]]
    source = Path(module.__file__ or "").resolve().parents[module.__name__.count(".")]
    inside = [one for one in list(sys.modules.values()) if _lies(one, source)]
    for one in inside:
        cloudpickle.register_pickle_by_value(one)
    try:
        return bytes(cloudpickle.dumps(pipeline, protocol=5))
    finally:
        for one in inside:
            cloudpickle.unregister_pickle_by_value(one)


def _lies(module: Any, source: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(source)


def _skops(directory: Path, pipeline: Any, sample: pd.DataFrame) -> str:
    """Saves with skops and reads it back; why that did not work, or nothing."""
    path = directory / contents.SKOPS
    try:
        path.write_bytes(dumped(flowing.apart(pipeline)[1]))
        hashes = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in directory.iterdir()}
        read = models.load(directory, hashes, pickle_trusted=True).predict(sample)  # what is there was just made here
    except (OSError, DiskTrouble):  # the disk's fault, and none of the estimator's
        raise
    except CupolaError as error:
        if isinstance(error.__cause__, OSError):  # a file that could not be read back, likewise
            raise error.__cause__ from None
        why = error.message
    except Exception as error:  # noqa: BLE001  an estimator may hold anything, and fail in any way
        why = f"skops: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
    else:
        same = _same(read.values, pipeline.predict(sample))
        if same and read.probabilities is not None:
            same = _same(read.probabilities, pipeline.predict_proba(sample))
        if same:
            return ""
        why = "read back from skops it predicts something else"
    path.unlink(missing_ok=True)
    return why


class _Archive(ZipFile):
    """An archive in which names are found at once."""

    def namelist(self) -> Any:
        return self.NameToInfo


def dumped(estimator: Any) -> bytes:
    """What `skops.io.dumps` gives. That looks for the name of each array in the list of all of them (skops 0.16,
    `ndarray_get_state`), which is a minute for an ensemble of boosted trees of 32 classes."""
    import skops.io
    from skops.io import _persist

    plain, _persist.ZipFile = _persist.ZipFile, _Archive
    try:
        return bytes(skops.io.dumps(estimator))
    finally:
        _persist.ZipFile = plain


def _same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(np.asarray(one), np.asarray(other), equal_nan=np.asarray(one).dtype.kind == "f"))


def _rows(sample: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON can hold them: what is missing is null, dates and times are ISO text."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in sample.to_dict("records")]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _write(path: Path, content: Any) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
