"""What people see of each kind of record where there is not room for all of it. Programs use --json."""

from collections.abc import Callable
from typing import Any

from cupola_tui.commands.cells import bold, cell, flat, record, table

Row = dict[str, Any]
Look = str | Callable[[Row], Any]


def score(run: Row) -> str:
    """The metric that the run is compared by, with its standard error."""
    name = run.get("metric") or ""
    value, error = run["metrics"].get(name), run["metric_errors"].get(name)
    if value is None:
        return "-"
    from cupola_tui.figures import measured

    return f"{name}={measured(value, error).replace(' ± ', '±')}"


def variants(endpoint: Row) -> str:
    """MODEL, or NAME=MODEL:WEIGHT where there are several."""
    found = endpoint["variants"]
    if len(found) == 1:
        return cell(found[0].model)
    return ", ".join(f"{cell(one.name)}={cell(one.model)}:{one.weight:g}" for one in found)


def state(job: Row) -> str:
    """The status, and the secondary one where that says more."""
    more = job["secondary_status"]
    return job["status"] if more in ("", None, job["status"]) else f"{job['status']} ({more})"


# Of each list: what stands in its columns, by their headings.
LISTS: dict[str, dict[str, Look]] = {
    "dataset ls": {name: name for name in ("dataset", "version", "rows", "target", "bytes", "user", "imported")},
    "run ls": {
        "id": "id",
        "name": "name",
        "status": state,
        "estimator": "estimator",
        "score": score,
        "dataset": "dataset",
        "experiment": "experiment",
        "user": "user",
        "submitted": "submitted",
    },
    "job ls": {
        "id": "id",
        "kind": "kind",
        "name": "name",
        "status": state,
        "exit": "exit_code",
        "user": "user",
        "host": "host",
        "submitted": "submitted",
    },
    "model ls": {name: name for name in ("name", "version", "status", "aliases", "run", "dataset", "registered")},
    "activity": {name: name for name in ("time", "user", "host", "verb", "kind", "ref", "text")},
    "comment ls": {name: name for name in ("time", "user", "host", "text")},
    "who": {"user": "user", "host": "host", "looks at": "what", "since": "since", "seen": "seen"},
    "endpoint ls": {"name": "name", "status": "status", "mode": "mode", "serves": variants, "url": "url"},
}
# Bookkeeping that a person who looks at one record can do without.
HIDDEN = ("format", "revision", "mac")


def rows(action: str, found: list[Row]) -> list[Row]:
    """What a list shows of its records."""
    look = LISTS.get(action)
    if look is None:
        return [{name: value for name, value in row.items() if name not in HIDDEN} for row in found]
    return [{head: row.get(one) if isinstance(one, str) else one(row) for head, one in look.items()} for row in found]


def whole(value: Any) -> str:
    """One record: rows as a table, anything else field by field."""
    fields = flat(value)
    rows = fields.get("rows")
    if "columns" in fields and rows == []:
        return bold("  ".join(map(cell, fields["columns"]))) + "\nno rows"
    if "columns" in fields and isinstance(rows, list) and isinstance(rows[0], list):
        more = "\n..." if fields.get("truncated") else ""
        return table([dict(zip(fields["columns"], row, strict=True)) for row in rows]) + more
    if "same_data" in fields:
        return record(_shown(fields | {"params": [one for one in fields["params"] if one.differs]}))
    if "metric_errors" in fields:
        return f"{record(_shown(fields))}\n\n{bold('metrics')}\n{table(_metrics(fields))}"
    return record(_shown(fields))


def _metrics(fields: Row) -> list[Row]:
    """A row for each metric: its value on every part of the data, with the standard error."""
    from cupola_tui.figures import measured

    found: dict[str, Row] = {}
    for name, value in fields["metrics"].items():
        part, _, metric = name.partition("_")
        found.setdefault(metric, {"metric": metric})[part] = measured(value, fields["metric_errors"].get(name))
    return list(found.values())


def _shown(fields: Row) -> Row:
    hidden = (*HIDDEN, "metrics", "metric_errors") if "metric_errors" in fields else HIDDEN
    return {name: value for name, value in fields.items() if name not in hidden}
