"""The figures of runs that plots can have as axes: parameters, metrics, and what runs say of themselves."""

from collections import Counter
from typing import Any

from cupola_tui.screens.experiments import common_metrics
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.scales import Axis, is_wide

OWN = ("estimator", "experiment", "dataset", "user", "host", "trial", "seconds")
VARIED = ("estimator", "dataset")  # of these, what a plot begins with where runs differ in it
INNER = ("params", "metrics")


def value(record: Record, field: str) -> Any:
    """The value of a field ("params.learning_rate", "estimator"); None where the run has none."""
    kind, _, name = field.partition(".")
    if kind in INNER and name:
        return (record.get(kind) or {}).get(name)
    return (record.get("usage") or {}).get("seconds") if field == "seconds" else record.get(field)


def title(field: str) -> str:
    kind, _, name = field.partition(".")
    return name if kind in INNER and name else field


def axis(records: list[Record], field: str, logarithms: bool) -> Axis:
    """The field as an axis, by logarithm where that shows more."""
    values = [value(record, field) for record in records]
    return Axis(title(field), values, logarithms and is_wide(values))


def known(records: list[Record]) -> dict[str, int]:
    """Every field that any of the runs has, and of how many of them; those that most have come first in each kind."""
    found: dict[str, int] = {}
    for kind in INNER:
        counts = Counter(name for record in records for name in record.get(kind) or {})
        found |= {f"{kind}.{name}": count for name, count in counts.most_common()}
    own = {field: sum(value(record, field) not in (None, "") for record in records) for field in OWN}
    return found | {field: count for field, count in own.items() if count}


def begin(records: list[Record], fields: dict[str, int], most: int) -> list[str]:
    """The axes to begin with: what most runs have and differ in, and last the metric that runs are compared by."""
    metric = next((f"metrics.{name}" for name in common_metrics(records)), None)
    last = metric or next((field for field in fields if field.startswith("metrics.")), None)
    inputs = [field for field in fields if field.startswith("params.") or field in VARIED]
    varied = [field for field in inputs if _varies(records, field)]
    return [*varied[: most - bool(last)], *([last] if last else [])]


def _varies(records: list[Record], field: str) -> bool:
    seen: set[str] = set()
    for record in records:
        seen.add(repr(value(record, field)))
        if len(seen) > 1:
            return True
    return False
