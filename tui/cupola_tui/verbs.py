"""What can be done with a record now, and if not, why; and what a form is filled in with."""

from typing import Any

from cupola_tui.keymap import DATASETS, ENDPOINTS, EXPERIMENTS, JOBS, REGISTRY
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Pane
from cupola_tui.widgets.rows import Record

OPEN = ("Queued", "InProgress", "Stopping")
# Actions that look or list: a menu of verbs has no use for them.
LOOKING = {"ls", "show", "log", "preview", "profile", "metrics", "wait", "attach", "compare"}
# Verbs that are offered on records although their first parameter names another kind.
ALSO = {
    EXPERIMENTS: ("train",),
    DATASETS: ("dataset import", "train", "dataset sql"),
    REGISTRY: ("endpoint deploy",),
    ENDPOINTS: ("endpoint invoke",),
    JOBS: ("job submit",),
}
NEEDS_NO_RECORD = {"dataset import", "train", "job submit", "dataset sql", "init", "endpoint deploy", "model register"}
STOPPING = {JOBS: ("job stop",), EXPERIMENTS: ("job stop",), ENDPOINTS: ("endpoint stop", "endpoint rm")}


def of(pane: Pane, actions: dict[str, Record]) -> list[str]:
    """The verbs of a pane's records, in the order in which they are declared."""
    about = [
        name for name, form in actions.items() if form.get("about") == pane.about and name.split()[-1] not in LOOKING
    ]
    return list(dict.fromkeys([*about, *(name for name in ALSO.get(pane.name, ()) if name in actions)]))


def why_not(name: str, records: list[Record], readonly: bool = False, writes: bool = True) -> str:
    """Why the verb cannot act on these records now; "" when it can."""
    if readonly and writes:
        return "this workspace was opened read-only"
    if not records:
        return "" if name in NEEDS_NO_RECORD else "there is no record under the cursor"
    return next((reason for record in records if (reason := _why(name, record))), "")


def _why(name: str, record: Record) -> str:
    status = str(record.get("status") or "")
    match name:
        case "model register" if status != "Completed":
            return f"needs a finished run; this one is {status or 'not'}"
        case "model approve" if status == "Approved":
            return "it is approved already"
        case "model reject" if status == "Rejected":
            return "it is rejected already"
        case "job stop" if status not in OPEN:
            return f"it is not running ({status})"
        case "job retry" if status in OPEN:
            return "it is still running"
        case "endpoint invoke" if status != "InService":
            return f"needs an endpoint in service; this one is {status or 'not'}"
        case "endpoint stop" if status == "OutOfService":
            return "it is out of service already"
        case "run rm" | "job rm" if status in OPEN:
            return "it is still running: x stops it"
    return ""


def context(pane: Pane, record: Record | None) -> dict[str, Any]:
    """What is known of the record, by what a parameter completes."""
    if record is None:
        return {}
    known: dict[str, Any] = {pane.about: pane.ref(record)}
    if pane.name == DATASETS:
        known |= {"target": record.get("target")}
    elif pane.name == EXPERIMENTS:
        known |= {
            "dataset": record.get("dataset"),
            "target": record.get("target"),
            "estimator": record.get("estimator"),
            "experiment": record.get("experiment"),
            "param": _pairs(record.get("params")),
            "job": record.get("job"),
        }
    elif pane.name == JOBS and record.get("run"):
        known |= {"run": str(record["run"]).rpartition("/")[2]}
    elif pane.name == REGISTRY:
        known |= {"run": record.get("run"), "dataset": record.get("dataset"), "name": record.get("name")}
    return {name: value for name, value in known.items() if value}


def prefill(form: Record, pane: Pane, record: Record | None) -> dict[str, str]:
    """The values that a form begins with."""
    fields = form.get("fields") or []
    # Only a form that takes such a record has to do with this one: an import makes another.
    takes = any(pane.about in (field.get("completes"), field["name"]) for field in fields) or form["name"] == "train"
    takes = takes and form["name"] != "dataset import"
    known = context(pane, record) if takes else {}
    filled: dict[str, str] = {}
    for field in fields:
        name, kind = field["name"], field.get("completes") or ""
        if name in known and (field.get("required") or name in ("param", "experiment", "target")):
            filled[name] = str(known[name])
        elif field.get("required") and kind in known:
            filled[name] = str(known[kind])
        elif field.get("default") not in (None, "", [], {}, False):
            filled[name] = _typed(field["default"])
    return filled


def _pairs(params: Any) -> str:
    return (
        " ".join(f"{clean(name)}={_typed(value)}" for name, value in params.items() if value is not None)
        if params
        else ""
    )


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
