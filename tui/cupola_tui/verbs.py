"""What can be done with a record now, and if not, why; and what a form is filled in with."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from cupola_tui.keymap import DATASETS, ENDPOINTS, EXPERIMENTS, JOBS, PIPELINES, REGISTRY, TUNINGS, Key
from cupola_tui.lists import SERVING
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Pane
from cupola_tui.widgets.rows import Record

ALLOWED: Mapping[str, Any] = {}
OPEN = ("Queued", "InProgress", "Stopping")
ROLL_BACK = "endpoint rollback"
# Actions that look or list: a menu of verbs has no use for them.
LOOKING = {
    "ls",
    "show",
    "log",
    "preview",
    "profile",
    "metrics",
    "wait",
    "attach",
    "compare",
    "trials",
    "importance",
    "artifacts",
    "predictions",
}
# Verbs that are offered on records although their first parameter names another kind.
ALSO = {
    EXPERIMENTS: ("train", "tune", "autopilot", "autopilot report", "autopilot stop"),
    DATASETS: ("dataset import", "train", "tune", "autopilot", "dataset sql"),
    TUNINGS: ("tune", "model register"),
    REGISTRY: ("endpoint deploy",),
    ENDPOINTS: ("endpoint invoke",),
    JOBS: ("job submit",),
    PIPELINES: ("pipeline stop", "pipeline retry", "pipeline answer"),
}
# The actions whose forms change a record.
CHANGES = {DATASETS: "dataset set", REGISTRY: "model set", ENDPOINTS: "endpoint update"}
AUTOPILOT = "Autopilot"  # what the run of one says in the place of an estimator
NEEDS_NO_RECORD = {"dataset import", "train", "job submit", "dataset sql", "init", "endpoint deploy", "model register"}
NEEDS_NO_RECORD |= {
    "pipeline step",
    "view save",
    "flow new",
    "flow edit",
    "flow run",
    "flow export",
    "tune",
    "autopilot",
}
# What a form takes over from a record although it need not be given.
CARRIED = {"tune": ("target", "space", "metric", "strategy")}
AGAIN = ("train", "tune")  # what a run or a tuning was given besides is given again
# Of the record that their form was opened on.
CHANGES_NOTHING = {"comment", "dataset import", "model chain", "tuning narrow"}
CHANGES_NOTHING |= {"pipeline step", "pipeline run", "pipeline schedule", "pipeline retry", "pipeline answer"}
STOPPING = {
    PIPELINES: ("pipeline stop",),
    JOBS: ("job stop",), EXPERIMENTS: ("job stop",), TUNINGS: ("tuning stop",),
    ENDPOINTS: ("endpoint stop", "endpoint rm"),
}  # fmt: skip


def of(pane: Pane, actions: dict[str, Record]) -> list[str]:
    """The verbs of a pane's records, in the order in which they are declared."""
    about = [
        name for name, form in actions.items() if form.get("about") == pane.about and name.split()[-1] not in LOOKING
    ]
    return list(dict.fromkeys([*about, *(name for name in ALSO.get(pane.name, ()) if name in actions)]))


def why_not(name: str, records: list[Record], readonly: bool = False, form: Mapping[str, Any] = ALLOWED) -> str:
    """Why the verb, which has that form, cannot act on these records now; "" when it can."""
    if readonly and form.get("writes", True):
        return "this workspace was opened read-only"
    if form.get("forbidden"):
        return clean(form["forbidden"])
    if not records:
        needs_none = name in NEEDS_NO_RECORD or form.get("about") == ""
        return "" if needs_none else "there is no record under the cursor"
    return next((reason for record in records if (reason := _why(name, record))), "")


def _why(name: str, record: Record) -> str:
    status = str(record.get("status") or "")
    match name:
        case "model register" if "best_run" in record:  # of a tuning
            return "" if record.get("best_run") else "no trial has completed yet"
        case "model register" if status != "Completed":
            return f"needs a finished run; this one is {status or 'not'}"
        case "model approve" if status == "Approved":
            return "it is approved already"
        case "model reject" if status == "Rejected":
            return "it is rejected already"
        case "pipeline stop" if status not in ("Executing",):
            return f"it is not running ({status or 'it never was'})"
        case "pipeline retry" if status not in ("Failed", "Stopped"):
            return f"needs an execution that failed or was stopped; the newest is {status or 'not there'}"
        case "pipeline run" | "pipeline schedule" if record.get("error"):
            return clean(record["error"])
        case "job stop" if status not in OPEN:
            return f"it is not running ({status})"
        case "job retry" if status in OPEN:
            return "it is still running"
        case "endpoint invoke" if status not in SERVING:
            return f"needs an endpoint in service; this one is {status or 'not'}"
        case "endpoint stop" if status == "OutOfService":
            return "it is out of service already"
        case "endpoint rollback" if not record.get("rollout"):
            return "nothing has changed since it was deployed"
        case "endpoint rollback" if record["rollout"].get("status") in ("RollingBack", "RolledBack"):
            return "it is rolled back already"
        case "tuning stop" | "tuning pause" if status not in OPEN:
            return f"it is over ({record.get('secondary_status') or status})"
        case "tuning resume" if status == "Completed":
            return "it is over; extend gives it more to do"
        case "tuning resume" if status in OPEN and record.get("secondary_status") != "Stopping":
            return "it is under way"
        case "autopilot report" | "autopilot stop" if record.get("estimator") != AUTOPILOT:
            return "this run is no autopilot's"
        case "autopilot stop" if status not in OPEN:
            return f"it is over ({status})"
        case "tuning narrow" if (record.get("completed") or 0) < 2:
            return "needs two completed trials"
        case "run learn" if status != "Completed":
            return f"needs a completed run; this one is {status or 'not'}"
        case "run learn" if not record.get("task"):
            return "a script made this run: nobody knows how to train it again"
        case "run rm" | "job rm" if status in OPEN:
            return "it is still running: x stops it"
    return ""


def beforehand(name: str, record: Record | None) -> str:
    """What is to be known as the form of a verb opens on a record; "" mostly."""
    several = len((record or {}).get("front") or [])
    if record is None or name != "model register" or several < 2:
        return ""
    return f"the best in {clean(record['objectives'][0])}, of {several} that no other trial is better than in all"


def behind(key: Key, pane: Pane) -> str:
    """The action of the library that a key comes to in a pane, "" for none."""
    own = {
        "stop": STOPPING.get(pane.name, ("",))[0],
        "trash": f"{pane.about} rm",
        "edit": CHANGES.get(pane.name, ""),
        "roll_back": ROLL_BACK,
    }
    return own.get(key.id, key.verb)


def dimmed(
    keys: Iterable[Key], pane: Pane, records: list[Record], readonly: bool, actions: Mapping[str, Record]
) -> frozenset[str]:
    """The ids of those keys that could do nothing now; actions: the forms that are known, by name."""
    named = {key.id: behind(key, pane) for key in keys}
    return frozenset(
        ident for ident, name in named.items() if name and why_not(name, records, readonly, actions.get(name, ALLOWED))
    )


def context(pane: Pane, record: Record | None) -> dict[str, Any]:
    """What is known of the record, by what a parameter completes."""
    if record is None:
        return {}
    known: dict[str, Any] = {pane.about: pane.ref(record), "record": ":".join(named(pane, record))}
    if pane.name == DATASETS:
        known |= {"target": record.get("target")}
    elif pane.name == EXPERIMENTS:
        known |= {
            "dataset": record.get("dataset"),
            "target": record.get("target"),
            "estimator": record.get("estimator"),
            "experiment": record.get("experiment"),
            "param": _typed(record.get("params") or {}),
            "job": record.get("job"),
            "autopilot": record.get("id") if record.get("estimator") == AUTOPILOT else None,
        }
        known |= _options(record)
    elif pane.name == TUNINGS:
        known |= {name: record.get(name) for name in ("dataset", "target", "estimator")}
        known |= {"run": record.get("best_run"), "space": shlex.join(record.get("space") or [])}
        known |= _options(record)
        known |= {"metric": " ".join(record.get("objectives") or []), "strategy": record.get("strategy")}
    elif pane.name == PIPELINES:
        known |= {"execution": record.get("execution"), "param": _parameters(record)}
    elif pane.name == JOBS and record.get("run"):
        known |= {"run": str(record["run"]).rpartition("/")[2]}
    elif pane.name == REGISTRY:
        known |= {"run": record.get("run"), "dataset": record.get("dataset"), "name": record.get("name")}
    return {name: value for name, value in known.items() if value}


def _parameters(pipeline: Record) -> str:
    """What a pipeline takes, as a form begins with it: each parameter that is something unless told."""
    known = pipeline.get("parameters") or []
    return _typed({one["name"]: one["default"] for one in known if one.get("default") is not None})


def named(pane: Pane, record: Record) -> tuple[str, str]:
    """The kind and the name of a record; of an act those of the record that it was done to."""
    kind, _, ref = pane.ref(record).partition(":") if pane.leads else (pane.about, "", pane.ref(record))
    return kind, ref


def refs(form: Record, pane: Pane, records: list[Record]) -> list[str]:
    """How the first field of a form names these records; only the first of them, where it is not about such records."""
    first = next((one.get("completes") for one in form.get("fields") or []), "")
    if first == "record":
        return [":".join(named(pane, one)) for one in records]
    one_at_a_time = form.get("about") == pane.about and not holds_two(form, pane)
    found = [pane.ref(one) for one in records[: None if one_at_a_time else 1]]
    return [shlex.join(found)] if found and takes_several(form, pane) else found


def takes_several(form: Record, pane: Pane) -> bool:
    """Whether one doing of the action takes all records that are marked, as `model chain` does."""
    first: Record = next(iter(form.get("fields") or []), {})
    return bool(first.get("repeated")) and first.get("completes") == pane.about


def holds_two(form: Record, pane: Pane) -> str:
    """The field for the second of two such records, where the action holds one beside the other; else ""."""
    fields = [one for one in form.get("fields") or [] if one.get("required") and one.get("completes") == pane.about]
    return str(fields[1]["name"]) if len(fields) > 1 and not fields[0].get("repeated") else ""


def prefill(form: Record, pane: Pane, record: Record | None) -> dict[str, str]:
    """The values that a form begins with."""
    fields = form.get("fields") or []
    # Only a form that takes such a record has to do with this one: an import makes another.
    taken = {field.get("completes") for field in fields} | {field["name"] for field in fields}
    takes = bool({pane.about, "record"} & taken) or form["name"] in ("train", "tune", "model register")
    takes = takes and form["name"] != "dataset import"
    takes = takes and not takes_several(form, pane)  # what is made of several has a name of its own
    known = context(pane, record) if takes else {}
    second = holds_two(form, pane)
    carried = CARRIED.get(form["name"], ("param", "experiment", "target"))
    if record and form["name"] in AGAIN:
        carried += tuple(record.get("options") or ())
    filled: dict[str, str] = {}
    for field in fields:
        name, kind = field["name"], field.get("completes") or ""
        if name in known and (field.get("required") or name in carried):
            filled[name] = str(known[name])
        elif field.get("required") and kind in known and name != second:
            filled[name] = str(known[kind])
        elif field.get("default") not in (None, "", [], {}, False):
            filled[name] = _typed(field["default"])
    return filled


def _options(record: Record) -> dict[str, str]:
    return {name: _typed(value) for name, value in (record.get("options") or {}).items()}


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return shlex.join(f"{clean(name)}={_typed(one)}" for name, one in value.items() if one is not None)
    return shlex.join(map(str, value)) if isinstance(value, list) else str(value)
