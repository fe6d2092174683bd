"""The work of an import: from a file to a published version, or to nothing at all."""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cupola.datasets import profiling, reading, records, tables
from cupola.datasets.records import Column, ColumnType, DatasetVersion, ImportOptions, Made, Profile, Role, Rows
from cupola.datasets.sql import sql_names
from cupola.errors import CupolaError, DiskFull
from cupola.store import Store, claims, feed, files, names
from cupola.store.trouble import disk

Report = Callable[[float, str], None]
PREVIEWED = 100  # rows
GROUP_ROWS, GROUP_BYTES = 1 << 17, 1 << 25  # of a row group of data.parquet


def run(
    store: Store,
    name: str,
    source: Path,
    options: ImportOptions,
    report: Report,
    made: Made | None = None,
    notes: Sequence[str] = (),
    beside: Mapping[str, bytes] | None = None,
    memory: int = profiling.MEMORY,
) -> DatasetVersion:
    """Imports a file as the next version of `name`; the same bytes with the same options are the version there is.

    report: is told how far it is (0 to 1) and at what. made: by what the file was made just now; then its path is not
    kept, and the same maker's version is the one there is. notes: to be kept with those of the import. beside: more
    files of the version. memory: bytes for the profile. Raises BadInput, BadOption, DiskTrouble; then nothing is left.
    """
    names.check_name(name, "name for a dataset")
    table = reading.table(source, options)
    staged = files.staging(store)
    try:
        with _disk(staged):
            for file, content in (beside or {}).items():
                (staged / file).write_bytes(content)
            return _import(store, name, table, options, staged, report, made, notes, memory)
    finally:
        table.source.close()
        files.discard(staged)


def same(
    store: Store, name: str, sha256: str, options: ImportOptions, made: Made | None = None
) -> DatasetVersion | None:
    """The version of `name` that was made from those bytes with those options, or by the same flow of the same data."""
    asked = msgspec.to_builtins(options)
    for version in reversed(records.versions(store, name)):
        if version.made == made and (made or (version.sha256 == sha256 and version.options == asked)):
            return version
    return None


def _import(
    store: Store,
    name: str,
    table: reading.Table,
    options: ImportOptions,
    staged: Path,
    report: Report,
    made: Made | None,
    notes: Sequence[str],
    memory: int,
) -> DatasetVersion:
    how = reading.plan(table, options, lambda fraction: report(fraction * 0.45, "reading"))
    if table.source.sha256 and (there := same(store, name, table.source.sha256, options, made)):
        return there
    data = staged / "data.parquet"
    rows = _write(table, how, data, lambda fraction: report(0.45 + fraction * 0.35, "writing"))
    if there := same(store, name, table.source.sha256, options, made):
        return there
    known: dict[str, ColumnType] = {
        column: type for column, type in options.types.items() if type in ("category", "text")
    }
    profile = profiling.profile(
        data, known, lambda fraction: report(0.8 + fraction * 0.18, "profiling"), staged / "spill", memory
    )
    shutil.rmtree(staged / "spill", ignore_errors=True)
    version = _version(store, name, table, how, options, profile, rows)
    version.data_sha256 = _digest(data)
    version.notes += notes
    if made:
        version.made, version.source = made, f"flow {made.flow}"
    _put(staged / "profile.json", profile)
    _put(staged / "preview.json", _preview(data, rows))
    return _publish(store, version, options, staged)


def _publish(store: Store, version: DatasetVersion, options: ImportOptions, staged: Path) -> DatasetVersion:
    """Gives the version its number and its place; of two imports of the same bytes at once, one becomes the version."""
    with claims.held(store, f"import/{version.dataset}"):
        if there := same(store, version.dataset, version.sha256, options, version.made):
            return there
        version.version = claims.take_number(store, f"{records.DIRECTORY}/{version.dataset}")
        _put(staged / "version.json", version)
        files.publish_dir(store, staged, version.directory)
    feed.announce(store, "dataset", version.ref, 1, f"{version.directory}/version.json")
    return records.find(store, version.ref)


def _write(table: reading.Table, how: reading.Plan, path: Path, progress: Callable[[float], None]) -> int:
    """Writes data.parquet in the order of the rows; gives their number."""
    writer: pq.ParquetWriter | None = None
    rows = 0
    try:
        for group in _groups(reading.converted(table, how, progress)):
            if writer is None:
                writer = pq.ParquetWriter(path, group.schema, compression="zstd")
            writer.write_table(group, row_group_size=group.num_rows)
            rows += group.num_rows
            del group  # before the next one is gathered: one of them is in memory at a time
    finally:
        if writer is not None:
            writer.close()
    pa.default_memory_pool().release_unused()  # to those who come after it
    return rows


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Gathers batches into row groups of some size."""
    some: list[pa.RecordBatch] = []
    for batch in batches:
        some.append(batch)
        if sum(one.num_rows for one in some) >= GROUP_ROWS or sum(one.nbytes for one in some) >= GROUP_BYTES:
            yield pa.Table.from_batches(some)
            some = []
    if some:
        yield pa.Table.from_batches(some)


def _version(
    store: Store,
    name: str,
    table: reading.Table,
    how: reading.Plan,
    options: ImportOptions,
    profile: Profile,
    rows: int,
) -> DatasetVersion:
    settings = records.settings_of(store, name)
    user, host = names.who()
    present = {one.name for one in profile.columns}
    target = options.target or (settings.target if settings.target in present else None)
    roles: dict[str, Role] = {**settings.roles, **options.roles}
    columns = [
        Column(
            name=one.name,
            type=one.type,
            role=roles.get(one.name, "feature"),
            missing=one.missing,
            distinct=one.distinct,
        )
        for one in profile.columns
    ]
    for column in columns:
        if column.name == target:
            column.role = "target"
        elif column.role == "target":
            column.role = "feature"
    return DatasetVersion(
        id=names.new_id(4), dataset=name, version=0, rows=rows, columns=columns, target=target,
        sha256=table.source.sha256, data_sha256="", source=str(table.source.path), source_format=table.format,
        bytes=table.source.size, options=msgspec.to_builtins(options), found=table.found | _commas(how),
        user=user, host=host, imported=names.now(), settings=settings,
        notes=[*table.notes, *how.notes, *_twins([one.name for one in columns])],
    )  # fmt: skip


def _twins(columns: list[str]) -> list[str]:
    """Notes on columns that SQL calls by another name, since it does not tell upper case from lower case."""
    called = zip(columns, sql_names(columns), strict=True)
    return [
        f"column {name}: another differs only in case, so SQL calls it {sql}" for name, sql in called if sql != name
    ]


def _commas(how: reading.Plan) -> dict[str, str]:
    return {"decimal": "comma"} if any(kind and kind.name == "comma" for kind in how.kinds.values()) else {}


def _preview(data: Path, rows: int) -> Rows:
    with pq.ParquetFile(data) as file:
        batch = next(file.iter_batches(batch_size=PREVIEWED, use_threads=False))
    return tables.shown(batch, truncated=rows > PREVIEWED)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(path: Path, record: msgspec.Struct) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


@contextlib.contextmanager
def _disk(staged: Path) -> Iterator[None]:
    """What the disk says while the version is being made, as a sentence; Arrow and DuckDB have their own words."""
    try:
        with disk(str(staged.parent)):
            yield
    except CupolaError:
        raise
    except Exception as error:  # the errors of DuckDB and Arrow share no base
        if "No space left" in str(error):
            hint = "free some space and try again"
            raise DiskFull("the disk is full", where=str(staged.parent), hint=hint) from error
        raise
