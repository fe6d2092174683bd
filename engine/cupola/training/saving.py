"""A fitted pipeline as files: the model, what it takes and gives, some rows to try it on, and how it was made."""

import hashlib
import pickle
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from cupola.errors import CupolaError
from cupola.registry import contents, models, records, signature
from cupola.registry.signature import Signature, SignatureColumn, Writing
from cupola.store import secret
from cupola.training.fitting import Fitted
from cupola.training.preparation import Categories
from cupola.training.records import Training

SAMPLE = 5
SHOWN = 100  # categories that a signature lists
PACKAGES = ("scikit-learn", "numpy", "scipy", "pandas", "pyarrow", "skops", "joblib", "cupola")


def save(
    directory: Path, fitted: Fitted, training: Training, source: list[str], writing: Writing = signature.PLAIN
) -> list[str]:
    """Writes model.skops (or model.pkl), signature.json, sample.json and model.json; gives notes worth knowing.

    source: all columns of the dataset in order; writing: how its rows were written. The file is read back as a server
    would, and must predict the sample to the last bit; an estimator with which that fails is saved as a pickle, signed
    with this user's key.
    """
    described = describe(fitted, training, source, writing)
    columns = [one.name for one in described.columns]
    sample = fitted.table[columns].head(SAMPLE)
    _write(directory / signature.FILE, described)
    _write(directory / contents.SAMPLE, _rows(sample))
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
    why = _skops(directory, fitted.pipeline, sample)
    notes = []
    if why:
        notes.append(f"saved as a pickle, which only its maker loads unasked: {why}")
        data = pickle.dumps(fitted.pipeline, protocol=5)
        (directory / contents.PICKLE).write_bytes(data)
        made |= {"reason": why, "mac": secret.sign(records.pickle_payload(hashlib.sha256(data).hexdigest()))}
    _write(directory / contents.DESCRIPTION, made)
    return notes


def describe(fitted: Fitted, training: Training, source: list[str], writing: Writing) -> Signature:
    """What the model takes and gives."""
    preparation = fitted.pipeline.named_steps["prepare"]
    columns = []
    for name, kind in training.features:
        encoder = preparation.encoders_.get(name)
        if encoder is not None:
            kept = encoder.kept if isinstance(encoder, Categories) and len(encoder.kept) <= SHOWN else None
            columns.append(SignatureColumn(name=name, type=kind, dtype=str(fitted.table[name].dtype), categories=kept))
    used = {one.name for one in columns}
    return Signature(
        columns=columns,
        others=[name for name in source if name not in used],
        source=source,
        target=training.target,
        task=training.task,
        classes=fitted.target.classes,
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


def _skops(directory: Path, pipeline: Any, sample: pd.DataFrame) -> str:
    """Saves with skops and reads it back; why that did not work, or nothing."""
    import skops.io

    path = directory / contents.SKOPS
    try:
        path.write_bytes(skops.io.dumps(pipeline))
        hashes = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in directory.iterdir()}
        read = models.load(directory, hashes).predict(sample)
    except CupolaError as error:
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
