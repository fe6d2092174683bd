"""Records: one JSON (or hand-edited TOML) file each, typed, counted, and never shown older than they were shown."""

import contextlib
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from cupola.errors import Conflict, Corrupt, CupolaError, NewerFormat, NotFound
from cupola.store import basis, toml
from cupola.store.content import PATIENCE, create_bytes, listing, read_bytes, write_bytes
from cupola.store.feed import announce
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
        moment = time.monotonic()
        data = read_bytes(store, path)
        try:
            found: T = decode(data, type, path)
            trouble: Corrupt | None = None
        except Corrupt as error:
            trouble = error
        if trouble is None and _believe(store, path, found.revision, data):
            return found
        patience = PATIENCE if store.mount.network else LOCAL_PATIENCE
        deadline = deadline or moment + patience
        if moment > deadline:  # what is believed was read after it: this process may have stood still
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
    raw = toml.parse(data, path)
    if not is_newer(raw, type):
        return toml.convert(raw, type, data, path)
    try:
        return msgspec.convert(raw, type)
    except msgspec.ValidationError as error:
        raise newer(path) from error


def _unreadable(raw: dict[str, Any], type: type[Record], path: str, error: Exception) -> CupolaError:
    if is_newer(raw, type):
        return newer(path)
    return Corrupt(f"this record cannot be read: {error}", where=path, hint="`cupola check` looks the workspace over")


def newer(path: str) -> NewerFormat:
    """The error for a record that only a newer Cupola may write."""
    return NewerFormat("a newer Cupola wrote this record", where=path, hint="update Cupola to change it")


def is_newer(raw: dict[str, Any], type: type[Record]) -> bool:
    """Whether a record, as its file gives it, is of a format that only a newer Cupola knows."""
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


def write_toml(
    store: Store,
    path: str,
    record: Record,
    *,
    kind: str,
    ref: str,
    expected: Record | None = None,
    before: Callable[[], None] | None = None,
) -> None:
    """As `write`, for a file that people edit too: comments and unknown keys survive, the version before is kept.

    It is changed under the record's claim. Conflict says that somebody has changed it since: it is not `expected`, what
    the command has read, or not what a form had shown (`basis`). before: what is to be written first, under the same
    claim, once it is known that the file may be replaced. The new version is kept too: where copies of a workspace are
    brought together, the file of one replaces the other's.
    """
    import tomlkit

    from cupola.store import claims

    store.check_writable()
    with claims.held(store, f"edit/{path}"):
        data = _existing(store, path)
        basis.check(path, lambda: basis.of_content(data))
        raw = toml.parse(data, path)
        _prepare(raw, record, path, expected)
        if before:
            before()
        document = tomlkit.parse(data.decode())
        _update(document, raw, _merge(raw, record))
        new = tomlkit.dumps(document).encode()
        last = _last_kept(store, path)
        old = (
            keep(store, path, raw.get("revision", 1), data, last) if data else last
        )  # an edit by hand follows the last
        write_bytes(store, path, new)
        with contextlib.suppress(CupolaError):  # the change is made; the next one keeps this version too
            keep(store, path, record.revision, new, old)
    _announce(store, path, record, kind, ref)


def keep(store: Store, path: str, revision: Any, data: bytes, before: str = "") -> str:
    """Puts a version of a file into the history, as REVISION-CONTENT or REVISION-CONTENT-BEFORE; gives its CONTENT."""
    content = content_name(data)
    if all(one.split("-")[1:2] != [content] for one in listing(store, f"{HISTORY}/{path}")):
        number = revision if isinstance(revision, int) else 1
        name = f"{number}-{content}" + (f"-{before}" if before else "")
        write_bytes(store, f"{HISTORY}/{path}/{name}", data)
    return content


def _last_kept(store: Store, path: str) -> str:
    """The CONTENT of the newest version that is kept of a file; "" where there is none."""
    kept = [one.split("-") for one in listing(store, f"{HISTORY}/{path}") if one.partition("-")[0].isdigit()]
    return max(kept, key=lambda parts: int(parts[0]), default=["", ""])[1]


def content_name(data: bytes) -> str:
    """What tells a version of a file in the history from any other."""
    import hashlib

    return hashlib.sha256(data).hexdigest()[:16]


def _existing(store: Store, path: str) -> bytes:
    try:
        return read_bytes(store, path)
    except NotFound:
        return b""


def _prepare(raw: dict[str, Any], record: Record, path: str, expected: Record | None) -> None:
    """Checks that the file may be replaced, and gives the record its next revision."""
    kind = type(record)
    if is_newer(raw, kind):
        raise newer(path)
    if expected is not None and not _is(raw, expected):
        raise Conflict("somebody has changed it since", where=path, hint="look at it again, then repeat your change")
    before = raw.get("revision", 1) if raw else 0
    record.revision = max(record.revision, before + 1 if isinstance(before, int) else 1)


def _is(raw: dict[str, Any], expected: Record) -> bool:
    try:
        return bool(msgspec.convert(raw, type(expected)) == expected)
    except msgspec.MsgspecError:
        return False


def _merge(raw: Any, value: Any) -> Any:
    """The plain form of `value`, with the fields of `raw` that its structs do not know."""
    if isinstance(value, msgspec.Struct) and raw:
        plain = msgspec.to_builtins(value)
        if not isinstance(raw, dict) or not isinstance(plain, dict):
            return plain
        known = {encoded: getattr(value, name) for encoded, name in _fields(type(value))}
        unknown = {name: one for name, one in raw.items() if name not in known}
        return {name: _merge(raw.get(name), known[name]) for name in plain} | unknown
    if isinstance(value, dict) and isinstance(raw, dict):
        plain = msgspec.to_builtins(value)
        return {name: _merge(raw.get(name), one) for (name, one) in zip(plain, value.values(), strict=True)}
    if isinstance(value, list) and isinstance(raw, list):
        before = _by_id(raw)
        return [_merge(before.get(getattr(one, "id", None)), one) for one in value]
    return msgspec.to_builtins(value)


def _by_id(tables: list[Any]) -> dict[Any, Any]:
    """Those of a list of tables that have an id, by which they are the same ones wherever they stand."""
    return {one["id"]: one for one in tables if isinstance(one, dict) and isinstance(one.get("id"), str)}


@lru_cache(maxsize=256)
def _fields(type: type[msgspec.Struct]) -> list[tuple[str, str]]:
    return [(one.encode_name, one.name) for one in msgspec.structs.fields(type)]


def _update(document: Any, raw: dict[str, Any], new: dict[str, Any]) -> None:
    """Brings a TOML document to `new`, touching only what differs; nulls, which TOML lacks, are left out."""
    for name in [*new, *(old for old in raw if old not in new)]:
        value = _without_nulls(new.get(name))
        if value is None:
            document.pop(name, None)
        elif isinstance(value, dict) and isinstance(raw.get(name), dict):
            _update(document[name], raw[name], value)
        elif raw.get(name) != value and _have_ids(value):
            document[name] = _rearranged(document.get(name) or [], _by_id(raw.get(name) or []), value)
        elif (name in raw or value not in ({}, [])) and raw.get(name) != value:
            document[name] = value


def _have_ids(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) == len(_by_id(value))


def _rearranged(tables: Any, raw: dict[Any, Any], new: list[dict[str, Any]]) -> Any:
    """An array of tables in the order of `new`: a table that was there stays as it is written, with its comments."""
    import tomlkit

    there = _by_id(list(tables))
    array = tomlkit.aot()
    for one in new:
        table = there.get(one["id"])
        if table is None:
            table = tomlkit.table()
            for name, value in one.items():
                if value not in ({}, []):
                    table.append(name, _inline(value))
        else:
            _update(table, raw[one["id"]], one)
        array.append(table)
    return array


def _inline(value: Any) -> Any:
    """A table within a new one stands on one line."""
    import tomlkit

    if not isinstance(value, dict):
        return value
    table = tomlkit.inline_table()
    table.update(value)
    return table


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


def _pretty(content: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _announce(store: Store, path: str, record: Record, kind: str, ref: str) -> None:
    announce(store, kind, ref, record.revision, path)
