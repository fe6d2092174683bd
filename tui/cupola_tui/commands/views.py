"""What people see of each kind of record where there is not room for all of it. Programs use --json."""

from collections.abc import Callable
from typing import Any

from cupola_tui.commands import autopilots, comparisons, executions, forecasts, schedules
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


def written(request: Row) -> Any:
    """Where the answer of an asynchronous request lies, or what is said instead."""
    return request["failure" if request["status"] == "Failed" else "output"]


def variants(endpoint: Row) -> str:
    """MODEL, or NAME=MODEL:WEIGHT where there are several."""
    found = endpoint["variants"]
    if len(found) == 1:
        return cell(found[0].model)
    return ", ".join(f"{cell(one.name)}={cell(one.model)}:{one.weight:g}" for one in found)


def served(endpoint: Row) -> str:
    """The status, and that it sleeps."""
    return f"{endpoint['status']} (asleep)" if endpoint["asleep"] else str(endpoint["status"])


def state(job: Row) -> str:
    """The status, and the secondary one where that says more."""
    more = job["secondary_status"]
    return job["status"] if more in ("", None, job["status"]) else f"{job['status']} ({more})"


def deed(act: Row) -> str:
    """What was done; a comment that names its reader, who has not read it, is new."""
    return f"{act['verb']} (new)" if act["unread"] else str(act["verb"])


# Of each list: what stands in its columns, by their headings.
LISTS: dict[str, dict[str, Look]] = {
    "dataset ls": {name: name for name in ("dataset", "version", "rows", "target", "bytes", "user", "imported")},
    "flow ls": {
        "name": "name",
        "sources": "sources",
        "steps": lambda row: len(row["steps"]),
        "wrong": "wrong",
        "description": "description",
    },
    "flow transforms": {name: name for name in ("name", "group", "summary", "learns", "memory", "serving")},
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
    "autopilot ls": {
        "id": "autopilot",
        "name": "name",
        "status": state,
        "task": "task",
        "metric": "metric",
        "best": autopilots.leading,
        "budget": "budget",
        "model": "model",
        "user": "user",
        "submitted": "submitted",
    },
    "tuning ls": {
        "id": "tuning",
        "name": "name",
        "status": state,
        "estimator": "estimator",
        "strategy": "strategy",
        "trials": "trials",
        "best": "metrics",
        "best run": "best_run",
        "ended by": "stop_reason",
        "user": "user",
        "submitted": "submitted",
    },
    "pipeline ls": {
        name: name for name in ("name", "version", "executions", "status", "execution", "started", "ended", "error")
    },
    "pipeline executions": {
        name: name
        for name in ("execution", "pipeline", "status", "version", "parameters", "user", "started", "ended", "reason")
    },
    "tuning trials": {
        "trial": "number",
        "run": "run",
        "state": "state",
        "values": "values",
        "best": "best",
        "params": "params",
        "started": "started",
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
    "activity": {
        "time": "time",
        "user": "user",
        "host": "host",
        "verb": deed,
        "kind": "kind",
        "ref": lambda act: act["name"] or act["ref"],
        "text": "text",
    },
    "find": {name: name for name in ("kind", "ref", "name", "status", "user", "time", "text")},
    "view ls": {name: name for name in ("name", "kind", "filter", "sort", "columns", "shared", "user")},
    "comment ls": {name: name for name in ("time", "user", "host", "text")},
    "who": {"user": "user", "host": "host", "looks at": "what", "since": "since", "seen": "seen"},
    "schedule ls": {
        "name": "name",
        "status": "status",
        "fires": "when",
        "next": schedules.coming,
        "last": schedules.last,
        "runs": "runs",
    },
    "schedule history": {
        "due": "due",
        "fired": "fired",
        "cause": "cause",
        "ref": "ref",
        "missed": "missed",
        "host": "host",
        "outcome": schedules.outcome,
    },
    "endpoint ls": {"name": "name", "status": served, "mode": "mode", "serves": variants, "url": "url"},
    "endpoint results": {name: name for name in ("request", "status", "reason", "accepted", "answered", "seconds")}
    | {"output": written},
}
# Whose list shows records of these types, whatever gave them.
OF_TYPE = {
    "Run": "run ls", "DatasetState": "dataset ls", "JobState": "job ls", "ModelState": "model ls",
    "EndpointState": "endpoint ls", "Act": "activity",
}  # fmt: skip
# Bookkeeping that a person who looks at one record can do without.
HIDDEN = ("format", "revision", "mac")


def rows(action: str, found: list[Row]) -> list[Row]:
    """What a list shows of its records; of those from bad data also that."""
    look = LISTS.get(action)
    if look and any(row.get("bad") for row in found):
        look = look | {"bad data": "bad"}
    if look is None:
        return [{name: value for name, value in row.items() if name not in HIDDEN} for row in found]
    return [{head: row.get(one) if isinstance(one, str) else one(row) for head, one in look.items()} for row in found]


def whole(value: Any) -> str:
    """One record: rows as a table, anything else field by field."""
    fields = flat(value)
    if {"leaderboard", "columns"} <= fields.keys():
        return forecasts.forecast(fields, table(_metrics(fields)))
    if {"leaderboard", "autopilot"} <= fields.keys():
        return autopilots.autopilot(fields)
    rows = fields.get("rows")
    if "columns" in fields and rows == []:
        return bold("  ".join(map(cell, fields["columns"]))) + "\nno rows"
    if "columns" in fields and isinstance(rows, list) and isinstance(rows[0], list):
        more = "\n..." if fields.get("truncated") else ""
        return table([dict(zip(fields["columns"], row, strict=True)) for row in rows]) + more
    if "same_data" in fields:
        return comparisons.comparison(fields)
    if "edges" in fields and "steps" in fields:
        return executions.execution(fields) if "jobs" in fields else executions.pipeline(fields)
    if "overlapping" in fields:
        return schedules.schedule(fields)
    if "commits" in fields:
        return comparisons.difference(fields)
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
    if columns := getattr(fields.get("signature"), "columns", None):
        about = {name: value for name, value in flat(fields["signature"]).items() if name not in ("columns", "source")}
        fields = fields | {"signature": about, "columns": columns}
    if found := fields.get("load_test"):
        fields = fields | {"load_test": f"{found.words} (on {found.host})"}
    return {name: value for name, value in fields.items() if name not in hidden}
