"""The quality-and-insights report of a dataset's version, and where it is kept.

A report lies beside the rows that it is about, in `datasets/NAME/N-ID/reports/`, under a name made of what was asked
and of its own content: it is written once, and two copies of a workspace never write another under one name.
"""

import contextlib
import hashlib
from typing import Any, Literal

import msgspec

from cupola.datasets.records import DatasetVersion
from cupola.errors import CupolaError
from cupola.store import Store, feed, files, records
from cupola.store.records import Record

FORMAT = 4  # counted up whenever a report comes to say something else of the same rows
Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
LEAKAGE = "leakage"  # what the kinds of all warnings about leakage begin with


class Fix(msgspec.Struct, kw_only=True):
    """What mends it: a transform of a flow, with its parameters, and what that does in a few words."""

    transform: str
    params: dict[str, Any]
    words: str


class DataWarning(msgspec.Struct, kw_only=True):
    """One thing that is amiss. filter: an SQL expression that selects the rows in question, as `dataset preview
    --filter` takes it. rows: how many those are, where that is known; by_column: how many each column has it in, where
    several have the same trouble."""

    kind: str
    columns: list[str]
    severity: Severity
    message: str
    filter: str | None = None
    rows: int | None = None
    fix: Fix | None = None
    by_column: dict[str, int] = msgspec.field(default_factory=dict)


class Power(msgspec.Struct, kw_only=True):
    """How much of the target one column tells by itself: 0 nothing, 1 all of it, on rows it was not learned from."""

    column: str
    score: float
    error: float


class ClassMetrics(msgspec.Struct, kw_only=True):
    """How the quick model does on one class; the errors are standard errors. rows: of the class, held out."""

    name: str
    rows: int
    precision: float
    recall: float
    f1: float
    precision_error: float
    recall_error: float
    f1_error: float


class QuickModel(msgspec.Struct, kw_only=True):
    """A model that was fitted in passing, on some rows, and measured on others, to tell what can be expected."""

    estimator: str
    trained: int
    held_out: int
    metrics: dict[str, float]
    errors: dict[str, float]
    classes: list[ClassMetrics] = []
    note: str = ""


class Anomaly(msgspec.Struct, kw_only=True):
    """A row that is unlike the others. score: the isolation forest's, 0.5 for a common one, 1 at most; why: what of it
    is unusual, as {column: value}."""

    row: int
    score: float
    why: dict[str, Any]


class Bar(msgspec.Struct, kw_only=True):
    """One class of the target, or one bin of its values, and how many rows have it."""

    name: str
    count: int


class Target(msgspec.Struct, kw_only=True):
    """The column to predict. skew: of a number's distribution (its third standardised moment)."""

    column: str
    task: Literal["classification", "regression"]
    missing: int
    bars: list[Bar]
    skew: float | None = None


class Report(Record, kw_only=True):
    """What `dataset report` says. rows: of the version; sample: how many of them the models and patterns were looked
    for in; the warnings come the gravest first."""

    dataset: str
    version: int
    ref: str
    rows: int
    sample: int
    columns: int
    warnings: list[DataWarning]
    target: Target | None = None
    power: list[Power] = msgspec.field(default_factory=list)
    model: QuickModel | None = None
    anomalies: list[Anomaly] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)

    @property
    def text(self) -> str:
        """The report as people read it in a terminal or in a Markdown file."""
        from cupola.insights.writing import markdown

        return markdown(self)


def key(version: DatasetVersion, target: str | None) -> str:
    """What a report of these rows depends on besides them: the target, the roles of columns, this format."""
    asked = [FORMAT, target, [(one.name, one.type, one.role) for one in version.columns if one.name != target]]
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:12]


def kept(store: Store, version: DatasetVersion, target: str | None) -> Report | None:
    """The report that was made of this version for that target; None where none was, or it cannot be read."""
    directory, begins = f"{version.directory}/reports", f"{key(version, target)}-"
    for name in files.listing(store, directory):
        if name.startswith(begins):
            with contextlib.suppress(CupolaError):
                return records.read(store, f"{directory}/{name}", Report)
    return None


def keep(store: Store, version: DatasetVersion, target: str | None, report: Report) -> None:
    """Keeps a report with the version. Raises DiskTrouble, ReadOnly."""
    data = msgspec.json.encode(report)
    name = f"{key(version, target)}-{hashlib.sha256(data).hexdigest()[:12]}.json"
    files.write_bytes(store, f"{version.directory}/reports/{name}", data)
    feed.announce(store, "dataset", version.ref, 0)
