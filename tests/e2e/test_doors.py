"""Each action through all three doors - the command line, Python, the screen's bridge - on the same start.

The records that come out are equal but for ids, times and what differs between two processes. A new action needs a line
in CASES.
"""

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.importing.conftest import KEPT
from tests.mlflow import old
from tests.screen import Screen, bridge

import cupola
from cupola import actions, api, place
from cupola.agent import stopping
from cupola.arguments import command_line

PATIENCE = 180.0
ROW = {"distance": 300, "carrier": "UA"}

# (action, arguments, what of the answer later cases call what). {root} is the workspace, {out} a directory beside it.
CASES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("dataset import", {"source": "{root}/more.csv", "name": "more", "target": "late", "role": {"id": "id"}}, {}),
    ("dataset ls", {}, {}),
    ("dataset show", {"dataset": "more"}, {}),
    ("dataset preview", {"dataset": "flights", "limit": 3, "sort": "distance:desc", "filter": "carrier = 'UA'"}, {}),
    ("dataset profile", {"dataset": "flights@1"}, {}),
    ("dataset report", {"dataset": "flights", "target": "carrier", "markdown": "{out}/report.md"}, {}),
    ("dataset fix", {"dataset": "flights", "target": "carrier", "warnings": [1], "flow": "mended"}, {}),
    ("flow report", {"flow": "mended"}, {}),
    (
        "flow new",
        {"name": "prepared", "source": ["flights"], "add": ["scale columns=distance"], "description": "for trees"},
        {},
    ),
    ("flow ls", {}, {}),
    ("flow show", {"flow": "prepared"}, {}),
    ("flow transforms", {"name": "scale"}, {}),
    ("flow edit", {"flow": "prepared", "add": ["formula name=far expression='distance > 1' before=scale"]}, {}),
    ("flow undo", {"flow": "prepared"}, {}),
    ("flow redo", {"flow": "prepared"}, {}),
    ("flow preview", {"flow": "prepared", "step": "scale", "rows": 3}, {}),
    ("flow run", {"flow": "prepared"}, {"job": "preparing"}),
    ("job wait", {"job": "{preparing}", "timeout": "180s"}, {}),
    ("flow export", {"flow": "prepared", "python": "{out}/prepared.py"}, {}),
    ("flow rm", {"flow": "prepared"}, {"trash": "trash"}),
    ("flow restore", {"trash": "{trash}"}, {}),
    ("dataset sql", {"query": "select carrier, count(*) as n from flights group by all order by all", "limit": 5}, {}),
    ("dataset export", {"dataset": "flights", "path": "{out}/flights.jsonl"}, {}),
    ("dataset set", {"dataset": "more", "description": "more of it", "tag": ["a", "b"]}, {}),
    ("dataset mark", {"dataset": "more", "verdict": "bad", "note": "too few rows"}, {}),
    ("dataset rm", {"dataset": "more", "dry_run": True}, {}),
    ("dataset rm", {"dataset": "more"}, {"trash": "trash"}),
    ("dataset restore", {"trash": "{trash}"}, {}),
    (
        "train",
        {
            "dataset": "flights",
            "estimator": "DecisionTreeClassifier",
            "param": {"max_depth": "3"},
            "exclude": ["id"],
            "name": "second",
            "seed": 7,
        },
        {"run": "run", "job": "training"},
    ),
    ("job wait", {"job": "{training}", "timeout": "180s"}, {}),
    ("run ls", {"filter": 'estimator = "DecisionTreeClassifier"'}, {}),
    ("run show", {"run": "{run}"}, {}),
    ("run compare", {"runs": ["first", "second"]}, {}),
    ("run diff", {"run": "first", "other": "second"}, {}),
    ("run metrics", {"run": "second"}, {}),
    ("run artifacts", {"run": "second"}, {}),
    ("run plot", {"run": "second", "name": "roc", "save": "{out}/roc.png"}, {}),
    ("run predictions", {"run": "second", "sort": "row", "filter": "carrier = 'UA'", "limit": 5}, {}),
    ("run report", {"run": "second", "path": "{out}/second.html"}, {}),
    ("bias", {"reference": "second", "facet": ["carrier=UA"]}, {}),
    ("run learn", {"run": "second", "parts": 2}, {"id": "learning"}),
    ("job wait", {"job": "{learning}", "timeout": "180s"}, {}),
    ("run note", {"run": "second", "text": "deeper, and no better"}, {}),
    ("run tag", {"run": "second", "tags": ["tried"]}, {}),
    ("run export", {"run": "second", "path": "{out}/run"}, {}),
    (
        "tune",
        {
            "dataset": "flights",
            "estimator": "DecisionTreeClassifier",
            "space": ["max_depth=2..4"],
            "exclude": ["id"],
            "trials": 2,
            "name": "depth",
        },
        {},
    ),
    ("job wait", {"job": "depth", "timeout": "180s"}, {}),
    ("tuning ls", {}, {}),
    ("tuning show", {"tuning": "depth"}, {}),
    ("tuning trials", {"tuning": "depth"}, {}),
    ("tuning importance", {"tuning": "depth"}, {}),
    ("tuning narrow", {"tuning": "depth", "name": "nearer", "dry_run": True}, {}),
    (
        "forecast",
        {
            "dataset": "more",
            "target": "distance",
            "time": "id",
            "horizon": 2,
            "windows": 1,
            "budget": "10m",
            "name": "ahead",
        },
        {},
    ),
    ("job wait", {"job": "ahead", "timeout": "180s"}, {}),
    ("forecast show", {"run": "ahead", "limit": 5}, {}),
    ("job submit", {"command": [sys.executable, "-c", "print('hello')"], "name": "greeting"}, {"job": "job"}),
    ("job wait", {"job": "greeting"}, {}),
    ("job ls", {"status": "Completed"}, {}),
    ("job show", {"job": "{job}"}, {}),
    ("job log", {"job": "{job}"}, {}),
    ("job retry", {"job": "{job}"}, {}),
    ("job wait", {"job": "greeting"}, {}),
    ("job submit", {"command": ["sh", "-c", "echo up; exec sleep 600"], "name": "sleeper", "cpus": 0}, {}),
    ("job stop", {"job": "sleeper", "reason": "too long"}, {}),
    ("job show", {"job": "sleeper"}, {}),
    ("job confirm", {"job": "sleeper", "dry_run": True}, {}),
    ("model register", {"run": "second", "name": "late", "description": "the second"}, {}),
    ("model add", {"module": "doubled", "name": "own", "dataset": "flights"}, {}),
    ("model chain", {"models": ["own@1", "late@1"], "name": "doubled"}, {}),
    ("model ls", {}, {}),
    ("model show", {"model": "late@2"}, {}),
    ("model approve", {"model": "late@1", "note": "good enough"}, {}),
    ("model reject", {"model": "late@2", "note": "no better"}, {}),
    ("model alias", {"model": "late@1", "alias": "champion"}, {}),
    ("model runtime", {"model": "late@1"}, {}),
    ("model verify", {"model": "late@champion"}, {}),
    ("model stage", {"model": "late@1", "stage": "Staging", "note": "to be tried"}, {}),
    ("model set", {"model": "late@1", "risk": "Low", "overview": "late or not"}, {}),
    ("model card", {"model": "late@1"}, {}),
    ("model diff", {"model": "late@1", "other": "late@2"}, {}),
    ("model export", {"model": "late@2", "path": "{out}/late.zip"}, {}),
    ("model import", {"path": "{out}/late.zip", "name": "taken"}, {}),
    ("model rm", {"model": "late@2"}, {"trash": "trash"}),
    ("model restore", {"trash": "{trash}"}, {}),
    ("model rm", {"model": "late@2"}, {}),
    ("transform", {"model": "late@1", "input": "{root}/more.csv", "output": "{out}/late.csv"}, {"job": "many"}),
    ("job wait", {"job": "{many}", "timeout": "180s"}, {}),
    (
        "schedule add",
        {"command": ["job", "submit", "--name", "later", "--", "true"], "name": "later", "at": "2099-12-01T03:00"},
        {},
    ),
    ("schedule set", {"schedule": "later", "cron": "0 0 29 2 mon", "misfire": "skip", "on": ["dataset:flights"]}, {}),
    ("schedule set", {"schedule": "later", "at": "2099-12-01T03:00", "zone": "Europe/Berlin"}, {}),
    ("schedule ls", {}, {}),
    ("schedule show", {"schedule": "later"}, {}),
    ("schedule pause", {"schedule": "later"}, {}),
    ("schedule resume", {"schedule": "later"}, {}),
    ("schedule fire", {"schedule": "later"}, {}),
    ("schedule history", {"schedule": "later"}, {}),
    ("schedule confirm", {"schedule": "later"}, {}),
    ("schedule rm", {"schedule": "later"}, {"trash": "trash"}),
    ("schedule restore", {"trash": "{trash}"}, {}),
    ("pipeline step", {"pipeline": "made", "step": "ask", "type": "Callback", "argument": {"message": "go on?"}}, {}),
    ("pipeline step", {"pipeline": "made", "step": "end", "type": "Fail", "after": ["ask"]}, {}),
    ("pipeline undo", {"pipeline": "made"}, {}),
    ("pipeline redo", {"pipeline": "made"}, {}),
    ("pipeline unstep", {"pipeline": "made", "step": "end"}, {}),
    ("pipeline rm", {"pipeline": "made"}, {"trash": "trash"}),
    ("pipeline restore", {"trash": "{trash}"}, {}),
    ("pipeline schedule", {"pipeline": "asked", "at": "2099-12-01T03:00", "dry_run": True}, {}),
    ("pipeline run", {"pipeline": "asked"}, {"execution": "execution"}),
    ("pipeline ls", {"filter": "name = asked"}, {}),
    ("pipeline show", {"pipeline": "{execution}"}, {}),
    ("pipeline executions", {"pipeline": "asked"}, {}),
    ("pipeline log", {"execution": "{execution}", "step": "ask"}, {}),
    ("pipeline why", {"pipeline": "asked", "step": "ask"}, {}),
    ("pipeline export", {"reference": "first", "path": "{out}/again.toml"}, {}),
    ("pipeline stop", {"execution": "{execution}"}, {}),
    ("pipeline retry", {"execution": "{execution}"}, {}),
    ("pipeline answer", {"execution": "{execution}", "step": "ask", "output": {"answer": "yes"}}, {}),
    ("endpoint deploy", {"model": "late@1", "name": "e", "dry_run": True}, {}),
    ("endpoint deploy", {"model": "late@1", "name": "e"}, {}),
    ("endpoint ls", {}, {}),
    ("endpoint show", {"endpoint": "e"}, {}),
    ("endpoint invoke", {"endpoint": "e", "data": json.dumps(ROW)}, {}),
    ("endpoint update", {"endpoint": "e", "variant": {"a": "late@1:3", "b": "late@1"}}, {}),
    ("endpoint weights", {"endpoint": "e", "variant": {"a": "1", "b": "0.5"}}, {}),
    ("endpoint metric", {"endpoint": "e", "value": {"returned": "0.1"}}, {}),
    ("endpoint update", {"endpoint": "e", "model": "late@1", "rollout": "SHADOW", "share": 0.5}, {}),
    ("endpoint promote", {"endpoint": "e"}, {}),
    ("endpoint rollback", {"endpoint": "e"}, {}),
    ("endpoint remove", {"endpoint": "e", "variant": "shadow"}, {}),
    ("endpoint bench", {"endpoint": "e", "workers": 1, "seconds": 0.1, "p99": 60000.0, "rate": 5.0}, {}),
    ("endpoint log", {"endpoint": "e", "lines": 1}, {}),
    ("endpoint deploy", {"model": "late@1", "name": "e", "mode": "asynchronous"}, {}),
    ("endpoint send", {"endpoint": "e", "data": json.dumps(ROW), "inference_id": "one"}, {}),
    ("endpoint results", {"endpoint": "e"}, {}),
    ("endpoint result", {"endpoint": "e", "request": "one"}, {}),
    ("endpoint deploy", {"model": "late@1", "name": "e"}, {}),
    ("endpoint stop", {"endpoint": "e"}, {}),
    ("endpoint start", {"endpoint": "e"}, {}),
    ("endpoint confirm", {"endpoint": "e"}, {}),
    ("token create", {"name": "shop", "scope": ["invoke"], "endpoint": ["e"], "expires": "30d"}, {}),
    ("token ls", {}, {}),
    ("endpoint open", {"endpoint": "e", "address": "0.0.0.0:8443", "dry_run": True}, {}),
    ("endpoint close", {"endpoint": "e"}, {}),
    ("token revoke", {"name": "shop"}, {}),
    ("lineage", {"reference": "model:late@1"}, {}),
    ("find", {"query": "late or name = second", "limit": 20}, {}),
    ("view save", {"name": "good", "filter": "test_roc_auc > 0", "column": ["name", "estimator"], "shared": True}, {}),
    ("view ls", {"kind": "run"}, {}),
    ("view show", {"view": "good"}, {}),
    ("view rm", {"view": "good", "shared": True}, {}),
    ("comment", {"ref": "model:late@1", "text": "slow at night, @ana"}, {}),
    ("comment ls", {"ref": "model:late@1"}, {}),
    ("tag", {"ref": "flights@1", "tags": ["+clean", "+small"]}, {}),
    ("tag ls", {"ref": "flights@1"}, {}),
    ("activity", {"ref": "model:late@1", "limit": 5}, {}),
    ("activity read", {"ref": "model:late@1"}, {}),
    ("who", {}, {}),
    ("access", {}, {}),
    ("endpoint rm", {"endpoint": "e"}, {"trash": "trash"}),
    ("endpoint restore", {"trash": "{trash}"}, {}),
    ("endpoint rm", {"endpoint": "e"}, {}),
    ("run rm", {"run": "second"}, {"trash": "trash"}),
    ("run restore", {"trash": "{trash}"}, {}),
    ("check", {}, {}),
    ("trash empty", {}, {}),
    ("merge", {"directory": "{out}/../start"}, {}),
    ("key show", {}, {}),
    ("key export", {"path": "{out}/key"}, {}),
    ("key import", {"path": "{out}/key"}, {}),
    ("tuning extend", {"tuning": "depth", "trials": 500}, {}),
    ("tuning pause", {"tuning": "depth"}, {}),
    ("tuning resume", {"tuning": "depth"}, {}),
    ("tuning stop", {"tuning": "depth"}, {}),
    ("mlflow serve", {}, {}),
    ("mlflow stop", {}, {}),
    ("import mlruns", {"path": "{root}/old/mlruns"}, {}),
    ("import mlflow-db", {"path": "{root}/old/mlflow.db"}, {}),
    ("import wandb", {"path": "{root}/old/kept/wandb"}, {}),
    ("import tensorboard", {"path": "{root}/old/kept/logs"}, {}),
    ("import optuna", {"path": "{root}/old/kept/studies.log"}, {}),
    ("agent status", {}, {}),
    ("agent stop", {}, {}),
    ("agent start", {}, {}),
    ("agent log", {"lines": 1}, {}),
    ("agent unit", {}, {}),
    (
        "autopilot",
        {"dataset": "flights", "target": "carrier", "budget": "5s", "metric": "accuracy", "name": "alone"},
        {},
    ),
    ("job wait", {"job": "alone", "timeout": "180s"}, {}),
    ("autopilot ls", {}, {}),
    ("autopilot show", {"autopilot": "alone"}, {}),
    ("autopilot report", {"autopilot": "alone", "path": "{out}/alone.md"}, {}),
    ("autopilot", {"dataset": "flights", "target": "late", "budget": "2m", "name": "ended"}, {}),
    ("autopilot stop", {"autopilot": "ended"}, {}),
]
# What two processes cannot have alike.
VOLATILE = {
    *(
        "id",
        "pid",
        "pids",
        "process",
        "port",
        "url",
        "gateway",
        "socket",
        "usage",
        "traffic",
        "milliseconds",
        "mac",
        "trash",
        "token",
        "said",
    ),
    # What a load test, and a comparison of runtimes, measures.
    *("steps", "p99_ms", "compiled_ms", "native_ms", "why"),
    *("workspaces", "workers_ready", "progress", "message", "memory", "peak_memory", "seconds", "peers"),
    # A model's files hold the times of a zip archive.
    *("sha256", "files", "bytes"),
}
ID = re.compile(r"(?<=[@/]\d-)[a-z2-7]{4,10}\b|\b[a-z2-7]{10}\b")
SHA256 = re.compile(r"\b[0-9a-f]{64}\b")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
# Between the answer and the next look it may already have gone on.
RACING = {
    "tuning stop",
    "pipeline stop",
    "autopilot stop",
    "job stop",
    "job retry",
    "model runtime",
    "endpoint deploy",
    "endpoint update",
    "endpoint weights",
    "endpoint promote",
    "endpoint rollback",
    "endpoint remove",
    "endpoint stop",
    "endpoint start",
    "endpoint confirm",
    "endpoint close",
    "endpoint send",
}
# So do trials: what there is of them by then is not alike, and none waits for another.
WORKING = {
    "pipeline run",
    "pipeline ls",
    "pipeline show",
    "pipeline executions",
    "pipeline retry",
    "tune",
    "tuning extend",
    "tuning pause",
    "tuning resume",
    "autopilot ls",
    "autopilot show",
}
ON_ITS_WAY = {
    "status",
    "secondary_status",
    "reason",
    "started",
    "ended",
    "exit_code",
    "error",
    "updated",
    "attempt",
    *("variants", "rollout"),
    *("leaderboard", "advice", "importance", "groups", "metric_errors", "notes"),
    *("heard", "best_run", "best_params", "metrics", "trials", "completed", "running", "failed", "stop_reason"),
}

Door = Callable[[str, dict[str, Any]], Any]


def through_command_line(root: Path) -> Door:
    def run(name: str, arguments: dict[str, Any]) -> Any:
        words = shlex.split(command_line(actions.find(name), arguments))[1:]
        words = [*words[: len(name.split())], "--json", *words[len(name.split()) :]]
        command = [sys.executable, "-P", "-m", "cupola_tui", "-C", str(root), *words]
        # A job runs where it was filed from: here the same directory for all doors.
        variables = os.environ | {place.VARIABLE: str(Path.cwd())}
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=variables, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def through_python(root: Path) -> Door:
    ws = cupola.open(root)

    def run(name: str, arguments: dict[str, Any]) -> Any:
        verb: Any = ws
        for word in name.split():
            verb = getattr(verb, word + "_" if word in ("import", "set") and word != name else word)
        result = verb(**arguments)
        result = result.record if isinstance(result, api.Started) else result
        return msgspec.json.decode(
            msgspec.json.encode(list(result) if isinstance(result, Iterator) else result, enc_hook=str)
        )

    return run


def through_bridge(screen: Screen) -> Door:
    return lambda name, arguments: screen.ask("action", name=name, arguments=arguments)


@pytest.mark.timeout(1200)  # every action there is, three times
def test_each_action_gives_the_same_record_through_all_three_doors(home: Path) -> None:
    assert {name for name, _, _ in CASES} == {one.name for one in actions.catalogue()}
    start = make_start(home / "start")
    roots = [Path(shutil.copytree(start, home / name / "ws")) for name in ("line", "python", "screen")]
    with bridge(roots[2]) as screen:
        doors = [through_command_line(roots[0]), through_python(roots[1]), through_bridge(screen)]
        known: list[dict[str, str]] = [{"root": str(root), "out": str(root.parent)} for root in roots]
        differ = []
        for name, arguments, keep in CASES:
            answers = [door(name, filled(arguments, told)) for door, told in zip(doors, known, strict=True)]
            for answer, told in zip(answers, known, strict=True):
                told |= {called: single(answer)[field] for field, called in keep.items()}
            line, python, bridged = (alike(name, answer, root) for answer, root in zip(answers, roots, strict=True))
            if not line == python == bridged:
                differ.append({"action": name, "line": line, "python": python, "bridge": bridged})
            if arguments.get("name") == "sleeper":
                until_it_sleeps(roots)
            if name in RACING:
                settle(roots)
    assert differ == []


def make_start(root: Path) -> Path:
    """A workspace with a dataset, a run of it and a model."""
    draw = random.Random(1)
    rows = [f"{i},{draw.randint(1, 900)},{draw.choice(['UA', 'DL', 'B6'])},{draw.random() < 0.3}" for i in range(300)]
    ws = cupola.init(root, name="doors")
    (root / "flights.csv").write_text("\n".join(["id,distance,carrier,late", *rows]) + "\n")
    (root / "more.csv").write_text("\n".join(["id,distance,carrier,late", *rows[:50]]) + "\n")
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "pipelines" / "asked.toml").write_text('[steps.ask]\ntype = "Callback"\n')
    (root / "src").mkdir(exist_ok=True)
    (root / "src" / "doubled.py").write_text(
        "def load(directory):\n    return 2\n\n"
        "def predict(model, frame):\n    return frame.assign(distance=frame['distance'] * model)\n"
    )
    shutil.copytree(KEPT, root / "old" / "kept")
    old.mlruns(root / "old" / "mlruns")
    old.database(root / "old" / "mlflow.db", root / "old" / "mlartifacts")
    ws.dataset.import_(root / "flights.csv", name="flights", target="late", role={"id": "id"})
    first = ws.train(dataset="flights", estimator="LogisticRegression", name="first").wait(PATIENCE)
    ws.model.register(first, name="late")
    stopping.stop(jobs=True)  # what is copied stands still
    return root


def filled(value: Any, known: dict[str, str]) -> Any:
    """The arguments, with what was learnt before put in."""
    if isinstance(value, dict):
        return {name: filled(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, known) for one in value]
    if isinstance(value, str) and re.search(
        r"\{(root|out|run|job|training|preparing|learning|many|trash|execution)\}", value
    ):
        return value.format(**known)
    return value


def single(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer[0] if isinstance(answer, list) else answer
    return found


def alike(name: str, answer: Any, root: Path) -> Any:
    """The answer without what may differ."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, str):
        answer = {"text": answer}
    if name.endswith(" log") and name != "job log":
        answer = answer | {"text": bool(answer["text"])}
    if name == "job wait" and answer["kind"] == "autopilot":  # what it finds in its seconds
        answer = answer | {"output": bool(answer["output"])}
    if name in RACING | WORKING:
        answer = {field: value for field, value in answer.items() if field not in ON_ITS_WAY}
    return plain(answer, root)


def plain(value: Any, root: Path) -> Any:
    if isinstance(value, dict):
        return {plain(name, root): "*" if name in VOLATILE else plain(one, root) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one, root) for one in value]
    if isinstance(value, str):
        return ID.sub("ID", MOMENT.sub("TIME", SHA256.sub("SHA256", value.replace(str(root.parent), "HOME"))))
    return value


def until_it_sleeps(roots: list[Path]) -> None:
    """A job that is stopped before it runs has another end than one that runs."""
    deadline = time.monotonic() + PATIENCE
    for root in roots:
        ws = cupola.open(root)
        while not any("up" in line for line in ws.job.log("sleeper")):
            assert time.monotonic() < deadline, "it does not run"
            time.sleep(0.05)


def settle(roots: list[Path]) -> None:
    """Waits until nothing is on its way, so that the next answer does not depend on the moment."""
    deadline = time.monotonic() + PATIENCE
    for root in roots:
        ws = cupola.open(root)
        while any(one.status in ("Queued", "InProgress", "Stopping") for one in ws.job.ls()) or any(
            one.status in ("Creating", "Updating", "RollingBack")
            or (one.backlog and (one.backlog.queued or one.backlog.working))
            for one in ws.endpoint.ls()
        ):
            assert time.monotonic() < deadline, "it does not settle"
            time.sleep(0.05)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a\x1bb", "x" * 101])
def test_a_name_that_is_none_is_refused_alike_everywhere(home: Path, name: str) -> None:
    from cupola.errors import BadName

    ws = cupola.init(home / "ws")
    (home / "d.csv").write_text("a,b\n1,2\n")
    arguments = {"source": str(home / "d.csv"), "name": name}
    with pytest.raises(BadName) as python:
        ws.dataset.import_(**arguments)
    words = ["dataset", "import", str(home / "d.csv"), f"--name={name}", "--json"]
    command = [sys.executable, "-m", "cupola_tui", "-C", str(ws.root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    with bridge(ws.root) as screen:
        refused = screen.refuses("action", name="dataset import", arguments=arguments)
    assert json.loads(done.stderr)["error"] == msgspec.to_builtins(python.value.info())
    assert refused == msgspec.to_builtins(python.value.info())
    assert not (ws.root / "datasets").exists()
