"""What a user can do with datasets: import, look, ask, export, describe, remove."""

import stat
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.datasets import asking, records
from cupola.datasets.records import ROLES, TYPES, DatasetState, ImportOptions, Profile, Rows, Settings
from cupola.errors import BadInput, BadOption
from cupola.lineage import graph
from cupola.search import evaluating
from cupola.store import Store, feed, files, names, references
from cupola.team import notes, verdicts
from cupola.workspace import Workspace

Dataset = Annotated[str, Arg(help="a dataset: flights (its newest version), flights@3", completes="dataset")]
Limit = Annotated[int, Arg(help="at most so many rows")]
Filter = Annotated[
    str | None, Arg(help="only those: 'columns.name = carrier and rows > 1000'", completes="dataset filter")
]
Sort = Annotated[str | None, Arg(help="by this field: rows:desc", completes="dataset sort")]
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


class Exported(msgspec.Struct, kw_only=True):
    """What `dataset export` wrote."""

    dataset: str
    version: int
    path: str
    format: str
    rows: int
    bytes: int


class Removed(msgspec.Struct, kw_only=True):
    """What was (or with --dry-run would be) moved to the trash; `trash` is the token that brings it back."""

    removed: list[str]
    trash: str | None = None
    dry_run: bool = False


class Marked(msgspec.Struct, kw_only=True):
    """What a version of a dataset is now said to be, and all that was made from it, to any depth.

    edges: what of it was made from what (ids of nodes; that of the version is dataset:REF).
    """

    name: str
    version: int
    ref: str
    verdict: str
    downstream: list[graph.Node]
    edges: list[graph.Edge]

    @property
    def text(self) -> str:
        """What was made from it, as a tree, for people."""
        root = graph.Node(id=f"dataset:{self.ref}", kind="dataset", ref=self.ref, name=self.name, status=self.verdict)
        return graph.Lineage(root=root.id, nodes=[root, *self.downstream], edges=self.edges).text


class Restored(msgspec.Struct, kw_only=True):
    """What came back from the trash."""

    path: str


@action("dataset import", about="dataset", key="i", waits="itself")
def import_(
    ws: Workspace,
    source: Annotated[str, Arg(help="the file: CSV or TSV (gzip too), Parquet, JSON Lines", completes="file")],
    *,
    name: Annotated[str, Arg(help="the dataset to make a new version of", completes="dataset")],
    target: Annotated[str | None, Arg(help="the column that models are to predict", completes="column")] = None,
    role: Annotated[dict[str, str] | None, Arg(help=f"COL=ROLE: {', '.join(ROLES)}", pairs=True)] = None,
    type: Annotated[dict[str, str] | None, Arg(help=f"COL=TYPE: {', '.join(TYPES)}", pairs=True)] = None,
    missing: Annotated[list[str] | None, Arg(help="a word that stands for a missing value, such as NA")] = None,
    format: Annotated[
        Literal["csv", "jsonl", "parquet"] | None, Arg(help="what it is, if not what it looks like")
    ] = None,
    delimiter: Annotated[str | None, Arg(help="between the fields of a CSV: ; or tab")] = None,
    quote: Annotated[str | None, Arg(help="around fields of a CSV")] = None,
    encoding: Annotated[str | None, Arg(help="of a text file: latin-1, cp1252, utf-16")] = None,
    decimal: Annotated[Literal[".", ","] | None, Arg(help="the decimal sign of a CSV's numbers")] = None,
    dates: Annotated[
        Literal["dmy", "mdy"] | None,
        Arg(help="what dates such as 03/04/2024 begin with: the day (dmy), the month (mdy)"),
    ] = None,
    header: Annotated[bool | None, Arg(help="whether the first line of a CSV holds the names")] = None,
) -> DatasetState:
    """Import a file as a new version of a dataset.

    The file's content decides what it is. Types are judged by every value; words such as NA among numbers are reported,
    and read as missing only where --missing says so. Lists and objects become JSON text, durations of Parquet seconds.
    The same bytes with the same options are the version there is.
    """
    from cupola.jobs import errands

    options = ImportOptions(
        target=target,
        roles=_chosen(role, ROLES, "--role"),
        types=_chosen(type, TYPES, "--type"),
        missing=missing or [],
        format=format,
        delimiter=delimiter,
        quote=quote,
        encoding=encoding,
        decimal=decimal,
        dates=dates,
        header=header,
    )
    names.check_name(name, "name for a dataset")
    path = place.path(source)
    _check_options(options)
    _check_file(path)
    spec = {"dataset": name, "source": str(path), "options": msgspec.to_builtins(options)}
    command = [sys.executable, "-m", "cupola.datasets", "import"]
    output = errands.done(ws.store, kind="import", command=command, spec=spec, name=name)
    return records.state(ws.store, records.find(ws.store, output["ref"]))


@action("dataset ls", writes=False)
def ls(ws: Workspace, *, filter: Filter = None, sort: Sort = None) -> list[DatasetState]:
    """List the newest version of every dataset."""
    found = records.latest(ws.store)
    _put_notes(ws.store, found)
    return evaluating.chosen(found, filter, sort)


@action("dataset show", writes=False, about="dataset")
def show(ws: Workspace, dataset: Dataset) -> DatasetState:
    """Show a version: its columns with types and roles, where it came from, what was noticed at its import."""
    found = records.state(ws.store, records.find(ws.store, dataset))
    _put_notes(ws.store, [found])
    return found


@action("dataset preview", writes=False, about="dataset")
def preview(
    ws: Workspace,
    dataset: Dataset,
    *,
    limit: Limit = 20,
    sort: Annotated[str | None, Arg(help="a column, or COLUMN:desc", completes="column")] = None,
    filter: Annotated[str | None, Arg(help="an SQL expression: distance > 1000 and carrier = 'UA'")] = None,
) -> Rows:
    """Show the first rows."""
    _check_limit(limit)
    version = records.find(ws.store, dataset)
    if sort is None and filter is None:
        there = records.preview(ws.store, version)
        if limit <= len(there.rows) or not there.truncated:
            more = there.truncated or limit < len(there.rows)
            return msgspec.structs.replace(there, rows=there.rows[:limit], truncated=more)
    found = asking.ask(ws.store, "preview", dataset=version.ref, limit=limit, sort=sort, filter=filter)
    return msgspec.convert(found, Rows)


@action("dataset profile", writes=False, about="dataset")
def profile(ws: Workspace, dataset: Dataset) -> Profile:
    """Show what each column looks like: missing, distinct, quantiles, most frequent values, histogram."""
    return records.profile(ws.store, records.find(ws.store, dataset))


@action("dataset sql", writes=False)
def sql(
    ws: Workspace,
    query: Annotated[str, Arg(help="one SELECT: select carrier, avg(late::int) from flights group by all")],
    *,
    limit: Limit = 1000,
) -> Rows:
    """Answer a SELECT over datasets, which are tables by their names ("flights@3" is a version).

    DuckDB answers it in a process of its own that can read the datasets and reach nothing else.
    """
    _check_limit(limit)
    return msgspec.convert(asking.ask(ws.store, "sql", query=query, limit=limit), Rows)


@action("dataset export", writes=False, about="dataset")
def export(
    ws: Workspace,
    dataset: Dataset,
    path: Annotated[str, Arg(help="the file to write", completes="file")],
    *,
    format: Annotated[Literal["csv", "jsonl", "parquet"] | None, Arg(help="by default what the path ends in")] = None,
    overwrite: Annotated[bool, Arg(help="replace a file that is there")] = False,
) -> Exported:
    """Write the rows of a version to a CSV, JSON Lines or Parquet file."""
    to = place.path(path)
    chosen = format or FORMATS.get(to.suffix.lower())
    if chosen is None:
        raise BadOption(
            f"{to.name!r} does not say what to write", hint="end it in .csv, .jsonl or .parquet, or use --format"
        )
    if to.is_dir() or (to.exists() and not overwrite):
        raise BadInput("a file or directory stands there", where=str(to), hint="--overwrite replaces a file")
    version = records.find(ws.store, dataset)
    size = asking.ask(ws.store, "export", dataset=version.ref, path=str(to), format=chosen)
    return Exported(
        dataset=version.dataset, version=version.version, path=str(to), format=chosen, rows=version.rows, bytes=size
    )


@action("dataset set", about="dataset", key="e")
def set_(
    ws: Workspace,
    dataset: Annotated[str, Arg(help="a dataset", completes="dataset")],
    *,
    target: Annotated[
        str | None, Arg(help="the column that models are to predict; '' for none", completes="column")
    ] = None,
    role: Annotated[dict[str, str] | None, Arg(help=f"COL=ROLE: {', '.join(ROLES)}", pairs=True)] = None,
    description: Annotated[str | None, Arg(help="what it is")] = None,
    tag: Annotated[list[str] | None, Arg(help="a word to find it by; all of them together")] = None,
) -> DatasetState:
    """Say what a dataset is, its target, and the roles of its columns (for all its versions, in dataset.toml)."""
    version = records.find(ws.store, references.parse(dataset, "dataset").name)
    roles = _chosen(role, ROLES, "--role")
    present = {column.name for column in version.columns}
    for option, column in [("--target", target), *(("--role", column) for column in roles)]:
        if column and column not in present:
            raise BadOption(f"{option} names the column {column!r}, which is not there", where=version.ref)

    def change(said: Settings) -> Settings:
        return msgspec.structs.replace(
            said,
            target=said.target if target is None else target or None,
            roles=said.roles | roles,
            description=said.description if description is None else description,
            tags=said.tags if tag is None else tag,
        )

    records.change_settings(ws.store, version.dataset, change)
    return show(ws, version.ref)


@action("dataset mark", about="dataset")
def mark(
    ws: Workspace,
    dataset: Dataset,
    verdict: Annotated[Literal["bad", "good"], Arg(help="what it is; good takes a bad mark away")],
    *,
    note: Annotated[str, Arg(help="why")] = "",
) -> Marked:
    """Say that a version of a dataset is bad, and show everything that was made from it.

    From then on its runs, models and endpoints say so too, in every list and in their lineage.
    """
    found = records.find(ws.store, dataset)
    verdicts.mark(ws.store, found.ref, verdict, notes.check_comment(note) if note else "")
    made = graph.of(ws.store, graph.dataset(ws.store, found.ref), up=False)
    downstream = [one for one in made.nodes if one.id != made.root]
    return Marked(
        name=found.dataset,
        version=found.version,
        ref=found.ref,
        verdict=verdict,
        downstream=downstream,
        edges=made.edges,
    )


@action("dataset rm", about="dataset", key="D", dry_run=True, confirm="y")
def rm(
    ws: Workspace,
    dataset: Annotated[str, Arg(help="one version, flights@3", completes="dataset")],
    *,
    all: Annotated[bool, Arg(help="every version, and dataset.toml")] = False,
    dry_run: Annotated[bool, Arg(help="only say what would be removed")] = False,
) -> Removed:
    """Move a version to the trash, or with --all the whole dataset; `dataset restore` brings it back."""
    wanted = references.parse(dataset, "dataset")
    version = records.find(ws.store, dataset)
    there = records.versions(ws.store, version.dataset)
    if wanted.version is None and len(there) > 1 and not all:
        hint = f"say which, as in {version.dataset}@{version.version}, or --all"
        raise BadOption(f"{dataset!r} has {len(there)} versions", hint=hint)
    removed = [one.ref for one in there] if all else [version.ref]
    if dry_run:
        return Removed(removed=removed, dry_run=True)
    token = files.trash(ws.store, f"{records.DIRECTORY}/{version.dataset}" if all else version.directory)
    for ref in removed:
        feed.announce(ws.store, "dataset", ref, 0)
    return Removed(removed=removed, trash=token)


@action("dataset restore")
def restore(ws: Workspace, trash: Annotated[str, Arg(help="the token that `dataset rm` gave")]) -> Restored:
    """Bring back what `dataset rm` removed."""
    path = files.untrash(ws.store, trash, records.DIRECTORY)
    feed.announce(ws.store, "dataset", path.removeprefix(f"{records.DIRECTORY}/"), 0)
    return Restored(path=path)


def _put_notes(store: Store, found: list[DatasetState]) -> None:
    """Adds what people say of these versions."""
    by_ref = {one.ref: one for one in found}
    notes.put_tags(store, "dataset", by_ref)
    verdicts.put(store, by_ref)


def _chosen(given: dict[str, str] | None, known: tuple[str, ...], option: str) -> dict[str, Any]:
    for column, value in (given or {}).items():
        if value not in known:
            raise BadOption(
                f"{option} {column}={value}: there is no {option[2:]} {value!r}", hint=f"one of {', '.join(known)}"
            )
    return dict(given or {})


def _check_options(options: ImportOptions) -> None:
    """What can be known to be wrong before the file is opened."""
    for name, role in options.roles.items():
        if role == "target" and options.target not in (None, name):
            raise BadOption(f"both {options.target!r} and {name!r} are said to be the target")
        if role == "target":
            options.target = name
        elif name == options.target:
            raise BadOption(f"{name!r} is the target and cannot be {role}")
    if options.target:
        options.roles.pop(options.target, None)


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise BadOption(f"--limit takes a number from 1 on, not {limit}")


def _check_file(path: Path) -> None:
    """What can be known of the file at once; the rest is found where it is read."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise BadInput("there is no such file", where=str(path), hint="look at the path") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"the file cannot be opened ({said})", where=str(path)) from None
    if stat.S_ISDIR(found.st_mode):
        raise BadInput("this is a directory", where=str(path), hint="name one file: CSV, Parquet or JSON Lines")
    if not stat.S_ISREG(found.st_mode):
        raise BadInput("this is not a plain file", where=str(path), hint="write it to a file first, and import that")
    if found.st_size == 0:
        raise BadInput("the file is empty", where=str(path), hint="import a file with at least one row")
