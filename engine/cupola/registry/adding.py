"""A version made of own Python: a module of the workspace's src/, and the files that its `load` is given."""

import hashlib
import os
from pathlib import Path

import msgspec

from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.errors import BadOption
from cupola.jobs import code
from cupola.registry import contents, records, signature, trying
from cupola.registry.baselines import Baseline
from cupola.registry.records import ModelVersion
from cupola.registry.signature import Signature, SignatureColumn
from cupola.store import Store, claims, feed, files, names, secret
from cupola.store.content import NOT_RECORDS
from cupola.training.records import features_of

ROWS = 5  # of the dataset that become the sample
DTYPES = {"category": "str", "text": "str", "integer": "int64", "number": "float64", "boolean": "bool"}
IF_MISSING = {"integer": "float64", "boolean": ""}  # of a column with missing values


def add(
    store: Store,
    module: str,
    name: str,
    data: DatasetVersion,
    *,
    target: str | None,
    directory: Path | None,
    description: str,
) -> ModelVersion:
    """Makes the next version of `name` of a module, once it has loaded and answered some rows of the dataset.

    The user has named the module, so it may run: in a process of its own, on a copy. Raises BadOption for a module or
    directory that is not there, BadInput with the reason where the module does not do what it should.
    """
    names.check_name(name, "name of a model")
    _check(store.root, module)
    with files.staged(store, f"{records.DIRECTORY}/{name}") as staged:
        hashes = _copied(store.root, staged, directory)
        signed = _signature(data, target)
        said = {
            contents.PYTHON: contents.OwnPython(module),
            signature.FILE: signed,
            contents.SAMPLE: _sample(store, data, signed),
            contents.BASELINE: _baseline(store, data, signed),
        }
        for one, content in said.items():
            (staged / one).write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
        trying.answer(staged, hint=contents.SHAPE)
        for one in (*said, contents.ANSWERS):
            hashes[one] = hashlib.sha256((staged / one).read_bytes()).hexdigest()
        version = _version(store, name, data, signed, hashes, description, module, staged)
        (staged / "version.json").write_bytes(msgspec.json.format(msgspec.json.encode(version)) + b"\n")
        files.publish_dir(store, staged, version.directory)
    feed.announce(store, "model", version.ref, version.revision)
    return version


def _check(root: Path, module: str) -> None:
    path = root.joinpath("src", *module.split("."))
    if not all(part.isidentifier() for part in module.split(".")):
        raise BadOption(f"{module!r} names no module", hint="as in mymodel for src/mymodel.py")
    if not path.with_suffix(".py").is_file() and not (path / "__init__.py").is_file():
        raise BadOption(f"there is no src/{module.replace('.', '/')}.py in this workspace", hint=contents.SHAPE)


def _copied(root: Path, staged: Path, directory: Path | None) -> dict[str, str]:
    """Copies src/ and the files of `load`; the sha256 of each."""
    wanted = {path: origin for path, origin in code.source(root) if path.endswith(".py")}
    if directory is not None:
        if not directory.is_dir():
            raise BadOption(f"{directory} is no directory", where="--files")
        for below, inner, found in os.walk(directory):
            inner[:] = [one for one in inner if one != "__pycache__" and not Path(below, one).is_symlink()]
            for name in found:
                origin = Path(below, name)
                if not name.startswith(NOT_RECORDS) and origin.is_file() and not origin.is_symlink():
                    wanted[f"{contents.GIVEN}/{origin.relative_to(directory)}"] = origin
    hashes = {}
    for path, origin in wanted.items():
        (staged / path).parent.mkdir(parents=True, exist_ok=True)
        hashes[path], _ = contents.copy(origin, staged / path)
    return hashes


def _signature(data: DatasetVersion, target: str | None) -> Signature:
    if target is not None and target not in {column.name for column in data.columns}:
        raise BadOption(f"{data.ref} has no column {target!r}", where="--target")
    chosen = target or data.target
    features, _ = features_of(data.columns, {chosen: "the target"} if chosen else {})
    gaps = {column.name for column in data.columns if column.missing}
    dtypes = {
        name: (IF_MISSING if name in gaps and type in IF_MISSING else DTYPES).get(type, "") for name, type in features
    }
    used = [SignatureColumn(name=name, type=type, dtype=dtypes[name]) for name, type in features]
    source = [column.name for column in data.columns]
    taken = {one.name for one in used}
    return Signature(
        columns=used,
        others=[one for one in source if one not in taken],
        source=source,
        target=chosen,
        writing=signature.writing(data),
    )


def _sample(store: Store, data: DatasetVersion, signed: Signature) -> list[dict[str, object]]:
    rows = datasets.preview(store, data)
    wanted = [one.name for one in signed.columns]
    named = [dict(zip(rows.columns, row, strict=True)) for row in rows.rows[:ROWS]]
    return [{name: row[name] for name in wanted} for row in named]


def _baseline(store: Store, data: DatasetVersion, signed: Signature) -> Baseline:
    """What the columns look like; of predictions nothing is known before there are some."""
    profile = datasets.profile(store, data)
    wanted = {one.name for one in signed.columns}
    return Baseline(
        rows=profile.rows, columns=[one for one in profile.columns if one.name in wanted], held=0, predictions=[]
    )


def _version(
    store: Store,
    name: str,
    data: DatasetVersion,
    signed: Signature,
    hashes: dict[str, str],
    description: str,
    module: str,
    staged: Path,
) -> ModelVersion:
    user, host = names.who()
    sha256 = contents.whole(hashes)
    return ModelVersion(
        id=names.new_id(),
        name=name,
        version=claims.take_number(store, f"{records.DIRECTORY}/{name}"),
        run="",
        dataset=data.ref,
        target=signed.target or "",
        estimator=module,
        sha256=sha256,
        files=hashes,
        bytes=sum((staged / one).stat().st_size for one in hashes),
        signature=signed,
        storage=records.PYTHON,
        user=user,
        host=host,
        registered=names.now(),
        description=description,
        mac=secret.sign(records.payload(sha256)),
    )
