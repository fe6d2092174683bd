"""What is known of a dataset: its immutable versions, and the wishes about them in `dataset.toml`.

A version's directory `datasets/NAME/N-ID/` is published whole and never changed: `version.json`, `data.parquet`,
`profile.json`, `preview.json`. What people say of the dataset (description, tags, target, roles) lies in
`datasets/NAME/dataset.toml` and counts for every version that has the columns, as far as it was said after the
version was imported.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.store import Store, claims, files, records, references
from cupola.store.records import Record

ColumnType = Literal["integer", "number", "boolean", "category", "text", "date", "datetime"]
Role = Literal["feature", "target", "id", "time", "weight", "group", "sensitive", "ignore"]
TYPES: tuple[str, ...] = ("integer", "number", "boolean", "category", "text", "date", "datetime")
ROLES: tuple[str, ...] = ("feature", "target", "id", "time", "weight", "group", "sensitive", "ignore")
DIRECTORY = "datasets"


class ImportOptions(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a file is to be read, as the user asked for it: with the file's bytes, the identity of a version.

    What is left out is found in the file itself. missing: words that stand for a missing value (an empty field of a CSV
    always does). header: whether the first line of a CSV holds names. decimal: the decimal sign of a CSV's numbers.
    dates: what dates such as 03/04/2024 begin with: the day ("dmy") or the month.
    """

    target: str | None = None
    roles: dict[str, Role] = {}
    types: dict[str, ColumnType] = {}
    missing: list[str] = []
    format: Literal["csv", "jsonl", "parquet"] | None = None
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    dates: Literal["dmy", "mdy"] | None = None
    header: bool | None = None


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


class Profile(Record, kw_only=True):
    """`profile.json` of a version."""

    rows: int
    columns: list[ColumnProfile]


class Rows(Record, kw_only=True):
    """Some rows as they are shown: dates as ISO text, long texts cut. `preview.json` of a version holds its first ones.

    truncated: whether there are more rows than these.
    """

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    truncated: bool = False


class Settings(Record, kw_only=True):
    """`dataset.toml`: what people say of a dataset."""

    description: str = ""
    tags: list[str] = msgspec.field(default_factory=list)
    target: str | None = None
    roles: dict[str, Role] = msgspec.field(default_factory=dict)


class Made(msgspec.Struct, kw_only=True):
    """What made a version that was not imported: a flow, as its hash names it, of these exact versions."""

    flow: str
    sha256: str
    inputs: list[str]


class DatasetVersion(Record, kw_only=True):
    """One immutable version.

    sha256: of the source's bytes, which with `options` decides whether an import is this version again;
    data_sha256: of data.parquet. bytes: the size of the source. found: the dialect of a
    text file. settings: dataset.toml as it was at the import. made: what made it, where a flow did.
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
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    found: dict[str, str] = msgspec.field(default_factory=dict)
    user: str
    host: str
    imported: str
    notes: list[str] = msgspec.field(default_factory=list)
    settings: Settings = msgspec.field(default_factory=Settings)
    made: Made | None = None

    @property
    def ref(self) -> str:
        """The exact name of this version, which stays unambiguous when copies of a workspace are merged."""
        return f"{self.dataset}@{self.version}-{self.id}"

    @property
    def directory(self) -> str:
        return f"{DIRECTORY}/{self.dataset}/{self.version}-{self.id}"


class DatasetState(DatasetVersion, kw_only=True):
    """What `dataset show` and `ls` print: a version with what is said of its dataset. bad: who says so, and why."""

    name: str
    description: str = ""
    tags: list[str] = msgspec.field(default_factory=list)
    bad: str = ""


def names(store: Store) -> list[str]:
    """The datasets that have a version or a dataset.toml."""
    return files.listing(store, DIRECTORY)


def versions(store: Store, name: str) -> list[DatasetVersion]:
    """All versions of a dataset, the oldest first; where dataset.toml cannot be read, as they were imported."""
    settings, _ = _settings_for_list(store, name)
    found = [_read(store, name, number, id, settings) for number, id in references.versions(store, DIRECTORY, name)]
    return [one for one in found if one is not None]


def every(store: Store) -> list[DatasetState]:
    """All versions of all datasets, the newest of each first; what cannot be read is said in the notes."""
    found = []
    for name in names(store):
        settings, trouble = _settings_for_list(store, name)
        for version in reversed(versions(store, name)):
            version.notes += trouble
            found.append(_state(version, settings or version.settings))
    return found


def latest(store: Store) -> list[DatasetState]:
    """The newest version of every dataset; what cannot be read of one is said in its notes, and hides no other."""
    found = []
    for name in names(store):
        if there := references.versions(store, DIRECTORY, name):
            settings, trouble = _settings_for_list(store, name)
            newest = _read(store, name, *there[-1], settings)
            if newest is not None:
                newest.notes += trouble
                found.append(_state(newest, settings or newest.settings))
    return found


def find(store: Store, ref: str) -> DatasetVersion:
    """The version that `churn` (the newest), `churn@3` or `churn@3-7f3a` names, with the wishes of dataset.toml.

    Raises NotFound, and Ambiguous where merged copies hold two of one number.
    """
    wanted = references.parse(ref, "dataset")
    if wanted.alias:
        raise NotFound(f"a dataset has no alias: {ref!r}", hint=f"write {wanted.name} or {wanted.name}@3")
    directory = references.version_directory(store, DIRECTORY, wanted)
    return _with(records.read(store, f"{directory}/version.json", DatasetVersion), settings_of(store, wanted.name))


def state(store: Store, version: DatasetVersion) -> DatasetState:
    """The version as it is shown."""
    return _state(version, settings_of(store, version.dataset))


def _state(version: DatasetVersion, settings: Settings) -> DatasetState:
    fields = {name: getattr(version, name) for name in version.__struct_fields__}
    return DatasetState(**fields, name=version.dataset, description=settings.description, tags=settings.tags)


def settings_of(store: Store, name: str) -> Settings:
    """dataset.toml, or nothing said where there is none."""
    try:
        return records.read_toml(store, settings_path(name), Settings)
    except NotFound:
        return Settings()


def _settings_for_list(store: Store, name: str) -> tuple[Settings | None, list[str]]:
    """dataset.toml, or None and a note where it cannot be read."""
    try:
        return settings_of(store, name), []
    except CupolaError as error:
        return None, [str(error)]


def change_settings(store: Store, name: str, change: Callable[[Settings], Settings]) -> None:
    """Replaces dataset.toml by what `change` makes of it; of two changes at once none is lost.

    Raises Conflict when an editor writes it at the same moment.
    """
    with claims.held(store, f"settings/{name}"):
        before = settings_of(store, name)
        there = "dataset.toml" in files.listing(store, f"{DIRECTORY}/{name}")
        path, expected = settings_path(name), before if there else None
        records.write_toml(store, path, change(before), kind="dataset", ref=name, expected=expected)


def settings_path(name: str) -> str:
    """Where dataset.toml lies."""
    return f"{DIRECTORY}/{name}/dataset.toml"


def data_path(store: Store, version: DatasetVersion) -> Path:
    """Where the rows are (Parquet)."""
    return files.absolute(store, f"{version.directory}/data.parquet")


def profile(store: Store, version: DatasetVersion) -> Profile:
    return records.read(store, f"{version.directory}/profile.json", Profile)


def preview(store: Store, version: DatasetVersion) -> Rows:
    """The first rows, as they were put aside at the import."""
    return records.read(store, f"{version.directory}/preview.json", Rows)


def _read(store: Store, name: str, number: int, id: str, settings: Settings | None) -> DatasetVersion | None:
    """The version in that directory; None when it went to the trash since it was listed.

    One whose record cannot be read stands among the others without columns, and its notes say why.
    """
    try:
        found = records.read(store, f"{DIRECTORY}/{name}/{number}-{id}/version.json", DatasetVersion)
    except NotFound:
        return None
    except CupolaError as error:
        return DatasetVersion(
            id=id, dataset=name, version=number, rows=0, columns=[], sha256="", data_sha256="", source="",
            source_format="", bytes=0, user="", host="", imported="", notes=[str(error)],
        )  # fmt: skip
    return found if settings is None else _with(found, settings)


def _with(version: DatasetVersion, settings: Settings) -> DatasetVersion:
    """What dataset.toml says and did not say at the import goes before what the version says."""
    then = version.settings
    present = {column.name for column in version.columns}
    if settings.target != then.target and (settings.target is None or settings.target in present):
        version.target = settings.target or version.options.get("target")
    for column in version.columns:
        said = settings.roles.get(column.name)
        if said != then.roles.get(column.name):
            column.role = said or "feature"
        if column.name == version.target:
            column.role = "target"
        elif column.role == "target":
            column.role = "feature"
    return version
