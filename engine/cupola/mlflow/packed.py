"""A model of MLflow's, its MLmodel and what lies beside it, as a version of the registry: copied and hashed."""

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cupola.errors import BadInput, BadOption
from cupola.experiments.records import Run
from cupola.mlflow import flavours
from cupola.registry import contents, packing, records
from cupola.registry import signature as signatures
from cupola.registry.contents import MLMODEL, SAMPLE
from cupola.registry.records import ModelVersion
from cupola.registry.signature import Signature, SignatureColumn
from cupola.store import Store, claims, feed, files, names
from cupola.store.content import NOT_RECORDS

ROWS = 5  # of an input example that become the version's sample
# Types of MLflow's columns as types of a dataset and of pandas; source: mlflow.types.DataType.
TYPES = {
    "boolean": ("boolean", "bool"), "integer": ("integer", "int32"), "long": ("integer", "int64"),
    "float": ("number", "float32"), "double": ("number", "float64"), "string": ("text", "str"),
    "datetime": ("datetime", "datetime64[ns]"),
}  # fmt: skip


class Packed(msgspec.Struct):
    """What was copied: the sha256 of each file, how many bytes they are, what the model takes, and its library."""

    files: dict[str, str]
    bytes: int
    signature: Signature
    storage: str
    library: str


def pack(source: Path, staged: Path) -> Packed:
    """Copies all files of a model, hashed in one reading; symlinks are not followed. Raises BadInput for none."""
    hashes: dict[str, str] = {}
    total = 0
    for below, _, found in os.walk(source):
        for name in sorted(found):
            if name.startswith(NOT_RECORDS):
                continue
            path = Path(below) / name
            target = staged / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            hashes[str(path.relative_to(source))], size = contents.copy(path, target)
            total += size
    if not hashes:
        raise BadInput("there are no files of a model", where=str(source))
    mlmodel = (staged / MLMODEL).read_bytes() if MLMODEL in hashes else b""
    signature = signature_of(mlmodel)
    total += _add(staged, hashes, signatures.FILE, signature)
    if rows := _example(staged, mlmodel):
        total += _add(staged, hashes, SAMPLE, rows)
    try:
        flavour = flavours.of(mlmodel)
    except BadInput:  # it can be kept, and had by MLflow's clients
        return Packed(hashes, total, signature, flavours.MLFLOW, "")
    return Packed(hashes, total, signature, flavour.storage, flavour.name)


def _add(staged: Path, hashes: dict[str, str], name: str, content: Any) -> int:
    """Adds a file of ours where the model has none of that name; how many bytes that are."""
    if name in hashes:
        return 0
    data = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
    (staged / name).write_bytes(data)
    hashes[name] = hashlib.sha256(data).hexdigest()
    return len(data)


def _example(staged: Path, mlmodel: bytes) -> list[dict[str, Any]]:
    """The first rows of the model's input example, if it has one that is a table."""
    try:
        info = yaml.safe_load(mlmodel)["saved_input_example_info"]
        if info["type"] != "dataframe" or info.get("pandas_orient") != "split" or "/" in info["artifact_path"]:
            return []
        table = msgspec.json.decode((staged / info["artifact_path"]).read_bytes())
        return [dict(zip(table["columns"], row, strict=True)) for row in table["data"][:ROWS]]
    except (yaml.YAMLError, msgspec.MsgspecError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def take(store: Store, source: Path, name: str | None) -> ModelVersion:
    """Makes the next version of a model of an MLflow model directory; the same files twice are one version.

    One that we have exported is the version that it was. Raises BadInput for what is no such model, or cannot be called
    with rows of named columns, BadOption where it needs a name.
    """
    origin = flavours.root(source)
    if flavours.of((origin / MLMODEL).read_bytes()).name == flavours.OURS:
        return packing.take(store, origin / flavours.OURS_AT, name)
    if name is None:
        raise BadOption("an MLflow model has no name", hint="--name says of which model it is a version")
    names.check_name(name, "name of a model")
    with files.staged(store, f"{records.DIRECTORY}/{name}") as staged:
        made = pack(origin, staged)
        if not made.signature.columns:
            hint = "save it with signature=infer_signature(frame, answers)"
            raise BadInput(f"its {MLMODEL} does not say which columns it takes", where=str(source), hint=hint)
        sha256 = contents.whole(made.files)
        there = [one for one in records.versions(store, name) if one.sha256 == sha256]
        if there:
            return there[-1]
        number = claims.take_number(store, f"{records.DIRECTORY}/{name}")
        taken = version(made, name, number, None, "")
        (staged / "version.json").write_bytes(msgspec.json.format(msgspec.json.encode(taken)) + b"\n")
        files.publish_dir(store, staged, taken.directory)
    feed.announce(store, "model", taken.ref, taken.revision)
    return taken


def version(made: Packed, name: str, number: int, run: Run | None, description: str) -> ModelVersion:
    """The record of a version of these files."""
    user, host = names.who()
    return ModelVersion(
        id=names.new_id(), name=name, version=number, run=run.id if run else "", description=description,
        experiment=run.experiment if run else "", metrics=run.metrics if run else {},
        sha256=contents.whole(made.files), files=made.files, bytes=made.bytes, signature=made.signature,
        storage=made.storage, estimator=made.library, user=user, host=host, registered=names.now(),
    )  # fmt: skip


def signature_of(mlmodel: bytes) -> Signature:
    """The columns that an MLmodel says the model takes; none where it does not say, or takes tensors."""
    try:
        inputs = yaml.safe_load(mlmodel)["signature"]["inputs"]
        columns = msgspec.json.decode(inputs)
        return Signature(columns=[_column(one) for one in columns], source=[one["name"] for one in columns])
    except (yaml.YAMLError, msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, RecursionError):
        return Signature(columns=[])


def _column(one: dict[str, Any]) -> SignatureColumn:
    type, dtype = TYPES[one["type"]]
    return SignatureColumn(name=one["name"], type=type, dtype=dtype)
