"""The pipelines that the screens of the tests show: one that runs, one that has failed, one whose file is wrong."""

from typing import Any

from tests.tui.examples import stamp

Record = dict[str, Any]
STEPS = {
    "preprocess": "Processing", "train-linear": "Training", "train-forest": "Training", "tune": "Tuning",
    "select": "Lambda", "good-enough": "Condition", "register": "RegisterModel", "deploy": "Endpoint",
    "give-up": "Fail",
}  # fmt: skip
EDGES = [
    ("preprocess", "train-linear"), ("preprocess", "train-forest"), ("preprocess", "tune"), ("train-linear", "select"),
    ("train-forest", "select"), ("tune", "select"), ("select", "good-enough"), ("register", "deploy"),
]  # fmt: skip


def edges(text: str = "", taken: bool | None = None) -> list[Record]:
    plain = [{"source": source, "target": target, "branch": "", "text": "", "taken": None} for source, target in EDGES]
    no = None if taken is None else not taken
    return [
        *plain,
        {"source": "good-enough", "target": "register", "branch": "if", "text": text, "taken": taken},
        {"source": "good-enough", "target": "give-up", "branch": "else", "text": text, "taken": no},
    ]


def step(name: str, status: str = "Waiting", **more: Any) -> Record:
    found = {"name": name, "type": STEPS[name], "status": status, "cached": False, "started": None, "ended": None}
    found |= {"outputs": {}, "metrics": {}, "properties": {}, "reason": "", "cause": "", "attempt": 1, "job": ""}
    found |= {"values": [], "result": None, "progress": None, "message": ""}
    if status in ("Succeeded", "Failed"):
        found |= {"started": stamp(100), "ended": stamp(58)}
    if status == "Executing":
        found |= {"started": stamp(58)}
    return found | more


def running() -> Record:
    """The newest execution of retrain: three train at once, one result is an earlier one's."""
    steps = [
        step("preprocess", "Succeeded", cached=True, outputs={"rows": 20480, "note": "[b]bold[/b]"}),
        step("train-linear", "Succeeded", metrics={"validation_roc_auc": 0.7123}, job="j000000011"),
        step("train-forest", "Executing", progress=0.4, job="j000000012"),
        step("tune", "Executing", message="trial 7 of 30"),
        *(step(name) for name in list(STEPS)[4:]),
    ]
    return {
        "execution": "e000000003", "pipeline": "retrain", "status": "Executing", "secondary_status": "Running",
        "version": "6750c4556578", "parameters": {"threshold": 0.7}, "user": "ana", "host": "box",
        "submitted": stamp(102), "started": stamp(101), "ended": None, "reason": "", "progress": 2 / 9,
        "message": "at train-forest, tune", "steps": steps, "edges": edges(), "jobs": ["j000000010"],
    }  # fmt: skip


def done() -> Record:
    """The one before it, which was good enough."""
    compared = [{"type": "GreaterThanOrEqualTo", "left": 0.7312, "right": 0.7, "result": True}]
    steps = [step(name, "Succeeded") for name in list(STEPS)[:-1]]
    steps[5] |= {"values": compared, "result": True}
    return running() | {
        "execution": "e000000002", "status": "Succeeded", "submitted": stamp(90000), "started": stamp(90000),
        "ended": stamp(89000), "progress": 1.0, "message": "", "user": "raj",
        "steps": [*steps, step("give-up", "Skipped", attempt=0)], "edges": edges("0.7312 ≥ 0.7", True),
    }  # fmt: skip


def executions() -> list[Record]:
    failed = done() | {"execution": "e000000001", "status": "Failed", "submitted": stamp(180000), "progress": 3 / 9}
    failed["reason"] = "the step train-forest failed: there is no column 'speed'"
    return [running(), done(), failed]


def pipelines() -> list[Record]:
    parameters = [
        {"name": "threshold", "type": "Float", "default": 0.7, "choices": [], "description": "of roc_auc, to deploy"},
        {"name": "data", "type": "String", "default": None, "choices": [], "description": "what to train on"},
    ]
    made = [{"name": name, "type": type, "line": 7, "arguments": {}, "depends_on": []} for name, type in STEPS.items()]
    made[4] |= {"arguments": {"function": "work:best", "timeout": "5m"}, "depends_on": ["tune"]}
    made[5] |= {"if_steps": ["register"], "else_steps": ["give-up"]}
    bare = {"version": "", "description": "", "parameters": [], "steps": [], "edges": [], "executions": 0}
    bare |= {"execution": None, "status": None, "started": None, "ended": None, "user": "", "next": None, "error": ""}
    return [
        bare | {
            "name": "retrain", "path": "pipelines/retrain.toml", "version": "6750c4556578", "parameters": parameters,
            "description": "train three, deploy the best", "steps": made, "edges": edges(), "executions": 3,
            "execution": "e000000003", "status": "Executing", "started": stamp(101), "user": "ana",
            "next": stamp(-16 * 3600),
        },
        bare | {"name": "report", "path": "pipelines/report.py", "version": "0a1b2c3d4e5f", "steps": made[:1]},
        bare | {"name": "torn", "path": "", "error": "pipelines/torn.toml: line 4: there is no type 'Trainin'"},
    ]  # fmt: skip


def schedules() -> list[Record]:
    last = {"due": stamp(28800), "fired": stamp(28799), "status": "Started", "kind": "execution", "reason": ""}
    last |= {"started": "e000000002", "missed": 0}
    nightly = {
        "name": "nightly", "status": "Active", "reason": "", "pipeline": "retrain", "next": [stamp(-16 * 3600)],
        "when": "0 3 * * mon-fri (Europe/Berlin)", "missed": "made up for by one", "last": last,
    }  # fmt: skip
    return [nightly, nightly | {"name": "on-data", "status": "Paused", "next": [], "when": "on dataset", "last": None}]


DEFINITION = """# Trains every night.
[parameters]
threshold = 0.7

[steps.preprocess]
type = "Processing"  # with [b]markup[/b]
flow = "clean"
"""


def _field(name: str, required: bool = False, **more: Any) -> Record:
    base = {"name": name, "option": f"--{name}", "kind": "text", "help": "", "required": required, "default": None}
    return base | {"positional": False, "repeated": False, "choices": [], "completes": ""} | more


TYPES = [
    {"name": "Lambda", "summary": "Call a Python function.", "fields": [_field("function", True), _field("timeout")]},
    {"name": "Condition", "summary": "Decide which steps are run.", "fields": [_field("conditions", True)]},
    {"name": "Training", "summary": "Train an estimator.", "fields": [_field("dataset", True), _field("seed")]},
]


def answer(name: str, arguments: Record) -> Any:
    """What the actions on pipelines say; None of others."""
    if name == "pipeline show":
        return next((one for one in executions() if one["execution"] == arguments["pipeline"]), pipelines()[0])
    if name == "pipeline executions":
        return executions()
    if name == "pipeline why":
        return {"said": "", "changes": ["src/features.py has changed", "parameters.threshold: 0.6, now 0.7"]}
    if name == "pipeline log":
        return {"execution": arguments["execution"], "step": arguments["step"], "path": "", "text": "fold 5 of 5\n"}
    if name in ("pipeline step", "pipeline unstep", "pipeline undo", "pipeline redo"):
        return pipelines()[0]
    if name == "pipeline run":
        return running() | {"execution": "e000000004"}
    return schedules() if name == "schedule ls" else None
