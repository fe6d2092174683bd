"""What is known of a dataset: its immutable versions, and the wishes about them in `dataset.toml`.

A version's directory `datasets/NAME/N-ID/` is published whole and never changed: `version.json`, `data.parquet`,
`profile.json`, `preview.json`. What people say of the dataset (description, tags, target, roles) lies in
`datasets/NAME/dataset.toml` and counts for every version that has the columns, as far as it was said after the
version was imported.
"""

import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from cupola.errors import Ambiguous, NotFound
from cupola.store import Store, files, records, references
from cupola.store.records import Record

ColumnType = Literal["integer", "number", "boolean", "category", "text", "date", "datetime"]
Role = Literal["feature", "target", "id", "time", "weight", "group", "sensitive", "ignore"]
TYPES: tuple[str, ...] = ("integer", "number", "boolean", "category", "text", "date", "datetime")
ROLES: tuple[str, ...] = ("feature", "target", "id", "time", "weight", "group", "sensitive", "ignore")
DIRECTORY = "datasets"
VERSION = re.compile(r"([1-9][0-9]*)-([a-z0-9]+)")


class Column(msgspec.Struct, kw_only=True):
    """One column of a version. `distinct` counts the different values that are not missing."""

    name: str
    type: ColumnType
    role: Role = "feature"
    missing: int = 0
    distinct: int = 0


class Bar(msgspec.Struct, kw_only=True):
    """One value and how often it is there."""

    value: Any
    count: int


class Histogram(msgspec.Struct, kw_only=True):
    """`counts[i]` values lie in [edges[i], edges[i + 1]); the last bin includes its upper edge."""

    edges: list[Any]
    counts: list[int]


class ColumnProfile(msgspec.Struct, kw_only=True):
    """What one column looks like. Dates are ISO strings; `quantiles` is keyed "0.01" to "0.99".

    exact: whether `distinct`, `quantiles` and the choice of `top` are exact; on large tables they are estimates (within
    a few per cent), while missing, min, max, mean, std and all counts stay exact.
    """

    name: str
    type: ColumnType
    missing: int
    distinct: int
    exact: bool = True
    min: Any = None
    max: Any = None
    mean: float | None = None
    std: float | None = None
    quantiles: dict[str, Any] = {}
    top: list[Bar] = []
    histogram: Histogram | None = None


class Profile(Record):
    """`profile.json` of a version."""

    rows: int
    columns: list[ColumnProfile]


class Preview(Record):
    """`preview.json` of a version: its first rows as they are shown (dates as ISO text)."""

    columns: list[str]
    rows: list[list[Any]]


class Settings(Record):
    """`dataset.toml`: what people say of a dataset."""

    description: str = ""
    tags: list[str] = []
    target: str | None = None
    roles: dict[str, Role] = {}


class DatasetVersion(Record):
    """One immutable version.

    sha256: of the source's bytes, which with `options` decides whether an import is this version again;
    data_sha256: of data.parquet. bytes: the size of the source. settings: dataset.toml as it was at the import.
    """

    id: str
    dataset: str
    version: int
    rows: int
    columns: list[Column]
    target: str | None = None
    sha256: str
    data_sha256: str
    source: str
    source_format: str
    bytes: int
    options: dict[str, Any] = {}
    user: str
    host: str
    imported: str
    notes: list[str] = []
    settings: Settings = msgspec.field(default_factory=Settings)

    @property
    def ref(self) -> str:
        """The exact name of this version, which stays unambiguous when copies of a workspace are merged."""
        return f"{self.dataset}@{self.version}-{self.id}"

    @property
    def directory(self) -> str:
        return f"{DIRECTORY}/{self.dataset}/{self.version}-{self.id}"


class DatasetState(DatasetVersion):
    """What `dataset show` and `ls` print: a version with what is said of its dataset."""

    name: str
    description: str = ""
    tags: list[str] = []


def names(store: Store) -> list[str]:
    """The datasets that have a version or a dataset.toml."""
    return files.listing(store, DIRECTORY)


def versions(store: Store, name: str) -> list[DatasetVersion]:
    """All versions of a dataset, the oldest first."""
    settings = settings_of(store, name)
    found = [_read(store, name, entry, settings) for _, entry in _entries(store, name)]
    return [one for one in found if one is not None]


def latest(store: Store) -> list[DatasetVersion]:
    """The newest version of every dataset."""
    found = []
    for name in names(store):
        entries = _entries(store, name)
        newest = _read(store, name, entries[-1][1], settings_of(store, name)) if entries else None
        if newest is not None:
            found.append(newest)
    return found


def find(store: Store, ref: str) -> DatasetVersion:
    """The version that `churn` (the newest), `churn@3` or `churn@3-7f3a` names, with the wishes of dataset.toml.

    Raises NotFound, and Ambiguous where merged copies hold two of one number.
    """
    wanted = references.parse(ref)
    entries = _entries(store, wanted.name)
    if not entries:
        known = ", ".join(name for name in names(store) if _entries(store, name))
        raise NotFound(f"there is no dataset {wanted.name!r}", hint=f"there is: {known}" if known else _FIRST)
    if wanted.alias:
        raise NotFound(f"a dataset has no alias: {ref!r}", hint=f"write {wanted.name} or {wanted.name}@3")
    number = wanted.version or entries[-1][0]
    matching = [entry for one, entry in entries if one == number and entry.partition("-")[2].startswith(wanted.id or "")]
    if not matching:
        raise NotFound(f"dataset {wanted.name!r} has no version {ref.partition('@')[2]}", hint=_numbers(entries))
    if len(matching) > 1:
        exact = ", ".join(f"{wanted.name}@{entry}" for entry in matching)
        raise Ambiguous(f"{wanted.name}@{number} names {len(matching)} versions", hint=f"write one of: {exact}")
    return _with(records.read(store, f"{DIRECTORY}/{wanted.name}/{matching[0]}/version.json", DatasetVersion),
                 settings_of(store, wanted.name))


def state(store: Store, version: DatasetVersion) -> DatasetState:
    """The version as it is shown."""
    settings = settings_of(store, version.dataset)
    fields = {name: getattr(version, name) for name in version.__struct_fields__}
    return DatasetState(**fields, name=version.dataset, description=settings.description, tags=settings.tags)


def settings_of(store: Store, name: str) -> Settings:
    """dataset.toml, or nothing said where there is none."""
    try:
        return records.read_toml(store, settings_path(name), Settings)
    except NotFound:
        return Settings()


def settings_path(name: str) -> str:
    return f"{DIRECTORY}/{name}/dataset.toml"


def data_path(store: Store, version: DatasetVersion) -> Path:
    """Where the rows are (Parquet)."""
    return files.absolute(store, f"{version.directory}/data.parquet")


def profile(store: Store, version: DatasetVersion) -> Profile:
    return records.read(store, f"{version.directory}/profile.json", Profile)


def preview(store: Store, version: DatasetVersion) -> Preview:
    """The first rows, as they were put aside at the import."""
    return records.read(store, f"{version.directory}/preview.json", Preview)


_FIRST = "`cupola dataset import FILE --name NAME` makes one"


def _entries(store: Store, name: str) -> list[tuple[int, str]]:
    """(number, directory name) of each version, by number."""
    matched = [VERSION.fullmatch(entry) for entry in files.listing(store, f"{DIRECTORY}/{name}")]
    return sorted((int(one[1]), one[0]) for one in matched if one)


def _read(store: Store, name: str, entry: str, settings: Settings) -> DatasetVersion | None:
    """The version in that directory; None when it went to the trash since it was listed."""
    try:
        found = records.read(store, f"{DIRECTORY}/{name}/{entry}/version.json", DatasetVersion)
    except NotFound:
        return None
    return _with(found, settings)


def _with(version: DatasetVersion, settings: Settings) -> DatasetVersion:
    """What dataset.toml says and did not say at the import goes before what the version says."""
    then = version.settings
    present = {column.name for column in version.columns}
    if settings.target != then.target and (settings.target is None or settings.target in present):
        version.target = settings.target
    for column in version.columns:
        said = settings.roles.get(column.name)
        if said != then.roles.get(column.name):
            column.role = said or "feature"
        if column.name == version.target:
            column.role = "target"
        elif column.role == "target":
            column.role = "feature"
    return version


def _numbers(entries: list[tuple[int, str]]) -> str:
    numbers = sorted({number for number, _ in entries})
    return "its versions: " + ", ".join(map(str, numbers[-10:]))
