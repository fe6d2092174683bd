"""Records: one JSON (or hand-edited TOML) file each, typed, counted, and never shown older than they were shown."""

import time
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from cupola.errors import Conflict, Corrupt, CupolaError, NewerFormat, NotFound
from cupola.store.content import PATIENCE, create_bytes, read_bytes, write_bytes
from cupola.store.feed import announce
from cupola.store.names import new_id
from cupola.store.root import Store

LOCAL_PATIENCE = 0.2  # a rename is whole on a local disk: what does not decode there is an editor at work, or broken
HISTORY = ".cupola/history"
TOLD_BEFORE = {"run"}  # kinds in digests: a writer that is killed before it tells must not leave an old one believed


class Record(msgspec.Struct, kw_only=True):
    """What every record carries: the format that its writer knew, and how often it was written."""

    format: int = 1
    revision: int = 1


class Shown(msgspec.Struct):
    """The newest that this process has handed out of one record, and since when the disk shows an older one."""

    revision: int
    data: bytes
    older_since: float = 0.0


T = TypeVar("T", bound=Record)


def read(store: Store, path: str, type: type[T]) -> T:
    """The record at `path`. Raises NotFound, Corrupt, NewerFormat (one that cannot be read at all), DiskTrouble.

    What does not decode, or is older than what was shown before, is read again before it is believed.
    """
    return _read(store, path, type, _json)


def read_toml(store: Store, path: str, type: type[T]) -> T:
    """The record in a TOML file that people edit. Raises as `read` does."""
    return _read(store, path, type, _toml)


def _read(store: Store, path: str, type: type[T], decode: Any) -> T:
    deadline = 0.0
    while True:
        data = read_bytes(store, path)
        try:
            found: T = decode(data, type, path)
            trouble: Corrupt | None = None
        except Corrupt as error:
            trouble = error
        if trouble is None and _believe(store, path, found.revision, data):
            return found
        patience = PATIENCE if store.mount.network else LOCAL_PATIENCE
        deadline = deadline or time.monotonic() + patience
        if time.monotonic() > deadline:
            if trouble:
                raise trouble
            last: T = decode(store.shown[path].data, type, path)
            return last
        time.sleep(0.01)


def _believe(store: Store, path: str, revision: int, data: bytes) -> bool:
    """Whether it is at least as new as what was shown; an older one when it outlasts the mount's lateness."""
    before: Shown | None = store.shown.get(path)
    if before is None or revision >= before.revision:
        store.shown[path] = Shown(revision, data if store.mount.network else b"")
        return True
    if not before.older_since:
        before.older_since = time.monotonic()
        return False
    if time.monotonic() - before.older_since <= store.mount.stale_seconds:
        return False
    store.shown[path] = Shown(revision, data if store.mount.network else b"")
    return True


def showable(store: Store, path: str, record: Record) -> bool:
    """Whether a record that comes from elsewhere than its file may be shown: it is no older than what was shown."""
    before: Shown | None = store.shown.get(path)
    if before is None or record.revision > before.revision:
        store.shown[path] = Shown(record.revision, msgspec.json.encode(record) if store.mount.network else b"")
    return before is None or record.revision >= before.revision


@lru_cache(maxsize=256)
def _decoder(type: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(type)


def _json(data: bytes, type: type[T], path: str) -> T:
    try:
        found: T = _decoder(type).decode(data)
        return found
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(_raw_json(data), type, path, error) from error


def _toml(data: bytes, type: type[T], path: str) -> T:
    raw = _raw_toml(data, path)
    try:
        return msgspec.convert(raw, type)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _unreadable(raw, type, path, error) from error


def _unreadable(raw: dict[str, Any], type: type[Record], path: str, error: Exception) -> CupolaError:
    if _is_newer(raw, type):
        return newer(path)
    return Corrupt(f"this record cannot be read: {error}", where=path, hint="`cupola check` looks the workspace over")


def newer(path: str) -> NewerFormat:
    """The error for a record that only a newer Cupola may write."""
    return NewerFormat("a newer Cupola wrote this record", where=path, hint="update Cupola to change it")


def _is_newer(raw: dict[str, Any], type: type[Record]) -> bool:
    given = raw.get("format", 1)
    return isinstance(given, int) and given > _format(type)


@lru_cache(maxsize=256)
def _format(type: type[Record]) -> int:
    return next(int(one.default) for one in msgspec.structs.fields(type) if one.name == "format")


def write(
    store: Store,
    path: str,
    record: Record,
    *,
    kind: str,
    ref: str,
    durable: bool = True,
    expected: Record | None = None,
) -> None:
    """Replaces the record (or makes it), counts its `revision` up, and announces it.

    Fields of the file that this version does not know are kept. Only the record's one writer may call it. Raises
    NewerFormat when a newer Cupola wrote it, Conflict when it is not `expected` any more, ReadOnly, DiskTrouble.
    """
    store.check_writable()
    raw = _raw_json(_existing(store, path))
    _prepare(raw, record, path, expected)
    content = _merge(raw, record)
    if raw and kind in TOLD_BEFORE:
        _announce(store, path, record, kind, ref)
    write_bytes(store, path, _pretty(content), durable=durable)
    _announce(store, path, record, kind, ref)


def create(store: Store, path: str, record: Record, *, kind: str, ref: str) -> None:
    """Makes the record where there is none, and announces it. Raises Conflict when there is one."""
    if not create_bytes(store, path, _pretty(msgspec.to_builtins(record))):
        raise Conflict("there is a record already", where=path)
    _announce(store, path, record, kind, ref)


def write_toml(store: Store, path: str, record: Record, *, kind: str, ref: str, expected: Record | None = None) -> None:
    """As `write`, for a file that people edit too: comments and unknown keys survive, the version before is kept.

    It is changed under the record's claim. Give as `expected` what the form or the command had shown: Conflict says
    that somebody has changed it since.
    """
    import tomlkit

    from cupola.store import claims

    store.check_writable()
    with claims.held(store, f"edit/{path}"):
        data = _existing(store, path)
        raw = _raw_toml(data, path)
        _prepare(raw, record, path, expected)
        document = tomlkit.parse(data.decode())
        _update(document, raw, _merge(raw, record))
        if data:
            write_bytes(store, f"{HISTORY}/{path}/{raw.get('revision', 1)}-{new_id()}", data)
        write_bytes(store, path, tomlkit.dumps(document).encode())
    _announce(store, path, record, kind, ref)


def _existing(store: Store, path: str) -> bytes:
    try:
        return read_bytes(store, path)
    except NotFound:
        return b""


def _prepare(raw: dict[str, Any], record: Record, path: str, expected: Record | None) -> None:
    """Checks that the file may be replaced, and gives the record its next revision."""
    kind = type(record)
    if _is_newer(raw, kind):
        raise newer(path)
    if expected is not None and not _is(raw, expected):
        raise Conflict("somebody has changed it since", where=path, hint="look at it again, then repeat your change")
    before = raw.get("revision", 1) if raw else 0
    record.revision = max(record.revision, before + 1 if isinstance(before, int) else 1)


def _is(raw: dict[str, Any], expected: Record) -> bool:
    try:
        return bool(raw) and msgspec.convert(raw, type(expected)) == expected
    except msgspec.MsgspecError:
        return False


def _merge(raw: Any, value: Any) -> Any:
    """The plain form of `value`, with the fields of `raw` that its structs do not know."""
    if isinstance(value, msgspec.Struct):
        plain = msgspec.to_builtins(value)
        if not isinstance(raw, dict) or not isinstance(plain, dict):
            return plain
        known = {one.encode_name: getattr(value, one.name) for one in msgspec.structs.fields(type(value))}
        unknown = {name: one for name, one in raw.items() if name not in known}
        return {name: _merge(raw.get(name), known[name]) for name in plain} | unknown
    if isinstance(value, dict) and isinstance(raw, dict):
        plain = msgspec.to_builtins(value)
        return {name: _merge(raw.get(name), one) for (name, one) in zip(plain, value.values(), strict=True)}
    return msgspec.to_builtins(value)


def _update(document: Any, raw: dict[str, Any], new: dict[str, Any]) -> None:
    """Brings a TOML document to `new`, touching only what differs; nulls, which TOML lacks, are left out."""
    for name in [*new, *(old for old in raw if old not in new)]:
        value = _without_nulls(new.get(name))
        if value is None:
            document.pop(name, None)
        elif isinstance(value, dict) and isinstance(raw.get(name), dict):
            _update(document[name], raw[name], value)
        elif (name in raw or value not in ({}, [])) and raw.get(name) != value:
            document[name] = value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value if one is not None]
    return value


def _raw_json(data: bytes) -> dict[str, Any]:
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}


def _raw_toml(data: bytes, path: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"this is not TOML: {error}", where=path, hint="mend it with an editor") from error


def _pretty(content: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _announce(store: Store, path: str, record: Record, kind: str, ref: str) -> None:
    announce(store, kind, ref, record.revision, path)
