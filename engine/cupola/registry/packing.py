"""One version of a model as one file, to be taken elsewhere: a ZIP archive, and what is believed of one that arrives.

It holds version.json, as the registration wrote it, and the files that it lists with their sha256, uncompressed; the
sha256 of version.json is the archive's comment. What leaves a workspace and what enters one is checked byte by byte,
and the same version always gives the same file.
"""

import contextlib
import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadInput, BadName, Corrupt
from cupola.experiments import saving
from cupola.registry import contents, records
from cupola.registry.contents import CHUNK, FLOW, SKOPS
from cupola.registry.records import ModelVersion
from cupola.store import Store, claims, feed, files, names
from cupola.store import records as stored
from cupola.store.trouble import disk

RECORD = "version.json"
LARGEST_RECORD = 64 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that ZIP knows: no time of an export changes the file


def export(store: Store, version: ModelVersion, target: Path) -> Path:
    """Packs a version into a file outside of the workspace, whole or not at all.

    Raises Conflict when something is there already, BadOption for a place inside the workspace, Corrupt when a file is
    not what was registered, DiskTrouble.
    """
    target = saving.outside(store, target)
    draft = target.with_name(f".{target.name}.{names.new_id()}.part")
    with disk(str(target)):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _pack(store, version, draft)
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
    return target


def unpack(store: Store, source: Path, name: str | None) -> ModelVersion:
    """Makes the next version of a model (`name`, or the one it had) of a packed one; `origin` says which it was.

    The same file twice gives the version that is there. Raises BadInput for what is no packed model, Corrupt for one
    that is not as it was packed, NewerFormat, BadName, DiskTrouble.
    """
    where = str(source)
    with disk(where), _opened(source) as packed:
        listed = _listed(packed, where)
        packed_version = _record(packed, listed, where)
        chosen = names.check_name(name or packed_version.name, "name of a model")
        with files.staged(store, where) as staged:
            for one, sha256 in packed_version.files.items():
                if _copied(packed, listed[one], staged / one) != sha256:
                    raise Corrupt(f"{one} is not what was packed: its checksum differs", where=where)
            if there := _there(store, chosen, packed_version):
                return there
            return _publish(store, packed_version, chosen, staged)


def take(store: Store, source: Path, name: str | None) -> ModelVersion:
    """Makes the next version of a model of a directory with version.json and its files, as in an MLflow model of ours.

    As `unpack` otherwise.
    """
    where = str(source)
    with disk(where):
        taken = _decoded((source / RECORD).read_bytes(), where)
        chosen = names.check_name(name or taken.name, "name of a model")
        if there := _there(store, chosen, taken):
            return there
        with files.staged(store, where) as staged:
            for one, sha256 in taken.files.items():
                (staged / one).parent.mkdir(parents=True, exist_ok=True)
                if contents.copy(source / one, staged / one)[0] != sha256:
                    raise Corrupt(f"{one} is not what was exported: its checksum differs", where=where)
            return _publish(store, taken, chosen, staged)


def _pack(store: Store, version: ModelVersion, draft: Path) -> None:
    with zipfile.ZipFile(draft, "x", zipfile.ZIP_STORED) as packed:
        record = files.read_bytes(store, f"{version.directory}/{RECORD}")
        with packed.open(_entry(RECORD), "w") as into:
            into.write(record)
        packed.comment = _comment(record)
        for name, sha256 in sorted(version.files.items()):
            digest = hashlib.sha256()
            with (
                files.absolute(store, f"{version.directory}/{name}").open("rb") as file,
                packed.open(_entry(name), "w", force_zip64=True) as into,
            ):
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    into.write(chunk)
            if digest.hexdigest() != sha256:
                hint = "`cupola model verify` says more"
                raise Corrupt(
                    f"{name} is not what was registered: its checksum differs", where=version.directory, hint=hint
                )


def _comment(record: bytes) -> bytes:
    return hashlib.sha256(record).hexdigest().encode()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    return entry


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    if not source.is_file():
        raise BadInput("there is no such file", where=str(source), hint="`cupola model export` writes one")
    try:
        with zipfile.ZipFile(source) as packed:
            yield packed
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:  # what zipfile raises
        raise BadInput(f"this is not a packed model: {str(error)[:200]}", where=str(source)) from None


def _listed(packed: zipfile.ZipFile, where: str) -> dict[str, zipfile.ZipInfo]:
    """The entries by their names: each once, plain and uncompressed, so that none is larger than the file."""
    listed: dict[str, zipfile.ZipInfo] = {}
    for entry in packed.infolist():
        if entry.filename in listed or entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise BadInput(f"this is not a packed model: {entry.filename[:60]!a} is not as it was packed", where=where)
        listed[entry.filename] = entry
    return listed


def _record(packed: zipfile.ZipFile, listed: dict[str, zipfile.ZipInfo], where: str) -> ModelVersion:
    if RECORD not in listed or listed[RECORD].file_size > LARGEST_RECORD:
        raise BadInput(f"this is not a packed model: it has no {RECORD}", where=where)
    record = packed.read(listed[RECORD])
    if packed.comment != _comment(record):
        raise Corrupt(f"{RECORD} is not what was packed: its checksum differs", where=where)
    version = _decoded(record, where)
    if {RECORD, *version.files} != set(listed):
        raise BadInput(f"this is not a packed model: its files are not those that {RECORD} lists", where=where)
    return version


def _decoded(data: bytes, where: str) -> ModelVersion:
    """The record of a version that comes from elsewhere, which agrees with itself."""
    try:
        raw = msgspec.json.decode(data, type=dict[str, Any])
        if stored.is_newer(raw, ModelVersion):
            raise stored.newer(where)
        version = msgspec.convert(raw, ModelVersion)
        for part in {part for path in version.files for part in path.split("/")}:
            names.check_name(part, "name of a model's file")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, BadName) as error:
        raise BadInput(f"its {RECORD} cannot be read: {error}", where=where) from None
    if RECORD in version.files:
        raise BadInput(f"this is not a packed model: its files are not those that {RECORD} lists", where=where)
    named = version.storage in ("skops", *([records.PYTHON] if FLOW in version.files else []))
    if contents.whole(version.files) != version.sha256 or named != (SKOPS in version.files):
        raise Corrupt(
            f"its {RECORD} is not what was packed: its sha256 or its storage is not that of its files", where=where
        )
    return version


def _there(store: Store, name: str, packed: ModelVersion) -> ModelVersion | None:
    """The version that it is or became here, if it is here."""
    for one in records.versions(store, name):
        if one.sha256 == packed.sha256 and packed.ref in (one.ref, one.origin):
            return one
    return None


def _copied(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> str:
    digest = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(entry) as file, target.open("xb") as copied:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            copied.write(chunk)
    return digest.hexdigest()


def _publish(store: Store, packed: ModelVersion, name: str, staged: Path) -> ModelVersion:
    user, host = names.who()
    version = msgspec.structs.replace(
        packed,
        id=names.new_id(),
        name=name,
        version=claims.take_number(store, f"{records.DIRECTORY}/{name}"),
        user=user,
        host=host,
        registered=names.now(),
        origin=packed.ref,
    )
    (staged / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(version)) + b"\n")
    files.publish_dir(store, staged, version.directory)
    feed.announce(store, "model", version.ref, version.revision)
    return version
